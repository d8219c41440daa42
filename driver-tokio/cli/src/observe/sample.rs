//! One look at a running node.

use ifrit_core::{
    counters::Counters as CoreCounters,
    id::MemberId,
    time::Now,
    view::{State, Watched},
};
use ifrit_node::{
    counters::{Counters, Queue},
    node::Node,
    offenders::Offence,
};
use ifrit_tokio::{Client, Stopped};
use std::time::Duration;

/// All that the metrics are made from.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) now: Now,
    pub(crate) me: MemberId,
    pub(crate) joined: bool,
    pub(crate) unconfirmed: bool,
    /// How many members stand in each of [`State::ALL`].
    pub(crate) states: [usize; State::ALL.len()],
    pub(crate) digest_age: Duration,
    /// Ring neighbours, and those of them whose last ping or pong showed this very view.
    pub(crate) neighbours: usize,
    pub(crate) agreeing: usize,
    pub(crate) watched: Vec<Watched>,
    pub(crate) delta: Duration,
    /// When its certificate ends: seconds since 1970.
    pub(crate) certificate_end_s: u64,
    pub(crate) core: CoreCounters,
    pub(crate) node: Counters,
    pub(crate) queues: Vec<Queue>,
    pub(crate) offences: Vec<(MemberId, Offence, u64)>,
    pub(crate) other_offences: u64,
}

impl Sample {
    /// Looks at the node. O(members), in the member's loop.
    pub(crate) async fn take(client: &Client) -> Result<Self, Stopped> {
        let now = client.now();
        client.query(move |node| Self::of(node, now)).await
    }

    fn of(node: &Node, now: Now) -> Self {
        let view = node.view();
        let me = view.me();
        Self {
            now,
            me,
            joined: view.joined(),
            unconfirmed: view.unconfirmed(),
            states: view.tally(),
            digest_age: now.mono.since(view.digest_since()),
            neighbours: view.neighbours().count(),
            agreeing: view.neighbours().filter(|id| view.agrees_with(id) == Some(true)).count(),
            watched: view.watched().collect(),
            delta: view.params().delta,
            certificate_end_s: view.certificate_end(&me).map_or(0, |end| end.0 / 1000),
            core: node.core_counters(),
            node: node.counters(),
            queues: node.queues(),
            offences: node.offenders().iter().map(|(peer, what, count)| (*peer, what, count)).collect(),
            other_offences: node.offenders().others(),
        }
    }
}
