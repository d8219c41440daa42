//! One member's core among many that it knows, and whatever lying members with good certificates send it.

use ifrit_core::{
    accusation::{self, Accusation},
    action::{Action, Notice},
    config::{Config, LocalIdentity, Probation, Stored},
    crypto::{P256Signer, Signer, hash},
    event::{Event, Lane, Refused},
    id::{MemberId, NetworkId},
    mask::Mask,
    member::Member,
    note::{Fields, Note},
    params::Wish,
    seed::Seed,
    time::{Mono, Now, Wall},
};
use ifrit_node::{ca::Authority, crypto::RingVerifier};
use ifrit_sim::wire::{Bundle, records};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// 2026-01-01 in ms.
const START: Wall = Wall(1_767_225_600_000);
const END: Wall = Wall(START.0 + 365 * 24 * 3600 * 1000);

/// A liar: whatever the CA gave it, and its key.
pub(crate) struct Liar {
    pub(crate) id: MemberId,
    pub(crate) certificate: Vec<u8>,
    pub(crate) signer: P256Signer,
}

/// The member under attack.
pub(crate) struct Victim {
    pub(crate) member: Member,
    pub(crate) now: Mono,
    pub(crate) ca: Authority,
    pub(crate) notices: Vec<Notice>,
    /// Frames sent to each, unread.
    pub(crate) sent: BTreeMap<MemberId, Vec<(Lane, Vec<u8>)>>,
    taken: BTreeMap<MemberId, usize>,
}

pub(crate) fn id(n: u32) -> MemberId {
    MemberId(hash(b"attack id", &[&n.to_le_bytes()]))
}

impl Victim {
    /// It knows `members` others, and has joined.
    pub(crate) fn among(members: u32) -> Self {
        let mut victim = Self::told_of(0);
        victim.pass(Duration::from_millis(100));
        assert!(victim.member.view().joined(), "it was told of no contact");
        for n in 1..=members {
            victim.meet(n);
        }
        assert_eq!(victim.member.view().live() as u32, members + 1);
        victim
    }

    /// It knows nobody, and so many contacts do not answer.
    pub(crate) fn told_of(seeds: u16) -> Self {
        let key = P256Signer::from_scalar(&[1; 32]).expect("in range");
        let ca = Authority::create(key, NetworkId([3; 32]), &Wish::default(), START, END).expect("a network");
        let me = liar(&ca, 0);
        let config = Config {
            root: ca.root().clone(),
            addrs: Vec::new(),
            tags: Vec::new(),
            seeds,
            probation: Probation::default(),
            verifier: Arc::new(RingVerifier),
        };
        let identity = LocalIdentity { certificate: me.certificate, signer: Box::new(me.signer) };
        let now = Now { mono: Mono(0), wall: START + Duration::from_secs(60) };
        let member =
            Member::new(config, identity, Stored::default(), Seed([5; 32]), now).expect("a good identity");
        let mut victim = Self {
            member,
            now: Mono(0),
            ca,
            notices: Vec::new(),
            sent: BTreeMap::new(),
            taken: BTreeMap::new(),
        };
        victim.drain();
        victim
    }

    /// A member comes by, shows itself and goes.
    fn meet(&mut self, n: u32) {
        let mut other = self.liar(n);
        let note = self.note(&mut other, 1);
        self.link(&other);
        let bundle = Bundle::of(other.id).certificate(&other.certificate).note(&note);
        self.frame(&other, &records(&[bundle])).expect("room");
        self.give(Event::LinkDown { member: other.id }).expect("never refused");
        self.sent.clear();
    }

    pub(crate) fn at(&self) -> Now {
        Now { mono: self.now, wall: START + Duration::from_secs(60) + self.now.since(Mono(0)) }
    }

    pub(crate) fn give(&mut self, event: Event<'_>) -> Result<(), Refused> {
        let taken = self.member.handle(self.at(), event);
        self.drain();
        taken
    }

