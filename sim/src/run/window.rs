//! A liar that lies from one moment to another only, and keeps to the protocol otherwise.

use crate::tamper::{Hand, Tamper, Wire};
use core::time::Duration;
use ifrit_core::{id::MemberId, time::Mono};

#[derive(Debug)]
pub(super) struct Window {
    inner: Box<dyn Tamper>,
    /// On the liar's own clock.
    from: Mono,
    until: Mono,
    is_open: bool,
}

impl Window {
    pub(super) fn new(inner: Box<dyn Tamper>, from: Mono, until: Mono) -> Self {
        Self { inner, from, until, is_open: false }
    }

    fn is_open(&mut self, hand: &Hand<'_>) -> bool {
        self.is_open = (self.from..self.until).contains(&hand.now.mono);
        self.is_open
    }
}

impl Tamper for Window {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        !self.is_open(hand) || self.inner.sends(hand, to, wire)
    }

    fn hears(&mut self, hand: &mut Hand<'_>, from: MemberId, wire: Wire<'_>) -> bool {
        !self.is_open(hand) || self.inner.hears(hand, from, wire)
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        if hand.now.mono < self.from {
            hand.wake(self.from);
        } else if self.is_open(hand) {
            self.inner.wakes(hand);
        }
    }

    fn lingers(&self) -> Duration {
        if self.is_open { self.inner.lingers() } else { Duration::ZERO }
    }
}
