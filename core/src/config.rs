//! What a member is made from.

use crate::{
    certificate::{Certificate, CertificateError, Root},
    crypto::{Signer, Verifier},
    id::MemberId,
    limits::{ADDRS_MAX, TAGS_MAX},
    revocation::Revocations,
    revoked::{is_former_s, root_by},
    time::{Now, Wall},
    wire::Frame,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{net::SocketAddr, time::Duration};
use serde::{Deserialize, Serialize};

/// The network and what this member says of itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// The CA's certificate: the network; if it follows another root, with that one.
    pub root: Root,
    /// Where others reach this member; at most [`ADDRS_MAX`].
    pub addrs: Vec<SocketAddr>,
    /// The application's bytes; at most [`TAGS_MAX`].
    pub tags: Vec<u8>,
    /// How many seeds the driver knows; they are asked for by number.
    pub seeds: u16,
    /// For how long its pings must be good before a gray member is live again (R8).
    pub probation: Probation,
    /// Checks signatures.
    pub verifier: Arc<dyn Verifier>,
}

impl Config {
    /// Whether a member can be made of it, and its certificate; and the revocation list that an earlier run left, if there is a
    /// good one. That may know of a root that has followed this one: then the configuration is with it.
    pub(crate) fn check(
        &mut self,
        me: &LocalIdentity,
        stored: &Stored,
        now: Now,
    ) -> Result<(Certificate, Option<Revocations>), ConfigError> {
        let list = self.saved_list(&stored.records);
        let certificate = Certificate::parse(&me.certificate, &self.root)?;
        if !certificate.verify(&self.root, &*self.verifier) {
            return Err(ConfigError::Certificate(CertificateError::BadSignature));
        }
        if me.signer.public_key() != certificate.key() {
            return Err(ConfigError::WrongKey(certificate.id));
        }
        let allowance = Duration::from_secs(u64::from(self.root.params.allowance_s));
        if now.wall > certificate.not_after + allowance {
            return Err(ConfigError::Expired { now: now.wall, until: certificate.not_after });
        }
        if now.wall + allowance < certificate.not_before {
            return Err(ConfigError::NotYetValid { now: now.wall, from: certificate.not_before });
        }
        if self.addrs.len() > ADDRS_MAX {
            return Err(ConfigError::TooManyAddrs);
        }
        if self.tags.len() > TAGS_MAX {
            return Err(ConfigError::TagsTooLong);
        }
        match list {
            Some(list) if list.contains(&certificate.id) => Err(ConfigError::Revoked(certificate.id)),
            list => Ok((certificate, list)),
        }
    }

    fn saved_list(&mut self, records: &[u8]) -> Option<Revocations> {
        let (bytes, _) = Frame::decode_saved(records).ok()?;
        let list = Revocations::parse(bytes?, &self.root.params).ok()?;
        match root_by(&list, self) {
            Some(root) => self.root = root,
            // It was checked when it came. The next root was saved, but no list of it yet: those in this one stay out.
            None if is_former_s(&list, self) => {}
            None => return None,
        }
        Some(list)
    }
}

/// A gray member's way back (R8): its own affair, for it costs nobody else anything. When a member becomes gray is the
/// network's and follows from [`Params`](crate::params::Params): others count on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probation {
    /// The first; each further one is twice as long.
    pub first: Duration,
    /// The longest. A member that was not gray for so long begins anew.
    pub longest: Duration,
}

impl Default for Probation {
    fn default() -> Self {
        Self { first: Duration::from_secs(30), longest: Duration::from_secs(3600) }
    }
}

/// Who this member is.
#[derive(Debug)]
pub struct LocalIdentity {
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its key.
    pub signer: Box<dyn Signer>,
}

/// What an earlier run left on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Epochs below this may have been used (R15); 0 if nothing was stored.
    pub epoch_ceiling: u64,
    /// The last [`View::snapshot`](crate::view::View::snapshot); empty if there is none.
    pub records: Vec<u8>,
}

/// Why a member cannot be made. Nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The certificate is not of this network.
    #[error("the certificate is not of this network: {0}")]
    Certificate(#[from] crate::certificate::CertificateError),
    /// The key is not the certificate's.
    #[error("the key does not belong to the certificate of {0}")]
    WrongKey(MemberId),
    /// The certificate has ended, or the clock is wrong.
    #[error("the certificate is not valid at {now:?}: it ends at {until:?}")]
    Expired {
        /// Now.
        now: Wall,
        /// The certificate's end.
        until: Wall,
    },
    /// The certificate begins later: the clock is behind.
    #[error("the certificate is valid only from {from:?}, now is {now:?}: is the clock behind?")]
    NotYetValid {
        /// Now.
        now: Wall,
        /// The certificate's begin.
        from: Wall,
    },
    /// The CA has revoked this member (R14).
    #[error("the CA has revoked {0}: it is no member any more; enrol anew, in another directory")]
    Revoked(MemberId),
    /// Too many addresses.
    #[error("more than {ADDRS_MAX} addresses")]
    TooManyAddrs,
    /// Too many bytes of tags.
    #[error("more than {TAGS_MAX} bytes of tags")]
    TagsTooLong,
}
