//! What a member tells everybody, signed: the form of one broadcast. How it gets to everybody is the node's affair.
//!
//! Body: version `u8`, domain `u8`, network `[8]`, author `[32]`, run `u64`, sequence `u64`, time `u64`, length `u32`,
//! bytes. Integers are big-endian.
//!
//! The time is when it was said, in ms since 1970 by the author's clock. A signature holds for as long as its key: without a
//! time, whoever has kept a broadcast can tell it as new years later, to members that have come or come back since.

use crate::{
    crypto::{Signature, Signed},
    id::MemberId,
    limits::BROADCAST_MAX,
    params::NetworkParams,
    read::Reader,
    tags::{BODY_BROADCAST, BODY_VERSION},
    time::Wall,
};
use alloc::vec::Vec;

/// One run of an author, from its start to its end: within it the author counts its broadcasts from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId {
    /// Who.
    pub author: MemberId,
    /// An epoch of that run's: it grows from run to run (R15).
    pub run: u64,
}

/// A broadcast that is well-formed for its network. Whether its signature holds is not said by the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    of: RunId,
    sequence: u64,
    at: Wall,
    signed: Signed,
}

/// Why bytes are not a broadcast of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Of a higher version: a refusal, not misbehaviour.
    #[error("a broadcast of a newer version")]
    NewerVersion,
    /// Of another network.
    #[error("a broadcast of another network")]
    OtherNetwork,
    /// Malformed: misbehaviour.
    #[error("a malformed broadcast")]
    Malformed,
}

/// Where the bytes begin.
const BYTES_AT: usize = 2 + 8 + 32 + 8 + 8 + 8 + 4;

impl Message {
    /// Bytes of one as it travels, at most.
    pub const MAX: usize = BYTES_AT + BROADCAST_MAX + Signed::SIGNATURE;

    /// Makes one of `bytes`, at most [`BROADCAST_MAX`], said at `at`. `sign` is given the body.
    pub fn new(
        network: &NetworkParams,
        of: RunId,
        sequence: u64,
        at: Wall,
        bytes: &[u8],
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        let mut out = Vec::with_capacity(BYTES_AT + bytes.len() + Signed::SIGNATURE);
        out.extend([BODY_VERSION, BODY_BROADCAST]);
        out.extend(network.id.prefix());
        out.extend(of.author.0);
        out.extend(of.run.to_be_bytes());
        out.extend(sequence.to_be_bytes());
        out.extend(at.0.to_be_bytes());
        out.extend((bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(bytes);
        let signature = sign(&out);
        out.extend(signature.0);
        let signed = Signed::from_bytes(&out).expect("longer than a signature");
        Self { of, sequence, at, signed }
    }

    /// Parses `body ‖ signature`. Checks the form, not the signature.
    pub fn parse(bytes: &[u8], network: &NetworkParams) -> Result<Self, MessageError> {
        if bytes.len() > Self::MAX {
            return Err(MessageError::Malformed);
        }
        let signed = Signed::from_bytes(bytes).ok_or(MessageError::Malformed)?;
        match signed.body() {
            [version, BODY_BROADCAST, ..] if *version > BODY_VERSION => {
                return Err(MessageError::NewerVersion);
            }
            [BODY_VERSION, BODY_BROADCAST, rest @ ..] if !rest.starts_with(&network.id.prefix()) => {
                return Err(MessageError::OtherNetwork);
            }
            [BODY_VERSION, BODY_BROADCAST, ..] => {}
            _ => return Err(MessageError::Malformed),
        }
        let (of, sequence, at) = parse_fields(&signed.body()[10..]).ok_or(MessageError::Malformed)?;
        Ok(Self { of, sequence, at, signed })
    }

    /// Whose, and of which of its runs.
    pub fn of(&self) -> RunId {
        self.of
    }

    /// Which of the run.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was said, by the author's clock.
    pub fn at(&self) -> Wall {
        self.at
    }

    /// What the author's application said.
    pub fn bytes(&self) -> &[u8] {
        &self.signed.body()[BYTES_AT..]
    }

    /// The bytes as they travel.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

/// The last number is never used: one beyond it could not be said.
fn parse_fields(rest: &[u8]) -> Option<(RunId, u64, Wall)> {
    let mut reader = Reader::new(rest);
    let of = RunId { author: MemberId(reader.array()?), run: reader.u64()? };
    let sequence = reader.u64().filter(|sequence| *sequence < u64::MAX)?;
    let at = Wall(reader.u64()?);
    let len = u32::from_be_bytes(reader.array()?) as usize;
    reader.take(len)?;
    reader.end()?;
    Some((of, sequence, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        accusation::Accusation,
        crypto::{P256Signer, P256Verifier, Signer},
        id::NetworkId,
        note::Note,
        params::Wish,
    };
    use alloc::vec;

    fn network(n: u8) -> NetworkParams {
        NetworkParams::new(NetworkId([n; 32]), &Wish::default()).expect("valid")
    }

    #[test]
    fn a_broadcast_is_one_byte_string_and_nothing_else_of_the_protocol() {
        let mut signer = P256Signer::from_scalar(&[7; 32]).expect("in range");
        let of = RunId { author: MemberId([1; 32]), run: 9 };
        for bytes in [vec![], vec![5], vec![5; BROADCAST_MAX]] {
            let message = Message::new(&network(1), of, 3, Wall(5), &bytes, |body| signer.sign(body));
            assert!(message.signed().verify(&P256Verifier, &signer.public_key()));
            assert_eq!((message.at(), message.bytes()), (Wall(5), &bytes[..]));
            let travels = message.signed().bytes();
            assert_eq!(Message::parse(travels, &network(1)), Ok(message.clone()));
            assert_eq!(Message::parse(travels, &network(2)), Err(MessageError::OtherNetwork));
            assert!(Note::parse(travels, &network(1)).is_err());
            assert!(Accusation::parse(travels, &network(1)).is_err());
            let longer = [travels, &[0][..]].concat();
            assert_eq!(Message::parse(&longer, &network(1)), Err(MessageError::Malformed));
            let shorter = &travels[1..];
            assert!(Message::parse(shorter, &network(1)).is_err());
            let mut newer = travels.to_vec();
            newer[0] += 1;
            assert_eq!(Message::parse(&newer, &network(1)), Err(MessageError::NewerVersion));
        }
        let last = Message::new(&network(1), of, u64::MAX, Wall(5), b"", |body| signer.sign(body));
        assert_eq!(Message::parse(last.signed().bytes(), &network(1)), Err(MessageError::Malformed));
    }
}
