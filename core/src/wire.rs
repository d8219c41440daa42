//! Unsigned frames and datagrams (DESIGN section 3): a tag byte, then a strictly decoded postcard body.
//!
//! postcard is not canonical and believes any count: bodies are taken with nothing left over and counts are checked
//! against [`limits`](crate::limits). Every element of a list takes at least one byte, so a list's memory is bounded
//! by its frame's length.

use crate::{
    crypto::{Hash, ShortHash},
    id::MemberId,
    limits::{ANNOUNCE_MAX, DATAGRAM_MAX, FRAME_MAX, WALK_MAX, WANT_MAX},
    tags,
    trie::walk::{Ask, Tell},
};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The first 8 bytes of an id: ids are the CA's random choice, so that nobody can make two collide.
pub(crate) type Brief = [u8; 8];

/// The brief form of an id.
pub(crate) fn brief(id: &MemberId) -> Brief {
    let mut brief = [0; 8];
    brief.copy_from_slice(&id.0[..8]);
    brief
}

/// Records about one member, in the order in which they rest on each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bundle<'a> {
    pub(crate) id: MemberId,
    #[serde(borrow)]
    pub(crate) certificate: Option<&'a [u8]>,
    #[serde(borrow)]
    pub(crate) note: Option<&'a [u8]>,
    #[serde(borrow)]
    pub(crate) accusations: Vec<&'a [u8]>,
}

/// "This is what I hold of it."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) id: Brief,
    pub(crate) leaf: Brief,
}

impl Summary {
    pub(crate) fn new(id: &MemberId, leaf: &Hash) -> Self {
        let mut short = [0; 8];
        short.copy_from_slice(&leaf[..8]);
        Self { id: brief(id), leaf: short }
    }
}

/// First bytes of an accusation's hash: whoever signs it has no choice in its body.
pub(crate) type Held = [u8; 4];

/// "Send me what you hold of it."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Want {
    pub(crate) id: Brief,
    /// The epoch of the note held; 0 if none.
    pub(crate) epoch: u64,
    /// The hash of the note held: of two with one epoch the other may be the lower (R12).
    pub(crate) note: Brief,
    /// The certificate is lacking too.
    pub(crate) certificate: bool,
    /// Accusations of the same epoch are wanted too, but for those held as valid.
    pub(crate) accusations: Option<Vec<Held>>,
}

/// The short form of an accusation's hash.
pub(crate) fn held(hash: &Hash) -> Held {
    [hash[0], hash[1], hash[2], hash[3]]
}

impl Want {
    /// Everything about a stranger, or all but the accusations of it.
    pub(crate) fn stranger(id: Brief, accusations: bool) -> Self {
        Self { id, epoch: 0, note: [0; 8], certificate: true, accusations: accusations.then(Vec::new) }
    }

    /// Whether a note is another than the one held, and not older.
    pub(crate) fn lacks(&self, epoch: u64, hash: &Hash) -> bool {
        epoch > self.epoch || epoch == self.epoch && hash[..8] != self.note
    }
}

/// First frame on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) minor: u16,
    pub(crate) features: u64,
    /// The sender holds the receiver out at this epoch (R3, last sentence); 0 if it does not.
    pub(crate) out_at: u64,
}

/// Which revocation list somebody holds: the greater is the one that counts. Sequence 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldList {
    pub(crate) sequence: u64,
    /// First bytes of its hash.
    pub(crate) hash: Brief,
}

impl Ord for HeldList {
    /// Of two with one sequence the one with the lower hash counts.
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.sequence, other.hash).cmp(&(other.sequence, self.hash))
    }
}

