//! Records that come in: checked cheap things first, signatures last and once (R10, R11, R12).
//!
//! **R10, refusals.** The rule asks that a refusal be remembered per peer for Δ doubling to 60 s, and forgotten when the note
//! or the out-set in question changes. It is not remembered here at all: what is refused costs no signature check, is
//! charged to the link that brings it (R11), and a peer whose walks bring only refusals is walked with ever less often
//! (R13). That bounds the same waste without a memory that a peer can fill and that must be voided at every change.

use crate::{
    accusation::{Accusation, AccusationError},
    action::{Misbehaviour, Notice},
    certificate::{Certificate, CertificateError},
    config::Config,
    crypto::{PublicKey, Signed},
    id::MemberId,
    limits::{CERTIFICATE_MAX, RECORD_MAX},
    links::{Link, Queued},
    member::Member,
    note::{Note, NoteError},
    state::{Adopted, Consider},
    time::{Mono, Now},
    waiting::NoPlace,
    wire::{Bundle, Frame, Want, brief},
};
use alloc::{sync::Arc, vec::Vec};

/// What became of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// New here, or parked.
    News,
    /// Held as valid already, or older than what is held.
    Duplicate,
    /// Depends on time or view: not misbehaviour.
    Refused,
    /// It waits for its owner's bucket (R12).
    Waits,
    /// Misbehaviour; the link is gone.
    Bad,
}

/// Bytes of the longest record in it.
fn longest(bundle: &Bundle<'_>) -> usize {
    let records = bundle.accusations.iter().chain(&bundle.note).chain(&bundle.certificate);
    records.map(|bytes| bytes.len()).max().unwrap_or(0)
}

impl Member {
    pub(crate) fn is_inbox_full(&self, from: &MemberId) -> bool {
        self.links.get(from).is_some_and(|link| link.inbox.is_full(link.is_over()))
    }

