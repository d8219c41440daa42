//! The step `crash`: one stops without a word.

use super::network::{Network, Watch};
use anyhow::Context;
use ifrit_core::{action::Notice, id::MemberId};
use ifrit_tokio::Event;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Accusations that are shown; there may be one on every ring.
const SHOWN_MAX: usize = 6;

/// Who accused it on which ring, and when that was first heard of.
type Accusations = BTreeMap<(u8, MemberId), Option<Duration>>;

pub(super) async fn run(network: &mut Network) -> anyhow::Result<Vec<String>> {
    let index = network.pick_one();
    let id = network.client(index)?.id();
    let watches = network.watch(id);
    let observers = watches.len();
    let crashed = Instant::now();
    let mut sightings = JoinSet::new();
    for watch in watches {
        sightings.spawn(see_down(watch, id, crashed));
    }
    network.crash(index).await?;
    let mut downs = Vec::new();
    let mut accusations = Accusations::new();
    while let Some(seen) = sightings.join_next().await {
        let (down, heard) = seen?.context("a member stopped before it saw anything")?;
        downs.push(down);
        heard.into_iter().for_each(|(who, after)| keep_earliest(&mut accusations, who, after));
    }
    network.when(move |view| view.member(&id).is_none_or(|seen| !seen.state.is_live())).await?;
    for (ring, accuser) in network.accusations_of(id).await? {
        accusations.entry((ring, accuser)).or_insert(None);
    }
    downs.sort();
    let first = downs.first().map_or(0, Duration::as_millis);
    let last = downs.last().map_or(0, Duration::as_millis);
    let mut lines = vec![format!(
        "{} stopped without a word; Down in all {observers} views after {last} ms (in the first after {first} ms)",
        id.short()
    )];
    lines.extend(show(&accusations));
    Ok(lines)
}

/// Reads events until `id` is down: when that was, and whom it was accused by.
async fn see_down(mut watch: Watch, id: MemberId, crashed: Instant) -> Option<(Duration, Accusations)> {
    let mut heard = Accusations::new();
    while let Some(event) = watch.events.next().await {
        let (accusation, down) = match &event {
            Event::Notice(Notice::Accused { accusation }) => (accusation, false),
            Event::Notice(Notice::Down { accusation }) => (accusation, true),
            _ => continue,
        };
        if accusation.accused != id {
            continue;
        }
        let after = crashed.elapsed();
        keep_earliest(&mut heard, (accusation.ring, accusation.accuser), Some(after));
        if down {
            return Some((after, heard));
        }
    }
    None
}

fn keep_earliest(accusations: &mut Accusations, who: (u8, MemberId), after: Option<Duration>) {
    let known = accusations.entry(who).or_insert(after);
    *known = match (*known, after) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

fn show(accusations: &Accusations) -> Vec<String> {
    let mut by_time: Vec<_> = accusations.iter().collect();
    by_time.sort_by_key(|(_, after)| after.unwrap_or(Duration::MAX));
    let line = |((ring, accuser), after): &(&(u8, MemberId), &Option<Duration>)| {
        let when =
            after.map_or_else(String::new, |after| format!(", heard of after {} ms", after.as_millis()));
        format!("accused by {} on ring {ring}{when}", accuser.short())
    };
    let mut lines: Vec<_> = by_time.iter().take(SHOWN_MAX).map(line).collect();
    if by_time.len() > SHOWN_MAX {
        lines.push(format!("and on {} more rings", by_time.len() - SHOWN_MAX));
    }
    lines
}
