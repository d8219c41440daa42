//! Invites: one line of text that lets a newcomer in.
//!
//! ```text
//! ifrit1/192.0.2.1:8300/FINGERPRINT/SECRET[/MEMBER,MEMBER…]/CHECK
//! ```
//!
//! The CA's address, the SHA-256 of its root (52 characters of base32), the secret (26), addresses of members to begin
//! with, and 4 characters that tell a line copied badly from one that the CA does not know.

use data_encoding::BASE32_NOPAD;
use ifrit_core::crypto::{Hash, hash};
use std::{fmt, net::SocketAddr, str::FromStr};

/// Bytes of an invite's secret: not to be guessed, however many are asked.
pub const SECRET_LEN: usize = 16;
/// Member addresses in an invite: more than any network's c (R16) makes no line to copy.
pub const INVITE_MEMBERS_MAX: usize = 16;
/// Characters of an invite; longer text is not looked at.
pub const INVITE_MAX: usize = 2048;

const VERSION: &str = "ifrit1";
const HASH_CHECK: &[u8] = b"ifrit invite check 1";
const CHECK_LEN: usize = 4;

/// What `ifrit ca invite` prints and `ifrit agent --join` takes. Whoever holds it can become a member.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    /// Where the CA answers: `host:port`.
    pub ca: String,
    /// SHA-256 of the network's root certificate.
    pub fingerprint: Hash,
    /// What lets the newcomer in.
    pub secret: [u8; SECRET_LEN],
    /// Members to begin with; at most [`INVITE_MEMBERS_MAX`].
    pub members: Vec<SocketAddr>,
}

/// Why text is not an invite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError {
    /// Something else altogether.
    #[error("not an invite: it begins with `{VERSION}/` (`ifrit ca invite` prints one)")]
    NotAnInvite,
    /// Written by a later version.
    #[error("an invite of another version ({0}): this program understands `{VERSION}`")]
    Version(String),
    /// Cut off, or something is in it twice.
    #[error("the invite has {0} parts instead of 5 or 6: was the whole line copied?")]
    Parts(usize),
    /// A part is wrong though the whole is not damaged.
    #[error("the invite's {0} is not right")]
    Part(&'static str),
    /// The check characters do not fit.
    #[error("the invite is damaged: copy the whole line again")]
    Damaged,
}

impl Invite {
    fn body(&self) -> String {
        let (fingerprint, secret) = (base32(&self.fingerprint), base32(&self.secret));
        let mut body = format!("{VERSION}/{}/{fingerprint}/{secret}", self.ca);
        let members: Vec<String> =
            self.members.iter().take(INVITE_MEMBERS_MAX).map(SocketAddr::to_string).collect();
        if !members.is_empty() {
            body = body + "/" + &members.join(",");
        }
        body
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{body}/{}", check(&body))
    }
}

/// Without the secret: it must not get into logs.
impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite").field("ca", &self.ca).field("members", &self.members).finish_non_exhaustive()
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(text: &str) -> Result<Self, InviteError> {
        let text = text.trim();
        let (version, _) = text.split_once('/').ok_or(InviteError::NotAnInvite)?;
        if text.len() > INVITE_MAX || !version.starts_with("ifrit") {
            return Err(InviteError::NotAnInvite);
        }
        if version != VERSION {
            return Err(InviteError::Version(version.chars().take(16).collect()));
        }
        let parts: Vec<&str> = text.split('/').collect();
        let (ca, fingerprint, secret, members) = match parts[..] {
            [_, ca, fingerprint, secret, _] => (ca, fingerprint, secret, ""),
            [_, ca, fingerprint, secret, members, _] => (ca, fingerprint, secret, members),
            _ => return Err(InviteError::Parts(parts.len())),
        };
        let (body, found) = text.rsplit_once('/').expect("it has five parts");
        if !found.eq_ignore_ascii_case(&check(body)) {
            return Err(InviteError::Damaged);
        }
        let invite = Self {
            ca: host_port(ca).ok_or(InviteError::Part("address of the CA"))?.to_owned(),
            fingerprint: parse_base32(fingerprint).ok_or(InviteError::Part("fingerprint"))?,
            secret: parse_base32(secret).ok_or(InviteError::Part("secret"))?,
            members: parse_members(members).ok_or(InviteError::Part("list of members"))?,
        };
        Ok(invite)
    }
}

/// `text` if it is `host:port`.
fn host_port(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)).then_some(text)
}

fn parse_members(text: &str) -> Option<Vec<SocketAddr>> {
    let members = text.split(',').filter(|part| !part.is_empty()).map(|part| part.parse().ok());
    members.collect::<Option<Vec<_>>>().filter(|members| members.len() <= INVITE_MEMBERS_MAX)
}

pub(crate) fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

pub(crate) fn parse_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Before decoding, so that no length of text costs more than this.
    if text.len() != BASE32_NOPAD.encode_len(N) {
        return None;
    }
    BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?.try_into().ok()
}

fn check(body: &str) -> String {
    let mut text = base32(&hash(HASH_CHECK, &[body.as_bytes()]));
    text.truncate(CHECK_LEN);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn invite() -> Invite {
        Invite {
            ca: "ca.example:8300".into(),
            fingerprint: [7; 32],
            secret: [9; 16],
            members: vec!["[::1]:1".parse().expect("an address"), "10.0.0.1:2".parse().expect("an address")],
        }
    }

    #[test]
    fn text_round_trips() {
        let alone = Invite { members: vec![], ca: "[::1]:8300".into(), ..invite() };
        for invite in [invite(), alone] {
            let text = invite.to_string();
            assert_eq!(text.parse(), Ok(invite.clone()), "{text}");
            assert_eq!(format!("  {text}\n").parse(), Ok(invite));
        }
        assert!(invite().to_string().len() < 150);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let good = invite().to_string();
        let parse = |text: &str| text.parse::<Invite>().expect_err(text);
        assert_eq!(parse("hello"), InviteError::NotAnInvite);
        assert_eq!(parse("https://example/1/2/3/4"), InviteError::NotAnInvite);
        assert_eq!(parse(&good.replace("ifrit1", "ifrit2")), InviteError::Version("ifrit2".into()));
        assert_eq!(parse(&good[..good.len() - 2]), InviteError::Damaged);
        assert_eq!(parse(&good.replace("ca.example", "cb.example")), InviteError::Damaged);
        let (two, _) = good.split_at(40);
        assert_eq!(parse(two), InviteError::Parts(3));
        let reseal = |body: String| format!("{body}/{}", check(&body));
        let body = invite().body();
        for (body, what) in [
            (body.replace(":8300", ""), "address of the CA"),
            (body.replace(&base32(&[7; 32]), "abc"), "fingerprint"),
            (body.replace(&base32(&[9; 16]), "abc"), "secret"),
            (body.replace("10.0.0.1", "10.0.0"), "list of members"),
        ] {
            assert_eq!(parse(&reseal(body)), InviteError::Part(what));
        }
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        assert!(!format!("{:?}", invite()).contains(&base32(&[9; 16])[..8]));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}", place in 0usize..120, byte in any::<char>()) {
            let _ = text.parse::<Invite>();
            let mut damaged: Vec<char> = invite().to_string().chars().collect();
            damaged[place] = byte;
            let _ = damaged.iter().collect::<String>().parse::<Invite>();
        }
    }
}
