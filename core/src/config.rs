//! What a member is made from.

use crate::{
    certificate::Root,
    crypto::{Signer, Verifier},
    id::MemberId,
    time::Wall,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::net::SocketAddr;

/// The network and what this member says of itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// The CA's certificate: the network.
    pub root: Root,
    /// Where others reach this member; at most [`ADDRS_MAX`](crate::limits::ADDRS_MAX).
    pub addrs: Vec<SocketAddr>,
    /// The application's bytes; at most [`TAGS_MAX`](crate::limits::TAGS_MAX).
    pub tags: Vec<u8>,
    /// How many seeds the driver knows; they are asked for by number.
    pub seeds: u16,
    /// Checks signatures.
    pub verifier: Arc<dyn Verifier>,
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
    /// Too many addresses.
    #[error("more than {} addresses", crate::limits::ADDRS_MAX)]
    TooManyAddrs,
    /// Too many bytes of tags.
    #[error("more than {} bytes of tags", crate::limits::TAGS_MAX)]
    TagsTooLong,
}
