//! The CA's HTTP service as a function: any server can host it.

use super::{
    CONTACTS_MAX, Ca, CsrError, Enrolled, Refusal,
    limiter::Limiter,
    wire::{Bytes, Code, ENROL_PATH, Enrol, Granted, Problem, RENEW_PATH, REVOCATIONS_PATH, Renew, Revoked},
};
use crate::invite::parse_base32;
use ifrit_core::time::Now;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of a request's body; ours have about 700. Whoever hosts the service need not read further.
pub const BODY_MAX: usize = 8 * 1024;

/// What to send back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
}

/// The CA behind HTTP: `POST /v1/enrol`, `POST /v1/renew` and `GET /v1/revocations`. Share it between connections.
#[derive(Debug)]
pub struct Service {
    ca: Arc<Ca>,
    /// Members told to a newcomer.
    contacts: usize,
    limiter: Mutex<Limiter>,
}

impl Service {
    /// A service of `ca`.
    pub fn new(ca: Arc<Ca>) -> Self {
        Self { ca, contacts: CONTACTS_MAX, limiter: Mutex::default() }
    }

    /// Tells newcomers of at most so many members that enrolled lately, up to [`CONTACTS_MAX`]. Beside them an invite names some.
    #[must_use]
    pub fn telling(mut self, contacts: usize) -> Self {
        self.contacts = contacts;
        self
    }

    /// The CA.
    pub fn ca(&self) -> &Arc<Ca> {
        &self.ca
    }

    /// Answers one request. It blocks for the disk: a few ms.
    ///
    /// A source that asks uselessly (anything but a new enrolment) more than [`BURST`](super::BURST) times, and then
    /// more than once per [`REFILL`](super::REFILL), is told so before anything is looked at.
    pub fn handle(&self, now: Now, source: IpAddr, method: &str, path: &str, body: &[u8]) -> Answer {
        if !self.limiter().admits(source, now.mono) {
            return problem(429, Code::TooMany, "too many useless requests: wait a little");
        }
        if (method, path) == ("GET", REVOCATIONS_PATH) {
            self.limiter().charge(source, now.mono);
            return self.revocations();
        }
        let result = self.answer(now, source, method, path, body);
        match result {
            Ok(Enrolled { again: false, .. }) => {}
            _ => self.limiter().charge(source, now.mono),
        }
        match result {
            Ok(enrolled) => self.granted(now, enrolled),
            Err(answer) => answer,
        }
    }

    /// What to answer to a body over [`BODY_MAX`], of which the rest need not be read.
    pub fn too_large() -> Answer {
        problem(413, Code::TooLarge, &format!("more than {BODY_MAX} bytes"))
    }

    fn answer(
        &self,
        now: Now,
        source: IpAddr,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<Enrolled, Answer> {
        if body.len() > BODY_MAX {
            return Err(Self::too_large());
        }
        let result = match (method, path) {
            ("POST", ENROL_PATH) => {
                let Enrol { secret, csr, addr } = parse(body)?;
                let secret = parse_base32(&secret)
                    .ok_or_else(|| problem(400, Code::Malformed, "`secret` is not an invite's"))?;
                if addr.is_some_and(|addr| !is_reachable(&addr)) {
                    return Err(problem(400, Code::Malformed, "`addr` cannot be reached by others"));
                }
                self.ca.enrol(&secret, &csr.0, addr, &from(source), now.wall)
            }
            ("POST", RENEW_PATH) => {
                let Renew { certificate, csr } = parse(body)?;
                self.ca.renew(&certificate.0, &csr.0, &from(source), now.wall)
            }
            (_, ENROL_PATH | RENEW_PATH) => return Err(problem(405, Code::NotFound, "only POST")),
            (_, REVOCATIONS_PATH) => return Err(problem(405, Code::NotFound, "only GET")),
            _ => {
                let paths = format!("only {ENROL_PATH}, {RENEW_PATH} and {REVOCATIONS_PATH}");
                return Err(problem(404, Code::NotFound, &paths));
            }
        };
        result.map_err(|refusal| refused(&refusal))
    }

    fn revocations(&self) -> Answer {
        match self.ca.revocations() {
            Ok(list) => {
                let list = list.map(|list| Bytes(list.signed().bytes().to_vec()));
                json(200, &Revoked { list })
            }
            Err(error) => refused(&error.into()),
        }
    }

    fn granted(&self, now: Now, mut enrolled: Enrolled) -> Answer {
        enrolled.contacts.truncate(self.contacts);
        json(
            200,
            &Granted {
                certificate: Bytes(enrolled.certificate),
                root: Bytes(self.ca.root().bundle()),
                contacts: enrolled.contacts,
                now_ms: now.wall.0,
            },
        )
    }

    fn limiter(&self) -> std::sync::MutexGuard<'_, Limiter> {
        // A panic elsewhere leaves counters that are off by one at most.
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|error| problem(400, Code::Malformed, &error.to_string()))
}

/// What the log says of a source.
fn from(source: IpAddr) -> String {
    source.to_canonical().to_string()
}

/// Whether it can be told to others at all.
fn is_reachable(addr: &SocketAddr) -> bool {
    addr.port() != 0 && !addr.ip().is_unspecified() && !addr.ip().is_multicast()
}

fn refused(refusal: &Refusal) -> Answer {
    let (status, code) = match refusal {
        Refusal::UnknownInvite => (403, Code::UnknownInvite),
        Refusal::ExpiredInvite => (403, Code::ExpiredInvite),
        Refusal::UsedUpInvite => (403, Code::UsedUpInvite),
        Refusal::WithdrawnInvite => (403, Code::WithdrawnInvite),
        Refusal::NotRenewable => (403, Code::NotRenewable),
        Refusal::Revoked => (403, Code::Revoked),
        Refusal::Csr(CsrError::Malformed | CsrError::NoProof | CsrError::WrongKind) => (400, Code::BadCsr),
        Refusal::Ca(error) => {
            // What is wrong inside is the operator's to know.
            tracing::error!(%error, "the CA cannot issue");
            return problem(503, Code::Unavailable, "the CA cannot issue now");
        }
    };
    problem(status, code, &refusal.to_string())
}

fn problem(status: u16, error: Code, message: &str) -> Answer {
    json(status, &Problem { error, message: message.to_owned() })
}

fn json(status: u16, body: &impl Serialize) -> Answer {
    Answer { status, body: serde_json::to_vec(body).expect("strings and numbers") }
}

#[cfg(test)]
mod tests;
