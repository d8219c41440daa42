//! One member of the demo: its directory, and its client while it runs.

use anyhow::Context;
use ifrit_core::id::MemberId;
use ifrit_tokio::Client;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

pub(super) struct Peer {
    dir: PathBuf,
    /// The port is drawn when it first starts and stays its own, as a service's would.
    addr: SocketAddr,
    client: Option<Client>,
}

impl Peer {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, addr: (Ipv4Addr::LOCALHOST, 0).into(), client: None }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The running member.
    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// Starts it; the first time it enrols over HTTPS.
    pub(super) async fn start(&mut self, invite: &str) -> anyhow::Result<()> {
        let client = ifrit_tokio::builder()
            .data_dir(&self.dir)
            .bind(self.addr)
            .invite(invite)
            .on_request(|from, body| async move { Ok(reply(from, &body)) })
            .start()
            .await
            .with_context(|| format!("cannot start a member in {}", self.dir.display()))?;
        self.addr = client.local_addr();
        self.client = Some(client);
        Ok(())
    }

    /// Kills it: no goodbye, no closed link, nothing saved.
    pub(super) async fn kill(&mut self) {
        if let Some(client) = self.client.take() {
            // It may have stopped by itself, which is as well here.
            let _ = client.abort().await;
        }
    }

    /// Says goodbye and stops.
    pub(super) async fn leave(&mut self) -> anyhow::Result<()> {
        match self.client.take() {
            Some(client) => Ok(client.leave().await?),
            None => Ok(()),
        }
    }
}

/// What a member answers: whom the certificates say that it hears, and what it hears.
fn reply(from: MemberId, body: &[u8]) -> Vec<u8> {
    [from.to_string().as_bytes(), b" says: ", body].concat()
}

/// The reply to `body` of `from`, if the other side knows who asks.
pub(super) fn expected_reply(from: MemberId, body: &str) -> Vec<u8> {
    reply(from, body.as_bytes())
}
