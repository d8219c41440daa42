//! The step `false-accusation`: a member, whose key the demo holds, lies about its successor.

use super::network::Network;
use anyhow::{Context, ensure};
use ifrit_core::{
    accusation::{Accusation, Fields},
    action::Notice,
    id::MemberId,
    view::State,
};
use ifrit_node::identity::Identity;
use ifrit_tokio::{Client, Event, Events};
use std::time::Instant;

pub(super) async fn run(network: &mut Network) -> anyhow::Result<Vec<String>> {
    let victim = network.pick_one();
    let victim = network.client(victim)?.clone();
    let (lie, liar) = forge(network, &victim).await?;
    let mut of_victim = victim.events();
    let mut watches = network.watch(victim.id());

    let told = Instant::now();
    let (id, epoch) = (victim.id(), lie.epoch);
    spread(&liar, &lie, network).await?;
    hears(&mut of_victim, &lie).await?;
    network
        .when(move |view| {
            view.member(&id).is_some_and(|seen| seen.state == State::Live && seen.epoch > epoch)
        })
        .await?;
    let took = told.elapsed();

    let removed = watches.iter_mut().flat_map(|watch| watch.so_far());
    let removed: Vec<_> = removed.filter_map(|notice| down(&notice)).collect();
    ensure!(removed.is_empty(), "a lie put {removed:?} out of views");
    let now = victim.member(id).await?.context("the victim does not know itself")?.epoch;
    Ok(vec![
        format!(
            "{} falsely accused its successor {} on ring {}; it rebutted: live in all {} views after {} ms",
            lie.accuser.short(),
            id.short(),
            lie.ring,
            network.alive(),
            took.as_millis()
        ),
        format!("epoch {epoch} -> {now}; nobody was removed"),
    ])
}

/// A well-signed accusation of `victim` by a member that precedes it on a ring, and that member.
async fn forge(network: &mut Network, victim: &Client) -> anyhow::Result<(Accusation, Client)> {
    let why = victim.explain(victim.id()).await?.and_then(|why| why.now);
    let why = why.context("the victim does not know itself")?;
    ensure!(!why.watchers.is_empty(), "nobody watches {}", victim.id());
    let (ring, accuser) = why.watchers[network.choose(why.watchers.len())];
    let peer = network.peer(accuser).with_context(|| format!("{accuser} watches, but does not run"))?;
    let liar = peer.client().context("it runs")?.clone();
    let Identity { root, mut signer, .. } = Identity::load(peer.dir())?;
    let fields = Fields { accused: victim.id(), epoch: why.member.epoch, ring, accuser };
    Ok((fields.sign(&root.params, &mut signer), liar))
}

/// Sends the lie over every link of the liar: to the victim and to whoever else listens.
async fn spread(liar: &Client, lie: &Accusation, network: &Network) -> anyhow::Result<()> {
    let mut told = 0;
    for id in network.ids() {
        told += usize::from(id != liar.id() && liar.send_as_is(id, lie.frame()).await?);
    }
    ensure!(told > 0, "{} has no link to anybody", liar.id());
    Ok(())
}

/// Ends when the victim has heard the lie.
async fn hears(events: &mut Events, lie: &Accusation) -> anyhow::Result<()> {
    while let Some(event) = events.next().await {
        if matches!(event, Event::Notice(Notice::AccusedMyself { accusation }) if *accusation == *lie) {
            return Ok(());
        }
    }
    anyhow::bail!("the victim stopped")
}

fn down(notice: &Notice) -> Option<MemberId> {
    match notice {
        Notice::Down { accusation } => Some(accusation.accused),
        _ => None,
    }
}
