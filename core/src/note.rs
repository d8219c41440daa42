//! What a member says about itself, signed (DESIGN section 4, "Note").
//!
//! Body: version `u8`, domain `u8`, network `[8]`, id `[32]`, epoch `u64`, issued `u64` (ms), flags `u8`, mask `[⌈k/8⌉]`,
//! address count `u8`, addresses (`4`, 4 bytes, port `u16` | `6`, 16 bytes, port `u16`), tag length `u16`, tags.
//! Integers are big-endian. k is the network's: the body has one meaning in one network.

use crate::{
    crypto::{Hash, Signed, Signer},
    id::MemberId,
    limits::{ADDRS_MAX, TAGS_MAX},
    mask::Mask,
    params::NetworkParams,
    read::Reader,
    tags::{BODY_NOTE, BODY_VERSION},
    time::Wall,
};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const FLAG_LEAVING: u8 = 1;
const FLAG_GRAY: u8 = 2;
const FLAG_ANSWERS: u8 = 4;

/// The fields of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Whose note it is.
    pub id: MemberId,
    /// Rises with every note; never used twice (R15).
    pub epoch: u64,
    /// When it was issued, by the owner's wall clock (R9).
    pub issued: Wall,
    /// The owner leaves: out of all views at once.
    pub leaving: bool,
    /// The owner says that it is gray: out of the live views, still gossiped with (R8).
    pub gray: bool,
    /// A rebuttal: it is pushed whole (R7).
    pub answers: bool,
    /// On which rings the owner may be accused.
    pub mask: Mask,
    /// Where it can be reached; at most [`ADDRS_MAX`].
    pub addrs: Vec<SocketAddr>,
    /// The application's bytes; at most [`TAGS_MAX`].
    pub tags: Vec<u8>,
}

impl Fields {
    /// The signed body.
    pub fn body(&self, network: &NetworkParams) -> Vec<u8> {
        let mut out = Vec::with_capacity(96 + self.tags.len());
        out.extend([BODY_VERSION, BODY_NOTE]);
        out.extend(network.id.prefix());
        out.extend(self.id.0);
        out.extend(self.epoch.to_be_bytes());
        out.extend(self.issued.0.to_be_bytes());
        out.push(self.flags());
        self.mask.write(network.rings, &mut out);
        out.push(self.addrs.len() as u8);
        self.addrs.iter().for_each(|addr| write_addr(addr, &mut out));
        out.extend((self.tags.len() as u16).to_be_bytes());
        out.extend_from_slice(&self.tags);
        out
    }

    /// Signs these fields.
    pub fn sign(self, network: &NetworkParams, signer: &mut dyn Signer) -> Note {
        let signed = Signed::sign(&self.body(network), signer);
        Note::new(network, signed)
    }

    fn flags(&self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        flag(self.leaving, FLAG_LEAVING) | flag(self.gray, FLAG_GRAY) | flag(self.answers, FLAG_ANSWERS)
    }
}

fn write_addr(addr: &SocketAddr, out: &mut Vec<u8>) {
    match addr.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(6);
            out.extend(ip.octets());
        }
    }
    out.extend(addr.port().to_be_bytes());
}

fn read_addr(reader: &mut Reader<'_>) -> Option<SocketAddr> {
    let ip = match reader.u8()? {
        4 => IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)),
        6 => IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, reader.u16()?))
}

/// A note that is well-formed for its network. Whether its signature holds is not said by the type.
///
/// It is its bytes: a view holds one per member, so only what is asked for often is kept beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    signed: Signed,
    hash: Hash,
    /// Bytes of the ring mask, which tell where the addresses begin.
    mask_len: u8,
}

/// Where the fixed fields of a body begin.
const ID_AT: usize = 2 + 8;
const EPOCH_AT: usize = ID_AT + 32;
const ISSUED_AT: usize = EPOCH_AT + 8;
const FLAGS_AT: usize = ISSUED_AT + 8;
const MASK_AT: usize = FLAGS_AT + 1;

/// Why bytes are not a note of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Of a higher version: a refusal, not misbehaviour.
    #[error("a note of a newer version")]
    NewerVersion,
    /// Of another network.
    #[error("a note of another network")]
    OtherNetwork,
    /// Malformed: misbehaviour.
    #[error("a malformed note")]
    Malformed,
    /// Bits from k on are set or more than t rings are disabled: misbehaviour once its signature holds.
    #[error("an illegal ring mask")]
    IllegalMask,
}

