//! Who is a member no more although its certificate has not ended: the CA's word, signed (DESIGN section 4, "Revocation").
//!
//! Body: version `u8`, domain `u8`, network `[8]`, sequence `u64`, count `u16`, then per entry, ids ascending: id `[32]`, until
//! `u64` (ms). Integers are big-endian. Signed by the network's root.
//!
//! While the root follows another one, version is 2 and the rest of the body is the [bundle](Root::bundle) that says so: so all
//! learn it by the same way, at once, and whoever believes the former root can check the list.
//!
//! A list is whole: it says all that holds. Of two the one with the higher sequence counts; a CA that was restored from a
//! backup may sign two lists with one sequence, and then the one with the lower hash counts, everywhere. An entry is
//! needed only until the member's last certificate ends, so a list stays as short as what is revoked within the life of
//! a certificate.

#[cfg(doc)]
use crate::certificate::Root;
use crate::{
    crypto::{Hash, Signed, Signer},
    id::MemberId,
    limits::{BUNDLE_MAX, REVOKED_MAX},
    params::NetworkParams,
    read::Reader,
    tags::{BODY_REVOCATION, BODY_VERSION, BODY_VERSION_SUCCESSION},
    time::Wall,
    wire::{Brief, HeldList},
};
use alloc::vec::Vec;

/// A member that is one no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Who.
    pub id: MemberId,
    /// When the last of its certificates ends: the entry is of no use any more then.
    pub until: Wall,
}

/// The fields of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Rises with every list; never 0.
    pub sequence: u64,
    /// Who is revoked; in any order. At most [`REVOKED_MAX`].
    pub entries: Vec<Entry>,
    /// The [bundle](Root::bundle) of a root that follows another one; else nothing.
    pub succession: Vec<u8>,
}

impl Fields {
    /// Signs these fields with the root's key. Of two entries of one member the later end counts. `None` if there are more than
    /// [`REVOKED_MAX`], the bundle is over [`BUNDLE_MAX`], or the sequence is 0.
    pub fn sign(mut self, network: &NetworkParams, root: &mut dyn Signer) -> Option<Revocations> {
        self.entries.sort_unstable_by(|a, b| b.cmp(a));
        self.entries.dedup_by_key(|entry| entry.id);
        self.entries.reverse();
        if self.entries.len() > REVOKED_MAX || self.succession.len() > BUNDLE_MAX || self.sequence == 0 {
            return None;
        }
        Some(Revocations::new(Signed::sign(&self.body(network), root)))
    }

    fn body(&self, network: &NetworkParams) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.entries.len() * ENTRY + self.succession.len());
        let version = if self.succession.is_empty() { BODY_VERSION } else { BODY_VERSION_SUCCESSION };
        out.extend([version, BODY_REVOCATION]);
        out.extend(network.id.prefix());
        out.extend(self.sequence.to_be_bytes());
        out.extend((self.entries.len() as u16).to_be_bytes());
        for entry in &self.entries {
            out.extend(entry.id.0);
            out.extend(entry.until.0.to_be_bytes());
        }
        out.extend(&self.succession);
        out
    }
}

/// Version, domain, network, sequence, count.
const HEAD: usize = 2 + 8 + 8 + 2;
const SEQUENCE_AT: usize = 2 + 8;
const COUNT_AT: usize = SEQUENCE_AT + 8;
const ENTRY: usize = 32 + 8;

/// A list that is well-formed for its network. Whether the root's signature holds is not said by the type.
///
/// It is its bytes: 40 for each entry, and about 1,500 while the root follows another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    signed: Signed,
    hash: Hash,
}

/// Why bytes are not a revocation list of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationsError {
    /// Of a higher version: a refusal, not misbehaviour.
    #[error("a revocation list of a newer version")]
    NewerVersion,
    /// Of another network.
    #[error("a revocation list of another network")]
    OtherNetwork,
    /// Malformed: misbehaviour.
    #[error("not a revocation list")]
    Malformed,
}

impl Revocations {
    /// Parses `body ‖ signature`. Checks the form, not the signature.
    ///
    /// # Errors
    /// [`RevocationsError`]; never panics.
    pub fn parse(bytes: &[u8], network: &NetworkParams) -> Result<Self, RevocationsError> {
        let signed = Signed::from_bytes(bytes).ok_or(RevocationsError::Malformed)?;
        match signed.body() {
            [version, BODY_REVOCATION, ..] if *version > BODY_VERSION_SUCCESSION => {
                return Err(RevocationsError::NewerVersion);
            }
            [BODY_VERSION | BODY_VERSION_SUCCESSION, BODY_REVOCATION, rest @ ..] => {
                if !rest.starts_with(&network.id.prefix()) {
                    return Err(RevocationsError::OtherNetwork);
                }
            }
            _ => return Err(RevocationsError::Malformed),
        }
        check(signed.body()).ok_or(RevocationsError::Malformed)?;
        Ok(Self::new(signed))
    }

