//! `ifrit agent`: one member as a process.

mod advertise;
mod failure;
mod log;
pub(crate) mod questions;

use crate::{
    args::AgentArgs,
    control::server::{self, LeaveAsked},
    output::{BOLD, Out, paint},
    signals::Signals,
};
use anyhow::{Context, bail};
use ifrit_tokio::Client;
use serde_json::json;
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};

/// Time for what blocks to end. A member that has stopped has nothing left to do.
const END_LIMIT: Duration = Duration::from_secs(1);
/// Time for the tool that asked to leave to be told that it is done.
const TELL_LIMIT: Duration = Duration::from_secs(5);

/// Runs until stopped.
pub(crate) fn run(args: &AgentArgs, out: Out) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2) // one member is one loop and one task per request
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let result = runtime.block_on(live(args, out));
    // An enrolment that was interrupted may still wait for the CA; it is tried again with the same key.
    runtime.shutdown_timeout(END_LIMIT);
    result
}

async fn live(args: &AgentArgs, out: Out) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let starting = start(args);
    let client = tokio::select! {
        client = starting => client?,
        () = signals.next() => bail!("stopped before it had started"),
    };
    let (listener, socket) = server::bind(&args.dir)?;
    client.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    tell_started(&client, args, out)?;
    let logging = tokio::spawn(log::events(client.events(), client.id()));
    // Ends with the member.
    tokio::spawn(log::traffic(client.clone()));
    let (leave, mut leaves) = mpsc::channel(1);
    let serving = tokio::spawn(server::serve(listener, client.clone(), leave));
    let end = tokio::select! {
        () = signals.next() => End::Signal,
        Some(asked) = leaves.recv() => End::Leave(asked),
        _ = logging => End::Died,
    };
    // Before the member stops and the lock is free for another agent.
    drop(socket);
    serving.abort();
    match end {
        End::Signal if args.leave_on_stop => leave_network(&client, &mut signals, out).await,
        End::Signal => {
            client.stop().await.ok();
            say(out, "stopped", "stopped without leaving: start it again soon and nobody notices")
        }
        End::Leave(asked) => leave_as_asked(&client, asked, out).await,
        End::Died => bail!("the member has stopped by itself: see the log"),
    }
}

enum End {
    Signal,
    Leave(LeaveAsked),
    Died,
}

async fn start(args: &AgentArgs) -> anyhow::Result<Client> {
    let mut builder = ifrit_tokio::builder()
        .data_dir(&args.dir)
        .bind(args.listen)
        .on_request(|_from, body| async move { Ok(body) });
    if let Some(invite) = &args.join {
        builder = builder.invite(invite);
    }
    if let Some(file) = &args.record {
        builder = builder.record(file);
    }
    for seed in &args.seed_addr {
        builder = builder.seed_addr(seed);
    }
    if let Some(addr) = advertise::choose(args).await {
        builder = builder.advertise(addr);
    }
    builder.start().await.map_err(|error| failure::explain_start(error, args))
}

fn tell_started(client: &Client, args: &AgentArgs, out: Out) -> anyhow::Result<()> {
    let (id, addr, dir) = (client.id(), client.local_addr(), args.dir.display().to_string());
    let text = format!(
        "{} runs on {addr}\nlook at it with `ifrit members --dir {dir}`; Ctrl-C stops it, `ifrit leave --dir {dir}` leaves",
        paint(BOLD, id)
    );
    out.print(&json!({ "agent": "started", "id": id.to_string(), "addr": addr, "dir": dir }), text)
}

async fn leave_network(client: &Client, signals: &mut Signals, out: Out) -> anyhow::Result<()> {
    tokio::select! {
        left = client.leave() => left?,
        () = signals.next() => bail!("stopped before it had left: the others will find it down"),
    }
    say(out, "left", "left the network and stopped")
}

async fn leave_as_asked(client: &Client, asked: LeaveAsked, out: Out) -> anyhow::Result<()> {
    let left = client.leave().await.map_err(|error| error.to_string());
    let failed = left.clone().err();
    if asked.done.send(left).is_ok() {
        let _ = timeout(TELL_LIMIT, asked.told).await;
    }
    match failed {
        None => say(out, "left", "left the network and stopped"),
        Some(error) => bail!("could not leave: {error}"),
    }
}

fn say(out: Out, what: &str, text: &str) -> anyhow::Result<()> {
    out.print(&json!({ "agent": what }), text)
}
