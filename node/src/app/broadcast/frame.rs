//! What goes over a relay stream. Who opened it tells and gives; the other half asks.
//!
//! A frame: tag `u8`, length `u32`, content. Unknown tags are skipped: they are a later version's.

use ifrit_core::{
    broadcast::{Message, RunId},
    id::MemberId,
};

const TAG_RANGE: u8 = 1;
const TAG_BODY: u8 = 2;
const TAG_PULL: u8 = 3;
const TAG_AGAIN: u8 = 4;

const HEAD: usize = 5;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// "Of this run I have these": `first..next`, all delivered here. Also says what is no longer here.
    Range { of: RunId, first: u64, next: u64, tip: Tip },
    /// One broadcast, as it was signed.
    Body(Vec<u8>),
    /// "Give me so many of this run from there on."
    Pull { of: RunId, from: u64, count: u32 },
    /// "Tell me all your ranges again": there was no room for some of them.
    Again,
}

/// The first bytes of the hash of the last broadcast of a range; zeros for an empty one. Two tips for one number are a
/// sign of two bodies.
pub(crate) type Tip = [u8; 8];

/// The bytes are no frame, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Frame {
    /// Bytes of a range.
    pub(crate) const RANGE_BYTES: usize = HEAD + 32 + 3 * 8 + size_of::<Tip>();

    /// As it travels.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Range { of, first, next, tip } => {
                let numbers = [of.run, *first, *next].map(u64::to_be_bytes).concat();
                join(TAG_RANGE, &[&of.author.0, &numbers, tip])
            }
            Self::Body(bytes) => join(TAG_BODY, &[bytes]),
            Self::Pull { of, from, count } => {
                let numbers = [of.run, *from].map(u64::to_be_bytes).concat();
                join(TAG_PULL, &[&of.author.0, &numbers, &count.to_be_bytes()])
            }
            Self::Again => join(TAG_AGAIN, &[]),
        }
    }

    /// `None` for an unknown tag.
    fn parse(tag: u8, content: &[u8]) -> Result<Option<Self>, Malformed> {
        let parsed = match tag {
            TAG_RANGE => parse_range(content),
            TAG_BODY => Some(Self::Body(content.to_vec())),
            TAG_PULL => parse_pull(content),
            TAG_AGAIN => content.is_empty().then_some(Self::Again),
            _ => return Ok(None),
        };
        parsed.map(Some).ok_or(Malformed)
    }
}

/// What has come of a stream and is not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Inlet {
    bytes: Vec<u8>,
    /// How many of them are taken.
    taken: usize,
}

impl Inlet {
    /// Where more is appended.
    pub(crate) fn fill(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        &mut self.bytes
    }

    /// The next frame; `None` while it is not whole. No more than the largest body is ever waited for.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        loop {
            let waiting = &self.bytes[self.taken..];
            let Some((head, rest)) = waiting.split_first_chunk::<HEAD>() else { return Ok(None) };
            let [tag, len @ ..] = *head;
            let len = u32::from_be_bytes(len) as usize;
            if len > Message::MAX {
                return Err(Malformed);
            }
            let Some(content) = rest.get(..len) else { return Ok(None) };
            let frame = Frame::parse(tag, content)?;
            self.taken += HEAD + len;
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }
}

fn join(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(HEAD + len);
    out.push(tag);
    out.extend((len as u32).to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

fn parse_range(content: &[u8]) -> Option<Frame> {
    let (of, rest) = parse_run(content)?;
    let (first, rest) = rest.split_first_chunk()?;
    let (next, rest) = rest.split_first_chunk()?;
    let (first, next) = (u64::from_be_bytes(*first), u64::from_be_bytes(*next));
    (first <= next).then_some(Frame::Range { of, first, next, tip: rest.try_into().ok()? })
}

fn parse_pull(content: &[u8]) -> Option<Frame> {
    let (of, rest) = parse_run(content)?;
    let (from, rest) = rest.split_first_chunk()?;
    let count = u32::from_be_bytes(rest.try_into().ok()?);
    Some(Frame::Pull { of, from: u64::from_be_bytes(*from), count })
}

fn parse_run(content: &[u8]) -> Option<(RunId, &[u8])> {
    let (author, rest) = content.split_first_chunk()?;
    let (run, rest) = rest.split_first_chunk()?;
    Some((RunId { author: MemberId(*author), run: u64::from_be_bytes(*run) }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> Vec<Frame> {
        let of = RunId { author: MemberId([7; 32]), run: 9 };
        vec![
            Frame::Range { of, first: 3, next: 5, tip: [1; 8] },
            Frame::Body(vec![1, 2, 3]),
            Frame::Pull { of, from: 4, count: 32 },
            Frame::Again,
        ]
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let unknown = join(99, &[b"of a later version"]);
        let bytes: Vec<u8> =
            frames().iter().flat_map(|frame| [frame.encode(), unknown.clone()].concat()).collect();
        for step in [1, 7, bytes.len()] {
            let (mut inlet, mut out) = (Inlet::default(), Vec::new());
            for chunk in bytes.chunks(step) {
                inlet.fill().extend_from_slice(chunk);
                while let Some(frame) = inlet.next().expect("well-formed") {
                    out.push(frame);
                }
            }
            assert_eq!(out, frames());
            assert!(inlet.fill().is_empty());
        }
    }

    #[test]
    fn what_is_no_frame_is_seen_before_it_is_waited_for() {
        let too_long = [&[TAG_BODY][..], &(Message::MAX as u32 + 1).to_be_bytes()].concat();
        let of = RunId { author: MemberId([7; 32]), run: 9 };
        let backwards = Frame::Range { of, first: 5, next: 4, tip: [0; 8] }.encode();
        let mut short = Frame::Pull { of, from: 4, count: 32 }.encode();
        short[4] -= 1;
        for bytes in [too_long, backwards, short] {
            assert_eq!(Inlet { bytes, taken: 0 }.next(), Err(Malformed));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut inlet = Inlet { bytes, taken: 0 };
            while let Ok(Some(_)) = inlet.next() {}
        }
    }
}
