use super::{
    walk::{Ask, Differences, Shown, Tell, answer, compare},
    *,
};
use crate::{
    crypto::{ShortHash, hash},
    limits::{FRAME_MAX, WALK_MAX},
    tags::{HASH_BUCKET, HASH_NODE},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
};
use proptest::{collection, prelude::*, sample::Index};

/// A third of the ids at random, a third under one long prefix, a third different only in the last byte.
fn ids(count: u32) -> Vec<MemberId> {
    let id = |i: u32| {
        let mut id = hash(b"test id", &[&i.to_be_bytes()]);
        match i % 3 {
            0 => {}
            1 => id[..5].fill(0xab),
            _ => id = [[0xcd; 32], id][usize::from(i > 255)],
        }
        id[31] = i as u8;
        MemberId(id)
    };
    (0..count).map(id).collect()
}

fn random_ids(count: u32) -> Vec<MemberId> {
    (0..count).map(|i| MemberId(hash(b"random id", &[&i.to_be_bytes()]))).collect()
}

fn leaf(version: u8) -> Hash {
    hash(b"test leaf", &[&[version]])
}

fn trie(ids: &[MemberId], leaves: &BTreeMap<u32, u8>) -> Trie {
    let mut trie = Trie::new();
    leaves.iter().for_each(|(index, version)| assert!(trie.set(ids, *index, Some(leaf(*version)))));
    trie.settle(ids);
    trie
}

/// The digest as the format defines it.
fn oracle(ids: &[MemberId], leaves: &BTreeMap<u32, u8>, prefix: &Prefix) -> Hash {
    let under: BTreeMap<MemberId, Hash> = leaves
        .iter()
        .map(|(index, version)| (ids[*index as usize], leaf(*version)))
        .filter(|(id, _)| prefix.path().enumerate().all(|(i, n)| n == id.0[i / 2] >> (4 - i % 2 * 4) & 15))
        .collect();
    match under.len() {
        0 => [0; 32],
        1..=16 => {
            let bytes: Vec<u8> = under.iter().flat_map(|(id, leaf)| [id.0, *leaf]).flatten().collect();
            hash(HASH_BUCKET, &[&bytes])
        }
        _ => {
            let child = |nibble| oracle(ids, leaves, &prefix.child(nibble).expect("not a whole id"));
            let bytes: Vec<u8> = (0..16).flat_map(child).collect();
            hash(HASH_NODE, &[&bytes])
        }
    }
}

/// Asks until nothing is left; gives the members found and the bytes of all messages.
fn walk(mine: &Trie, theirs: &Trie, ids: &[MemberId]) -> (BTreeSet<MemberId>, usize) {
    let (mut found, mut bytes) = (BTreeSet::new(), 0);
    let mut todo = Ask::root(mine).nodes;
    while !todo.is_empty() {
        let ask = Ask { nodes: todo.split_off(todo.len().saturating_sub(WALK_MAX)) };
        let tell = answer(theirs, ids, &Ask::decode(&ask.encode()).expect("own message"));
        assert_eq!(tell.nodes.len(), ask.nodes.len());
        let useless = |(prefix, shown): &(Prefix, Shown)| *prefix != Prefix::ROOT && *shown == Shown::Same;
        assert!(!tell.nodes.iter().any(useless), "only differing branches are walked");
        bytes += ask.encode().len() + tell.encode().len();
        let Differences { deeper, members, .. } =
            compare(mine, ids, &Tell::decode(&tell.encode()).expect("own message"));
        todo.extend(deeper);
        for id in members {
            assert!(found.insert(id), "found twice");
        }
    }
    (found, bytes)
}

fn differences(ids: &[MemberId], a: &BTreeMap<u32, u8>, b: &BTreeMap<u32, u8>) -> BTreeSet<MemberId> {
    let all = a.keys().chain(b.keys());
    all.filter(|index| a.get(index) != b.get(index)).map(|index| ids[*index as usize]).collect()
}

fn leaves(count: u32) -> impl Strategy<Value = BTreeMap<u32, u8>> {
    collection::btree_map(0..count, 0u8..3, 0..count as usize)
}

fn prefixes(ids: &[MemberId]) -> impl Strategy<Value = Prefix> + use<> {
    let ids = ids.to_vec();
    (any::<Index>(), 0u8..=64, prop::option::of(any::<u8>())).prop_map(move |(id, len, astray)| {
        let prefix = Prefix::of(id.get(&ids), len);
        astray.and_then(|nibble| prefix.child(nibble)).unwrap_or(prefix)
    })
}