    /// Queues bundles by importance (R11); bounded by the frame and by [`Member::is_inbox_full`].
    pub(crate) fn on_records(&mut self, from: MemberId, bundles: &[Bundle<'_>], now: Now) {
        let rings = usize::from(self.network.rings);
        if bundles.iter().any(|bundle| bundle.accusations.len() > rings || longest(bundle) > RECORD_MAX) {
            return self.misbehaved(from, Misbehaviour::TooLarge, now.mono);
        }
        let accepted = self.accepts_from(&from, bundles);
        for bundle in &bundles[..accepted] {
            let class = self.class(bundle);
            let Some(link) = self.links.get_mut(&from) else { return };
            link.inbox.put(class, Queued::new(bundle, now.mono));
            self.busy.insert(from);
        }
        if accepted < bundles.len() {
            self.redirect(from, now.mono);
        }
    }

    /// Gossip is accepted from ring neighbours, and from whom we asked. From anyone else: its own records, and
    /// accusations of ourselves with what they rest on, which travels ahead of them. Gives how many bundles, from the
    /// front, are accepted.
    fn accepts_from(&self, from: &MemberId, bundles: &[Bundle<'_>]) -> usize {
        let Some(link) = self.links.get(from) else { return 0 };
        let welcome = self.monitor.neighbours.contains(from) || !self.contacts.joined() || link.asked > 0;
        if welcome || link.walk.is_some() {
            return bundles.len();
        }
        let ours = |bundle: &Bundle<'_>| {
            bundle.id == self.me && !bundle.accusations.is_empty() && !planted!(StrangersRefused)
        };
        let basis = bundles.iter().rposition(ours).map_or(0, |last| last + 1);
        basis.max(bundles.iter().take_while(|bundle| bundle.id == *from).count())
    }

    /// R11's order: notes of accused members, own accusations, other notes, accusations, certificates of strangers.
    fn class(&self, bundle: &Bundle<'_>) -> u8 {
        if bundle.id == self.me {
            return 1;
        }
        match self.state.roster.ix(&bundle.id) {
            Some(ix) if bundle.note.is_some() && self.state.case(ix).is_some() => 0,
            Some(_) if bundle.note.is_some() => 2,
            Some(_) => 3,
            // What follows a stranger's records in a frame may rest on them, so they are not put behind it.
            None => 2,
        }
    }

    /// Takes what was queued, most important first, the least recently served link first, while the budget lasts.
    pub(crate) fn work(&mut self, now: Now) {
        self.retry_waiting(now);
        while self.verifies > 0 {
            let Some(from) = self.most_important() else { break };
            let queued = self.links.get_mut(&from).and_then(|link| link.inbox.pop());
            if self.links.get(&from).is_none_or(|link| link.inbox.is_empty()) {
                self.busy.remove(&from);
            }
            let Some(queued) = queued else { continue };
            self.take(from, &queued, now);
        }
    }

    fn most_important(&self) -> Option<MemberId> {
        let rank = |from: &&MemberId| {
            let link = &self.links[*from];
            (link.is_over(), link.inbox.first())
        };
        self.busy.iter().min_by_key(rank).copied()
    }

    /// R4: everything queued about a member is handled out of turn, whatever the budget says.
    pub(crate) fn work_about(&mut self, subject: MemberId, now: Now) {
        for from in self.busy.iter().copied().collect::<Vec<_>>() {
            let Some(link) = self.links.get_mut(&from) else { continue };
            for queued in link.inbox.take_about(&subject) {
                // Whoever misbehaves loses the link, and with it what waits there.
                if self.links.contains_key(&from) {
                    self.take(from, &queued, now);
                }
            }
            if self.links.get(&from).is_none_or(|link| link.inbox.is_empty()) {
                self.busy.remove(&from);
            }
        }
        for waits in self.waiting.take_about(&subject) {
            mark!(R12OutOfTurn);
            self.take_note(waits.0, &waits.1, true, now);
        }
    }

    /// One bundle: certificate and note, then accusations.
    fn take(&mut self, from: MemberId, queued: &Queued, now: Now) {
        self.note_wait(from, queued.at, now);
        let mut fates = Vec::with_capacity(2);
        if self.state.is_revoked(&queued.id) && !planted!(RevokedHeard) {
            fates.push(Fate::Refused); // R14
        } else if queued.id == self.me {
            fates.push(self.take_own(from, queued, now));
        } else if queued.note.is_some() {
            fates.push(self.take_note(from, queued, false, now));
        } else if let Some(der) = &queued.certificate {
            fates.push(self.take_certificate(from, queued.id, der, now));
        }
        for bytes in &queued.accusations {
            if fates.last() == Some(&Fate::Bad) || self.state.is_revoked(&queued.id) {
                break;
            }
            fates.push(self.take_accusation(from, queued.id, bytes, now));
        }
        let news = fates.contains(&Fate::News);
        let asked = self.pulled(&queued.id, &from, news, now.mono);
        self.book(from, &fates, asked, now.mono);
    }

    /// R4: input of a link within its budget that waited longer than Δ/4 sets ages back.
    fn note_wait(&mut self, from: MemberId, at: Mono, now: Now) {
        let waited = now.mono.since(at);
        if planted!(FloodSetsBack) && self.links.get(&from).is_some_and(Link::is_over) {
            self.set_back(self.state.params.delta, false, now.mono);
        }
        if waited > self.state.params.delta / 4 && self.links.get(&from).is_some_and(|link| !link.is_over()) {
            self.set_back(waited, true, now.mono);
        }
    }

    /// R11: useless input is charged, new records are not, nor is an answer to what this member asked for.
    fn book(&mut self, from: MemberId, fates: &[Fate], asked: bool, now: Mono) {
        let count = |fate: Fate| fates.iter().filter(|other| **other == fate).count() as u64;
        let (news, duplicates, refusals) = (count(Fate::News), count(Fate::Duplicate), count(Fate::Refused));
        self.counters.news += news;
        self.counters.duplicates += duplicates;
        self.counters.refusals += refusals;
        self.news += news;
        if let Some(link) = self.links.get_mut(&from) {
            if news > 0 {
                link.useful = now;
            }
            let useless = duplicates + refusals;
            if useless > 0 && !asked {
                link.charge(u32::try_from(useless).unwrap_or(u32::MAX), now);
                if link.is_over() {
                    mark!(R11Over);
                }
            }
        }
    }

    fn verify(&mut self, key: &PublicKey, signed: &Signed) -> bool {
        self.check(signed.bytes(), |config| signed.verify(&*config.verifier, key))
    }

    pub(crate) fn verify_certificate(&mut self, certificate: &Certificate) -> bool {
        self.check(certificate.der(), |config| certificate.verify(&config.root, &*config.verifier))
    }

    /// Checks a record's signature once; a failure is remembered for (body, signature) only (R10).
    pub(crate) fn check(&mut self, record: &[u8], holds: impl FnOnce(&Config) -> bool) -> bool {
        if self.failed.contains(record) {
            mark!(R10Remembered);
            return false;
        }
        self.verifies = self.verifies.saturating_sub(1);
        self.counters.verified += 1;
        let good = holds(&self.config);
        if !good {
            self.counters.failed += 1;
            self.failed.insert(record);
        }
        good
    }

    /// A certificate for `id`: the one held if it is the same, else parsed and verified.
    fn certify(
        &mut self,
        from: MemberId,
        id: MemberId,
        der: &[u8],
        now: Now,
    ) -> Result<Arc<Certificate>, Fate> {
        let held = self.state.roster.by_id(&id).map(|peer| Arc::clone(&peer.certificate));
        if let Some(held) = held.as_ref().filter(|held| held.der() == der) {
            return Ok(Arc::clone(held));
        }
        // What TLS showed at the other end of a link was verified when the link came up.
        let linked = self.links.get(&id).map(|link| &link.certificate).filter(|linked| linked.der() == der);
        let (certificate, verified) = match linked {
            Some(linked) => (Certificate::clone(linked), true),
            None => (self.parse_certificate(from, id, der, now)?, false),
        };
        if !certificate.is_current(now.wall, self.state.params.allowance) {
            return Err(Fate::Refused);
        }
        if let Some(held) = held {
            // R14: another key is another member; of two, the later counts, also if a link shows the earlier.
            if held.key() != certificate.key() && !planted!(AnyKey) {
                return Err(Fate::Refused);
            }
            if !certificate.supersedes(&held) {
                return Ok(held);
            }
        }
        if !verified && !self.verify_certificate(&certificate) {
            self.misbehaved(from, Misbehaviour::BadSignature, now.mono);
            return Err(Fate::Bad);
        }
        Ok(self.store.certificate(certificate))
    }

    fn parse_certificate(
        &mut self,
        from: MemberId,
        id: MemberId,
        der: &[u8],
        now: Now,
    ) -> Result<Certificate, Fate> {
        if der.len() > CERTIFICATE_MAX {
            self.misbehaved(from, Misbehaviour::TooLarge, now.mono);
            return Err(Fate::Bad);
        }
        let kind = match Certificate::parse(der, &self.config.root) {
            Ok(certificate) if certificate.id == id => return Ok(certificate),
            // It may be of a root that follows ours, of which we have not heard yet (R14): no blame.
            Err(CertificateError::OtherRoot) => return Err(Fate::Refused),
            Err(CertificateError::OtherNetwork) => Misbehaviour::ForeignCertificate,
            Ok(_) | Err(_) => Misbehaviour::Malformed,
        };
        self.misbehaved(from, kind, now.mono);
        Err(Fate::Bad)
    }

    /// A certificate without a note: a renewal of a member that is known. Strangers need a note.
    fn take_certificate(&mut self, from: MemberId, id: MemberId, der: &[u8], now: Now) -> Fate {
        let Some(ix) = self.state.roster.ix(&id) else { return Fate::Refused };
        match self.certify(from, id, der, now) {
            Ok(certificate) if Arc::ptr_eq(&certificate, &self.state.roster[ix].certificate) => {
                Fate::Duplicate
            }
            Ok(certificate) => {
                self.state.recertify(ix, certificate, now);
                self.gossip.announce(id, Some(from));
                Fate::News
            }
            Err(fate) => fate,
        }
    }

    fn take_note(&mut self, from: MemberId, queued: &Queued, out_of_turn: bool, now: Now) -> Fate {
        let Some(bytes) = &queued.note else { return Fate::Refused };
        let held =
            self.state.roster.by_id(&queued.id).map(|peer| (peer.note.epoch(), Arc::clone(&peer.note)));
        if held.as_ref().is_some_and(|(_, note)| note.signed().bytes() == &bytes[..]) {
            return match &queued.certificate {
                Some(der) => self.take_certificate(from, queued.id, der, now),
                None => Fate::Duplicate,
            };
        }
        let note = match self.parse_note(from, queued.id, bytes, now) {
            Ok(note) => note,
            Err(fate) => return fate,
        };
        if let Some((epoch, held)) = &held {
            let first = note.hash() >= held.hash() || planted!(FirstOfEpoch);
            let older = note.epoch() < *epoch || (note.epoch() == *epoch && first);
            if note.epoch() < *epoch && from == queued.id {
                // Its owner does not know how far it has been: an old disk, or a clone (R15).
                mark!(R15ShowOwn);
                self.show_own_records(from, now);
            }
            let equivocates = note.epoch() == *epoch && note.hash() > held.hash();
            if older && !equivocates {
                return Fate::Duplicate;
            }
        }
        if self.state.judge_time(&note, now.wall).is_err() {
            if from == note.id() {
                self.tell_clock(from, now);
            }
            return Fate::Refused;
        }
        let certificate = match (&queued.certificate, self.known_certificate(&queued.id)) {
            (Some(der), _) => match self.certify(from, queued.id, der, now) {
                Ok(certificate) => certificate,
                Err(fate) => return fate,
            },
            (None, Some(certificate)) => certificate,
            (None, None) => {
                self.want(&from, Want::stranger(brief(&queued.id), true));
                return Fate::Refused;
            }
        };
        if planted!(GarbageSpends) {
            self.waiting.spend(queued.id, now.mono);
        }
        if !out_of_turn && !self.waiting.has_token(&queued.id, now.mono, self.state.params.delta / 4) {
            mark!(R12Waits);
            // What rests on it is judged now: it may take no place here.
            let waits = Queued { accusations: Vec::new(), ..queued.clone() };
            return match self.waiting.wait(from, waits, note.epoch()) {
                Ok(()) => Fate::Waits,
                Err(NoPlace::Lower) => Fate::Duplicate,
                Err(NoPlace::Full) => Fate::Refused,
            };
        }
        if !self.verify(&certificate.key(), note.signed()) {
            return self.bad(from, Misbehaviour::BadSignature, now);
        }
        self.waiting.spend(queued.id, now.mono);
        self.adopt(from, certificate, note, now)
    }

    /// A note of `id`, in form.
    fn parse_note(&mut self, from: MemberId, id: MemberId, bytes: &[u8], now: Now) -> Result<Note, Fate> {
        match Note::parse(bytes, &self.network) {
            Ok(note) if note.id() == id => Ok(note),
            Err(NoteError::NewerVersion | NoteError::OtherNetwork) => Err(Fate::Refused),
            Err(NoteError::IllegalMask) => Err(self.bad(from, Misbehaviour::IllegalMask, now)),
            Ok(_) | Err(NoteError::Malformed) => Err(self.bad(from, Misbehaviour::Malformed, now)),
        }
    }

    fn known_certificate(&self, id: &MemberId) -> Option<Arc<Certificate>> {
        let held = self.state.roster.by_id(id).map(|peer| Arc::clone(&peer.certificate));
        held.or_else(|| {
            // A link may outlive its certificate for a while: its owner is no member any more (R9).
            let (now, allowance) = (self.now.wall, self.state.params.allowance);
            let link = self.links.get(id).filter(|link| link.certificate.is_current(now, allowance));
            link.map(|link| Arc::clone(&link.certificate))
        })
    }

    fn adopt(&mut self, from: MemberId, certificate: Arc<Certificate>, note: Note, now: Now) -> Fate {
        let (id, epoch) = (note.id(), note.epoch());
        if let Some(held) = self.state.roster.by_id(&id).filter(|peer| peer.note.epoch() == epoch) {
            // Two different notes with one epoch: an event, never a verdict; the lower hash wins everywhere.
            let loses = note.hash() > held.note.hash();
            mark!(R12Equivocation);
            self.state.notices.push(Notice::Equivocation { member: id, epoch });
            if loses {
                return Fate::Duplicate;
            }
        }
        self.dials.renewed(&id);
        let is_new = self.state.roster.ix(&id).is_none();
        let answers = note.answers() || note.leaving() || note.gray();
        let (ix, adopted) = self.state.adopt(certificate, self.store.note(note), now);
        if is_new {
            self.gossip.growth.came(now.mono, self.state.params.delta);
        }
        let urgent = answers || adopted == Adopted::Rebutted;
        self.spread_note(ix, urgent, Some(from), now);
        Fate::News
    }

    fn take_accusation(&mut self, from: MemberId, accused: MemberId, bytes: &[u8], now: Now) -> Fate {
        let accusation = match Accusation::parse(bytes, &self.network) {
            Ok(accusation) if accusation.accused == accused => accusation,
            Err(AccusationError::NewerVersion | AccusationError::OtherNetwork) => {
                self.counters.charges.foreign += 1;
                return Fate::Refused;
            }
            Ok(_) | Err(AccusationError::Malformed) => {
                self.counters.charges.malformed += 1;
                return self.bad(from, Misbehaviour::Malformed, now);
            }
        };
        self.state.enter(now.mono);
        if accused == self.me {
            return self.take_charge(from, accusation, now);
        }
        let considered = self.state.consider(&accusation);
        self.counters.charges.considered(considered);
        match considered {
            Consider::Fresh => {}
            Consider::Farther => {
                mark!(R2Farther);
                return Fate::Duplicate;
            }
            Consider::Duplicate | Consider::Stale => return Fate::Duplicate,
            Consider::Future => {
                if let Some(ix) = self.state.roster.ix(&accused) {
                    let want = self.want_newer(ix);
                    self.want(&from, want);
                }
                return Fate::Refused;
            }
            Consider::UnknownAccuser => {
                let id = brief(&accusation.accuser);
                self.want(&from, Want::stranger(id, false));
                return Fate::Refused;
            }
            Consider::Blocked if planted!(RefusalBlamed) => {
                return self.bad(from, Misbehaviour::Malformed, now);
            }
            Consider::RingDisabled | Consider::NotAccusable | Consider::Blocked => return Fate::Refused,
        }
        let Some(accuser) = self.state.roster.by_id(&accusation.accuser) else { return Fate::Refused };
        let key = accuser.certificate.key();
        if !self.verify(&key, accusation.signed()) {
            self.counters.charges.bad_signature += 1;
            return self.bad(from, Misbehaviour::BadSignature, now);
        }
        self.counters.charges.taken += 1;
        let accusation = self.store.accusation(accusation);
        self.state.accuse(accusation, now.mono);
        self.gossip.announce_later(accused, now.mono, self.state.params.delta);
        Fate::News
    }

    /// R3: an accusation of this member itself.
    fn take_charge(&mut self, from: MemberId, accusation: Accusation, now: Now) -> Fate {
        let late = self.own.is_late(&accusation, &self.state, now.mono);
        if !late && !self.own.is_news(&accusation, &self.state) {
            // R3: one that is held may have become answerable by time alone, and others hold it valid by now.
            self.own_due = Some(now.mono);
            self.counters.charges.duplicate += 1;
            return Fate::Duplicate;
        }
        let Some(accuser) = self.state.roster.by_id(&accusation.accuser) else {
            self.counters.charges.unknown_accuser += 1;
            let id = brief(&accusation.accuser);
            self.want(&from, Want::stranger(id, false));
            return Fate::Refused;
        };
        let key = accuser.certificate.key();
        if !self.verify(&key, accusation.signed()) {
            self.counters.charges.bad_signature += 1;
            return self.bad(from, Misbehaviour::BadSignature, now);
        }
        self.counters.charges.of_me += 1;
        let accusation = self.store.accusation(accusation);
        self.state.notices.push(Notice::AccusedMyself { accusation: Arc::clone(&accusation) });
        if late {
            self.own.charge_late(accusation.ring);
            return Fate::News;
        }
        self.own.charge(accusation);
        self.state.changed = true;
        Fate::News
    }

    /// Records about this member: a note that is not ours, a certificate of ours that others renewed for nobody.
    fn take_own(&mut self, from: MemberId, queued: &Queued, now: Now) -> Fate {
        let Some(bytes) = &queued.note else { return Fate::Duplicate };
        let note = match self.parse_note(from, queued.id, bytes, now) {
            Ok(note) => note,
            Err(fate) => return fate,
        };
        // Also one that is known and will be jumped above in time: shown again and again it costs no check.
        let mine = &self.state.roster[self.my_ix].note;
        let twin = note.epoch() == mine.epoch() && note.hash() != mine.hash() && !self.own.has_twin();
        if !(twin || self.own.is_ahead(note.epoch())) {
            return Fate::Duplicate;
        }
        let key = self.signer.public_key();
        if !self.verify(&key, note.signed()) {
            return self.bad(from, Misbehaviour::BadSignature, now);
        }
        if self.own.on_foreign(note.epoch(), &self.state.params) {
            self.out.push(crate::outbox::Out::Notify(Notice::IdentityInUse { epoch: note.epoch() }));
        }
        self.state.changed = true;
        Fate::News
    }

    fn bad(&mut self, from: MemberId, kind: Misbehaviour, now: Now) -> Fate {
        mark!(R10Blamed);
        self.misbehaved(from, kind, now.mono);
        Fate::Bad
    }

    fn retry_waiting(&mut self, now: Now) {
        let refill = self.state.params.delta / 4;
        while let Some((from, queued)) = self.waiting.pop_due(now.mono, refill) {
            self.take_note(from, &queued, false, now);
            if self.verifies == 0 {
                break;
            }
        }
    }

    /// Takes in what an earlier run of this member saved: its own words, checked when they came. Whoever's lease has
    /// run out by the wall clock is not taken.
    pub(crate) fn restore(&mut self, records: &[u8], now: Now) {
        let Ok((_, bundles)) = Frame::decode_saved(records) else { return };
        for bundle in bundles {
            let (Some(der), Some(bytes)) = (bundle.certificate, bundle.note) else { continue };
            let (Ok(certificate), Ok(note)) =
                (Certificate::parse(der, &self.config.root), Note::parse(bytes, &self.network))
            else {
                continue;
            };
            let is_ours = note.id() == self.me || self.state.is_revoked(&note.id());
            let fits = certificate.id == note.id() && !is_ours;
            let current = certificate.is_current(now.wall, self.state.params.allowance);
            if fits && current && self.state.judge_time(&note, now.wall).is_ok() {
                let (certificate, note) = (self.store.certificate(certificate), self.store.note(note));
                self.state.adopt(certificate, note, now);
            }
        }
    }
}
