use super::{
    table::{RUN_MAX, RUN_MIN},
    *,
};
use alloc::vec;
use proptest::{collection, prelude::*};

const NETWORK: NetworkId = NetworkId([9; 32]);

fn ids(count: u32) -> Vec<MemberId> {
    (0..count).map(|i| MemberId(hash(b"test id", &[&i.to_be_bytes()]))).collect()
}

/// Rings whose entries keep only the first `bits` of each position.
fn rings(k: u8, bits: u32) -> Rings {
    let mut rings = Rings::new(NETWORK, k);
    rings.circle.mask = !u32::MAX.checked_shr(bits).unwrap_or(0);
    rings
}

/// The ring as the rule defines it: everybody in `present` by position, ties by id.
struct Oracle<'a> {
    ids: &'a [MemberId],
    ring: u8,
    order: Vec<u32>,
}

impl<'a> Oracle<'a> {
    fn new(ids: &'a [MemberId], ring: u8, present: &[u32]) -> Self {
        let empty = Self { ids, ring, order: vec![] };
        let mut order = present.to_vec();
        order.sort_by_key(|i| empty.key(&ids[*i as usize]));
        order.dedup();
        Self { order, ..empty }
    }

    fn key(&self, id: &MemberId) -> (Hash, MemberId) {
        (hash(HASH_RING, &[&NETWORK.0, &[self.ring], &id.0]), *id)
    }

    fn successors(&self, of: &MemberId) -> Vec<u32> {
        let key = |i: &u32| self.key(&self.ids[*i as usize]);
        let (after, before): (Vec<u32>, Vec<u32>) = self.order.iter().partition(|i| key(i) > self.key(of));
        after.into_iter().chain(before).filter(|i| self.ids[*i as usize] != *of).collect()
    }

    fn predecessors(&self, of: &MemberId) -> Vec<u32> {
        let mut all = self.successors(of);
        all.reverse();
        all
    }

    /// Walks back member by member, on a ring on which both surely stand.
    fn between(&self, accuser: &MemberId, accused: &MemberId) -> Vec<u32> {
        let place = |id| self.ids.iter().position(|held| held == id).expect("of this network") as u32;
        let mut with = self.order.clone();
        with.extend([place(accuser), place(accused)]);
        let walk = Self::new(self.ids, self.ring, &with).predecessors(accused);
        let walk = walk.into_iter().take_while(|i| self.ids[*i as usize] != *accuser);
        walk.filter(|i| self.order.contains(i)).collect()
    }
}

fn check(rings: &Rings, ids: &[MemberId], present: &[u32], crashed: &dyn Fn(u32) -> bool) {
    let runs = |ring: u8| rings.tables[usize::from(ring)].runs.iter().map(|run| run.entries.len());
    for ring in 0..rings.k() {
        let oracle = Oracle::new(ids, ring, present);
        assert_eq!(oracle.order.len(), rings.len());
        assert_eq!(runs(ring).sum::<usize>(), rings.len());
        assert!(runs(ring).all(|len| (1..=RUN_MAX).contains(&len)));
        assert!(runs(ring).len() < 2 || runs(ring).all(|len| len >= RUN_MIN));
        for of in ids {
            let before: Vec<u32> = rings.predecessors(ids, ring, of).collect();
            assert_eq!(before, oracle.predecessors(of));
            assert_eq!(rings.successors(ids, ring, of).collect::<Vec<_>>(), oracle.successors(of));
            let live = |walk: &[u32]| walk.iter().copied().find(|i| !crashed(*i));
            assert_eq!(rings.predecessors(ids, ring, of).find(|i| !crashed(*i)), live(&before));
        }
    }
}

fn operations() -> impl Strategy<Value = Vec<(u8, Vec<u32>)>> {
    collection::vec((0u8..4, collection::vec(0u32..48, 0..24)), 0..12)
}

