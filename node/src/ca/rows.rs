//! What the database's rows hold: JSON, so that an older program's rows can be read by a newer one.

use super::CaError;
use data_encoding::BASE64;
use ifrit_core::{id::MemberId, time::Wall};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(super) trait Row: Serialize + DeserializeOwned {
    const NAME: &'static str;

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers")
    }

    fn decode(bytes: &[u8]) -> Result<Self, CaError> {
        serde_json::from_slice(bytes).map_err(|_| CaError::Damaged(Self::NAME))
    }
}

/// An invite, under the hash of its secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredInvite {
    pub(super) uses: u32,
    pub(super) left: u32,
    pub(super) expires_ms: u64,
    pub(super) created_ms: u64,
    /// The operator took it back.
    #[serde(default)]
    pub(super) withdrawn: bool,
}

impl Row for StoredInvite {
    const NAME: &'static str = "invites";
}

/// A certificate that was issued.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Issued {
    id: String,
    pub(super) at_ms: u64,
    /// The invite's name; none for what the operator issued.
    pub(super) invite: Option<String>,
    der: String,
}

impl Row for Issued {
    const NAME: &'static str = "issued";
}

impl Issued {
    pub(super) fn new(id: MemberId, at: Wall, invite: Option<String>, der: &[u8]) -> Self {
        Self { id: id.to_string(), at_ms: at.0, invite, der: BASE64.encode(der) }
    }

    pub(super) fn id(&self) -> Result<MemberId, CaError> {
        self.id.parse().map_err(|_| CaError::Damaged(Self::NAME))
    }

    pub(super) fn der(&self) -> Result<Vec<u8>, CaError> {
        BASE64.decode(self.der.as_bytes()).map_err(|_| CaError::Damaged(Self::NAME))
    }
}

/// A member that was revoked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Revoked {
    pub(super) at_ms: u64,
    /// When the last of its certificates ends.
    pub(super) until_ms: u64,
    pub(super) reason: String,
}

impl Row for Revoked {
    const NAME: &'static str = "revoked";
}

pub(super) fn audit(at: Wall, what: &str, detail: &str, from: &str) -> Vec<u8> {
    serde_json::json!({ "at_ms": at.0, "what": what, "detail": detail, "from": from })
        .to_string()
        .into_bytes()
}
