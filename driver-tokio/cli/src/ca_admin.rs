//! The operator's way to the CA: straight into its database, or, while `ifrit ca serve` holds that, through a Unix
//! socket in the CA's directory (mode 0600). One JSON line there, one back.

use crate::{
    ca_service::{Shared, wall},
    error::bad_input,
    rows::RevocationsRow,
};
use anyhow::{Context, bail};
use ifrit_core::crypto::PublicKey;
use ifrit_node::ca::{Ca, CaError, Enrolled, InviteRow, IssuedRow, LogRow, Rotated, invite_id, list_to_pem};
use serde::{Deserialize, Serialize};
use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

/// Another command may hold the database for a moment.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
const BUSY_RETRY: Duration = Duration::from_millis(50);
/// Time for a whole exchange.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a line, either way: a page of rows has most.
const LINE_MAX: u64 = 256 * 1024;
/// Rows in an answer, of at most 400 bytes each.
pub(crate) const PAGE: usize = 256;
/// What invites say of a CA that has never served: where it will by default.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8300";

/// What an operator can ask.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ask {
    Invite { uses: u32, expires_ms: u64 },
    Issue { key: Vec<u8> },
    Invites { skip: usize },
    Uninvite { id: String },
    Certificates { after: u64 },
    Log { before: Option<u64>, count: usize },
    Revoke { member: String, reason: String, unknown: bool },
    Revocations,
    Rotate { overlap_ms: u64 },
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    Invite {
        invite: String,
        id: String,
        ca: String,
    },
    /// `ca` is where it answers, if it ever did.
    Issued {
        certificate: Vec<u8>,
        root: Vec<u8>,
        contacts: Vec<SocketAddr>,
        ca: Option<String>,
    },
    Invites(Vec<InviteRow>),
    Certificates(Vec<IssuedRow>),
    Log(Vec<LogRow>),
    /// The list as PEM.
    Revoked {
        member: String,
        sequence: u64,
        list: String,
    },
    /// The new root's fingerprint, when the former one is believed no more, and the list that says so, as PEM.
    Rotated {
        fingerprint: Vec<u8>,
        until_ms: u64,
        list: String,
    },
    Revocations {
        list: Option<String>,
        row: RevocationsRow,
    },
    /// Whether what was asked for is wrong, and why.
    Failed {
        error: String,
        #[serde(default)]
        bad_input: bool,
    },
}

/// The socket of a CA that serves.
pub(crate) fn socket_path(dir: &Path) -> PathBuf {
    dir.join("ca.sock")
}

/// Asks the CA in `dir`, whether it serves or not.
pub(crate) fn ask(dir: &Path, ask: &Ask) -> anyhow::Result<Told> {
    let until = Instant::now() + BUSY_LIMIT;
    let told = loop {
        match Ca::open(dir) {
            Ok(ca) => {
                let address = ca.address().map_err(explain)?.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
                break answer(&ca, &address, ask);
            }
            Err(CaError::Busy(_)) => {}
            Err(error) => return Err(explain(error)),
        }
        match std::os::unix::net::UnixStream::connect(socket_path(dir)) {
            Ok(stream) => break ask_service(stream, ask)?,
            Err(_) if Instant::now() < until => pause(),
            Err(_) => bail!("the CA in {} is in use by another process: try again", dir.display()),
        }
    };
    match told {
        Told::Failed { error, bad_input: true } => Err(bad_input(error)),
        Told::Failed { error, .. } => bail!(error),
        told => Ok(told),
    }
}

