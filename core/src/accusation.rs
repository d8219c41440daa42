//! One member's signed word that another does not answer (DESIGN section 4, "Accusation").
//!
//! Body: version `u8`, domain `u8`, network `[8]`, accused `[32]`, epoch `u64`, ring `u8`, accuser `[32]`.

use crate::{
    crypto::{Hash, Signed, Signer},
    id::MemberId,
    params::NetworkParams,
    read::Reader,
    tags::{BODY_ACCUSATION, BODY_VERSION},
    wire::{Bundle, Frame},
};
use alloc::vec::Vec;

/// The fields of an accusation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Who does not answer.
    pub accused: MemberId,
    /// The epoch of the accused's note that it speaks about.
    pub epoch: u64,
    /// On which ring the accuser precedes the accused.
    pub ring: u8,
    /// Who says so, and signs.
    pub accuser: MemberId,
}

impl Fields {
    /// The signed body.
    pub fn body(&self, network: &NetworkParams) -> Vec<u8> {
        let mut out = Vec::with_capacity(83);
        out.extend([BODY_VERSION, BODY_ACCUSATION]);
        out.extend(network.id.prefix());
        out.extend(self.accused.0);
        out.extend(self.epoch.to_be_bytes());
        out.push(self.ring);
        out.extend(self.accuser.0);
        out
    }

    /// Signs these fields.
    pub fn sign(self, network: &NetworkParams, signer: &mut dyn Signer) -> Accusation {
        let signed = Signed::sign(&self.body(network), signer);
        Accusation { hash: signed.hash(), fields: self, signed }
    }
}

/// An accusation that is well-formed for its network. Whether its signature holds is not said by the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accusation {
    fields: Fields,
    signed: Signed,
    hash: Hash,
}

/// Why bytes are not an accusation of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccusationError {
    /// Of a higher version: a refusal, not misbehaviour.
    #[error("an accusation of a newer version")]
    NewerVersion,
    /// Of another network.
    #[error("an accusation of another network")]
    OtherNetwork,
    /// Malformed: misbehaviour.
    #[error("a malformed accusation")]
    Malformed,
}

impl Accusation {
    /// Parses `body ‖ signature`. Checks the form, not the signature.
    pub fn parse(bytes: &[u8], network: &NetworkParams) -> Result<Self, AccusationError> {
        let signed = Signed::from_bytes(bytes).ok_or(AccusationError::Malformed)?;
        match signed.body() {
            [version, BODY_ACCUSATION, ..] if *version > BODY_VERSION => {
                return Err(AccusationError::NewerVersion);
            }
            [BODY_VERSION, BODY_ACCUSATION, rest @ ..] if !rest.starts_with(&network.id.prefix()) => {
                return Err(AccusationError::OtherNetwork);
            }
            [BODY_VERSION, BODY_ACCUSATION, ..] => {}
            _ => return Err(AccusationError::Malformed),
        }
        let fields = parse_fields(signed.body()).ok_or(AccusationError::Malformed)?;
        if fields.ring >= network.rings || fields.accused == fields.accuser {
            return Err(AccusationError::Malformed);
        }
        Ok(Self { hash: signed.hash(), fields, signed })
    }

    /// The hash of the body: the accusation's identity.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// A frame that brings nothing but this accusation, as peers send it to each other. Whoever gets it judges it by R1
    /// to R3 whatever the sender meant: for demonstrations and for tests of liars.
    pub fn frame(&self) -> Vec<u8> {
        let accusations = alloc::vec![self.signed.bytes()];
        Frame::Records(alloc::vec![Bundle { id: self.accused, certificate: None, note: None, accusations }])
            .encode()
    }

    /// The bytes as they travel.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

impl core::ops::Deref for Accusation {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
    }
}

fn parse_fields(body: &[u8]) -> Option<Fields> {
    let mut reader = Reader::new(body);
    reader.take(2 + 8)?;
    let fields = Fields {
        accused: MemberId(reader.array()?),
        epoch: reader.u64()?,
        ring: reader.u8()?,
        accuser: MemberId(reader.array()?),
    };
    reader.end()?;
    Some(fields)
}
