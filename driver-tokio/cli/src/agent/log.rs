//! What an agent logs.

use crate::{render, rows::EventRow};
use ifrit_core::{action::Notice, id::MemberId};
use ifrit_node::counters::Counters;
use ifrit_tokio::{Client, Event, Events};
use std::time::Duration;

/// How often traffic is logged, at debug.
const TRAFFIC_EVERY: Duration = Duration::from_secs(10);
/// Bytes of IPv4 and UDP headers.
const HEADERS: u64 = 28;

/// Logs what an operator should know, until the member stops.
pub(super) async fn events(mut events: Events, me: MemberId) {
    while let Some(event) = events.next().await {
        match event {
            Event::Notice(notice) => log(&notice, me),
            Event::Lagged { missed } => tracing::warn!(missed, "too many events to log them all"),
        }
    }
}

fn log(notice: &Notice, me: MemberId) {
    let text = anstream::adapter::strip_str(&render::event(&EventRow::from(notice))).to_string();
    let text = text.trim();
    match notice {
        Notice::Up { .. } | Notice::Updated { .. } | Notice::Accused { .. } | Notice::Rebutted { .. } => {
            tracing::debug!("{text}");
        }
        Notice::Joined { .. } | Notice::Left { .. } | Notice::Down { .. } | Notice::Expired { .. } => {
            tracing::info!("{text}");
        }
        Notice::AccusedMyself { .. } => tracing::info!("{} {text}", me.short()),
        _ => tracing::warn!("{text}"),
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
