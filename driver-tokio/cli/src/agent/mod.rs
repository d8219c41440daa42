//! `ifrit agent`: one member as a process.

mod advertise;
mod failure;
mod log;
pub(crate) mod questions;
mod reload;
pub(crate) mod revoked;
mod shown;
mod slow;

use crate::{
    args::AgentArgs,
    control::server::{self, LeaveAsked},
    error::bad_input,
    logging::Logging,
    output::{BOLD, Out, paint},
    settings::{self, Loaded, Reload, agent::AgentSettings},
    signals::{Hangups, Signals},
    systemd, tags,
};
use anyhow::{Context, bail};
use ifrit_core::params::Params;
use ifrit_tokio::Client;
use serde_json::json;
use shown::Shown;
use slow::Slow;
use std::time::Duration;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

/// Time for what blocks to end. A member that has stopped has nothing left to do.
const END_LIMIT: Duration = Duration::from_secs(1);
/// Time for the tool that asked to leave to be told that it is done.
const TELL_LIMIT: Duration = Duration::from_secs(5);

/// Runs until stopped.
pub(crate) fn run(args: &AgentArgs, out: Out) -> anyhow::Result<()> {
    let loaded = Loaded::load(&args.settings)?;
    if args.write_config {
        return out.text(settings::write(&loaded).trim_end());
    }
    let settings = loaded.started("ifrit agent")?;
    let logging = Logging::start(&settings.log, settings.log_format);
    let reload = Reload::new(args.settings.clone(), &settings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2) // one member is one loop and one task per request
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let result = runtime.block_on(live(settings, reload, logging, out));
    // An enrolment that was interrupted may still wait for the CA; it is tried again with the same key.
    runtime.shutdown_timeout(END_LIMIT);
    result
}

async fn live(
    settings: AgentSettings,
    reload: Reload<AgentSettings>,
    logging: Logging,
    out: Out,
) -> anyhow::Result<()> {
    let (mut signals, hangups) = (Signals::new()?, Hangups::new()?);
    let mut shown = Shown::bind(&settings).await?;
    let starting = start(&settings);
    let client = tokio::select! {
        client = starting => client?,
        () = signals.next() => bail!("stopped before it had started"),
    };
    shown.started(&client, &settings)?;
    let (listener, socket) = server::bind(&settings.dir, settings.control_socket.as_deref())?;
    client.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    tell_started(&client, &settings, out)?;
    let slow = Slow::new(Params::derive(client.network()));
    let events = tokio::spawn(log::events(client.events(), client.id(), slow));
    // Both end with the member.
    tokio::spawn(log::traffic(client.clone()));
    tokio::spawn(systemd::follow(client.clone()));
    let (settings, current) = watch::channel(settings);
    let live = reload::Live { client: client.clone(), logging, settings };
    let reloading = tokio::spawn(reload::at_hangups(hangups, reload, live));
    let revoked = revoked::itself(client.events(), client.id());
    let (leave, mut leaves) = mpsc::channel(1);
    let serving = tokio::spawn(server::serve(listener, client.clone(), leave, current.clone()));
    let end = tokio::select! {
        () = signals.next() => End::Signal,
        Some(asked) = leaves.recv() => End::Leave(asked),
        () = revoked => End::Revoked,
        _ = events => End::Died,
    };
    systemd::stopping();
    drop(shown);
    // Before the member stops and the lock is free for another agent.
    drop(socket);
    serving.abort();
    reloading.abort();
    let leaves = current.borrow().leave_on_stop;
    match end {
        End::Signal if leaves => leave_network(&client, &mut signals, out).await,
        End::Signal => {
            client.stop().await.ok();
            say(out, "stopped", "stopped without leaving: start it again soon and nobody notices")
        }
        End::Leave(asked) => leave_as_asked(&client, asked, out).await,
        End::Revoked => {
            client.stop().await.ok();
            Err(bad_input(
                "the CA has revoked this member: enrol anew, in another directory and with a new invite",
            ))
        }
        End::Died => bail!("the member has stopped by itself: see the log"),
    }
}

/// Name and tags as they travel.
fn own_tags(settings: &AgentSettings) -> anyhow::Result<Vec<u8>> {
    tags::encode(settings.name.as_ref(), &settings.tags).map_err(bad_input)
}

enum End {
    Signal,
    Leave(LeaveAsked),
    Revoked,
    Died,
}

async fn start(settings: &AgentSettings) -> anyhow::Result<Client> {
    let mut builder = ifrit_tokio::builder()
        .data_dir(&settings.dir)
        .bind(settings.listen)
        .limits(settings.limits())
        .probation(settings.probation())
        .on_request(|_from, body| async move { Ok(body) });
    if let Some(invite) = &settings.invite() {
        builder = builder.invite(invite);
    }
    if let Some(ca) = &settings.ca {
        builder = builder.ca(&*ca.0);
    }
    if let Some(file) = &settings.open {
        let root = std::fs::read(file);
        let root = root.map_err(|error| bad_input(format!("cannot read {}: {error}", file.display())))?;
        tracing::warn!(
            "an open network: whoever has {} can make members, nothing is promised",
            file.display()
        );
        builder = builder.open_network(root);
    }
    if let Some(minor) = minor_for_tests()? {
        builder = builder.speak_minor(minor);
    }
    builder = builder.tags(own_tags(settings)?);
    if let Some(file) = &settings.record {
        builder = builder.record(file);
    }
    for seed in &settings.seed_addr {
        builder = builder.seed_addr(&seed.0);
    }
    for addr in advertise::choose(settings).await {
        builder = builder.advertise(addr);
    }
    builder.start().await.map_err(|error| failure::explain_start(error, settings))
}

/// For tests of builds beside each other, as in an upgrade: the minor version of the wire to speak instead of this build's.
fn minor_for_tests() -> anyhow::Result<Option<u16>> {
    let Some(minor) = std::env::var_os("IFRIT_TEST_MINOR") else { return Ok(None) };
    let minor = minor.to_str().and_then(|minor| minor.parse().ok());
    minor.map(Some).ok_or_else(|| bad_input("IFRIT_TEST_MINOR is for tests, and a number below 65536"))
}

fn tell_started(client: &Client, settings: &AgentSettings, out: Out) -> anyhow::Result<()> {
    let (id, addr, dir) = (client.id(), client.local_addr(), settings.dir.display().to_string());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %id, %addr, network = %client.network().id, "started");
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
