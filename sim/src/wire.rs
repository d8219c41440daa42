//! The core's frames, written and read a second time: liars need them, and a change of the format shows.

use ifrit_core::{
    accusation::Accusation,
    id::MemberId,
    note::Note,
    params::NetworkParams,
    revocation::Revocations,
    tags::{
        FRAME_ANNOUNCE, FRAME_CLOCK, FRAME_HELLO, FRAME_HOLDS, FRAME_PACKED, FRAME_RECORDS, FRAME_REDIRECT,
        FRAME_REVOCATIONS, FRAME_WANT,
    },
};
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
    framed(FRAME_RECORDS, &bundles)
}

/// The records in a frame; `None` if it is another frame.
pub fn read_records(frame: &[u8]) -> Option<Vec<Bundle>> {
    match frame.split_first()? {
        (&FRAME_RECORDS, body) => postcard::from_bytes(body).ok(),
        (&FRAME_PACKED, body) => read_records(&unpack(body.get(2..)?)?),
        _ => None,
    }
}

/// The members, briefly, of which a frame says what its sender holds; `None` if it is another frame.
pub fn read_announced(frame: &[u8]) -> Option<Vec<[u8; 8]>> {
    match frame.split_first()? {
        (&(FRAME_ANNOUNCE | FRAME_REDIRECT), body) => {
            let summaries: Vec<([u8; 8], [u8; 8])> = postcard::from_bytes(body).ok()?;
            Some(summaries.into_iter().map(|(id, _)| id).collect())
        }
        (&FRAME_PACKED, body) => read_announced(&unpack(body.get(2..)?)?),
        _ => None,
    }
}

/// The members, briefly, whose records a frame asks for; `None` if it is another frame.
pub fn read_wanted(frame: &[u8]) -> Option<Vec<[u8; 8]>> {
    type Want = ([u8; 8], u64, [u8; 8], bool, Option<Vec<[u8; 4]>>);
    match frame.split_first()? {
        (&FRAME_WANT, body) => {
            let wants: Vec<Want> = postcard::from_bytes(body).ok()?;
            Some(wants.into_iter().map(|want| want.0).collect())
        }
        (&FRAME_PACKED, body) => read_wanted(&unpack(body.get(2..)?)?),
        _ => None,
    }
}

/// One LZ4 block.
fn unpack(block: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = block.iter().copied();
    let mut out = Vec::new();
    while let Some(token) = bytes.next() {
        let literals = length(token >> 4, &mut bytes)?;
        out.extend(bytes.by_ref().take(literals));
        let Some(low) = bytes.next() else { break };
        let offset = usize::from(u16::from_le_bytes([low, bytes.next()?]));
        let start = out.len().checked_sub(offset)?;
        for at in start..start + length(token & 15, &mut bytes)? + 4 {
            out.push(*out.get(at)?);
        }
    }
    Some(out)
}

/// "I hold you out at this epoch" (0: I do not).
pub fn hello(out_at: u64) -> Vec<u8> {
    framed(FRAME_HELLO, &(0u16, 0u64, out_at))
}

/// "I hold the revocation list of this sequence and this hash, briefly."
pub fn holds(sequence: u64, hash: [u8; 8]) -> Vec<u8> {
    framed(FRAME_HOLDS, &(sequence, hash))
}

/// A revocation list.
pub fn revocations(list: &Revocations) -> Vec<u8> {
    framed(FRAME_REVOCATIONS, &list.signed().bytes())
}

/// The revocation list in a frame; `None` if it is another frame.
pub fn read_revocations(frame: &[u8], network: &NetworkParams) -> Option<Revocations> {
    let (&FRAME_REVOCATIONS, body) = frame.split_first()? else { return None };
    Revocations::parse(&postcard::from_bytes::<Vec<u8>>(body).ok()?, network).ok()
}

/// "Your note's time is wrong here; my wall clock says this", in ms.
pub fn clock(wall: u64) -> Vec<u8> {
    framed(FRAME_CLOCK, &wall)
}

/// "I have something newer of these", which `salt` makes up.
pub fn announce(ids: &[MemberId], salt: u8) -> Vec<u8> {
    framed(FRAME_ANNOUNCE, &summaries(ids, salt))
}

/// "Not me: ask these."
pub fn redirect(ids: &[MemberId], salt: u8) -> Vec<u8> {
    framed(FRAME_REDIRECT, &summaries(ids, salt))
}

fn summaries(ids: &[MemberId], salt: u8) -> Vec<([u8; 8], [u8; 8])> {
    ids.iter().map(|id| (brief(id), [salt; 8])).collect()
}

/// "Send me all that you have of these."
pub fn want(ids: &[MemberId]) -> Vec<u8> {
    // Brief id, epoch and note held, the certificate too, and all accusations.
    let want = |id: &MemberId| (brief(id), 0u64, [0u8; 8], true, Some(Vec::<[u8; 4]>::new()));
    framed(FRAME_WANT, &ids.iter().map(want).collect::<Vec<_>>())
}

fn brief(id: &MemberId) -> [u8; 8] {
    id.0[..8].try_into().expect("8 of 32")
}

fn framed<T: Serialize>(tag: u8, body: &T) -> Vec<u8> {
    postcard::to_extend(body, vec![tag]).expect("plain data always serialises")
}

/// A length of which a nibble is the first part.
fn length(nibble: u8, bytes: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let mut length = usize::from(nibble);
    let mut last = if nibble == 15 { 255 } else { 0 };
    while last == 255 {
        last = bytes.next()?;
        length += usize::from(last);
    }
    Some(length)
}
