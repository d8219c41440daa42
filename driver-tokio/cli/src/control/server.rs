//! The agent's end.

use super::{ASK_MAX, Ask, Reply, Tell, looks, socket_path};
use crate::{
    agent::{questions, revoked},
    rows::EventRow,
    settings::agent::AgentSettings,
};
use anyhow::{Context, bail};
use ifrit_tokio::{Client, Event};
use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::{Semaphore, mpsc, oneshot, watch},
    time::timeout,
};

/// Tools that are served at a time: people and scripts, not traffic.
const CLIENTS_MAX: usize = 32;
/// Time for a tool to ask its question.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Time for a tool to take a line; `monitor | less` fills its pipe and must not hold things here for ever.
const TELL_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for a reply that `send` may ask for.
const SEND_LIMIT: Duration = Duration::from_secs(3600);

/// The settings as they hold now.
pub(crate) type Current = watch::Receiver<AgentSettings>;

/// A tool asked to leave; to be told the outcome. Dropping its end of `told` says that the tool has been told.
pub(crate) struct LeaveAsked {
    pub(crate) done: oneshot::Sender<Result<(), String>>,
    pub(crate) told: oneshot::Receiver<()>,
}

/// The socket. Its file goes with it, unless another agent has put its own there.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    path: PathBuf,
    inode: u64,
}

/// What names of directories begin with in which a socket is made, and how long they are.
const MADE_IN: (&str, usize) = (".c", 6);

/// Binds the socket of the agent that has locked `dir`: at `path`, or in `dir`.
pub(crate) fn bind(dir: &Path, path: Option<&Path>) -> anyhow::Result<(UnixListener, ControlSocket)> {
    remove_unfinished(dir)?;
    match path {
        None => bind_in(dir, socket_path(dir)),
        Some(path) => {
            let dir =
                path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
            bind_in(dir, path.into())
        }
    }
}

/// Removes what agents left in `dir` that were killed while they made their socket.
fn remove_unfinished(dir: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.to_string_lossy().starts_with(MADE_IN.0) && name.len() == MADE_IN.1;
        if is_ours && entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Binds a socket at `path` in `dir`. Whoever calls this holds the directory's lock, so that a file found there is stale.
///
/// Made under another name in a directory of mode 0700 and moved: at no moment can another user connect.
pub(crate) fn bind_in(dir: &Path, path: PathBuf) -> anyhow::Result<(UnixListener, ControlSocket)> {
    let private = tempfile::Builder::new().prefix(MADE_IN.0).rand_bytes(4).tempdir_in(dir)?;
    let made = private.path().join("s");
    let listener = UnixListener::bind(&made).with_context(|| {
        format!("cannot make a control socket in {}: is the path longer than about 90 bytes?", dir.display())
    })?;
    std::fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    let inode = std::fs::metadata(&made)?.ino();
    std::fs::rename(&made, &path).with_context(|| format!("cannot place {}", path.display()))?;
    Ok((listener, ControlSocket { path, inode }))
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if std::fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Serves tools until dropped.
pub(crate) async fn serve(
    listener: UnixListener,
    client: Client,
    leave: mpsc::Sender<LeaveAsked>,
    settings: Current,
) {
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others must close some first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (client, leave, settings) = (client.clone(), leave.clone(), settings.clone());
        match places.clone().try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(async move {
                let _place = place;
                converse(stream, &client, &leave, &settings).await;
            })),
            Err(_) => drop(tokio::spawn(refuse(stream))),
        }
    }
}

async fn refuse(stream: UnixStream) {
    let mut teller = Teller(stream.into_split().1);
    let message = format!("{CLIENTS_MAX} tools are connected to this agent already: end some of them");
    let _ = teller.tell(&Tell::Error { bad_input: false, message }).await;
}

async fn converse(stream: UnixStream, client: &Client, leave: &mpsc::Sender<LeaveAsked>, settings: &Current) {
    let (read, write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut teller = Teller(write);
    let ask = match timeout(ASK_LIMIT, read_ask(&mut read)).await {
        Ok(Ok(ask)) => ask,
        Ok(Err(error)) => {
            let message = format!("cannot understand the question: {error:#}");
            let _ = teller.tell(&Tell::Error { bad_input: true, message }).await;
            return;
        }
        Err(_) => return,
    };
    if matches!(ask, Ask::Monitor) {
        // Nothing may happen for days: only its end of the line says that such a tool has gone.
        tokio::select! {
            () = answer(ask, &mut teller, client, leave, settings) => {}
            _ = read.read_u8() => {}
        }
    } else {
        answer(ask, &mut teller, client, leave, settings).await;
    }
}

async fn read_ask(read: &mut (impl AsyncBufReadExt + Unpin)) -> anyhow::Result<Ask> {
    let mut line = Vec::new();
    read.take(ASK_MAX as u64).read_until(b'\n', &mut line).await?;
    if !line.ends_with(b"\n") {
        bail!("it has no end, or is over {ASK_MAX} bytes");
    }
    Ok(serde_json::from_slice(&line)?)
}

pub(super) struct Teller(OwnedWriteHalf);

impl Teller {
    pub(super) async fn tell(&mut self, tell: &Tell) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(tell)?;
        line.push(b'\n');
        Ok(timeout(TELL_LIMIT, self.0.write_all(&line)).await??)
    }
}

