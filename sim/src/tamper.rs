//! A liar: a filter around an honest member, with that member's own key and no other.

use ifrit_core::{
    crypto::Signer,
    event::Lane,
    id::MemberId,
    member::Member,
    params::NetworkParams,
    time::{Mono, Now},
};
use std::fmt;

/// A packet as the core sees it.
#[derive(Clone, Copy, Debug)]
pub enum Wire<'a> {
    /// An unreliable packet.
    Datagram(&'a [u8]),
    /// A frame.
    Frame(Lane, &'a [u8]),
}

/// What a liar does beside its honest member. Every method may send through the [`Hand`].
pub trait Tamper: fmt::Debug {
    /// The member sends; whether the packet passes.
    fn sends(&mut self, _hand: &mut Hand<'_>, _to: MemberId, _wire: Wire<'_>) -> bool {
        true
    }

    /// Something arrives; whether the member hears it.
    fn hears(&mut self, _hand: &mut Hand<'_>, _from: MemberId, _wire: Wire<'_>) -> bool {
        true
    }

    /// The time asked for with [`Hand::wake`] has come, or the member has just started.
    fn wakes(&mut self, _hand: &mut Hand<'_>) {}
}

/// What a liar can reach: its own key, its own links, its own view.
#[derive(Debug)]
pub struct Hand<'a> {
    /// Its clocks.
    pub now: Now,
    /// Who it is.
    pub me: MemberId,
    /// The network.
    pub params: &'a NetworkParams,
    /// Its key.
    pub signer: &'a mut dyn Signer,
    /// Its honest member; `None` while that one is sending.
    pub member: Option<&'a Member>,
    /// To whom it has links.
    pub linked: &'a [MemberId],
    pub(crate) out: Vec<Injected>,
    pub(crate) wake: Option<Mono>,
}

/// Something a liar sends by itself.
#[derive(Clone, Debug)]
pub(crate) enum Injected {
    Datagram(MemberId, Vec<u8>),
    Frame(MemberId, Lane, Vec<u8>),
}

impl Hand<'_> {
    /// Sends a datagram over an existing link.
    pub fn datagram(&mut self, to: MemberId, bytes: Vec<u8>) {
        self.out.push(Injected::Datagram(to, bytes));
    }

    /// Sends a frame over an existing link.
    pub fn frame(&mut self, to: MemberId, lane: Lane, bytes: Vec<u8>) {
        self.out.push(Injected::Frame(to, lane, bytes));
    }

    /// Asks for [`Tamper::wakes`] at `at`, on its own clock.
    pub fn wake(&mut self, at: Mono) {
        self.wake = Some(at);
    }
}