/// Opens the CA in `dir`, waiting for a command that holds it a moment.
pub(crate) fn open_retrying(dir: &Path) -> anyhow::Result<Ca> {
    let until = Instant::now() + BUSY_LIMIT;
    loop {
        match Ca::open(dir) {
            Err(CaError::Busy(_)) if std::os::unix::net::UnixStream::connect(socket_path(dir)).is_ok() => {
                bail!("the CA in {} serves already in another process", dir.display());
            }
            Err(CaError::Busy(_)) if Instant::now() < until => pause(),
            opened => return opened.map_err(explain),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file lock tells nobody when it is free; this thread has nothing else to do"
)]
fn pause() {
    std::thread::sleep(BUSY_RETRY);
}

/// A [`CaError`] with the exit code that fits.
pub(crate) fn explain(error: CaError) -> anyhow::Error {
    match error {
        error if is_bad_input(&error) => bad_input(error.to_string()),
        error => error.into(),
    }
}

fn is_bad_input(error: &CaError) -> bool {
    matches!(
        error,
        CaError::Missing(_)
            | CaError::Exists(_)
            | CaError::Authority(_)
            | CaError::NoInvite(_)
            | CaError::NoMember(_)
            | CaError::Ambiguous(_)
            | CaError::RevokedKey
            | CaError::Rotating(_)
            | CaError::ShortOverlap
    )
}

fn ask_service(mut stream: std::os::unix::net::UnixStream, ask: &Ask) -> anyhow::Result<Told> {
    stream.set_read_timeout(Some(EXCHANGE_LIMIT))?;
    stream.set_write_timeout(Some(EXCHANGE_LIMIT))?;
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    stream.write_all(&line).context("the running CA does not take the question")?;
    let mut line = String::new();
    BufReader::new(stream.take(LINE_MAX)).read_line(&mut line).context("the running CA does not answer")?;
    serde_json::from_str(&line)
        .context("the running CA answers in another language: is it of another version?")
}

/// The service's end: one question.
pub(crate) async fn serve(stream: tokio::net::UnixStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let exchange = async {
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        tokio::io::BufReader::new(read.take(LINE_MAX)).read_line(&mut line).await?;
        let told = tokio::task::spawn_blocking(move || match serde_json::from_str(&line) {
            Ok(ask) => {
                let told = answer(shared.ca(), shared.address(), &ask);
                // It may be the one question after which connections are to be shown something else.
                shared.show_root();
                told
            }
            Err(error) => Told::Failed { error: error.to_string(), bad_input: false },
        });
        let mut line = serde_json::to_vec(&told.await?)?;
        line.push(b'\n');
        write.write_all(&line).await
    };
    tokio::time::timeout(EXCHANGE_LIMIT, exchange).await.map_err(|_| ErrorKind::TimedOut)?
}

/// Blocks for the disk.
fn answer(ca: &Ca, address: &str, ask: &Ask) -> Told {
    let result = match ask {
        Ask::Invite { uses, expires_ms } => {
            let invite = ca.invite(address, *uses, Duration::from_millis(*expires_ms), wall());
            invite.map(|invite| {
                let id = invite_id(&invite);
                Told::Invite { invite: invite.to_string(), id, ca: invite.ca }
            })
        }
        Ask::Issue { key } => match key[..].try_into() {
            Ok(key) => ca.issue(&PublicKey(key), wall()).map(|Enrolled { certificate, contacts, .. }| {
                let (root, ca) = (ca.root().bundle(), ca.address().ok().flatten());
                Told::Issued { certificate, root, contacts, ca }
            }),
            Err(_) => return Told::Failed { error: "not a public key".into(), bad_input: false },
        },
        Ask::Invites { skip } => ca.invites(*skip, PAGE, wall()).map(Told::Invites),
        Ask::Uninvite { id } => ca.uninvite(id, wall()).map(|row| Told::Invites(vec![row])),
        Ask::Certificates { after } => ca.certificates(*after, PAGE, wall()).map(Told::Certificates),
        Ask::Revoke { member, reason, unknown } => ca.find(member).and_then(|id| {
            let list = match unknown {
                true => ca.revoke_unknown(&id, reason, wall())?,
                false => ca.revoke(&id, reason, wall())?,
            };
            let (member, sequence) = (id.to_string(), list.sequence());
            Ok(Told::Revoked { member, sequence, list: list_to_pem(&list) })
        }),
        Ask::Revocations => ca.revocations().map(|list| {
            let row = list.as_ref().map(RevocationsRow::new).unwrap_or_default();
            Told::Revocations { list: list.as_ref().map(list_to_pem), row }
        }),
        Ask::Rotate { overlap_ms } => {
            let rotated = ca.rotate(Duration::from_millis(*overlap_ms), wall());
            rotated.map(|Rotated { root, until, list }| Told::Rotated {
                fingerprint: root.fingerprint.to_vec(),
                until_ms: until.0,
                list: list_to_pem(&list),
            })
        }
        Ask::Log { before, count } => ca.log(*before, (*count).min(PAGE)).map(Told::Log),
    };
    result.unwrap_or_else(|error| Told::Failed { error: error.to_string(), bad_input: is_bad_input(&error) })
}
