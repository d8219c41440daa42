//! Rings and trie with the sizes of runs that users get: unit tests cut them short.

use ifrit_core::{
    crypto::{Hash, hash},
    id::{MemberId, NetworkId},
    ring::Rings,
    tags::{HASH_BUCKET, HASH_NODE},
    trie::Trie,
};
use std::collections::BTreeMap;

const N: u32 = 3_000;

fn ids() -> Vec<MemberId> {
    (0..N).map(|i| MemberId(hash(b"test id", &[&i.to_be_bytes()]))).collect()
}

/// Some of all members, another choice for each `round`.
fn some(round: u32) -> impl Iterator<Item = u32> {
    (0..N).filter(move |i| hash(b"test choice", &[&i.to_be_bytes(), &round.to_be_bytes()])[0] < 100)
}

#[test]
fn rings_of_thousands_equal_brute_force() {
    let (ids, mut rings) = (ids(), Rings::new(NetworkId([3; 32]), 3));
    let mut held = std::collections::BTreeSet::new();
    for round in 0..6 {
        match round {
            0 | 2 => rings.insert_batch(&ids, &some(round).collect::<Vec<_>>()),
            1 | 3 => some(round).for_each(|i| assert_eq!(rings.insert(&ids, i), !held.contains(&i))),
            _ => some(round).for_each(|i| assert_eq!(rings.remove(&ids, i), held.contains(&i))),
        }
        match round {
            0..4 => held.extend(some(round)),
            _ => some(round).for_each(|i| assert!(held.remove(&i) || !held.contains(&i))),
        }
        assert_eq!(rings.len(), held.len());
        for ring in 0..3 {
            let mut order: Vec<u32> = held.iter().copied().collect();
            order.sort_by_key(|i| (rings.position(ring, &ids[*i as usize]), ids[*i as usize]));
            let first = *order.first().expect("some are in");
            order.rotate_left(1);
            order.pop();
            let after = rings.successors(&ids, ring, &ids[first as usize]);
            assert_eq!(after.collect::<Vec<_>>(), order);
            order.reverse();
            let before = rings.predecessors(&ids, ring, &ids[first as usize]);
            assert_eq!(before.collect::<Vec<_>>(), order);
        }
    }
}

/// The digest as the format defines it.
fn digest(leaves: &BTreeMap<MemberId, Hash>, depth: usize) -> Hash {
    match leaves.len() {
        0 => [0; 32],
        1..=16 => {
            let bytes: Vec<u8> = leaves.iter().flat_map(|(id, leaf)| [id.0, *leaf]).flatten().collect();
            hash(HASH_BUCKET, &[&bytes])
        }
        _ => {
            let nibble = |id: &MemberId| id.0[depth / 2] >> (4 - depth % 2 * 4) & 15;
            let child =
                |n| leaves.iter().filter(|(id, _)| nibble(id) == n).map(|(id, leaf)| (*id, *leaf)).collect();
            let bytes: Vec<u8> = (0..16).flat_map(|n| digest(&child(n), depth + 1)).collect();
            hash(HASH_NODE, &[&bytes])
        }
    }
}

#[test]
fn trie_of_thousands_equals_brute_force() {
    let (ids, mut trie, mut held) = (ids(), Trie::new(), BTreeMap::new());
    for round in 0..8 {
        for i in some(round) {
            // The last rounds empty it, so that nodes become runs again.
            let leaf = (round < 4).then_some([round as u8; 32]);
            trie.set(&ids, i, leaf);
            match leaf {
                Some(leaf) => drop(held.insert(ids[i as usize], leaf)),
                None => drop(held.remove(&ids[i as usize])),
            }
        }
        assert_eq!(trie.settle(&ids), digest(&held, 0));
        assert_eq!(trie.len(), held.len());
    }
    for i in 0..N {
        trie.set(&ids, i, None);
    }
    assert_eq!(trie.settle(&ids), [0; 32]);
}
