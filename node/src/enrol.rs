//! Enrolment: from an invite to an identity, over HTTPS.
//!
//! Everything here blocks (name look-up, TCP, disk), with a deadline; drivers call it where blocking is allowed. The
//! CA's service shows its root in the TLS handshake; it must have the fingerprint that the invite carries, and the
//! service's certificate must be that root's. Nothing, least of all the invite's secret, is sent before.

#[expect(
    clippy::disallowed_methods,
    reason = "it waits on a socket, with a deadline; no protocol time is involved"
)]
mod https;
#[cfg(test)]
mod tests;

use crate::{
    ca::{
        generate_csr,
        wire::{
            Bytes, Code, ENROL_PATH, Enrol, Granted, Problem, RENEW_PATH, REVOCATIONS_PATH, Renew, Revoked,
        },
    },
    identity::{Identity, IdentityError, generate_key, load_key_of, save_key},
    invite::{Invite, InviteError, base32},
    store::{CONTACTS_MAX, Store, StoreError},
};
use ifrit_core::{
    crypto::{Hash, P256Signer},
    time::Wall,
};
use serde::Serialize;
use std::{io, net::SocketAddr, time::Duration};

/// A whole exchange with the CA, look-up apart, takes no longer.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What the CA gave.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Who this member is from now on.
    pub identity: Identity,
    /// Members enrolled lately, to begin with.
    pub contacts: Vec<SocketAddr>,
}

/// Why there is no identity. The key that was made stays in the directory, so that trying again with the same invite
/// gets the answer that was lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The text is not an invite.
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// Nobody answers there, or not in time.
    #[error("cannot reach the CA at {ca}: {source}; is `ifrit ca serve` running there?")]
    Unreachable {
        /// Where.
        ca: String,
        /// Why.
        source: io::Error,
    },
    /// Another CA answers there.
    #[error(
        "the CA at {ca} is not the invite's: its root has another fingerprint; ask for a new invite, and if it \
             comes again, somebody stands between you and the CA"
    )]
    WrongFingerprint {
        /// Where.
        ca: String,
    },
    /// By this machine's clock a certificate does not hold.
    #[error("{0}")]
    Clock(String),
    /// No such invite was ever given, or it is forgotten.
    #[error("the CA does not know this invite: was it made for another CA, or long ago? Ask for a new one")]
    UnknownInvite,
    /// Its time is over.
    #[error("the invite has expired: ask for a new one")]
    ExpiredInvite,
    /// It let in as many as it may.
    #[error("the invite is used up: ask for a new one")]
    UsedUpInvite,
    /// The operator took it back.
    #[error("the invite was withdrawn: ask for a new one")]
    WithdrawnInvite,
    /// Too many useless requests came from this machine.
    #[error("the CA wants this machine to wait: try again in a minute")]
    TooMany,
    /// Only a member's current certificate can be renewed.
    #[error(
        "the CA does not renew this certificate (expired, or not one of its own): enrol again with an invite"
    )]
    NotRenewable,
    /// The CA has revoked this member.
    #[error("the CA has revoked this member: enrol anew, in another directory and with a new invite")]
    Revoked,
    /// The CA says no for another reason.
    #[error("the CA refuses: {0}")]
    Refused(String),
    /// What answers is not an Ifrit CA.
    #[error("what answers at {ca} is not an Ifrit CA: {what}")]
    Malformed {
        /// Where.
        ca: String,
        /// What is wrong.
        what: String,
    },
    /// The CA's answer does not make an identity.
    #[error("the CA's answer: {0}")]
    Identity(IdentityError),
    /// The directory cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EnrolError {
    /// Whether the same call may work later without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TooMany)
    }
}

/// Enrols with `invite` and keeps key, certificate, root and contacts in the store's directory.
///
/// `addrs` is where others will reach this member; the CA tells the first to those who come later.
///
/// # Errors
/// [`EnrolError`]; a key stays in the directory and is used when enrolment is tried again.
pub fn enrol(
    invite: &str,
    store: &mut Store,
    addrs: &[SocketAddr],
    now: Wall,
) -> Result<Identity, EnrolError> {
    let invite: Invite = invite.parse()?;
    let key = key_in(store)?;
    let enrolment = request(&invite, &key, addrs.first().copied(), now)?;
    let mut contacts = enrolment.contacts;
    contacts.extend(invite.members.iter().filter(|member| !addrs.contains(member)));
    let mut known = std::collections::BTreeSet::new();
    contacts.retain(|contact| known.insert(*contact));
    contacts.truncate(CONTACTS_MAX);
    store.save_contacts(&contacts)?;
    store.save_ca(&invite.ca)?;
    enrolment.identity.save(store.dir()).map_err(StoreError::from)?;
    Ok(enrolment.identity)
}

