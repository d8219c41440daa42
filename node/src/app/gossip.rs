//! Ifrit's gossip of an application: its content goes to two neighbours at a time, and their answers come back.
//!
//! An exchange is a request of a type of its own ([`tags::GOSSIP`](super::tags::GOSSIP)), with the requests' quotas. Nobody
//! waits for it: one that is not answered within a period is forgotten.

use super::{App, Directory};
use crate::{limits::GOSSIP_MAX, link::Links};
use ifrit_core::time::{Mono, Now};
use std::time::Duration;

/// What is gossiped, and how far round.
#[derive(Debug)]
pub(super) struct Gossip {
    content: Option<Vec<u8>>,
    /// Δ: the time within which what a member says of itself reaches the others, too. Oftener, the content would cost more
    /// than the membership; more rarely, an application that spreads by it would be slower than that.
    period: Duration,
    due: Mono,
    /// The ring whose turn it is.
    ring: u8,
}

impl Gossip {
    pub(super) fn new(delta: Duration) -> Self {
        Self { content: None, period: delta, due: Mono::default(), ring: 0 }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.content.as_ref().map(|_| self.due)
    }
}

impl App {
    /// Sets what is gossiped from now on, or ends that; false if it is too much.
    pub(crate) fn set_gossip(&mut self, content: Option<Vec<u8>>) -> bool {
        let fits = content.as_ref().is_none_or(|content| content.len() <= GOSSIP_MAX);
        if fits {
            self.gossip.content = content;
        }
        fits
    }

    /// Gives the content to the closest live members on both sides on one ring, the rings in turn. One without a link is
    /// passed over: a ring neighbour that is alive has one.
    pub(super) fn wake_gossip(&mut self, now: Now, links: &mut Links, view: &impl Directory) {
        let gossip = &mut self.gossip;
        let Some(content) = gossip.content.clone().filter(|_| gossip.due <= now.mono) else { return };
        gossip.due = now.mono + gossip.period;
        let (period, ring) = (gossip.period, gossip.ring);
        gossip.ring = (ring + 1) % self.pen.network().rings;
        for partner in view.beside(ring) {
            if links.is_up(&partner) {
                self.exchange(now, partner, &content, period, links, view);
            }
        }
    }
}
