//! A liar: a filter around an honest member, with that member's own key and no other.

use ifrit_core::{
    crypto::Signer,
    event::Lane,
    id::MemberId,
    member::Member,
    params::NetworkParams,
    time::{Mono, Now},
};
use std::{fmt, time::Duration};

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

    /// How long the frames of others lie with it before it lets them know that they were taken.
    fn lingers(&self) -> Duration {
        Duration::ZERO
    }
}

/// What a liar did so far, beside its honest member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deeds {
    /// Packets that it sent by itself.
    pub said: u64,
    /// Packets of its member that it kept back.
    pub withheld: u64,
    /// Packets that it kept from its member.
    pub unheard: u64,
    /// Dials, links ended, and other things that it did to its own process.
    pub done: u64,
}

/// A liar as the world keeps it.
#[derive(Debug)]
pub(crate) struct Liar {
    pub(crate) tamper: Box<dyn Tamper>,
    /// Its key, ready to use.
    pub(crate) signer: Box<dyn Signer>,
    pub(crate) deeds: Deeds,
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

/// Something a liar does by itself.
#[derive(Clone, Debug)]
pub(crate) enum Injected {
    Datagram(MemberId, Vec<u8>),
    Frame(MemberId, Lane, Vec<u8>),
    Deed(Deed),
}

/// What changes its member's world, and so has to wait until that one's turn is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Dial(MemberId),
    HangUp(MemberId),
    Lose(u32),
    Crash,
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

    /// Dials a member; nothing happens if there is a link, or nobody answers.
    pub fn dial(&mut self, to: MemberId) {
        self.out.push(Injected::Deed(Deed::Dial(to)));
    }

    /// Ends a link.
    pub fn hang_up(&mut self, to: MemberId) {
        self.out.push(Injected::Deed(Deed::HangUp(to)));
    }

    /// Loses this share of its own packets, in and out, in ppm.
    pub fn lose(&mut self, ppm: u32) {
        self.out.push(Injected::Deed(Deed::Lose(ppm)));
    }

    /// Ends its own process without a word.
    pub fn crash(&mut self) {
        self.out.push(Injected::Deed(Deed::Crash));
    }

    /// Asks for [`Tamper::wakes`] at `at`, on its own clock.
    pub fn wake(&mut self, at: Mono) {
        self.wake = Some(at);
    }
}
