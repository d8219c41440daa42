//! How the tools talk to a running agent: a Unix socket of mode 0600 in its directory.
//!
//! A client sends one [`Ask`] as a line of JSON and gets [`Tell`]s, one a line; the last one is `done` or `error`.
//! Both sides bound the length of a line; the server also bounds its clients and how long one may take.

pub(crate) mod client;
pub(crate) mod looks;
pub(crate) mod server;

use crate::{
    rings::RingRow,
    rows::{
        AboutRow, EventRow, ExplainRow, FigureRow, MemberRow, PongRow, RecordRow, RevocationsRow,
        SnapshotHead, WatchedRow,
    },
};
use serde::{Deserialize, Serialize};
use std::{
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

/// Bytes of a line that a client may send: the longest text that `send` takes, JSON-escaped at worst.
const ASK_MAX: usize = 512 * 1024;
/// Bytes of a line that an agent may send: an explanation with an accusation on each of 255 rings fits many times.
const TELL_MAX: usize = 4 * 1024 * 1024;

/// What a tool wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// All members.
    Members,
    /// Why one stands as it does.
    Explain {
        /// Its id or the beginning of it.
        member: String,
    },
    /// Events as they happen, without end.
    Monitor,
    /// A request to a member.
    Send {
        /// Its id or the beginning of it.
        member: String,
        /// The request.
        text: String,
        /// How long to wait for the reply.
        timeout_ms: u64,
    },
    /// All figures.
    Metrics,
    /// How the pings of everybody watched do.
    RoundTrips,
    /// Whether a member is there.
    Ping {
        /// Its id or the beginning of it.
        member: String,
        /// How long to wait for it.
        timeout_ms: u64,
    },
    /// Rings in their order.
    Rings {
        /// From whom on: its id or the beginning of it; the agent itself if not given.
        member: Option<String>,
        /// Which; all if empty.
        rings: Vec<u8>,
    },
    /// What happened, as far as it is remembered.
    History,
    /// Every record of the view.
    Snapshot,
    /// What the agent is.
    About,
    /// Who is revoked.
    Revocations {
        /// A list of the CA's (PEM) to take in first.
        import: Option<String>,
    },
    /// Leave the network and stop.
    Leave,
}

/// What the agent says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub(crate) enum Tell {
    /// One member.
    Member(MemberRow),
    /// Why it stands as it does.
    Explained(Box<ExplainRow>),
    /// Something happened.
    Event(EventRow),
    /// The reply of a member.
    Reply(Reply),
    /// Who is revoked.
    Revocations(RevocationsRow),
    /// One figure.
    Figure(FigureRow),
    /// How the pings of one member do.
    Watched(WatchedRow),
    /// Whether a member answered.
    Pong(PongRow),
    /// A ring.
    Ring(RingRow),
    /// What follows is a snapshot.
    Snapshot(SnapshotHead),
    /// The records of one member.
    Record(RecordRow),
    /// What the agent is.
    About(Box<AboutRow>),
    /// The end.
    Done,
    /// It did not work; the end.
    Error {
        /// Whether what was asked for is wrong: exit code 2.
        bad_input: bool,
        /// What is wrong and what to do.
        message: String,
    },
}

/// The reply of a member.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// Who answered: the link's certificate says so.
    pub(crate) from: String,
    /// What it said; bytes that are not UTF-8 replaced.
    pub(crate) text: String,
    /// How long it took.
    pub(crate) ms: f64,
}

/// The socket in an agent's directory, or `dir` itself if it is one.
fn socket_path(dir: &Path) -> PathBuf {
    let is_socket = std::fs::metadata(dir).is_ok_and(|found| found.file_type().is_socket());
    if is_socket { dir.into() } else { dir.join("control.sock") }
}
