//! What the rings cost: memory, and the work of changing them. `cargo bench -p ifrit-core --bench rings`
//!
//! Times differ between machines; the bytes and the ratios are what is claimed.

mod counting;

use counting::{cost, live};
use ifrit_core::{
    crypto,
    id::{MemberId, NetworkId},
    ring::Rings,
};
use std::{hint::black_box, time::Duration};

const N: u32 = 100_000;
const K: u8 = 31;
const PAGE: u32 = 10_000;
const CHANGES: u32 = 200;

fn main() {
    let ids: Vec<MemberId> =
        (0..N + PAGE).map(|i| MemberId(crypto::hash(b"bench", &[&i.to_be_bytes()]))).collect();
    let all: Vec<u32> = (0..N).collect();
    let before = live();
    let mut rings = Rings::new(NetworkId([1; 32]), K);
    let (_, built, _) = cost(|| rings.insert_batch(&ids, &all));
    let per_entry = || (live() - before) as f64 / f64::from(N) / f64::from(K);
    println!("N = {N}, k = {K}");
    println!("built in one batch        {built:?}, {:.2} bytes per member and ring", per_entry());

    let copy = size_of::<u32>() * 2 * N as usize * usize::from(K);
    let flat: Vec<[u32; 2]> = vec![[7; 2]; N as usize * usize::from(K)];
    let (_, copied, _) = cost(|| black_box(flat.clone()));
    drop(flat);
    println!("copying k whole rings     {copied:?}, {copy} bytes");

    let (_, changed, bytes) = cost(|| change(&mut rings, &ids));
    report("insert + remove", changed / CHANGES, bytes / CHANGES as usize, copied, copy);
    let (_, cloned, bytes) = cost(|| black_box(rings.clone()));
    println!("clone                     {cloned:?}, {bytes} bytes");
    let kept = rings.clone();
    let (_, changed, bytes) = cost(|| {
        rings.insert(&ids, N);
        rings.remove(&ids, N)
    });
    report("the same, first on a clone", changed, bytes, copied, copy);
    drop(kept);

    let page: Vec<u32> = (N..N + PAGE).collect();
    let (mut batch, mut single) = (rings.clone(), rings.clone());
    let (_, at_once, at_once_bytes) = cost(|| batch.insert_batch(&ids, &page));
    let (_, each, each_bytes) = cost(|| page.iter().all(|i| single.insert(&ids, *i)));
    let ratio = each_bytes as f64 / at_once_bytes as f64;
    println!(
        "batch of {PAGE}            {at_once:?}; one by one {each:?}: {:.1} times, {ratio:.0} times the bytes",
        each.as_secs_f64() / at_once.as_secs_f64()
    );
    drop((batch, single));

    let some = &ids[..PAGE as usize];
    let hash = |id| black_box(rings.position(3, id));
    let (_, hashed, _) = cost(|| some.iter().map(hash).collect::<Vec<_>>());
    let closest = |id| black_box(rings.predecessors(&ids, 3, id).next());
    let (_, looked, _) = cost(|| some.iter().map(closest).collect::<Vec<_>>());
    println!("closest predecessor       {:?}, of which the hash {:?}", looked / PAGE, hashed / PAGE);

    let removed = all.iter().filter(|i| *i % 3 != 0 && rings.remove(&ids, **i)).count();
    assert_eq!(removed + rings.len(), all.len());
    let left = f64::from(N) / rings.len() as f64;
    println!("two of three removed      {:.2} bytes per member and ring", per_entry() * left);
}

fn change(rings: &mut Rings, ids: &[MemberId]) {
    for i in N..N + CHANGES {
        assert!(rings.insert(ids, i));
        assert!(rings.remove(ids, i));
    }
}

fn report(what: &str, time: Duration, bytes: usize, copied: Duration, copy: usize) {
    let (times, sizes) = (copied.as_secs_f64() / time.as_secs_f64(), copy / bytes.max(1));
    println!("{what:<25} {time:?}, {bytes} bytes: 1/{times:.0} of the time, 1/{sizes} of the bytes");
}
