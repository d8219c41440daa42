//! Records as bytes.

use super::digest::Short;
use crate::{
    config::{Config, Probation, Stored},
    crypto::{Signature, hash},
    event::Event,
    read::Reader,
    seed::Seed,
    tags::HASH_TRACE,
    time::Now,
};
use alloc::{borrow::Cow, vec::Vec};
use core::net::SocketAddr;
use serde::{Deserialize, Serialize};

const MAGIC: [u8; 8] = *b"ifrit tr";
/// A reader knows exactly one: the encoding of events and digests is part of it.
pub(super) const VERSION: u8 = 2;
/// Kind, length, checksum.
const PREFIX: usize = 1 + 4 + CHECKSUM;
const CHECKSUM: usize = 8;

const HEADER: u8 = 1;
const EVENT: u8 = 2;
const SIGNATURE: u8 = 3;
const CHECK: u8 = 4;
const GAP: u8 = 5;
const END: u8 = 6;

/// What a member was made from, but for its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header<'a> {
    pub(super) version: &'a str,
    /// The root's bundle.
    #[serde(borrow)]
    pub(super) root: Cow<'a, [u8]>,
    pub(super) addrs: Vec<SocketAddr>,
    pub(super) tags: &'a [u8],
    pub(super) seeds: u16,
    pub(super) probation: Probation,
    pub(super) certificate: &'a [u8],
    pub(super) epoch_ceiling: u64,
    pub(super) records: &'a [u8],
    pub(super) seed: Seed,
    pub(super) now: Now,
}

impl<'a> Header<'a> {
    pub(super) fn of(
        config: &'a Config,
        certificate: &'a [u8],
        stored: &'a Stored,
        seed: Seed,
        now: Now,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            root: Cow::Owned(config.root.bundle()),
            addrs: config.addrs.clone(),
            tags: &config.tags,
            seeds: config.seeds,
            probation: config.probation,
            certificate,
            epoch_ceiling: stored.epoch_ceiling,
            records: &stored.records,
            seed,
            now,
        }
    }
}

/// What follows the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Event(Now, Event<'a>),
    Signature(Signature),
    Check { drained: u32, digest: Short },
    Gap,
    End,
}

/// The beginning of a trace.
pub(super) fn begin(header: &Header<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.push(VERSION);
    framed(HEADER, &mut out, |out| posted(header, out));
    out
}

/// Appends one record.
pub(super) fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    match record {
        Record::Event(now, event) => framed(EVENT, out, |out| posted(&(now, event), out)),
        Record::Signature(signature) => framed(SIGNATURE, out, |out| out.extend(signature.0)),
        Record::Check { drained, digest } => framed(CHECK, out, |out| {
            out.extend(drained.to_be_bytes());
            out.extend(digest);
        }),
        Record::Gap => framed(GAP, out, |_| {}),
        Record::End => framed(END, out, |_| {}),
    }
}

fn framed(kind: u8, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.resize(start + PREFIX, 0);
    payload(out);
    // The longest is a header, with the stored view: far below 4 GiB.
    let len = ((out.len() - start - PREFIX) as u32).to_be_bytes();
    let sum = checksum(kind, len, &out[start + PREFIX..]);
    out[start] = kind;
    out[start + 1..start + 5].copy_from_slice(&len);
    out[start + 5..start + PREFIX].copy_from_slice(&sum);
}

fn posted(value: &impl Serialize, out: &mut Vec<u8>) {
    let bytes = postcard::to_allocvec(value)
        .expect("only memory could run out, and no map or set of unknown length is in it");
    out.extend_from_slice(&bytes);
}

fn checksum(kind: u8, len: [u8; 4], payload: &[u8]) -> [u8; CHECKSUM] {
    let whole = hash(HASH_TRACE, &[&[kind], &len, payload]);
    let mut short = [0; CHECKSUM];
    short.copy_from_slice(&whole[..CHECKSUM]);
    short
}

/// Why there is no further record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The trace ends in the midst of one.
    Half,
    /// Its checksum is wrong, or it makes no sense.
    Damaged,
}

/// Reads a trace from its begin.
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
    /// Of the record read last; the header is number 0.
    pub(super) number: u64,
}

/// Why bytes are no trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTrace {
    Magic,
    Version(u8),
    Header(Stop),
}

impl<'a> Records<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<(Header<'a>, Self), NoTrace> {
        let Some((start, rest)) = bytes.split_at_checked(MAGIC.len() + 1) else {
            return Err(if MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]) {
                NoTrace::Header(Stop::Half)
            } else {
                NoTrace::Magic
            });
        };
        match start {
            [magic @ .., _] if *magic != MAGIC => return Err(NoTrace::Magic),
            [.., version] if *version != VERSION => return Err(NoTrace::Version(*version)),
            _ => {}
        }
        let mut records = Self { rest, number: 0 };
        let payload = match records.payload().map_err(NoTrace::Header)? {
            Some((HEADER, payload)) => payload,
            Some(_) => return Err(NoTrace::Header(Stop::Damaged)),
            None => return Err(NoTrace::Header(Stop::Half)),
        };
        let header = read(payload).ok_or(NoTrace::Header(Stop::Damaged))?;
        Ok((header, records))
    }

    /// The next record; `None` if the trace ends behind the last one.
    pub(super) fn next(&mut self) -> Result<Option<Record<'a>>, Stop> {
        self.number += 1;
        let Some((kind, payload)) = self.payload()? else { return Ok(None) };
        parse(kind, payload).map(Some).ok_or(Stop::Damaged)
    }

    fn payload(&mut self) -> Result<Option<(u8, &'a [u8])>, Stop> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut reader = Reader::new(self.rest);
        let prefix = (|| Some((reader.u8()?, reader.array::<4>()?, reader.array::<CHECKSUM>()?)))();
        let (kind, len, sum) = prefix.ok_or(Stop::Half)?;
        let payload = reader.take(u32::from_be_bytes(len) as usize).ok_or(Stop::Half)?;
        if checksum(kind, len, payload) != sum {
            return Err(Stop::Damaged);
        }
        self.rest = &self.rest[PREFIX + payload.len()..];
        Ok(Some((kind, payload)))
    }
}

fn parse(kind: u8, payload: &[u8]) -> Option<Record<'_>> {
    let mut reader = Reader::new(payload);
    let record = match kind {
        EVENT => {
            let (now, event) = read(payload)?;
            return Some(Record::Event(now, event));
        }
        SIGNATURE => Record::Signature(Signature(reader.array()?)),
        CHECK => Record::Check { drained: u32::from_be_bytes(reader.array()?), digest: reader.array()? },
        GAP => Record::Gap,
        END => Record::End,
        _ => return None,
    };
    reader.end()?;
    Some(record)
}

/// All of `payload` as a `T`.
fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(payload).ok()?;
    rest.is_empty().then_some(value)
}
