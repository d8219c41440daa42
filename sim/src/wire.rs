//! The core's frames of records, written and read a second time: liars need them, and a change of the format shows.

use ifrit_core::{accusation::Accusation, id::MemberId, note::Note, tags::FRAME_RECORDS};
use serde::{Deserialize, Serialize};

/// Records about one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// About whom.
    pub id: MemberId,
    /// Its certificate, DER.
    pub certificate: Option<Vec<u8>>,
    /// Its note: body and signature.
    pub note: Option<Vec<u8>>,
    /// Accusations of it: bodies and signatures.
    pub accusations: Vec<Vec<u8>>,
}

impl Bundle {
    /// Nothing about `id` yet.
    pub fn of(id: MemberId) -> Self {
        Self { id, certificate: None, note: None, accusations: Vec::new() }
    }

    /// With this note.
    pub fn note(mut self, note: &Note) -> Self {
        self.note = Some(note.signed().bytes().to_vec());
        self
    }

    /// With this certificate.
    pub fn certificate(mut self, der: &[u8]) -> Self {
        self.certificate = Some(der.to_vec());
        self
    }

    /// With this accusation too.
    pub fn accusation(mut self, accusation: &Accusation) -> Self {
        self.accusations.push(accusation.signed().bytes().to_vec());
        self
    }
}

/// A frame of these records.
pub fn records(bundles: &[Bundle]) -> Vec<u8> {
    postcard::to_extend(bundles, vec![FRAME_RECORDS]).expect("plain data always serialises")
}

/// The records in a frame; `None` if it is another frame.
pub fn read_records(frame: &[u8]) -> Option<Vec<Bundle>> {
    match frame.split_first()? {
        (&FRAME_RECORDS, body) => postcard::from_bytes(body).ok(),
        _ => None,
    }
}