impl PartialOrd for HeldList {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A frame of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    Hello(Hello),
    Records(Vec<Bundle<'a>>),
    Announce(Vec<Summary>),
    Want(Vec<Want>),
    Ask(Ask),
    Tell(Tell),
    /// "You are no ring neighbour of mine; these are yours as I see it." Records follow by the usual way.
    Redirect(Vec<Summary>),
    /// "Your note's time is wrong here; my wall clock says this", in ms.
    Clock(u64),
    /// "What does yours say?"
    ClockAsk,
    /// "This is the revocation list that I hold."
    Holds(HeldList),
    /// A revocation list, as it was signed.
    Revocations(&'a [u8]),
}

/// What a snapshot holds.
pub(crate) type Saved<'a> = (Option<&'a [u8]>, Vec<Bundle<'a>>);

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// A tag of a newer version: skipped and counted.
    Unknown,
    /// A known frame that does not parse: misbehaviour.
    Malformed,
    /// Over a limit: misbehaviour.
    TooLarge,
}

impl<'a> Frame<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.len() > FRAME_MAX {
            return Err(FrameError::TooLarge);
        }
        let (tag, body) = bytes.split_first().ok_or(FrameError::Malformed)?;
        match *tag {
            tags::FRAME_HELLO => Ok(Self::Hello(strict(body)?)),
            tags::FRAME_RECORDS => Ok(Self::Records(strict(body)?)),
            tags::FRAME_ANNOUNCE => Ok(Self::Announce(list(body, ANNOUNCE_MAX)?)),
            tags::FRAME_WANT => Ok(Self::Want(list(body, WANT_MAX)?)),
            tags::FRAME_WALK_ASK => {
                let ask: Ask = strict(body)?;
                if ask.nodes.len() > WALK_MAX { Err(FrameError::TooLarge) } else { Ok(Self::Ask(ask)) }
            }
            tags::FRAME_WALK_TELL => {
                let tell: Tell = strict(body)?;
                if tell.nodes.len() > WALK_MAX { Err(FrameError::TooLarge) } else { Ok(Self::Tell(tell)) }
            }
            tags::FRAME_REDIRECT => Ok(Self::Redirect(list(body, ANNOUNCE_MAX)?)),
            tags::FRAME_CLOCK => Ok(Self::Clock(strict(body)?)),
            tags::FRAME_CLOCK_ASK => {
                let () = strict(body)?;
                Ok(Self::ClockAsk)
            }
            tags::FRAME_HOLDS => Ok(Self::Holds(strict(body)?)),
            tags::FRAME_REVOCATIONS => Ok(Self::Revocations(strict(body)?)),
            _ => Err(FrameError::Unknown),
        }
    }

    /// A snapshot of our own: a revocation list if there is one, then records, of any length.
    pub(crate) fn decode_saved(bytes: &'a [u8]) -> Result<Saved<'a>, FrameError> {
        let (list, records) = match bytes.split_first() {
            Some((&tags::FRAME_REVOCATIONS, body)) => {
                let (list, rest) = postcard::take_from_bytes(body).map_err(|_| FrameError::Malformed)?;
                (Some(list), rest)
            }
            _ => (None, bytes),
        };
        match records.split_first() {
            Some((&tags::FRAME_RECORDS, body)) => Ok((list, strict(body)?)),
            Some(_) | None => Err(FrameError::Malformed),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => framed(tags::FRAME_HELLO, hello),
            Self::Records(bundles) => framed(tags::FRAME_RECORDS, bundles),
            Self::Announce(summaries) => framed(tags::FRAME_ANNOUNCE, summaries),
            Self::Want(wants) => framed(tags::FRAME_WANT, wants),
            Self::Ask(ask) => framed(tags::FRAME_WALK_ASK, ask),
            Self::Tell(tell) => framed(tags::FRAME_WALK_TELL, tell),
            Self::Redirect(summaries) => framed(tags::FRAME_REDIRECT, summaries),
            Self::Clock(wall) => framed(tags::FRAME_CLOCK, wall),
            Self::ClockAsk => framed(tags::FRAME_CLOCK_ASK, &()),
            Self::Holds(held) => framed(tags::FRAME_HOLDS, held),
            Self::Revocations(list) => framed(tags::FRAME_REVOCATIONS, list),
        }
    }
}

fn strict<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, FrameError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(FrameError::Malformed),
    }
}

fn list<'a, T: Deserialize<'a>>(body: &'a [u8], max: usize) -> Result<Vec<T>, FrameError> {
    let items: Vec<T> = strict(body)?;
    if items.len() > max { Err(FrameError::TooLarge) } else { Ok(items) }
}

fn framed<T: Serialize>(tag: u8, body: &T) -> Vec<u8> {
    // Serialising plain data into a growing buffer has no way to fail.
    postcard::to_extend(body, alloc::vec![tag]).expect("no serializer here fails")
}

/// Ping or pong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) pong: bool,
    /// Copied from ping to pong.
    pub(crate) token: u64,
    /// The sender's view.
    pub(crate) digest: ShortHash,
    /// Share of the sender's own pings that escalated in the last 60 s, in 1/250; 255 if it cannot say (R8).
    pub(crate) strain: u8,
}

/// Tag, token, digest, strain.
const DATAGRAM_LEN: usize = 1 + 8 + 16 + 1;

impl Datagram {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > DATAGRAM_MAX {
            return Err(FrameError::TooLarge);
        }
        let pong = match bytes.first() {
            Some(&tags::DATAGRAM_PING) => false,
            Some(&tags::DATAGRAM_PONG) => true,
            Some(_) => return Err(FrameError::Unknown),
            None => return Err(FrameError::Malformed),
        };
        // Later minor versions may append fields: what is beyond ours is theirs.
        let mut reader = crate::read::Reader::new(&bytes[1..]);
        let read = (|| Some((reader.u64()?, reader.array()?, reader.u8()?)))();
        let (token, digest, strain) = read.ok_or(FrameError::Malformed)?;
        Ok(Self { pong, token, digest: ShortHash(digest), strain })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(DATAGRAM_LEN);
        out.push(if self.pong { tags::DATAGRAM_PONG } else { tags::DATAGRAM_PING });
        out.extend(self.token.to_be_bytes());
        out.extend(self.digest.0);
        out.push(self.strain);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_decode_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Frame::decode(&bytes);
            let _ = Datagram::decode(&bytes);
        }

        #[test]
        fn frames_round_trip(token in any::<u64>(), digest in any::<[u8; 16]>(), id in any::<[u8; 32]>(), pong in any::<bool>()) {
            let datagram = Datagram { pong, token, digest: ShortHash(digest), strain: 7 };
            prop_assert_eq!(Datagram::decode(&datagram.encode()), Ok(datagram));
            let bundle = Bundle { id: MemberId(id), certificate: None, note: Some(&digest), accusations: alloc::vec![&id] };
            let frame = Frame::Records(alloc::vec![bundle]);
            let bytes = frame.encode();
            prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
        }
    }

    #[test]
    fn trailing_bytes_and_long_lists_are_refused() {
        let mut bytes = Frame::Clock(5).encode();
        bytes.push(0);
        assert_eq!(Frame::decode(&bytes), Err(FrameError::Malformed));
        let summary = Summary { id: [1; 8], leaf: [2; 8] };
        let bytes = Frame::Announce(alloc::vec![summary; ANNOUNCE_MAX + 1]).encode();
        assert_eq!(Frame::decode(&bytes), Err(FrameError::TooLarge));
        assert_eq!(Frame::decode(&[250]), Err(FrameError::Unknown));
    }
}
