//! The tools' end.

use super::{ASK_MAX, Ask, TELL_MAX, Tell, socket_path};
use crate::error::bad_input;
use anyhow::{Context, bail};
use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// An agent that does not take a question in this time hangs.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// An agent that does not answer a question about itself in this time hangs.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A question under way.
pub(crate) struct Answers {
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
}

/// Asks the agent of `dir`; each answer must come within `patience`, or may take for ever.
pub(crate) fn ask(dir: &Path, ask: &Ask, patience: Option<Duration>) -> anyhow::Result<Answers> {
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    if line.len() > ASK_MAX {
        return Err(bad_input(format!("the text is too long: at most {} KiB", ASK_MAX / 1024)));
    }
    let mut stream = connect(dir)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    stream.set_read_timeout(patience)?;
    // An agent with too many clients says so and closes without reading: its word counts, not our failed write.
    let _ = stream.write_all(&line);
    Ok(Answers { stream: BufReader::new(stream), line: Vec::new() })
}

fn connect(dir: &Path) -> anyhow::Result<UnixStream> {
    let at = dir.display();
    if !dir.exists() {
        return Err(bad_input(format!(
            "there is no directory {at}: give the one that the agent runs with, or its control socket"
        )));
    }
    UnixStream::connect(socket_path(dir)).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            anyhow::anyhow!("no agent runs with {at}: start it with `ifrit agent --dir {at}`")
        }
        ErrorKind::PermissionDenied => {
            anyhow::anyhow!("the agent of {at} belongs to another user: ask as the user that runs it")
        }
        _ => anyhow::Error::new(error).context(format!("cannot reach the agent of {at}")),
    })
}

impl Answers {
    /// The next answer; `None` after the last one. An error that the agent tells is an error here.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Tell>> {
        self.line.clear();
        let mut bounded = (&mut self.stream).take(TELL_MAX as u64);
        match bounded.read_until(b'\n', &mut self.line) {
            Ok(_) if self.line.ends_with(b"\n") => {}
            Ok(_) => bail!("the agent stopped in the middle of its answer"),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                bail!("the agent does not answer: look at its log, or restart it")
            }
            Err(error) => return Err(error).context("cannot read the agent's answer"),
        }
        let tell = serde_json::from_slice(&self.line)
            .context("cannot understand the agent's answer: is it another version of ifrit?")?;
        match tell {
            Tell::Done => Ok(None),
            Tell::Error { bad_input: true, message } => Err(bad_input(message)),
            Tell::Error { message, .. } => bail!(message),
            tell => Ok(Some(tell)),
        }
    }
}