impl Note {
    /// Parses `body ‖ signature`. Checks the form and the mask, not the signature and nothing that depends on time.
    pub fn parse(bytes: &[u8], network: &NetworkParams) -> Result<Self, NoteError> {
        let signed = Signed::from_bytes(bytes).ok_or(NoteError::Malformed)?;
        match signed.body() {
            [version, BODY_NOTE, ..] if *version > BODY_VERSION => return Err(NoteError::NewerVersion),
            [BODY_VERSION, BODY_NOTE, rest @ ..] if !rest.starts_with(&network.id.prefix()) => {
                return Err(NoteError::OtherNetwork);
            }
            [BODY_VERSION, BODY_NOTE, ..] => {}
            _ => return Err(NoteError::Malformed),
        }
        let fields = parse_fields(signed.body(), network).ok_or(NoteError::Malformed)?;
        if !fields.mask.is_legal(network.rings) {
            return Err(NoteError::IllegalMask);
        }
        Ok(Self::new(network, signed))
    }

    fn new(network: &NetworkParams, signed: Signed) -> Self {
        Self { hash: signed.hash(), mask_len: network.rings.div_ceil(8), signed }
    }

    /// Whose note it is.
    pub fn id(&self) -> MemberId {
        let mut id = [0; 32];
        id.copy_from_slice(&self.signed.body()[ID_AT..ID_AT + 32]);
        MemberId(id)
    }

    /// Its epoch.
    pub fn epoch(&self) -> u64 {
        self.number(EPOCH_AT)
    }

    /// When it was issued, by the owner's wall clock.
    pub fn issued(&self) -> Wall {
        Wall(self.number(ISSUED_AT))
    }

    /// The owner leaves.
    pub fn leaving(&self) -> bool {
        self.flags() & FLAG_LEAVING != 0
    }

    /// The owner says that it is gray (R8).
    pub fn gray(&self) -> bool {
        self.flags() & FLAG_GRAY != 0
    }

    /// A rebuttal.
    pub fn answers(&self) -> bool {
        self.flags() & FLAG_ANSWERS != 0
    }

    fn flags(&self) -> u8 {
        self.signed.body()[FLAGS_AT]
    }

    fn number(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.signed.body()[at..at + 8]);
        u64::from_be_bytes(bytes)
    }

    /// On which rings the owner may be accused.
    pub fn mask(&self) -> Mask {
        Mask::read(&self.signed.body()[MASK_AT..][..usize::from(self.mask_len)])
    }

    /// Where the owner can be reached.
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.tail().map(|(addrs, _)| addrs).unwrap_or_default()
    }

    /// The application's bytes.
    pub fn tags(&self) -> &[u8] {
        self.tail().map_or(&[], |(_, tags)| tags)
    }

    /// Addresses and tags; `Some`, because the body was parsed.
    fn tail(&self) -> Option<(Vec<SocketAddr>, &[u8])> {
        read_tail(&mut Reader::new(&self.signed.body()[MASK_AT + usize::from(self.mask_len)..]))
    }

    /// The hash of the body: the note's identity.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The bytes as they travel.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

fn parse_fields(body: &[u8], network: &NetworkParams) -> Option<Fields> {
    let mut reader = Reader::new(body);
    reader.take(2 + 8)?;
    let id = MemberId(reader.array()?);
    let epoch = reader.u64()?;
    let issued = Wall(reader.u64()?);
    let flags = reader.u8()?;
    if flags & !(FLAG_LEAVING | FLAG_GRAY | FLAG_ANSWERS) != 0 {
        return None;
    }
    let mask = Mask::read(reader.take(usize::from(network.rings).div_ceil(8))?);
    let (addrs, tags) = read_tail(&mut reader)?;
    reader.end()?;
    let set = |bit: u8| flags & bit != 0;
    Some(Fields {
        id,
        epoch,
        issued,
        leaving: set(FLAG_LEAVING),
        gray: set(FLAG_GRAY),
        answers: set(FLAG_ANSWERS),
        mask,
        addrs,
        tags: tags.to_vec(),
    })
}

fn read_tail<'a>(reader: &mut Reader<'a>) -> Option<(Vec<SocketAddr>, &'a [u8])> {
    let count = usize::from(reader.u8()?);
    if count > ADDRS_MAX {
        return None;
    }
    let mut addrs = Vec::with_capacity(count);
    for _ in 0..count {
        addrs.push(read_addr(reader)?);
    }
    let len = usize::from(reader.u16()?);
    if len > TAGS_MAX {
        return None;
    }
    Some((addrs, reader.take(len)?))
}
