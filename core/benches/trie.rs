//! What the trie costs: memory, changes, digests and walks. `cargo bench -p ifrit-core --bench trie`
//!
//! Times differ between machines; the bytes and the ratios are what is claimed.

mod counting;

use counting::{cost, live};
use ifrit_core::{
    crypto::{ShortHash, hash},
    id::MemberId,
    limits::WALK_MAX,
    trie::{
        Prefix, Trie,
        walk::{Ask, answer, compare},
    },
};
use std::hint::black_box;

const N: u32 = 100_000;
const CHANGES: u32 = 1_000;

fn main() {
    let ids: Vec<MemberId> = (0..N).map(|i| MemberId(hash(b"bench", &[&i.to_be_bytes()]))).collect();
    // 40,000: where the runs have just been divided and are shortest.
    for count in [1_000, 3_000, 10_000, 30_000, 40_000, 65_000, N] {
        let before = live();
        let trie = build(&ids, count);
        println!("N = {count:>6}: {:.1} bytes per member", (live() - before) as f64 / f64::from(count));
        drop(trie);
    }
    let mut trie = build(&ids, N);
    let (_, each, _) = cost(|| (0..CHANGES).for_each(|i| change(&mut trie, &ids, i, true)));
    let (_, batch, _) = cost(|| {
        (0..CHANGES).for_each(|i| change(&mut trie, &ids, i, false));
        trie.settle(&ids)
    });
    println!(
        "a change and its digest   {:?}; in a batch of {CHANGES} {:?} each",
        each / CHANGES,
        batch / CHANGES
    );
    let kept = trie.clone();
    let (_, time, bytes) = cost(|| change(&mut trie, &ids, 77, true));
    println!("the same on a clone       {time:?}, {bytes} bytes");
    drop(kept);
    for depth in 0..5 {
        let node = |id| (Prefix::of(id, depth), ShortHash([7; 16]));
        let ask = Ask { nodes: ids[..WALK_MAX].iter().map(node).collect() };
        let (tell, told, _) = cost(|| answer(&trie, &ids, &ask));
        let (_, compared, _) = cost(|| black_box(compare(&trie, &ids, &tell)));
        let bytes = tell.encode().len();
        println!("{WALK_MAX} nodes at depth {depth}: answer {told:?}, {bytes} bytes; compare {compared:?}");
    }
    walk(&ids, &trie);
}

fn build(ids: &[MemberId], count: u32) -> Trie {
    let mut trie = Trie::new();
    (0..count).for_each(|i| assert!(trie.set(ids, i, Some([1; 32]))));
    trie.settle(ids);
    trie
}

fn change(trie: &mut Trie, ids: &[MemberId], i: u32, settle: bool) {
    let old = trie.leaf(ids, &ids[i as usize]).expect("in")[0];
    assert!(trie.set(ids, i, Some([old + 1; 32])));
    if settle {
        trie.settle(ids);
    }
}

/// Bytes to find d differences.
fn walk(ids: &[MemberId], mine: &Trie) {
    for d in [1, 10, 100, 1_000] {
        let mut theirs = mine.clone();
        (0..d).for_each(|i| change(&mut theirs, ids, i * (N / d), false));
        theirs.settle(ids);
        let (mut todo, mut found, mut bytes) = (Ask::root(mine).nodes, 0, 0);
        while !todo.is_empty() {
            let ask = Ask { nodes: todo.split_off(todo.len().saturating_sub(WALK_MAX)) };
            let tell = answer(&theirs, ids, &ask);
            bytes += ask.encode().len() + tell.encode().len();
            let differences = compare(mine, ids, &tell);
            todo.extend(differences.deeper);
            found += differences.members.len();
        }
        assert_eq!(found, d as usize);
        println!("{d:>5} differences found with {:.0} bytes each", bytes as f64 / f64::from(d));
    }
}
