//! What happens in the demo, in order.

use super::{crash, lie, network::Network, peer};
use anyhow::{Context, ensure};
use ifrit_core::{
    action::Notice,
    view::{State, View},
};
use std::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Ca,
    Join,
    Message,
    Crash,
    FalseAccusation,
    Restart,
    Leave,
}

impl Step {
    pub(super) const ALL: [Self; 7] =
        [Self::Ca, Self::Join, Self::Message, Self::Crash, Self::FalseAccusation, Self::Restart, Self::Leave];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Join => "join",
            Self::Message => "message",
            Self::Crash => "crash",
            Self::FalseAccusation => "false-accusation",
            Self::Restart => "restart",
            Self::Leave => "leave",
        }
    }

    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Ca => "making a network: its CA, and an HTTPS service for newcomers",
            Self::Join => "enrolling everybody; waiting until every view is complete",
            Self::Message => "a member asks another by its id",
            Self::Crash => "one stops without a word; waiting until it is Down in every view",
            Self::FalseAccusation => "one lies about its successor; waiting for the rebuttal",
            Self::Restart => "the crashed one returns; waiting until every view holds it",
            Self::Leave => "one says goodbye",
        }
    }

    /// Does it; says what happened, the gist first.
    pub(super) async fn run(self, network: &mut Network) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Ca => network.open_ca().await,
            Self::Join => join(network).await,
            Self::Message => message(network).await,
            Self::Crash => crash::run(network).await,
            Self::FalseAccusation => lie::run(network).await,
            Self::Restart => restart(network).await,
            Self::Leave => leave(network).await,
        }
    }
}

async fn join(network: &mut Network) -> anyhow::Result<Vec<String>> {
    let started = Instant::now();
    network.start_all().await?;
    let enrolled = started.elapsed();
    let members = network.alive();
    network.when(move |view| view.joined() && view.live() == members).await?;
    Ok(vec![format!(
        "{members} members enrolled over HTTPS in {} ms; every view holds all {members} after {} ms",
        enrolled.as_millis(),
        started.elapsed().as_millis()
    )])
}

async fn message(network: &mut Network) -> anyhow::Result<Vec<String>> {
    let [from, to] = network.pick_two();
    let (from, to) = (network.client(from)?, network.client(to)?);
    let asked = Instant::now();
    let reply = from.request(to.id(), "hello").await.context("no reply")?;
    let took = asked.elapsed();
    ensure!(
        reply == peer::expected_reply(from.id(), "hello"),
        "{} heard somebody else than {}",
        to.id(),
        from.id()
    );
    Ok(vec![format!(
        "{} asked {} and had its reply in {:.1} ms; its certificate proved who asks",
        from.id().short(),
        to.id().short(),
        took.as_secs_f64() * 1e3
    )])
}

async fn restart(network: &mut Network) -> anyhow::Result<Vec<String>> {
    let started = Instant::now();
    let (before, id, old_epoch) = network.restart_crashed().await?;
    ensure!(id == before, "it returned as {id}, but was {before}");
    let members = network.alive();
    let is_back = move |view: View<'_>| {
        let back = view.member(&id).is_some_and(|seen| seen.state == State::Live && seen.epoch > old_epoch);
        back && view.live() == members
    };
    network.when(is_back).await?;
    let client = network.peer(id).and_then(|peer| peer.client()).context("it has stopped again")?;
    let epoch = client.member(id).await?.context("it does not know itself")?.epoch;
    Ok(vec![format!(
        "{} is back with its old identity: live in all {members} views after {} ms; epoch {old_epoch} -> {epoch}",
        id.short(),
        started.elapsed().as_millis()
    )])
}

async fn leave(network: &mut Network) -> anyhow::Result<Vec<String>> {
    let index = network.pick_one();
    let id = network.client(index)?.id();
    let watches = network.watch(id);
    let started = Instant::now();
    network.leave(index).await?;
    network.when(move |view| view.member(&id).is_none_or(|seen| seen.state == State::Left)).await?;
    let took = started.elapsed();
    let accuses =
        |notice: &Notice| matches!(notice, Notice::Accused { accusation } if accusation.accused == id);
    let accused = watches.into_iter().any(|mut watch| watch.so_far().iter().any(accuses));
    ensure!(!accused, "{id} said goodbye and was accused all the same");
    Ok(vec![format!(
        "{} said goodbye: out of all {} views after {} ms, accused by nobody",
        id.short(),
        network.alive(),
        took.as_millis()
    )])
}
