//! What operators ask of a running node.

use super::Node;
use crate::{
    app::RequestId,
    counters::{Counters, Queue},
    limits::*,
    offenders::Offenders,
};
use ifrit_core::{counters::Counters as CoreCounters, id::MemberId, time::Now};
use std::time::Duration;

impl Node {
    /// Asks the node of `to` whether it is there, past its application. [`NodeEvent::Reply`](super::NodeEvent::Reply) follows
    /// as after [`Node::request`], with an empty body. Dials the member if there is no link to it.
    pub fn ping(&mut self, now: Now, to: MemberId, timeout: Duration) -> RequestId {
        let now = self.advance(now);
        let id = self.app.ping(now, to, timeout, &mut self.links, &self.member.view());
        if self.stopped {
            self.app.cancel(now, id, &mut self.links);
        }
        id
    }

    /// What links and requests have done so far.
    pub fn counters(&self) -> Counters {
        self.links.counters
    }

    /// What the core has done so far.
    pub fn core_counters(&self) -> CoreCounters {
        self.member.counters()
    }

    /// Which peers broke the rules.
    pub fn offenders(&self) -> &Offenders {
        &self.links.offenders
    }

    /// How much waits, each with its bound: what is held for peers, and on their account. O(links).
    pub fn queues(&self) -> Vec<Queue> {
        let core = self.member.view().load();
        let core = core.each().map(|(name, depth, limit)| Queue { name, depth, limit });
        let links = self.links.queues();
        let (requests_out, requests_in, kept) = self.app.load();
        let own = [
            Queue { name: "requests sent", depth: requests_out, limit: REQUESTS_OUT_MAX },
            Queue { name: "bytes of requests received", depth: requests_in, limit: REQUEST_BYTES_TOTAL },
            Queue { name: "bytes of broadcasts kept", depth: kept, limit: BROADCAST_KEPT_BYTES },
        ];
        core.into_iter().chain(links).chain(own).collect()
    }
}