fn shown(ids: &[MemberId]) -> impl Strategy<Value = Shown> + use<> {
    let id = prop_oneof![prop::sample::select(ids.to_vec()), any::<[u8; 32]>().prop_map(MemberId)];
    let short = prop_oneof![Just([0; 16]), any::<[u8; 16]>()].prop_map(ShortHash);
    prop_oneof![
        Just(Shown::Same),
        collection::vec((id, short.clone()), 0..40).prop_map(Shown::Bucket),
        prop::array::uniform16(short).prop_map(|children| Shown::Inner(Box::new(children))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn trie_digests_are_a_function_of_the_set(
        operations in collection::vec((0u32..120, prop::option::of(0u8..3), 0u8..8), 0..400),
        asked in collection::vec(prefixes(&ids(120)), 8),
    ) {
        let (ids, mut trie, mut held) = (ids(120), Trie::new(), BTreeMap::new());
        for (index, version, settle) in operations {
            let before = match version {
                Some(version) => held.insert(index, version),
                None => held.remove(&index),
            };
            prop_assert_eq!(trie.set(&ids, index, version.map(leaf)), before != version);
            prop_assert_eq!(trie.leaf(&ids, &ids[index as usize]).copied(), version.map(leaf));
            if settle == 0 {
                trie.settle(&ids);
            }
        }
        prop_assert_eq!(trie.settle(&ids), oracle(&ids, &held, &Prefix::ROOT));
        prop_assert_eq!(trie.root(), trie.digest(&ids, &Prefix::ROOT));
        prop_assert_eq!(trie.len(), held.len());
        for prefix in asked {
            prop_assert_eq!(trie.digest(&ids, &prefix), oracle(&ids, &held, &prefix));
            check_node(&trie, &ids, &held, &prefix);
        }
        held.keys().for_each(|index| assert!(trie.set(&ids, *index, None)));
        prop_assert_eq!((trie.settle(&ids), trie.is_empty()), ([0; 32], true));
    }

    #[test]
    fn trie_walk_finds_exactly_the_differences(a in leaves(150), b in leaves(150)) {
        let ids = ids(150);
        let (found, _) = walk(&trie(&ids, &a), &trie(&ids, &b), &ids);
        prop_assert_eq!(found, differences(&ids, &a, &b));
    }

    #[test]
    fn trie_malformed_answers_are_harmless(
        held in leaves(120),
        nodes in collection::vec((prefixes(&ids(120)), shown(&ids(120))), 0..40),
    ) {
        let ids = ids(120);
        let trie = trie(&ids, &held);
        let Differences { deeper, members, .. } = compare(&trie, &ids, &Tell { nodes: nodes.clone() });
        prop_assert!(deeper.len() <= WALK_MAX * 16);
        prop_assert!(members.len() <= WALK_MAX * 272);
        for (prefix, digest) in &deeper {
            prop_assert_eq!(*digest, trie.digest(&ids, prefix).into());
            let below = |asked: &Prefix| (0..16).any(|nibble| asked.child(nibble).as_ref() == Some(prefix));
            prop_assert!(nodes.iter().any(|(asked, _)| below(asked)));
        }
        for id in &members {
            prop_assert!(nodes.iter().any(|(asked, _)| asked.holds(id)));
        }
        let ask = Ask { nodes: deeper };
        let tell = answer(&trie, &ids, &ask);
        prop_assert!(tell.nodes.len() <= WALK_MAX && tell.nodes.iter().all(|(_, shown)| *shown == Shown::Same));
    }

    #[test]
    fn trie_answers_fit_a_frame(asked in collection::vec(prefixes(&ids(255)), 0..80), held in leaves(255)) {
        let ids = ids(255);
        let nodes = asked.into_iter().map(|prefix| (prefix, ShortHash([7; 16]))).collect();
        let tell = answer(&trie(&ids, &held), &ids, &Ask { nodes });
        prop_assert!(tell.is_well_formed() && tell.encode().len() < FRAME_MAX);
    }

    #[test]
    fn trie_messages_round_trip(nodes in collection::vec((prefixes(&ids(120)), shown(&ids(120))), 0..40)) {
        let asks = nodes.iter().map(|(prefix, _)| (*prefix, ShortHash([1; 16]))).collect();
        let ask = Ask { nodes: asks };
        prop_assert_eq!(Ask::decode(&ask.encode()), Some(ask).filter(|_| nodes.len() <= WALK_MAX));
        let tell = Tell { nodes };
        let fits = |shown: &Shown| !matches!(shown, Shown::Bucket(list) if list.len() > BUCKET);
        let legal = tell.is_well_formed() && tell.nodes.len() <= WALK_MAX && tell.nodes.iter().all(|(_, s)| fits(s));
        prop_assert_eq!(Tell::decode(&tell.encode()), Some(tell).filter(|_| legal));
    }

    #[test]
    fn trie_messages_of_any_bytes_decode_to_themselves_or_not(
        mut bytes in collection::vec(any::<u8>(), 0..400), small in any::<bool>(),
        nodes in collection::vec((prefixes(&ids(120)), shown(&ids(120))), 0..4), at in any::<Index>(), flip in any::<u8>(),
    ) {
        if small {
            bytes = Tell { nodes }.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        prop_assert!(Ask::decode(&bytes).is_none_or(|ask| ask.encode() == bytes));
        prop_assert!(Tell::decode(&bytes).is_none_or(|tell| tell.encode() == bytes));
        if let Ok((prefix, rest)) = postcard::take_from_bytes::<Prefix>(&bytes) {
            let own = postcard::to_allocvec(&prefix).expect("fits");
            prop_assert_eq!([&own, rest].concat(), bytes);
        }
    }

    #[test]
    fn trie_clone_keeps_its_own_leaves(a in leaves(120), b in leaves(120)) {
        let ids = ids(120);
        let original = trie(&ids, &a);
        let mut clone = original.clone();
        for index in 0..120 {
            clone.set(&ids, index, b.get(&index).copied().map(leaf));
        }
        prop_assert_eq!(clone.settle(&ids), oracle(&ids, &b, &Prefix::ROOT));
        prop_assert_eq!(original.root(), oracle(&ids, &a, &Prefix::ROOT));
    }
}

fn check_node(trie: &Trie, ids: &[MemberId], held: &BTreeMap<u32, u8>, prefix: &Prefix) {
    let under = held.iter().map(|(index, version)| (ids[*index as usize], leaf(*version)));
    let mut under: Vec<_> = under.filter(|(id, _)| prefix.holds(id)).collect();
    under.sort_unstable();
    let expected = match under.len() {
        0 => NodeView::Empty,
        1..=16 => NodeView::Bucket(under),
        _ => NodeView::Inner(Box::new(core::array::from_fn(|nibble| {
            oracle(ids, held, &prefix.child(nibble as u8).expect("not a whole id"))
        }))),
    };
    assert_eq!(trie.node(ids, prefix), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A path of inner nodes and a bucket for each record: 300 bytes per level (digest asked, 16 shown), 800 for the bucket.
    #[test]
    fn trie_difference_of_d_records_costs_d_log_n_bytes(
        count in 1u32..4000, changes in collection::vec((any::<Index>(), 0u8..3), 1..20),
    ) {
        let ids = random_ids(count);
        let (mut a, mut b) = (BTreeMap::new(), BTreeMap::new());
        for index in 0..count {
            a.insert(index, 0);
            b.insert(index, 0);
        }
        for (index, kind) in changes {
            let index = index.index(count as usize) as u32;
            match kind {
                0 => drop(a.remove(&index)),
                1 => drop(b.remove(&index)),
                _ => drop(a.insert(index, 1)),
            }
        }
        let different = differences(&ids, &a, &b);
        let (found, bytes) = walk(&trie(&ids, &a), &trie(&ids, &b), &ids);
        let levels = 1 + count.ilog(16) as usize;
        prop_assert!(bytes <= 64 + different.len() * (300 * levels + 800), "{} for {}", bytes, different.len());
        prop_assert_eq!(found, different);
    }
}

#[test]
fn trie_equal_views_cost_one_digest() {
    let ids = random_ids(1000);
    let all: BTreeMap<u32, u8> = (0..1000).map(|index| (index, 0)).collect();
    let (mine, theirs) = (trie(&ids, &all), trie(&ids, &all));
    assert_eq!(mine.root(), theirs.root());
    let ask = Ask::root(&mine);
    assert_eq!(ask.encode().len(), 18);
    let tell = answer(&theirs, &ids, &ask);
    assert_eq!(tell, Tell { nodes: vec![(Prefix::ROOT, Shown::Same)] });
    assert_eq!(compare(&mine, &ids, &tell), Differences::default());
}

#[test]
fn trie_empty_side_learns_of_everybody_within_bounded_messages() {
    let ids = random_ids(3000);
    let all: BTreeMap<u32, u8> = (0..3000).map(|index| (index, 0)).collect();
    let (full, empty) = (trie(&ids, &all), Trie::new());
    assert_eq!(walk(&empty, &full, &ids).0.len(), 3000);
    assert_eq!(walk(&full, &empty, &ids).0.len(), 3000);
}

#[test]
fn trie_settles_only_what_changed() {
    let ids = random_ids(500);
    let all: BTreeMap<u32, u8> = (0..500).map(|index| (index, 0)).collect();
    let mut trie = trie(&ids, &all);
    assert!(!trie.set(&ids, 3, Some(leaf(0))), "the same leaf");
    assert!(trie.is_settled());
    assert!(trie.set(&ids, 3, Some(leaf(1))));
    assert!(!trie.is_settled());
    let Node::Inner(root) = &trie.root else { panic!("500 members do not fit a run") };
    assert_eq!(root.children.iter().filter(|child| child.digest().is_none()).count(), 1);
    trie.settle(&ids);
    assert!(trie.is_settled());
}

#[test]
fn trie_prefix_of_illegal_length_is_refused() {
    let decode = |bytes: &[u8]| postcard::from_bytes::<Prefix>(bytes).ok();
    assert_eq!(decode(&[0]), Some(Prefix::ROOT));
    assert_eq!(
        decode(&[3, 0xab, 0xc0]),
        Prefix::ROOT.child(10).and_then(|p| p.child(11)).and_then(|p| p.child(12))
    );
    assert_eq!(decode(&[3, 0xab, 0xc1]), None);
    assert_eq!(decode(&[3, 0xab]), None);
    assert_eq!(decode(&[65; 40]), None);
    assert_eq!(decode(&[255; 40]), None);
    assert_eq!(Prefix::of(&MemberId([1; 32]), 64).child(0), None);
    assert_eq!(Prefix::of(&MemberId([1; 32]), 255).depth(), 64);
}
