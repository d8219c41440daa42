//! Who a member is, and in which network.

use core::{fmt, str::FromStr};
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};

/// What a printed member id begins with.
const PREFIX: &str = "m-";
/// Characters of base32 that 32 bytes take.
const TEXT_LEN: usize = 52;
/// Characters of the short form: 40 bits, enough to tell 10⁵ members apart by eye.
const SHORT_LEN: usize = 8;

/// A member's id: 32 random bytes chosen by the CA (DESIGN section 4, "Identity").
///
/// Printed as `m-` and 52 lower-case base32 characters; [`FromStr`] takes that form back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberId(pub [u8; 32]);

impl MemberId {
    /// The first characters of the printed form, for people's eyes only.
    pub fn short(&self) -> impl fmt::Display + use<> {
        Short(*self)
    }

    /// The 52 base32 characters without the prefix: what the QUIC server name carries.
    pub fn base32(&self) -> alloc::string::String {
        let mut text = BASE32_NOPAD.encode(&self.0);
        text.make_ascii_lowercase();
        text
    }

    /// The id that [`MemberId::base32`] gave as `text`, in either case.
    pub fn from_base32(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != TEXT_LEN {
            return Err(ParseIdError);
        }
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| ParseIdError)?;
        Ok(Self(bytes.try_into().map_err(|_| ParseIdError)?))
    }
}

struct Short(MemberId);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", &self.0.base32()[..SHORT_LEN])
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.base32())
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Short(*self), f)
    }
}

impl FromStr for MemberId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::from_base32(text.strip_prefix(PREFIX).ok_or(ParseIdError)?)
    }
}

/// The text is not a member id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a member id: expected `m-` and 52 base32 characters")]
pub struct ParseIdError;

/// A network's random 32-byte id, drawn by `ca init` and copied into every later root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkId(pub [u8; 32]);

impl NetworkId {
    /// The first 8 bytes: what certificates and signed bodies carry.
    pub fn prefix(&self) -> [u8; 8] {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&self.0[..8]);
        prefix
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.prefix().iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_form_round_trips() {
        let id = MemberId([0xa7; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 54);
        assert_eq!("m-abc".parse::<MemberId>(), Err(ParseIdError));
        assert_eq!(id.base32().parse::<MemberId>(), Err(ParseIdError));
    }
}
