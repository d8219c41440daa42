//! How long a stop takes with both hands full.
//!
//! `cargo bench -p ifrit-tests --bench stop [-- ROUNDS]`. Of two members one is stopped while streams of bulk run in both
//! directions and requests are asked in both, half of which nobody answers. On both drivers.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]

use ifrit_core::{
    crypto::Signer,
    id::{MemberId, NetworkId},
    params::{Preset, Wish},
    time::Wall,
};
use ifrit_node::{
    ca::Authority,
    drive::{Builder, Client, MessageStream, Runtime},
    identity::{Identity, generate_key},
};
use std::{
    future::pending,
    time::{Duration, Instant, SystemTime},
};

const ROUNDS: usize = 20;
/// Streams and, of each kind, requests in each direction.
const STREAMS: usize = 8;
const REQUESTS: usize = 64;
/// Bytes of one message of bulk.
const MESSAGE: usize = 64 * 1024;
/// Bytes of bulk that must have come before the stop: all is under way by then.
const WARM: u64 = 32 * 1024 * 1024;
const HOUR: Duration = Duration::from_secs(3600);

fn identities() -> [Identity; 2] {
    let begin = Wall(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64);
    let wish = Wish { members: 8, rings: Some(3), preset: Preset::Local, ..Wish::default() };
    let network = NetworkId(generate_key().scalar());
    let ca = Authority::create(generate_key(), network, &wish, begin, begin + HOUR).unwrap();
    [2, 3].map(|serial| {
        let (key, id) = (generate_key(), MemberId(generate_key().scalar()));
        let certificate = ca.issue(&key.public_key(), id, begin, begin + HOUR, serial);
        Identity::new(ca.root().der(), &certificate, key).unwrap()
    })
}

async fn start<R: Runtime>(runtime: &R, identity: Identity, other: Option<&Client>) -> Client {
    let builder = Builder::new(runtime.clone()).identity(identity).on_stream(swallow);
    let builder = builder.on_request(|_, body| async move {
        // Those without a body are never answered.
        if body.is_empty() { pending().await } else { Ok(body) }
    });
    other
        .into_iter()
        .fold(builder, |builder, other| builder.seed_addr(other.local_addr()))
        .start()
        .await
        .unwrap()
}

async fn swallow(mut stream: MessageStream) {
    while let Ok(Some(_)) = stream.recv().await {}
}

/// Keeps `to` busy until one of them stops.
fn load<R: Runtime>(runtime: &R, from: &Client, to: MemberId) {
    for _ in 0..STREAMS {
        let from = from.clone();
        runtime.spawn(async move {
            let mut stream = from.open_stream(to).await.unwrap();
            drop(from);
            while stream.send(vec![7; MESSAGE]).await.is_ok() {}
        });
    }
    for body in [&[][..], &[7; 64]] {
        for _ in 0..REQUESTS {
            let from = from.clone();
            runtime.spawn(async move { while from.request(to, body).await.is_ok() {} });
        }
    }
}

async fn once<R: Runtime>(runtime: &R) -> Duration {
    let [first, second] = identities();
    let stays = start(runtime, first, None).await;
    let stops = start(runtime, second, Some(&stays)).await;
    for member in [&stays, &stops] {
        member.wait_for(|view| view.joined() && view.live() == 2).await.unwrap();
    }
    load(runtime, &stays, stops.id());
    load(runtime, &stops, stays.id());
    while stops.query(|node| node.counters().stream_bytes_in).await.unwrap() < WARM {}
    let began = Instant::now();
    stops.stop().await.unwrap();
    let took = began.elapsed();
    stays.stop().await.unwrap();
    took
}

async fn measure<R: Runtime>(name: &str, runtime: R, rounds: usize) {
    let mut spans = Vec::new();
    for _ in 0..rounds {
        spans.push(once(&runtime).await);
    }
    spans.sort();
    println!("{name}: {rounds} stops, median {:?}, longest {:?}", spans[rounds / 2], spans[rounds - 1]);
}

fn main() {
    let rounds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(measure("tokio", ifrit_tokio::Tokio, rounds));
    drop(tokio);
    smol::block_on(measure("smol", ifrit_smol::Smol, rounds));
}
