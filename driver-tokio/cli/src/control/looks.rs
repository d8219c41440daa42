//! The agent's answers to tools that look closer.

use super::{Tell, server::Teller};
use crate::{
    agent::questions::{self, resolve},
    observe::{encode, sample::Sample},
    recent,
    rings::{RingRow, SPOTS_MAX, SpotRow},
    rows::{self, AboutRow, PastRow, PongRow, RecordRow, SNAPSHOT_FORMAT, SnapshotHead, WatchedRow, in_ms},
    settings::{Settings, agent::AgentSettings},
};
use ifrit_core::{id::MemberId, view::View};
use ifrit_node::node::Node;
use ifrit_tokio::Client;
use std::time::{Duration, Instant};

/// Longest wait for a pong that `ping` may ask for.
const PING_LIMIT: Duration = Duration::from_secs(60);
/// Members whose records are taken in one look: the member's loop does nothing else meanwhile.
const RECORDS_PER_LOOK: usize = 256;

pub(super) async fn metrics(teller: &mut Teller, client: &Client) -> anyhow::Result<()> {
    for row in encode::rows(&Sample::take(client).await?) {
        teller.tell(&Tell::Figure(row)).await?;
    }
    Ok(())
}

pub(super) async fn round_trips(teller: &mut Teller, client: &Client) -> anyhow::Result<()> {
    let watched: Vec<_> =
        client.query(|node| node.view().watched().map(|w| WatchedRow::from(&w)).collect()).await?;
    for row in watched {
        teller.tell(&Tell::Watched(row)).await?;
    }
    Ok(())
}

pub(super) async fn ping(
    teller: &mut Teller,
    client: &Client,
    member: &str,
    patience: Duration,
) -> anyhow::Result<()> {
    let to = resolve(client, member).await?;
    let started = Instant::now();
    let row = match client.ping(to, patience.min(PING_LIMIT)).await {
        Ok(()) => {
            PongRow { from: to.to_string(), sequence: 0, ms: Some(in_ms(started.elapsed())), error: None }
        }
        Err(error) => {
            let error = questions::explain_failure(error, member, patience).to_string();
            PongRow { from: to.to_string(), sequence: 0, ms: None, error: Some(error) }
        }
    };
    teller.tell(&Tell::Pong(row)).await
}

/// These rings, or all; from `member` on, or from the agent itself.
pub(super) async fn rings(
    teller: &mut Teller,
    client: &Client,
    member: Option<&str>,
    wanted: &[u8],
) -> anyhow::Result<()> {
    let from = match member {
        Some(member) => resolve(client, member).await?,
        None => client.id(),
    };
    let all = 0..client.network().rings;
    if let Some(no) = wanted.iter().find(|ring| !all.contains(ring)) {
        let last = all.end.saturating_sub(1);
        return Err(crate::error::bad_input(format!(
            "there is no ring {no}: this network has rings 0 to {last}"
        )));
    }
    for ring in all.filter(|ring| wanted.is_empty() || wanted.contains(ring)) {
        let row = client.query(move |node| ring_row(&node.view(), ring, from)).await?;
        teller.tell(&Tell::Ring(row)).await?;
    }
    Ok(())
}

pub(crate) fn ring_row(view: &View<'_>, ring: u8, from: MemberId) -> RingRow {
    let mut all: Vec<_> = view.ring(ring).collect();
    let start = all.iter().position(|(id, ..)| *id == from).unwrap_or(0);
    all.rotate_left(start);
    let left_out = all.len().saturating_sub(SPOTS_MAX);
    // The one asked for stands in the middle of what is told: who is before it matters as much.
    if left_out > 0 {
        all.rotate_right(SPOTS_MAX / 2);
        all.truncate(SPOTS_MAX);
    }
    let spot = |(id, state, enabled): (MemberId, _, bool)| SpotRow {
        id: id.to_string(),
        state: rows::state(state).to_owned(),
        enabled,
    };
    RingRow { ring, spots: all.into_iter().map(spot).collect(), left_out }
}

pub(super) async fn history(teller: &mut Teller, client: &Client) -> anyhow::Result<()> {
    let now = client.now().mono;
    let look =
        move |node: &Node| node.history().iter().map(|seen| PastRow::new(seen, now)).collect::<Vec<_>>();
    for row in client.query(look).await? {
        teller.tell(&Tell::Event(row.event)).await?;
    }
    Ok(())
}

pub(super) async fn snapshot(teller: &mut Teller, client: &Client) -> anyhow::Result<()> {
    let head = SnapshotHead {
        snapshot: SNAPSHOT_FORMAT,
        of: client.id().to_string(),
        network: client.network().id.to_string(),
        at_ms: client.now().wall.0,
    };
    teller.tell(&Tell::Snapshot(head)).await?;
    let ids: Vec<MemberId> =
        client.query(|node| node.view().members().map(|member| member.id).collect()).await?;
    for some in ids.chunks(RECORDS_PER_LOOK).map(<[MemberId]>::to_vec) {
        let look = move |view: &View<'_>| some.iter().filter_map(|id| record(view, id)).collect::<Vec<_>>();
        for row in client.query(move |node| look(&node.view())).await? {
            teller.tell(&Tell::Record(row)).await?;
        }
    }
    Ok(())
}

/// `None`: it went out of lease since it was listed.
fn record(view: &View<'_>, id: &MemberId) -> Option<RecordRow> {
    let why = view.explain(id)?;
    Some(RecordRow {
        id: id.to_string(),
        state: rows::state(why.member.state).to_owned(),
        epoch: why.member.epoch,
        certificate: rows::hex(view.certificate(id)?),
        note: rows::hex(view.note(id)?),
        accusations: why
            .accusations
            .iter()
            .map(|charge| rows::hex(charge.accusation.signed().bytes()))
            .collect(),
    })
}

pub(super) async fn about(
    teller: &mut Teller,
    client: &Client,
    settings: &AgentSettings,
) -> anyhow::Result<()> {
    let (joined, now, network) =
        (client.query(|node| node.view().joined()).await?, client.now(), client.network());
    let settings = AgentSettings::SPECS.iter().zip(settings.shown());
    let settings = settings.filter_map(|(spec, value)| Some(format!("{} = {}", spec.key, value?))).collect();
    let row = AboutRow {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        id: client.id().to_string(),
        network: network.id.to_string(),
        listens: client.local_addr().to_string(),
        pid: std::process::id(),
        uptime_ms: now.mono.0 / 1_000_000,
        joined,
        rings: network.rings,
        delta_ms: network.delta_ms.into(),
        warnings: client.warnings().iter().map(ToString::to_string).collect(),
        settings,
        log: recent::lines(),
    };
    teller.tell(&Tell::About(Box::new(row))).await
}
