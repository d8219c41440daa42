//! Two members, as an application starts them.

use crate::{Contender, MESSAGE};
use anyhow::Result;
use ifrit_tokio::{
    Client, Identity, MemberId, MessageStream, builder,
    ifrit_node::{
        ca::Authority,
        identity::generate_key,
        ifrit_core::{
            crypto::Signer,
            id::NetworkId,
            params::{Preset, Wish},
            time::Wall,
        },
    },
};
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Clone)]
pub struct Ours {
    client: Client,
    /// Runs as long as this does.
    _server: Client,
    to: MemberId,
}

pub async fn start() -> Result<Ours> {
    let begin = Wall(SystemTime::UNIX_EPOCH.elapsed()?.as_millis() as u64);
    let wish = Wish { members: 8, rings: Some(3), preset: Preset::Lan, ..Wish::default() };
    let network = NetworkId(generate_key().scalar());
    let ca = Authority::create(generate_key(), network, &wish, begin, begin + HOUR)?;
    let identity = |serial| {
        let key = generate_key();
        let certificate =
            ca.issue(&key.public_key(), MemberId(generate_key().scalar()), begin, begin + HOUR, serial);
        Identity::new(ca.root().der(), &certificate, key)
    };
    let server = builder().identity(identity(2)?).on_request(|_, body| async { Ok(body) }).on_stream(swallow);
    let server = server.start().await?;
    let client = builder().identity(identity(3)?).seed_addr(server.local_addr()).start().await?;
    client.wait_for(|view| view.joined() && view.live() == 2).await?;
    server.wait_for(|view| view.joined() && view.live() == 2).await?;
    let to = server.id();
    Ok(Ours { client, _server: server, to })
}

/// Reads to the end and says how much there was.
async fn swallow(mut stream: MessageStream) {
    let mut total = 0;
    while let Ok(Some(message)) = stream.recv().await {
        total += message.len() as u64;
    }
    // If it fails the sender hears of it.
    let _ = stream.send(total.to_be_bytes()).await;
    let _ = stream.finish().await;
}

impl Contender for Ours {
    async fn ask(&self, body: &[u8]) -> Result<usize> {
        Ok(self.client.request(self.to, body).await?.len())
    }

    async fn send(&self, total: usize) -> Result<()> {
        let mut stream = self.client.open_stream(self.to).await?;
        let message = vec![7; MESSAGE];
        for _ in 0..total / MESSAGE {
            stream.send(&message[..]).await?;
        }
        stream.finish().await?;
        let got = stream.recv().await?.unwrap_or_default();
        anyhow::ensure!(got == (total as u64).to_be_bytes(), "bytes are missing");
        Ok(())
    }
}