/// Some order of single steps and batches; gives who is in at the end, as told by the return values.
fn run(rings: &mut Rings, ids: &[MemberId], operations: &[(u8, Vec<u32>)]) -> Vec<u32> {
    let mut present = alloc::collections::BTreeSet::new();
    for (kind, indices) in operations {
        match kind {
            0 => {
                rings.insert_batch(ids, indices);
                present.extend(indices);
            }
            1 => indices.iter().for_each(|i| assert_eq!(rings.insert(ids, *i), present.insert(*i))),
            _ => indices.iter().for_each(|i| assert_eq!(rings.remove(ids, *i), present.remove(i))),
        }
    }
    present.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rings_neighbours_equal_brute_force(
        half in 0u8..4, bits in prop::sample::select(vec![0u32, 1, 3, 6, 64]),
        operations in operations(), crashes in any::<u64>(),
    ) {
        let (ids, mut rings) = (ids(48), rings(2 * half + 1, bits));
        let present = run(&mut rings, &ids, &operations);
        check(&rings, &ids, &present, &|i| crashes >> i & 1 == 1);
    }

    #[test]
    fn rings_between_equals_brute_force(
        bits in prop::sample::select(vec![0u32, 2, 64]), operations in operations(),
        pairs in collection::vec((0usize..48, 0usize..48), 1..40),
    ) {
        let (ids, mut rings) = (ids(48), rings(3, bits));
        let present = run(&mut rings, &ids, &operations);
        for ((accuser, accused), ring) in pairs.iter().zip((0..3).cycle()) {
            let (accuser, accused) = (&ids[*accuser], &ids[*accused]);
            let found: Vec<u32> = rings.between(&ids, ring, accuser, accused).collect();
            prop_assert_eq!(found, Oracle::new(&ids, ring, &present).between(accuser, accused));
        }
    }

    #[test]
    fn rings_closer_accuser_has_fewer_between(trio in collection::vec(0usize..48, 3), ring in 0u8..5) {
        let (ids, mut rings) = (ids(48), rings(5, 64));
        rings.insert_batch(&ids, &(0..48).collect::<Vec<_>>());
        let [accused, a, b] = [0, 1, 2].map(|i| &ids[trio[i]]);
        let between = |accuser| rings.between(&ids, ring, accuser, accused).count();
        prop_assert_eq!(rings.is_closer(ring, accused, a, b), between(a) < between(b));
    }

    #[test]
    fn rings_clone_keeps_its_own_members(operations in operations(), more in operations()) {
        let (ids, mut rings) = (ids(48), rings(3, 3));
        let present = run(&mut rings, &ids, &operations);
        let mut clone = rings.clone();
        for i in more.iter().flat_map(|(_, indices)| indices) {
            clone.remove(&ids, *i);
        }
        clone.insert_batch(&ids, &[7, 8, 9]);
        check(&rings, &ids, &present, &|_| false);
    }
}

#[test]
fn rings_of_every_odd_k_hold_everybody() {
    let ids = ids(5);
    for k in (1..=255).step_by(2) {
        let mut rings = rings(k, 64);
        rings.insert_batch(&ids, &[0, 1, 2, 3]);
        check(&rings, &ids, &[0, 1, 2, 3], &|i| i == 2);
    }
}

#[test]
fn rings_of_none_one_and_two() {
    let (ids, mut rings) = (ids(3), rings(1, 64));
    assert_eq!(rings.predecessors(&ids, 0, &ids[0]).count(), 0);
    assert_eq!(rings.between(&ids, 0, &ids[0], &ids[1]).count(), 0);
    assert!(!rings.remove(&ids, 0));
    rings.insert_batch(&ids, &[]);
    assert!(rings.is_empty());
    assert!(rings.insert(&ids, 0));
    assert!(!rings.insert(&ids, 0));
    assert_eq!(rings.successors(&ids, 0, &ids[0]).count(), 0);
    assert_eq!(rings.successors(&ids, 0, &ids[1]).collect::<Vec<_>>(), [0]);
    rings.insert(&ids, 1);
    assert_eq!(rings.predecessors(&ids, 0, &ids[0]).collect::<Vec<_>>(), [1]);
    assert_eq!(rings.successors(&ids, 0, &ids[0]).collect::<Vec<_>>(), [1]);
    assert!(rings.remove(&ids, 0) && rings.remove(&ids, 1));
    check(&rings, &ids, &[], &|_| false);
}

#[test]
fn rings_entry_takes_eight_bytes() {
    assert_eq!(size_of::<Entry>(), 8);
}