    /// Does what it wants, except that nobody can be reached and nothing is read.
    fn drain(&mut self) {
        loop {
            let mut gone = None;
            match self.member.poll_action() {
                Action::Dial { member, .. } => gone = Some(member),
                Action::Frame { to, lane, bytes } => {
                    self.sent.entry(to).or_default().push((lane, bytes.to_vec()));
                }
                Action::Notify(notice) => self.notices.push(notice),
                Action::Datagram { .. }
                | Action::HangUp { .. }
                | Action::DialSeed { .. }
                | Action::Persist { .. } => {}
                Action::Wait { .. } => return,
            }
            if let Some(member) = gone {
                self.member.handle(self.at(), Event::LinkDown { member }).expect("never refused");
            }
        }
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.give(Event::Wake).expect("never refused");
    }

    pub(crate) fn liar(&self, n: u32) -> Liar {
        liar(&self.ca, n)
    }

    pub(crate) fn link(&mut self, liar: &Liar) {
        self.give(Event::LinkUp { member: liar.id, certificate: &liar.certificate }).expect("room");
    }

    pub(crate) fn frame(&mut self, from: &Liar, bytes: &[u8]) -> Result<(), Refused> {
        self.give(Event::Frame { from: from.id, lane: Lane::Urgent, bytes })
    }

    pub(crate) fn note(&self, of: &mut Liar, epoch: u64) -> Note {
        let issued = self.at().wall;
        note(&self.ca, of, epoch, issued)
    }

    pub(crate) fn has_link(&self, liar: &Liar) -> bool {
        self.member.view().links().any(|id| *id == liar.id)
    }

    pub(crate) fn links(&self) -> usize {
        self.member.view().links().count()
    }

    /// A peer takes all that was sent to it.
    pub(crate) fn read(&mut self, liar: &Liar) {
        self.read_id(liar.id);
    }

    pub(crate) fn read_id(&mut self, member: MemberId) {
        for (lane, bytes) in self.sent.remove(&member).unwrap_or_default() {
            *self.taken.entry(member).or_default() += bytes.len();
            let bytes = bytes.len() as u32;
            self.give(Event::Written { member, lane, bytes }).expect("never refused");
        }
    }

    /// Bytes that it has taken.
    pub(crate) fn read_by(&self, liar: &Liar) -> usize {
        self.taken.get(&liar.id).copied().unwrap_or(0)
    }

    pub(crate) fn my_epoch(&self) -> u64 {
        self.member.view().member(&id(0)).map_or(0, |me| me.epoch)
    }

    /// A well signed accusation of a member at the epoch that it has here.
    pub(crate) fn accusation(&self, by: &mut Liar, accused: MemberId, ring: u8) -> Accusation {
        let epoch = self.member.view().member(&accused).map_or(1, |member| member.epoch);
        let fields = accusation::Fields { accused, epoch, ring, accuser: by.id };
        fields.sign(&self.ca.root().params, &mut by.signer)
    }

    /// Bytes of frames sent to one, all of them unread.
    pub(crate) fn sent_to(&self, liar: &Liar) -> usize {
        self.sent.get(&liar.id).into_iter().flatten().map(|(_, bytes)| bytes.len()).sum()
    }
}

fn liar(ca: &Authority, n: u32) -> Liar {
    let scalar = hash(b"attack key", &[&n.to_le_bytes()]);
    let signer = P256Signer::from_scalar(&scalar).expect("in range");
    let certificate = ca.issue(&signer.public_key(), id(n), START, END, u64::from(n) + 2);
    Liar { id: id(n), certificate, signer }
}

fn note(ca: &Authority, of: &mut Liar, epoch: u64, issued: Wall) -> Note {
    let params = ca.root().params;
    let fields = Fields {
        id: of.id,
        epoch,
        issued,
        leaving: false,
        gray: false,
        answers: false,
        mask: Mask::all(params.rings),
        addrs: vec!["10.0.0.1:7000".parse().expect("an address")],
        tags: Vec::new(),
    };
    fields.sign(&params, &mut of.signer)
}
