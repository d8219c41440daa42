//! What newcomer and CA say to each other: JSON bodies over HTTPS.

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::net::SocketAddr;

/// `POST` it here to enrol.
pub(crate) const ENROL_PATH: &str = "/v1/enrol";
/// `POST` it here to renew.
pub(crate) const RENEW_PATH: &str = "/v1/renew";

/// `GET` the last revocation list here.
pub(crate) const REVOCATIONS_PATH: &str = "/v1/revocations";

/// The CA's last revocation list, as it was signed; none while nobody was ever revoked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Revoked {
    pub(crate) list: Option<Bytes>,
}

/// A newcomer's request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enrol {
    /// The invite's secret, base32.
    pub(crate) secret: String,
    pub(crate) csr: Bytes,
    /// Where others will reach the newcomer.
    #[serde(default)]
    pub(crate) addr: Option<SocketAddr>,
}

/// A member's request for a later certificate.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Renew {
    pub(crate) certificate: Bytes,
    pub(crate) csr: Bytes,
}

/// The CA's yes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Granted {
    pub(crate) certificate: Bytes,
    /// The root's bundle.
    pub(crate) root: Bytes,
    pub(crate) contacts: Vec<SocketAddr>,
    /// The CA's clock.
    pub(crate) now_ms: u64,
}

/// The CA's no.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    pub(crate) error: Code,
    pub(crate) message: String,
}

/// Why, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    UnknownInvite,
    ExpiredInvite,
    UsedUpInvite,
    WithdrawnInvite,
    BadCsr,
    NotRenewable,
    Revoked,
    Malformed,
    TooLarge,
    TooMany,
    NotFound,
    Unavailable,
    /// Of a later CA.
    #[serde(other)]
    Other,
}

/// Bytes as base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(|_| D::Error::custom("not base64"))
    }
}