/// The key of an enrolment that was cut short, or a new one, on disk before anybody hears of it.
pub(crate) fn key_in(store: &Store) -> Result<P256Signer, StoreError> {
    match load_key_of(store.dir()) {
        Ok(Some(key)) => return Ok(key),
        // No certificate was ever seen for it: nothing is lost with it.
        Ok(None) | Err(IdentityError::Damaged { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let key = generate_key();
    save_key(&key, store.dir())?;
    Ok(key)
}

/// Asks the invite's CA for a certificate for `key`. Nothing is written.
///
/// # Errors
/// [`EnrolError`].
pub fn request(
    invite: &Invite,
    key: &P256Signer,
    addr: Option<SocketAddr>,
    now: Wall,
) -> Result<Enrolment, EnrolError> {
    let body = Enrol { secret: base32(&invite.secret), csr: Bytes(generate_csr(key)), addr };
    ask(&invite.ca, &invite.fingerprint, ENROL_PATH, &body, key, now)
}

/// Asks the CA at `ca` (`host:port`) for a later certificate with the same id and key (R14). Nothing is written.
///
/// # Errors
/// [`EnrolError`].
pub fn renew(ca: &str, identity: &Identity, now: Wall) -> Result<Enrolment, EnrolError> {
    let csr = Bytes(generate_csr(&identity.signer));
    let body = Renew { certificate: Bytes(identity.certificate.der().to_vec()), csr };
    ask(ca, &identity.root.fingerprint, RENEW_PATH, &body, &identity.signer, now)
}

/// The last revocation list of the CA at `ca` (`host:port`), as it was signed, whose root has `fingerprint`; `None` while nobody was
/// ever revoked. Its signature is the core's to check.
///
/// # Errors
/// [`EnrolError`].
pub fn revocations(ca: &str, fingerprint: &Hash, now: Wall) -> Result<Option<Vec<u8>>, EnrolError> {
    let answer = told(ca, https::get(ca, fingerprint, REVOCATIONS_PATH, now)?)?;
    let malformed =
        |error: serde_json::Error| EnrolError::Malformed { ca: ca.to_owned(), what: error.to_string() };
    let revoked: Revoked = serde_json::from_slice(&answer).map_err(malformed)?;
    Ok(revoked.list.map(|list| list.0))
}

/// The body of an answer that says yes.
fn told(ca: &str, (status, answer): (u16, Vec<u8>)) -> Result<Vec<u8>, EnrolError> {
    if status == 200 {
        return Ok(answer);
    }
    let what = format!("HTTP status {status}");
    let malformed = |_| EnrolError::Malformed { ca: ca.to_owned(), what };
    Err(refused(serde_json::from_slice(&answer).map_err(malformed)?))
}

fn ask(
    ca: &str,
    fingerprint: &Hash,
    path: &str,
    body: &impl Serialize,
    key: &P256Signer,
    now: Wall,
) -> Result<Enrolment, EnrolError> {
    let malformed = |what: String| EnrolError::Malformed { ca: ca.to_owned(), what };
    let body = serde_json::to_vec(body).expect("strings and numbers");
    let answer = told(ca, https::post(ca, fingerprint, path, &body, now)?)?;
    let granted: Granted = serde_json::from_slice(&answer).map_err(|error| malformed(error.to_string()))?;
    let identity =
        Identity::new(&granted.root.0, &granted.certificate.0, key.clone()).map_err(EnrolError::Identity)?;
    // A root that followed the one that is known is signed for by it.
    if !identity.root.answers_to(fingerprint) {
        return Err(EnrolError::WrongFingerprint { ca: ca.to_owned() });
    }
    identity.check_dates(now).map_err(|error| EnrolError::Clock(error.to_string()))?;
    let contacts = granted.contacts.into_iter().take(CONTACTS_MAX).collect();
    Ok(Enrolment { identity, contacts })
}

fn refused(problem: Problem) -> EnrolError {
    match problem.error {
        Code::UnknownInvite => EnrolError::UnknownInvite,
        Code::ExpiredInvite => EnrolError::ExpiredInvite,
        Code::UsedUpInvite => EnrolError::UsedUpInvite,
        Code::WithdrawnInvite => EnrolError::WithdrawnInvite,
        Code::TooMany => EnrolError::TooMany,
        Code::NotRenewable => EnrolError::NotRenewable,
        Code::Revoked => EnrolError::Revoked,
        _ => EnrolError::Refused(problem.message.chars().take(200).filter(|c| !c.is_control()).collect()),
    }
}