    fn new(signed: Signed) -> Self {
        Self { hash: signed.hash(), signed }
    }

    /// Rises with every list.
    pub fn sequence(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.signed.body()[SEQUENCE_AT..SEQUENCE_AT + 8]);
        u64::from_be_bytes(bytes)
    }

    /// Who is revoked, by id.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry> + '_ {
        self.raw()
            .chunks_exact(ENTRY)
            .map(|entry| Entry { id: id_of(entry), until: Wall(number(&entry[32..])) })
    }

    /// Whether it names this member. O(log entries).
    pub fn contains(&self, id: &MemberId) -> bool {
        self.find(&id.0).is_some_and(|entry| entry[..32] == id.0)
    }

    /// Whether it names a member whose id begins so.
    pub(crate) fn contains_brief(&self, brief: &Brief) -> bool {
        self.find(brief).is_some_and(|entry| entry[..brief.len()] == *brief)
    }

    /// The first entry whose id is not below `least`.
    fn find(&self, least: &[u8]) -> Option<&[u8]> {
        let entries = self.raw();
        let (mut low, mut high) = (0, entries.len() / ENTRY);
        while low < high {
            let middle = usize::midpoint(low, high);
            if &entries[middle * ENTRY..][..least.len()] < least { low = middle + 1 } else { high = middle }
        }
        entries.get(low * ENTRY..(low + 1) * ENTRY)
    }

    fn raw(&self) -> &[u8] {
        &self.signed.body()[HEAD..self.end()]
    }

    /// Where the entries end.
    fn end(&self) -> usize {
        HEAD + number(&self.signed.body()[COUNT_AT..HEAD]) as usize * ENTRY
    }

    /// The [bundle](Root::bundle) that says that one root follows another, not checked; empty if none does.
    pub fn succession(&self) -> &[u8] {
        &self.signed.body()[self.end()..]
    }

    /// The hash of the body: the list's identity.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The bytes as they travel.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }

    /// What is said of it instead of it; the greater counts.
    pub(crate) fn held(&self) -> HeldList {
        let mut hash = [0; 8];
        hash.copy_from_slice(&self.hash[..8]);
        HeldList { sequence: self.sequence(), hash }
    }
}

