//! The running digest: SHA-256 over every action in a fixed encoding, so that it means the same in every build.
//!
//! One byte of kind, then the fields in their order: integers big-endian, ids as they are, byte strings after their length
//! as `u32`, addresses as `4` or `6`, the IP's bytes and the port. A number is never used again for something else.

use crate::{
    accusation::Accusation,
    action::{Action, HangUp, Misbehaviour, Notice, Persist, Why},
    crypto::Hash,
};
use core::net::{IpAddr, SocketAddr};
use sha2::{Digest, Sha256};

/// What a trace holds of a digest: collisions are nobody's gain, as the trace is one's own.
pub(super) type Short = [u8; 16];

#[derive(Clone, Default)]
pub(super) struct Running(Sha256);

impl core::fmt::Debug for Running {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02x?}", self.value())
    }
}

impl Running {
    /// Of all so far.
    pub(super) fn value(&self) -> Short {
        let whole: Hash = self.0.clone().finalize().into();
        let mut short = [0; 16];
        short.copy_from_slice(&whole[..16]);
        short
    }

    /// The view's root after an event.
    pub(super) fn root(&mut self, root: &Hash) {
        self.put(&[0]).put(root);
    }

    pub(super) fn action(&mut self, action: &Action<'_>) {
        match action {
            Action::Datagram { to, token, bytes } => {
                self.put(&[1]).put(&to.0).number(*token).bytes(bytes);
            }
            Action::Frame { to, lane, bytes } => {
                self.put(&[2]).put(&to.0).put(&[*lane as u8]).bytes(bytes);
            }
            Action::Dial { member, addr } => {
                self.put(&[3]).put(&member.0).addr(addr);
            }
            Action::DialSeed { seed } => {
                self.put(&[4]).put(&seed.to_be_bytes());
            }
            Action::HangUp { member, why } => {
                self.put(&[5]).put(&member.0).put(&[hang_up(*why)]);
            }
            Action::Persist { seq, what: Persist::EpochCeiling(ceiling) } => {
                self.put(&[6]).number(*seq).number(*ceiling);
            }
            Action::Persist { seq, what: Persist::Records } => {
                self.put(&[7]).number(*seq);
            }
            Action::Notify(notice) => self.put(&[8]).notice(notice),
            Action::Wait { until: Some(until), why: reason } => {
                self.put(&[9]).number(until.0).put(&[why(*reason)]);
            }
            Action::Wait { until: None, why: reason } => {
                self.put(&[10]).put(&[why(*reason)]);
            }
        }
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Joined { unconfirmed } => self.put(&[1, u8::from(*unconfirmed)]),
            Notice::Up { member, epoch } => self.put(&[2]).put(&member.0).number(*epoch),
            Notice::Accused { accusation } => self.put(&[3]).accusation(accusation),
            Notice::Rebutted { member, epoch } => self.put(&[4]).put(&member.0).number(*epoch),
            Notice::Down { accusation } => self.put(&[5]).accusation(accusation),
            Notice::Gray { member } => self.put(&[6]).put(&member.0),
            Notice::Left { member } => self.put(&[7]).put(&member.0),
            Notice::Expired { member } => self.put(&[8]).put(&member.0),
            Notice::Updated { member, epoch } => self.put(&[9]).put(&member.0).number(*epoch),
            Notice::AccusedMyself { accusation } => self.put(&[10]).accusation(accusation),
            Notice::Equivocation { member, epoch } => self.put(&[11]).put(&member.0).number(*epoch),
            Notice::IdentityInUse { epoch } => self.put(&[12]).number(*epoch),
            Notice::Misbehaviour { peer, kind } => self.put(&[13]).put(&peer.0).put(&[misbehaviour(*kind)]),
            Notice::ClockWrong { ahead_ms, peer } => {
                self.put(&[14]).put(&ahead_ms.to_be_bytes()).put(&peer.0)
            }
            Notice::Slow { peer, rtt_ms } => self.put(&[15]).put(&peer.0).put(&rtt_ms.to_be_bytes()),
            Notice::EpochOverrun { epoch } => self.put(&[16]).number(*epoch),
            Notice::SeedsUnreachable => self.put(&[17]),
            Notice::Revoked { member } => self.put(&[18]).put(&member.0),
            Notice::Succeeded { until } => self.put(&[19]).number(until.0),
        };
    }

    fn accusation(&mut self, accusation: &Accusation) -> &mut Self {
        self.bytes(accusation.signed().bytes())
    }

    fn addr(&mut self, addr: &SocketAddr) {
        match addr.ip() {
            IpAddr::V4(ip) => self.put(&[4]).put(&ip.octets()),
            IpAddr::V6(ip) => self.put(&[6]).put(&ip.octets()),
        };
        self.put(&addr.port().to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        // No frame and no record comes near 4 GiB.
        self.put(&(bytes.len() as u32).to_be_bytes()).put(bytes)
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.put(&number.to_be_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }
}

fn hang_up(why: HangUp) -> u8 {
    match why {
        HangUp::Idle => 1,
        HangUp::Misbehaviour => 2,
        HangUp::Expired => 3,
        HangUp::Crowded => 4,
        HangUp::Leaving => 5,
    }
}

fn why(why: Why) -> u8 {
    match why {
        Why::Idle => 1,
        Why::Backlog => 2,
        Why::Monitor => 3,
        Why::Suspicion => 4,
        Why::Lease => 5,
        Why::OwnNote => 6,
        Why::Contact => 7,
        Why::Gossip => 8,
    }
}

fn misbehaviour(kind: Misbehaviour) -> u8 {
    match kind {
        Misbehaviour::Malformed => 1,
        Misbehaviour::BadSignature => 2,
        Misbehaviour::IllegalMask => 3,
        Misbehaviour::TooLarge => 4,
        Misbehaviour::ForeignCertificate => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Lane, id::MemberId, time::Mono};

    fn digest(actions: &[Action<'_>]) -> Short {
        let mut running = Running::default();
        actions.iter().for_each(|action| running.action(action));
        running.value()
    }

    /// Changing the encoding makes every old trace differ: raise the format's version with it.
    #[test]
    fn the_digest_s_encoding_is_fixed() {
        let to = MemberId([7; 32]);
        let actions = [
            Action::Datagram { to, token: 1, bytes: b"ping" },
            Action::Frame { to, lane: Lane::Walk, bytes: b"walk" },
            Action::Dial { member: to, addr: ([127, 0, 0, 1], 80).into() },
            Action::DialSeed { seed: 3 },
            Action::HangUp { member: to, why: HangUp::Crowded },
            Action::Persist { seq: 1, what: Persist::EpochCeiling(2) },
            Action::Persist { seq: 2, what: Persist::Records },
            Action::Notify(Notice::Up { member: to, epoch: 4 }),
            Action::Wait { until: Some(Mono(5)), why: Why::Gossip },
            Action::Wait { until: None, why: Why::Idle },
        ];
        let mut seen = alloc::collections::BTreeSet::new();
        for end in 0..=actions.len() {
            assert!(seen.insert(digest(&actions[..end])), "action {end} counts");
        }
        assert_eq!(digest(&actions)[..4], FIXED);
    }

    const FIXED: [u8; 4] = [225, 18, 148, 27];

    #[test]
    fn the_bounds_between_actions_count() {
        let to = MemberId([7; 32]);
        let one = |bytes| Action::Frame { to, lane: Lane::Walk, bytes };
        assert_ne!(digest(&[one(b"ab"), one(b"c")]), digest(&[one(b"a"), one(b"bc")]));
    }
}
