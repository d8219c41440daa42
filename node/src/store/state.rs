//! One state file and its previous generation.

use super::StoreError;
use crate::file;
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// First bytes of every state file.
const MAGIC: &[u8; 8] = b"ifrit st";
/// The checksum is the last [`CHECKSUM`] bytes in every version to come, so that damage is not taken for one.
const VERSION: u8 = 1;
/// Magic, version, kind, length of the payload.
const HEADER: usize = 8 + 1 + 1 + 8;
const CHECKSUM: usize = 32;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Epoch = 1,
    Records = 2,
    Contacts = 3,
    Ca = 4,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Records => "records",
            Self::Contacts => "contacts",
            Self::Ca => "ca",
        }
    }
}

#[derive(Debug)]
pub(super) struct StateFile {
    pub(super) path: PathBuf,
    previous: PathBuf,
    kind: Kind,
    /// Whether the current one is worth keeping as the previous one. A damaged one must not replace a good one.
    is_good: bool,
}

/// What reading found.
pub(super) enum Found {
    Nothing,
    Current(Vec<u8>),
    /// The previous generation's payload, and what is wrong with the current one.
    Previous(Vec<u8>, &'static str),
    Damaged(&'static str),
}

impl StateFile {
    pub(super) fn new(dir: &Path, kind: Kind) -> Self {
        let path = dir.join(kind.name());
        Self { previous: path.with_extension("old"), path, kind, is_good: false }
    }

    pub(super) fn read(&mut self) -> Result<Found, StoreError> {
        let current = self.read_one(&self.path)?;
        self.is_good = matches!(current, Some(Ok(_)));
        let why = match current {
            Some(Ok(payload)) => return Ok(Found::Current(payload)),
            Some(Err(why)) => Some(why),
            None => None,
        };
        Ok(match (self.read_one(&self.previous)?, why) {
            (Some(Ok(payload)), why) => Found::Previous(payload, why.unwrap_or("was being replaced")),
            (_, Some(why)) => Found::Damaged(why),
            (Some(Err(why)), None) => Found::Damaged(why),
            (None, None) => Found::Nothing,
        })
    }

    /// Replaces it; a good current one becomes the previous one first. Between the two renames only the previous one
    /// exists, which [`StateFile::read`] takes.
    pub(super) fn write(&mut self, payload: &[u8]) -> Result<(), StoreError> {
        let bytes = encode(self.kind, payload);
        let previous = std::mem::take(&mut self.is_good).then_some(&*self.previous);
        if let Err(error) = file::replace(&self.path, &bytes, previous) {
            self.is_good = previous.is_some() && self.path.exists();
            return Err(StoreError::io(&self.path)(error));
        }
        self.is_good = true;
        Ok(())
    }

    fn read_one(&self, path: &Path) -> Result<Option<Result<Vec<u8>, &'static str>>, StoreError> {
        match fs::read(path) {
            Ok(bytes) => match newer(&bytes) {
                Some(version) => Err(StoreError::Newer { path: path.into(), version: version.into() }),
                None => Ok(Some(decode(self.kind, bytes))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(path)(error)),
        }
    }
}

fn encode(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len() + CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[VERSION, kind as u8]);
    bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    bytes.extend_from_slice(payload);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The version of a whole file that a later Ifrit wrote.
fn newer(bytes: &[u8]) -> Option<u8> {
    let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    let version = *body.strip_prefix(MAGIC)?.first()?;
    (version > VERSION && Sha256::digest(body)[..] == *checksum).then_some(version)
}

fn decode(kind: Kind, mut bytes: Vec<u8>) -> Result<Vec<u8>, &'static str> {
    if bytes.len() < HEADER + CHECKSUM {
        return Err("is half-written");
    }
    if bytes[..8] != *MAGIC {
        return Err("is not an Ifrit state file");
    }
    if bytes[8] != VERSION {
        return Err("is damaged");
    }
    let body = bytes.len() - CHECKSUM;
    let len = u64::from_be_bytes(bytes[HEADER - 8..HEADER].try_into().expect("eight bytes"));
    if len > (body - HEADER) as u64 {
        return Err("is half-written");
    }
    if bytes[9] != kind as u8
        || len != (body - HEADER) as u64
        || Sha256::digest(&bytes[..body])[..] != bytes[body..]
    {
        return Err("is damaged");
    }
    bytes.truncate(body);
    bytes.drain(..HEADER);
    Ok(bytes)
}