fn id_of(entry: &[u8]) -> MemberId {
    let mut id = [0; 32];
    id.copy_from_slice(&entry[..32]);
    MemberId(id)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// One byte string per meaning: the count fits, and ids ascend.
fn check(body: &[u8]) -> Option<()> {
    let mut reader = Reader::new(body);
    reader.take(SEQUENCE_AT)?;
    let (sequence, count) = (reader.u64()?, usize::from(reader.u16()?));
    let entries = reader.take(count * ENTRY)?;
    let succession = body.len() - HEAD - entries.len();
    let whole = if body[0] == BODY_VERSION { 0..=0 } else { 1..=BUNDLE_MAX };
    let ascends = entries.chunks_exact(ENTRY).is_sorted_by(|a, b| a[..32] < b[..32]);
    (sequence > 0 && count <= REVOKED_MAX && ascends && whole.contains(&succession)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::{P256Signer, P256Verifier},
        id::NetworkId,
        params::Wish,
    };
    use alloc::vec;
    use proptest::prelude::*;

    fn network() -> NetworkParams {
        NetworkParams::new(NetworkId([3; 32]), &Wish::default()).expect("defaults")
    }

    fn root() -> P256Signer {
        P256Signer::from_scalar(&[1; 32]).expect("in range")
    }

    fn entry(id: u8, until: u64) -> Entry {
        Entry { id: MemberId([id; 32]), until: Wall(until) }
    }

    fn list(sequence: u64, entries: &[Entry]) -> Revocations {
        Fields { sequence, entries: entries.to_vec(), succession: vec![] }
            .sign(&network(), &mut root())
            .expect("few")
    }

    #[test]
    fn a_list_says_who_is_revoked_and_comes_back_from_its_bytes() {
        let list = list(7, &[entry(9, 5), entry(2, 1), entry(9, 6), entry(4, 3)]);
        assert_eq!(list.entries().collect::<Vec<_>>(), [entry(2, 1), entry(4, 3), entry(9, 6)]);
        assert_eq!(list.sequence(), 7);
        let back = Revocations::parse(list.signed().bytes(), &network()).expect("its own bytes");
        assert_eq!(back, list);
        assert!(back.signed().verify(&P256Verifier, &root().public_key()));
        for id in 0..12 {
            let named = [2, 4, 9].contains(&id);
            assert_eq!(list.contains(&MemberId([id; 32])), named, "{id}");
            assert_eq!(list.contains_brief(&[id; 8]), named, "{id}");
        }
        let near = MemberId(core::array::from_fn(|at| if at < 8 { 4 } else { 0 }));
        assert!(!list.contains(&near), "it begins like another");
    }

    #[test]
    fn what_has_two_meanings_or_none_is_malformed() {
        let body = |entries: &[Entry]| {
            Fields { sequence: 7, entries: entries.to_vec(), succession: vec![] }.body(&network())
        };
        let parse = |body: &[u8]| Revocations::parse(Signed::sign(body, &mut root()).bytes(), &network());
        let good = body(&[entry(1, 1), entry(2, 2)]);
        assert!(parse(&good).is_ok());
        let malformed = Err(RevocationsError::Malformed);
        assert_eq!(parse(&body(&[entry(2, 1), entry(1, 1)])), malformed, "out of order");
        assert_eq!(parse(&body(&[entry(1, 1), entry(1, 1)])), malformed, "twice");
        assert_eq!(parse(&good[..good.len() - 1]), malformed, "cut off");
        assert_eq!(parse(&[&good[..], &[0]].concat()), malformed, "too long");
        let mut zero = good.clone();
        zero[SEQUENCE_AT..SEQUENCE_AT + 8].fill(0);
        assert_eq!(parse(&zero), malformed, "sequence 0 means none");
        let mut other = good.clone();
        other[2] ^= 1;
        assert_eq!(parse(&other), Err(RevocationsError::OtherNetwork));
        let mut newer = good.clone();
        newer[0] = BODY_VERSION_SUCCESSION + 1;
        assert_eq!(parse(&newer), Err(RevocationsError::NewerVersion));
        let mut succession = good;
        succession[0] = BODY_VERSION_SUCCESSION;
        assert_eq!(parse(&succession), malformed, "says that a root follows, and not which");
        let most = [&succession[..], &[7; BUNDLE_MAX]].concat();
        assert!(parse(&most).is_ok_and(|list| list.succession() == [7; BUNDLE_MAX]));
        assert_eq!(parse(&[&most[..], &[7]].concat()), malformed, "too long");
        assert_eq!(Revocations::parse(&[0; 5], &network()), malformed);
    }

    #[test]
    fn a_list_is_bounded() {
        let many = |count: usize| {
            let id = |n: usize| {
                MemberId(core::array::from_fn(|at| if at == 0 { (n >> 8) as u8 } else { n as u8 }))
            };
            let entries = (0..count).map(|n| Entry { id: id(n), until: Wall(1) }).collect();
            Fields { sequence: 1, entries, succession: vec![] }.sign(&network(), &mut root())
        };
        assert!(many(REVOKED_MAX).is_some_and(|list| list.entries().len() == REVOKED_MAX));
        assert!(many(REVOKED_MAX + 1).is_none());
    }

    #[test]
    fn r14_a_list_may_say_which_root_follows_another() {
        let fields = Fields { sequence: 7, entries: vec![entry(2, 1), entry(4, 3)], succession: vec![9; 30] };
        let list = fields.clone().sign(&network(), &mut root()).expect("few");
        assert_eq!(list.entries().collect::<Vec<_>>(), [entry(2, 1), entry(4, 3)]);
        assert_eq!(list.succession(), [9; 30]);
        assert!(list.contains(&MemberId([4; 32])) && !list.contains(&MemberId([9; 32])));
        assert_eq!(Revocations::parse(list.signed().bytes(), &network()), Ok(list));
        let long = Fields { succession: vec![9; BUNDLE_MAX + 1], ..fields };
        assert_eq!(long.sign(&network(), &mut root()), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..200, flip in 0usize..200) {
            let _ = Revocations::parse(&bytes, &network());
            let mut list = list(7, &[entry(1, 1), entry(2, 2)]).signed().bytes().to_vec();
            if let Some(byte) = list.get_mut(flip) {
                *byte ^= 0x55;
            }
            list.truncate(cut);
            if let Ok(list) = Revocations::parse(&list, &network()) {
                let _ = (list.sequence(), list.entries().count(), list.contains(&MemberId([1; 32])));
            }
        }
    }
}
