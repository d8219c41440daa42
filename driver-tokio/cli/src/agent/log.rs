//! What an agent logs.
//!
//! At info a quiet network is silent: only changes for good are told (joined, left, down, expired), and what this member is
//! accused of. At warn is what somebody must look at. What peers can cause at will is told once per [`AGAIN`] of each kind.

use super::slow::Slow;
use crate::{render, rows::EventRow};
use ifrit_core::{action::Notice, id::MemberId};
use ifrit_node::counters::Counters;
use ifrit_tokio::{Client, Event, Events};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tracing::Level;

/// How often traffic is logged, at debug.
const TRAFFIC_EVERY: Duration = Duration::from_secs(10);
/// Bytes of IPv4 and UDP headers.
const HEADERS: u64 = 28;
/// One kind of what peers can cause at will is logged once in this time: they must not fill a disk.
const AGAIN: Duration = Duration::from_secs(10);

/// Logs what an operator should know, until the member stops.
pub(super) async fn events(mut events: Events, me: MemberId, mut slow: Slow) {
    let mut gates = Gates::default();
    while let Some(event) = events.next().await {
        match event {
            Event::Notice(Notice::Slow { rtt_ms, .. }) => {
                let alarm = slow.seen(Duration::from_millis(rtt_ms.into()), Instant::now());
                alarm.into_iter().for_each(|alarm| tracing::warn!("{alarm}"));
            }
            Event::Notice(notice) => log(&notice, me, &mut gates),
            Event::Lagged { missed } => tracing::warn!(missed, "too many events to log them all"),
        }
    }
}

/// When each kind of event was logged last, and how many were not since.
#[derive(Debug, Default)]
struct Gates(BTreeMap<String, (Option<Instant>, u64)>);

impl Gates {
    /// Whether to log it; if so, how many of its kind were not.
    fn pass(&mut self, kind: &str, now: Instant) -> Option<u64> {
        let (last, untold) = self.0.entry(kind.to_owned()).or_default();
        if last.is_some_and(|last| now < last + AGAIN) {
            *untold += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(untold))
    }
}

fn level(notice: &Notice) -> Level {
    match notice {
        Notice::Up { .. } | Notice::Updated { .. } | Notice::Accused { .. } | Notice::Rebutted { .. } => {
            Level::DEBUG
        }
        Notice::Joined { .. }
        | Notice::Left { .. }
        | Notice::Down { .. }
        | Notice::Expired { .. }
        | Notice::AccusedMyself { .. } => Level::INFO,
        _ => Level::WARN,
    }
}

/// Whether a peer can cause it again and again.
fn is_at_will(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Misbehaviour { .. }
            | Notice::ClockWrong { .. }
            | Notice::Equivocation { .. }
            | Notice::IdentityInUse { .. }
            | Notice::AccusedMyself { .. }
    )
}

fn log(notice: &Notice, me: MemberId, gates: &mut Gates) {
    let row = EventRow { member: subject(notice, me), ..EventRow::from(notice) };
    let untold = match is_at_will(notice).then(|| gates.pass(&row.event, Instant::now())) {
        Some(None) => return,
        Some(Some(untold)) => untold,
        None => 0,
    };
    let member = row.member.as_deref().map(render::short);
    let accuser = row.evidence.as_ref().map(|evidence| render::short(&evidence.accuser));
    let ring = row.evidence.as_ref().map(|evidence| evidence.ring);
    let (epoch, untold) = (row.epoch, (untold > 0).then_some(untold));
    let text = match &row.detail {
        Some(detail) => format!("{}: {detail}", row.event),
        None => row.event.clone(),
    };
    macro_rules! tell {
        ($($level:ident),*) => {
            match level(notice) {
                $(Level::$level => tracing::event!(Level::$level, member, epoch, accuser, ring, untold, "{text}"),)*
                _ => tracing::debug!(member, epoch, accuser, ring, untold, "{text}"),
            }
        };
    }
    tell!(WARN, INFO);
}

fn subject(notice: &Notice, me: MemberId) -> Option<String> {
    match notice {
        Notice::AccusedMyself { .. } => Some(me.to_string()),
        notice => notice.subject().map(|id| id.to_string()),
    }
}

/// Logs what the member sends, until it stops.
pub(super) async fn traffic(client: Client) {
    let mut before = Counters::default();
    while let Ok((counters, live)) = client.query(|node| (node.counters(), node.view().live())).await {
        let sent = |now: u64, then: u64| now.saturating_sub(then);
        let datagrams = sent(counters.datagrams_out, before.datagrams_out);
        tracing::debug!(
            seconds = TRAFFIC_EVERY.as_secs(),
            live,
            links = counters.links,
            datagrams_sent = datagrams,
            bytes_sent_with_headers = sent(counters.bytes_out, before.bytes_out) + datagrams * HEADERS,
            frames_sent = sent(counters.frames_out, before.frames_out),
            pings_sent = sent(counters.pings_out, before.pings_out),
            "traffic"
        );
        before = counters;
        tokio::time::sleep(TRAFFIC_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_cause_at_will_is_told_once_in_a_while_and_counted() {
        let (mut gates, start) = (Gates::default(), Instant::now());
        assert_eq!(gates.pass("slow", start), Some(0));
        assert_eq!((gates.pass("slow", start), gates.pass("misbehaviour", start)), (None, Some(0)));
        assert_eq!(gates.pass("slow", start + AGAIN), Some(1));
    }

    #[test]
    fn what_happens_all_the_time_is_below_info() {
        let member = MemberId([1; 32]);
        for notice in [Notice::Updated { member, epoch: 1 }, Notice::Rebutted { member, epoch: 1 }] {
            assert_eq!(level(&notice), Level::DEBUG);
        }
        assert_eq!(level(&Notice::Left { member }), Level::INFO);
        assert_eq!(level(&Notice::Slow { peer: member, rtt_ms: 1 }), Level::WARN);
    }
}