async fn answer(
    ask: Ask,
    teller: &mut Teller,
    client: &Client,
    leave: &mpsc::Sender<LeaveAsked>,
    settings: &Current,
) {
    // Kept until the last word is out: the agent waits for this before its process ends.
    let (_told, being_told) = oneshot::channel::<()>();
    let answered = match ask {
        Ask::Members => members(teller, client).await,
        Ask::Explain { member } => explain(teller, client, &member).await,
        Ask::Monitor => monitor(teller, client).await,
        Ask::Send { member, text, timeout_ms } => {
            let patience = Duration::from_millis(timeout_ms).min(SEND_LIMIT);
            send(teller, client, &member, text, patience).await
        }
        Ask::Metrics => looks::metrics(teller, client).await,
        Ask::RoundTrips => looks::round_trips(teller, client).await,
        Ask::Ping { member, timeout_ms } => {
            looks::ping(teller, client, &member, Duration::from_millis(timeout_ms)).await
        }
        Ask::Rings { member, rings } => looks::rings(teller, client, member.as_deref(), &rings).await,
        Ask::History => looks::history(teller, client).await,
        Ask::Snapshot => looks::snapshot(teller, client).await,
        Ask::About => {
            let settings = settings.borrow().clone();
            looks::about(teller, client, &settings).await
        }
        Ask::Revocations { import } => revocations(teller, client, import.as_deref()).await,
        Ask::Leave => ask_to_leave(leave, being_told).await,
    };
    let last = match answered {
        Ok(()) => Tell::Done,
        Err(error) => {
            Tell::Error { bad_input: crate::error::exit_code(&error) == 2, message: format!("{error:#}") }
        }
    };
    let _ = teller.tell(&last).await;
}

async fn members(teller: &mut Teller, client: &Client) -> anyhow::Result<()> {
    for row in questions::members(client).await? {
        teller.tell(&Tell::Member(row)).await?;
    }
    Ok(())
}

async fn revocations(teller: &mut Teller, client: &Client, import: Option<&str>) -> anyhow::Result<()> {
    let row = revoked::list(client, import).await?;
    teller.tell(&Tell::Revocations(row)).await
}

async fn explain(teller: &mut Teller, client: &Client, member: &str) -> anyhow::Result<()> {
    let row = questions::explain(client, member).await?;
    teller.tell(&Tell::Explained(Box::new(row))).await
}

async fn monitor(teller: &mut Teller, client: &Client) -> anyhow::Result<()> {
    let mut events = client.events();
    let live = client.query(|node| node.view().live()).await?;
    teller.tell(&now(EventRow::watching(client.id(), live))).await?;
    while let Some(event) = events.next().await {
        let row = match event {
            Event::Notice(notice) => EventRow::from(&notice),
            Event::Lagged { missed } => EventRow::lagged(missed),
        };
        teller.tell(&now(row)).await?;
    }
    Ok(())
}

fn now(mut row: EventRow) -> Tell {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    row.at_ms = now.as_millis().try_into().ok();
    Tell::Event(row)
}

async fn send(
    teller: &mut Teller,
    client: &Client,
    member: &str,
    text: String,
    patience: Duration,
) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let (from, reply) = questions::send(client, member, text, patience).await?;
    let reply = Reply {
        from: from.to_string(),
        text: String::from_utf8_lossy(&reply).into_owned(),
        ms: started.elapsed().as_secs_f64() * 1e3,
    };
    teller.tell(&Tell::Reply(reply)).await
}

async fn ask_to_leave(leave: &mpsc::Sender<LeaveAsked>, told: oneshot::Receiver<()>) -> anyhow::Result<()> {
    let (done, outcome) = oneshot::channel();
    let asked = leave.send(LeaveAsked { done, told }).await;
    asked.ok().context("the agent is stopping already")?;
    outcome.await.context("the agent stopped before it had left")?.map_err(anyhow::Error::msg)
}
