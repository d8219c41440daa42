//! What a test can say in a member's name, with that member's key.

use crate::{
    wire::{Bundle, records},
    world::World,
};
use ifrit_core::{
    accusation::{self, Accusation},
    event::Lane,
    note::{self, Note},
};

impl World {
    /// An accusation of `accused` at the epoch that `accuser` knows, or at 0 if it knows none. From now on `accuser`
    /// counts as a liar.
    pub fn accuse(&mut self, accuser: usize, accused: usize, ring: u8) -> Accusation {
        self.mark_liar(accuser);
        let epoch = self.sees(accuser, accused).map_or(0, |view| view.epoch);
        let fields = accusation::Fields { accused: self.id(accused), epoch, ring, accuser: self.id(accuser) };
        self.network().accuse(&self.scalar(accuser), fields)
    }

    /// A note of `member` as it would say it itself, changed by `change`, with `epoch` above its present one.
    pub fn note(&self, member: usize, above: u64, change: impl FnOnce(&mut note::Fields)) -> Note {
        let seen = self.sees(member, member).expect("a member sees itself");
        let mut fields = note::Fields {
            id: self.id(member),
            epoch: seen.epoch + above,
            issued: self.clocks(member).wall,
            leaving: false,
            gray: false,
            answers: false,
            mask: seen.mask,
            addrs: seen.addrs,
            tags: seen.tags,
        };
        change(&mut fields);
        self.network().note(&self.scalar(member), fields)
    }

    /// `from` sends these records to `to`, urgently. Nothing happens without a link.
    pub fn show(&mut self, from: usize, to: usize, bundles: &[Bundle]) {
        self.inject_frame(from, to, Lane::Urgent, &records(bundles));
    }

    /// `from` sends these records to everybody to whom it has a link.
    pub fn spread(&mut self, from: usize, bundles: &[Bundle]) {
        for to in self.linked(from) {
            self.show(from, to, bundles);
        }
    }

    /// `liar` accuses `accused` on `ring` to everybody that it can reach.
    pub fn slander(&mut self, liar: usize, accused: usize, ring: u8) {
        let accusation = self.accuse(liar, accused, ring);
        let bundle = Bundle::of(self.id(accused)).accusation(&accusation);
        self.spread(liar, &[bundle]);
    }
}
