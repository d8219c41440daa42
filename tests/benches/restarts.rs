//! What a thousand starts and stops leave behind: file descriptors, threads, tasks, resident memory.
//!
//! `cargo bench -p ifrit-tests --bench restarts [-- STARTS]`. One member stays; another starts on its directory, joins it,
//! asks it something and stops, again and again. On both drivers. The figures of the first tenth are those to compare with.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]

use ifrit_core::{
    crypto::Signer,
    id::{MemberId, NetworkId},
    params::{Preset, Wish},
    time::Wall,
};
use ifrit_node::{
    ca::Authority,
    drive::{Builder, Client, Runtime},
    identity::{Identity, generate_key},
};
use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

const STARTS: usize = 1000;
const HOUR: Duration = Duration::from_secs(3600);

/// What this process holds.
fn held() -> (usize, String, String) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().trim().to_owned()
    };
    (fs::read_dir("/proc/self/fd").unwrap().count(), of("Threads:"), of("VmRSS:"))
}

fn identities() -> [Identity; 2] {
    let begin = Wall(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64);
    let wish = Wish { members: 8, rings: Some(3), preset: Preset::Local, ..Wish::default() };
    let network = NetworkId(generate_key().scalar());
    let ca = Authority::create(generate_key(), network, &wish, begin, begin + HOUR * 24).unwrap();
    [2, 3].map(|serial| {
        let (key, id) = (generate_key(), MemberId(generate_key().scalar()));
        let certificate = ca.issue(&key.public_key(), id, begin, begin + HOUR * 24, serial);
        Identity::new(ca.root().der(), &certificate, key).unwrap()
    })
}

async fn once<R: Runtime>(runtime: R, dir: &std::path::Path, stays: &Client) {
    let builder = Builder::new(runtime).data_dir(dir).seed_addr(stays.local_addr());
    let member = builder.start().await.unwrap();
    member.joined().await.unwrap();
    let reply = member.request(stays.id(), "once more").await;
    assert_eq!(reply.as_deref(), Ok(&b"once more"[..]));
    member.stop().await.unwrap();
}

async fn measure<R: Runtime>(name: &str, runtime: R, starts: usize, tasks: impl Fn() -> usize) {
    let [first, second] = identities();
    let stays = Builder::new(runtime.clone()).identity(first).on_request(|_, body| async { Ok(body) });
    let stays = stays.start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    second.save(dir.path()).unwrap();
    let began = Instant::now();
    for start in 1..=starts {
        once(runtime.clone(), dir.path(), &stays).await;
        if start % (starts / 10).max(1) == 0 {
            let ((files, threads, memory), tasks) = (held(), tasks());
            let span = began.elapsed().as_secs_f64();
            println!(
                "{name}: {start:4} starts, {span:6.1} s: {files} files, {threads} threads, {tasks} tasks, {memory}"
            );
        }
    }
    stays.stop().await.unwrap();
}

fn main() {
    let starts = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(STARTS);
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let metrics = tokio.metrics();
    tokio.block_on(measure("tokio", ifrit_tokio::Tokio, starts, move || metrics.num_alive_tasks()));
    drop(tokio);
    // smol counts no tasks; one that were left would hold its socket or its memory.
    smol::block_on(measure("smol", ifrit_smol::Smol, starts, || 0));
}
