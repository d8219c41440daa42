//! A member that is told what a script wants, and nothing else.

use ifrit_core::{
    accusation::{Accusation, Fields},
    action::Notice,
    id::MemberId,
    note::Note,
    view::{Explanation, MemberView},
};
use ifrit_sim::{
    Setup, World,
    tamper::{Hand, Tamper, Wire},
    wire::Bundle,
};
use std::time::Duration;

pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A settled network with 7 rings.
pub(crate) fn settled(members: usize, seed: u64) -> World {
    World::converged(Setup::new(members, seed).rings(7))
}

/// The same with the last bit of its note's signature turned.
pub(crate) fn garbled(bundle: &Bundle) -> Bundle {
    let mut garbled = bundle.clone();
    if let Some(last) = garbled.note.as_mut().and_then(|note| note.last_mut()) {
        *last ^= 1;
    }
    garbled
}

/// Hears the frames of one peer only, and sends none. Pings come and go.
#[derive(Debug)]
struct Apart {
    teller: MemberId,
}

impl Tamper for Apart {
    fn sends(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        matches!(wire, Wire::Datagram(_))
    }

    fn hears(&mut self, _: &mut Hand<'_>, from: MemberId, wire: Wire<'_>) -> bool {
        from == self.teller || matches!(wire, Wire::Datagram(_))
    }
}

/// A network in which one member knows only what another shows it.
pub(crate) struct Told {
    pub(crate) world: World,
    observer: usize,
    teller: usize,
}

impl Told {
    /// Who is told, unless a script says so.
    pub(crate) const OBSERVER: usize = 0;

    /// A settled network; the teller is none of `aside`.
    pub(crate) fn new(members: usize, seed: u64, aside: &[usize]) -> Self {
        let world = settled(members, seed);
        let linked = world.linked(Self::OBSERVER);
        let teller = linked.into_iter().find(|peer| !aside.contains(peer)).expect("many have a link");
        Self::of(world, Self::OBSERVER, teller)
    }

    pub(crate) fn of(mut world: World, observer: usize, teller: usize) -> Self {
        let apart = Apart { teller: world.id(teller) };
        world.corrupt(observer, Box::new(apart));
        Self { world, observer, teller }
    }

    /// Shows the observer these records, and lets them arrive.
    pub(crate) fn tell(&mut self, bundles: &[Bundle]) {
        self.world.show(self.teller, self.observer, bundles);
        self.world.run_for(ms(10));
    }

    pub(crate) fn note(&mut self, owner: usize, note: &Note) {
        self.tell(&[Bundle::of(self.world.id(owner)).note(note)]);
    }

    /// An accusation (ring, accuser, accused) at the epoch that the observer knows.
    pub(crate) fn word(&self, (ring, accuser, accused): (u8, usize, usize)) -> Accusation {
        let (epoch, world) = (self.sees(accused).epoch, &self.world);
        let fields = Fields { accused: world.id(accused), epoch, ring, accuser: world.id(accuser) };
        world.network().accuse(&world.scalar(accuser), fields)
    }

    pub(crate) fn accused(&mut self, word: (u8, usize, usize)) {
        let accusation = self.word(word);
        self.tell(&[Bundle::of(self.world.id(word.2)).accusation(&accusation)]);
    }

    pub(crate) fn before(&self, ring: u8, of: usize, steps: isize) -> usize {
        self.world.along(ring, of, -steps)
    }

    /// How the observer sees `subject`.
    pub(crate) fn sees(&self, subject: usize) -> MemberView {
        self.world.sees(self.observer, subject).expect("it is known")
    }

    /// Whether the observer ever put anybody down.
    pub(crate) fn put_down(&self) -> bool {
        let mut seen = self.world.observed().iter().filter(|seen| seen.observer == self.observer);
        seen.any(|seen| matches!(seen.notice, Notice::Down { .. }))
    }

    pub(crate) fn explain(&self, subject: usize) -> Explanation {
        let id = self.world.id(subject);
        self.world.member(self.observer).view().explain(&id).expect("it is known")
    }
}
