//! One member of the demo: its directory, and while it runs, threads and a client of its own.

use anyhow::Context;
use ifrit_core::id::MemberId;
use ifrit_tokio::Client;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::runtime::Runtime;

/// Time for a member's threads to end; they wait for nothing but the disk.
const END_LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Peer {
    dir: PathBuf,
    running: Option<Running>,
}

struct Running {
    /// An own one, so that the member can be killed between any two instructions, as a process can.
    runtime: Runtime,
    client: Client,
}

impl Peer {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, running: None }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Starts it; the first time it enrols over HTTPS.
    pub(super) async fn start(&mut self, invite: &str) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("member")
            .enable_all()
            .build()
            .context("cannot start threads")?;
        let builder = ifrit_tokio::builder()
            .data_dir(&self.dir)
            .bind(([127, 0, 0, 1], 0).into())
            .invite(invite)
            .on_request(|from, body| async move { Ok(reply(from, &body)) });
        let started = runtime.spawn(builder.start()).await;
        match started.map_err(anyhow::Error::new).and_then(|client| Ok(client?)) {
            Ok(client) => {
                self.running = Some(Running { runtime, client });
                Ok(())
            }
            Err(error) => {
                runtime.shutdown_background();
                Err(error).with_context(|| format!("cannot start a member in {}", self.dir.display()))
            }
        }
    }

    /// The running member.
    pub(super) fn client(&self) -> Option<&Client> {
        self.running.as_ref().map(|running| &running.client)
    }

    /// Kills it: no goodbye, no closed link, nothing saved.
    pub(super) async fn kill(&mut self) {
        let Some(Running { runtime, client }) = self.running.take() else { return };
        // The client goes last: when the loop sees it go it stops in good order.
        let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(END_LIMIT)).await;
        drop(client);
    }

    /// Says goodbye and stops.
    pub(super) async fn leave(&mut self) -> anyhow::Result<()> {
        if let Some(client) = self.client() {
            client.leave().await?;
        }
        self.kill().await;
        Ok(())
    }
}

/// What a member answers: whom its certificates say that it hears, and what it hears.
fn reply(from: MemberId, body: &[u8]) -> Vec<u8> {
    [from.to_string().as_bytes(), b" says: ", body].concat()
}

/// The reply to `body` of `from`, if the other side knows who asks.
pub(super) fn expected_reply(from: MemberId, body: &str) -> Vec<u8> {
    reply(from, body.as_bytes())
}
