//! Which peers broke the rules, and how often: for operators, who must find out which certificate to revoke.

use crate::limits::OFFENDERS_MAX;
use ifrit_core::{action::Misbehaviour, id::MemberId};
use std::collections::BTreeMap;

/// What a peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Offence {
    /// What the core calls misbehaviour.
    Core(Misbehaviour),
    /// It broke the framing of a link's lanes.
    Framing,
    /// It relayed what is no broadcast, or has no valid signature.
    Broadcast,
}

impl Offence {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Core(Misbehaviour::Malformed) => "malformed",
            Self::Core(Misbehaviour::BadSignature) => "bad_signature",
            Self::Core(Misbehaviour::IllegalMask) => "illegal_mask",
            Self::Core(Misbehaviour::TooLarge) => "too_large",
            Self::Core(Misbehaviour::ForeignCertificate) => "foreign_certificate",
            Self::Core(_) => "other",
            Self::Framing => "framing",
            Self::Broadcast => "broadcast",
        }
    }
}

/// Offences by peer, of at most [`OFFENDERS_MAX`] peers. A newcomer beyond that takes the place of whoever has the fewest,
/// whose offences then count for nobody in particular: whoever goes on is never lost sight of, however many others begin.
#[derive(Clone, Debug, Default)]
pub struct Offenders {
    peers: BTreeMap<MemberId, BTreeMap<Offence, u64>>,
    others: u64,
}

impl Offenders {
    /// Each peer's offences, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&MemberId, Offence, u64)> {
        self.peers.iter().flat_map(|(peer, by)| by.iter().map(move |(what, count)| (peer, *what, *count)))
    }

    /// Offences of peers that have no place any more.
    pub fn others(&self) -> u64 {
        self.others
    }

    pub(crate) fn record(&mut self, peer: MemberId, what: Offence) {
        if !self.peers.contains_key(&peer) && self.peers.len() >= OFFENDERS_MAX {
            let sum = |by: &BTreeMap<Offence, u64>| by.values().sum::<u64>();
            let least = self.peers.iter().min_by_key(|(_, by)| sum(by)).map(|(peer, by)| (*peer, sum(by)));
            if let Some((least, count)) = least {
                self.peers.remove(&least);
                self.others += count;
            }
        }
        *self.peers.entry(peer).or_default().entry(what).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_of_offenders_hides_nobody_who_goes_on_and_nothing_grows() {
        let mut offenders = Offenders::default();
        let liar = MemberId([255; 32]);
        let bad = Offence::Core(Misbehaviour::BadSignature);
        (0..9).for_each(|_| offenders.record(liar, bad));
        for n in 0..1_000u16 {
            let mut id = [0; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            offenders.record(MemberId(id), Offence::Framing);
        }
        assert_eq!(offenders.iter().count(), OFFENDERS_MAX);
        assert!(offenders.iter().any(|(peer, what, count)| (*peer, what, count) == (liar, bad, 9)));
        let all: u64 = offenders.iter().map(|(.., count)| count).sum();
        assert_eq!(all + offenders.others(), 1_009, "none is forgotten");
    }
}
