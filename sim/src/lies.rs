//! What a test or a liar can say in a member's name, with that member's key.

use crate::{
    tamper::Hand,
    wire::{Bundle, records},
    world::World,
};
use ifrit_core::{
    accusation::{self, Accusation},
    event::Lane,
    id::MemberId,
    note::{self, Note},
    time::Wall,
    view::MemberView,
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
        let mut fields = own_words(seen, self.clocks(member).wall);
        fields.epoch += above;
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

/// What a member says of itself, as it sees itself.
fn own_words(own: MemberView, issued: Wall) -> note::Fields {
    note::Fields {
        id: own.id,
        epoch: own.epoch,
        issued,
        leaving: false,
        gray: false,
        answers: false,
        mask: own.mask,
        addrs: own.addrs,
        tags: own.tags,
    }
}

impl Hand<'_> {
    /// How its member sees `id`; `None` while that one is sending.
    pub fn sees(&self, id: &MemberId) -> Option<MemberView> {
        self.member?.view().member(id)
    }

    /// Its accusation of `accused` at the epoch that its member knows; `None` if it knows none.
    pub fn accuse(&mut self, accused: MemberId, ring: u8) -> Option<Accusation> {
        let epoch = self.sees(&accused)?.epoch;
        let fields = accusation::Fields { accused, epoch, ring, accuser: self.me };
        Some(fields.sign(self.params, self.signer))
    }

    /// A note of its own as its member would say it now, changed by `change`.
    pub fn note(&mut self, change: impl FnOnce(&mut note::Fields)) -> Option<Note> {
        let seen = self.sees(&self.me)?;
        let mut fields = own_words(seen, self.now.wall);
        change(&mut fields);
        Some(fields.sign(self.params, self.signer))
    }

    /// What its member holds of `id`: certificate and note.
    pub fn records_of(&self, id: &MemberId) -> Option<Bundle> {
        let view = self.member?.view();
        let bundle = Bundle::of(*id).certificate(view.certificate(id)?);
        Some(Bundle { note: Some(view.note(id)?.to_vec()), ..bundle })
    }

    /// The rings on which it is the closest predecessor of `id` that is not out: there its word counts.
    pub fn rings_before(&self, id: &MemberId) -> Vec<u8> {
        let explained = self.member.and_then(|member| member.view().explain(id));
        let watchers = explained.map(|explained| explained.watchers).unwrap_or_default();
        watchers.into_iter().filter(|(_, watcher)| *watcher == self.me).map(|(ring, _)| ring).collect()
    }

    /// Its ring neighbours in its member's view.
    pub fn neighbours(&self) -> Vec<MemberId> {
        self.member.map(|member| member.view().neighbours().copied().collect()).unwrap_or_default()
    }

    /// Sends these records to `to`, urgently, in frames that are not too long.
    pub fn show(&mut self, to: MemberId, bundles: &[Bundle]) {
        for page in bundles.chunks(BUNDLES_PER_FRAME) {
            self.frame(to, Lane::Urgent, records(page));
        }
    }

    /// Sends these records to everybody to whom it has a link, but for those in `but`.
    pub fn spread(&mut self, bundles: &[Bundle], but: &[MemberId]) {
        for to in self.linked.iter().filter(|to| !but.contains(to)) {
            self.show(*to, bundles);
        }
    }
}

/// The longest bundle with one accusation takes less than 2 kB, a frame 64 kB.
const BUNDLES_PER_FRAME: usize = 30;
