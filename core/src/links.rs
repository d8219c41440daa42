//! What is remembered of each link and each dial (R10 to R13).

use crate::{
    action::{HangUp, Misbehaviour, Notice},
    certificate::Certificate,
    crypto::{Hash, ShortHash, hash},
    event::Lane,
    id::MemberId,
    inbox::Inbox,
    limits::{
        CHARGE_MAX, CHARGE_PER_SECOND, DIAL_WAIT_MAX, DIAL_WAIT_MIN, FAILED_MEMORY, LANE_QUEUE_MAX,
        SERVED_MIN, SERVED_RATE,
    },
    member::Member,
    outbox::Out,
    revoked::Shown,
    tags::HASH_FAILED,
    time::{Mono, Now},
    trie::Prefix,
    wire::{Brief, Bundle, Want},
};
use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

/// Records about one member that wait for the verification budget.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) id: MemberId,
    pub(crate) certificate: Option<Vec<u8>>,
    pub(crate) note: Option<Vec<u8>>,
    pub(crate) accusations: Vec<Vec<u8>>,
    pub(crate) at: Mono,
}

impl Queued {
    pub(crate) fn new(bundle: &Bundle<'_>, at: Mono) -> Self {
        Self {
            id: bundle.id,
            certificate: bundle.certificate.map(<[u8]>::to_vec),
            note: bundle.note.map(<[u8]>::to_vec),
            accusations: bundle.accusations.iter().map(|bytes| bytes.to_vec()).collect(),
            at,
        }
    }

    /// Bytes of its records.
    pub(crate) fn bytes(&self) -> usize {
        self.accusations.iter().chain(&self.note).chain(&self.certificate).map(Vec::len).sum()
    }
}

/// A walk down the trie with one peer (R13).
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) frontier: VecDeque<(Prefix, ShortHash)>,
    /// Without an answer by then it is given up.
    pub(crate) deadline: Mono,
}

/// One link, up.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) certificate: Arc<Certificate>,
    /// When it ends, on the monotonic clock (R9): then the link is cut, unless it was renewed (R14).
    pub(crate) until: Mono,
    /// We dialled it: ours to close when nobody needs it.
    pub(crate) dialed: bool,
    pub(crate) inbox: Inbox,
    /// Bytes on their way out, per lane.
    pub(crate) queued: [usize; 3],
    charge: u32,
    charged_at: Mono,
    pub(crate) walk: Option<Walk>,
    /// The last walk ran to its end, and nothing that it showed was given up.
    pub(crate) walked: bool,
    /// Asked for when there is room, and what the peer showed.
    pub(crate) wants: VecDeque<(Want, Option<Brief>)>,
    /// Asked for and not yet here.
    pub(crate) asked: u32,
    pub(crate) walk_charges: u8,
    pub(crate) next_walk: Mono,
    /// The count of news when the last walk began.
    pub(crate) news_before: Option<u64>,
    /// Kept until then, whoever needs it.
    pub(crate) keep: Mono,
    /// When it was last told something that is told at most once per Δ.
    pub(crate) told: Mono,
    pub(crate) told_redirect: Mono,
    /// What it was last shown of what is held against it, as one hash.
    pub(crate) charges_shown: Option<Hash>,
    /// When it last brought something new.
    pub(crate) useful: Mono,
    /// How the peer's own pings do, and when it said so (R8).
    pub(crate) strain: Option<(u8, Mono)>,
    /// The digest in its last ping or pong.
    pub(crate) shown: Option<ShortHash>,
    /// When it last said anything.
    pub(crate) heard: Mono,
    /// It is too busy to be walked with, and said so.
    pub(crate) busy: bool,
    /// Which revocation lists its ends hold.
    pub(crate) list: Shown,
    /// The minor version that it speaks, once it has said hello.
    pub(crate) minor: Option<u16>,
}

impl Link {
    pub(crate) fn new(
        certificate: Arc<Certificate>,
        until: Mono,
        dialed: bool,
        now: Mono,
        keep: Duration,
    ) -> Self {
        Self {
            certificate,
            until,
            dialed,
            inbox: Inbox::default(),
            queued: [0; 3],
            charge: 0,
            charged_at: now,
            walk: None,
            walked: false,
            wants: VecDeque::new(),
            asked: 0,
            walk_charges: 0,
            next_walk: now,
            news_before: None,
            keep: now + keep,
            told: Mono(0),
            told_redirect: Mono(0),
            charges_shown: None,
            useful: now,
            strain: None,
            shown: None,
            heard: now,
            busy: false,
            list: Shown::default(),
            minor: None,
        }
    }

    /// Whether nothing is under way to the peer, and since `then` it has been silent, or has known others to ask.
    pub(crate) fn is_served(&self, then: Mono) -> bool {
        let is_idle = self.queued == [0; 3] && self.asked == 0 && self.inbox.is_empty();
        let elsewhere = self.told_redirect != Mono(0) && self.told_redirect <= then;
        is_idle && (self.heard <= then || elsewhere)
    }

    /// R11: useless input is charged.
    pub(crate) fn charge(&mut self, cost: u32, now: Mono) {
        let paid = now.since(self.charged_at).as_millis() as u64 * u64::from(CHARGE_PER_SECOND) / 1000;
        if paid > 0 {
            self.charge = self.charge.saturating_sub(u32::try_from(paid).unwrap_or(u32::MAX));
            self.charged_at = now;
        }
        self.charge = self.charge.saturating_add(cost);
    }

    /// Whether it sent more useless input than it may.
    pub(crate) fn is_over(&self) -> bool {
        self.charge > CHARGE_MAX
    }

    /// Whether the lane has room for more.
    pub(crate) fn has_room(&self, lane: Lane) -> bool {
        self.queued[lane as usize] < LANE_QUEUE_MAX
    }
}

/// R12: when a member may be dialled again.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    members: BTreeMap<MemberId, Dial>,
}

#[derive(Debug)]
struct Dial {
    /// Since when a dial is under way.
    flying: Option<Mono>,
    /// The last one began then.
    begun: Mono,
    next: Mono,
    wait: Duration,
    turn: usize,
    /// The last one came to nothing.
    vain: bool,
    /// It began before the member's current note: what comes of it is nothing to count.
    stale: bool,
}

impl Dials {
    /// Begins a dial if it may; gives the number of the address to try.
    pub(crate) fn begin(&mut self, member: MemberId, now: Mono) -> Option<usize> {
        let dial = self.members.entry(member).or_insert(Dial {
            flying: None,
            begun: now,
            next: now,
            wait: DIAL_WAIT_MIN,
            turn: 0,
            vain: false,
            stale: false,
        });
        if dial.flying.is_some() || dial.next > now && !planted!(Redials) {
            return None;
        }
        (dial.flying, dial.begun) = (Some(now), now);
        (dial.vain, dial.stale) = (false, false);
        dial.next = now + dial.wait;
        dial.wait = (dial.wait * 2).min(DIAL_WAIT_MAX);
        dial.turn += 1;
        Some(dial.turn - 1)
    }

    /// Whether a dial to `member` is under way that began after its current note came.
    pub(crate) fn is_flying(&self, member: &MemberId) -> bool {
        self.members.get(member).is_some_and(|dial| dial.flying.is_some() && !dial.stale)
    }

    /// When the member may be dialled next.
    pub(crate) fn next(&self, member: &MemberId) -> Option<Mono> {
        self.members.get(member).map(|dial| dial.next)
    }

    /// It came to nothing.
    pub(crate) fn failed(&mut self, member: &MemberId) {
        if let Some(dial) = self.members.get_mut(member) {
            dial.vain |= dial.flying.take().is_some() && !dial.stale;
        }
    }

    /// Whether a dial of the last 5 s came to nothing, whatever the reason: nobody there, or somebody else.
    pub(crate) fn is_vain(&self, member: &MemberId, now: Mono) -> bool {
        let dial = self.members.get(member);
        dial.is_some_and(|dial| dial.vain && now.since(dial.begun) < DIAL_WAIT_MIN)
    }

    /// A new note of it came (R5): it runs, perhaps again or elsewhere. What dials before came to says nothing any more, nor
    /// does one under way: a first packet that nobody took is sent again seconds later. The waits start over.
    pub(crate) fn renewed(&mut self, member: &MemberId) {
        if let Some(dial) = self.members.get_mut(member) {
            (dial.vain, dial.stale) = (false, dial.flying.is_some());
            (dial.wait, dial.next) = (DIAL_WAIT_MIN, dial.begun + DIAL_WAIT_MIN);
        }
    }

    /// A handshake was completed, from either side: start over. Still at most one dial per 5 s (R12), else a peer that
    /// takes each link and ends it at once is dialled as fast as handshakes go.
    pub(crate) fn completed(&mut self, member: &MemberId) -> bool {
        let Some(dial) = self.members.get_mut(member) else { return false };
        if !planted!(WaitsStay) {
            (dial.wait, dial.next) = (DIAL_WAIT_MIN, dial.begun + DIAL_WAIT_MIN);
        }
        dial.vain = false;
        dial.flying.take().is_some()
    }

    /// After misbehaviour: the longest wait at once.
    pub(crate) fn back_off(&mut self, member: MemberId, now: Mono) {
        let next = now + DIAL_WAIT_MAX;
        let dial =
            Dial { flying: None, begun: now, next, wait: DIAL_WAIT_MAX, turn: 0, vain: false, stale: false };
        self.members.insert(member, dial);
    }

    /// Forgets what no longer matters.
    pub(crate) fn sweep(&mut self, now: Mono) {
        self.members.retain(|_, dial| dial.flying.is_some() || now < dial.next + DIAL_WAIT_MAX);
    }
}

/// R10: failed (body, signature) pairs.
#[derive(Debug, Default)]
pub(crate) struct Failed {
    set: BTreeSet<Hash>,
    order: VecDeque<Hash>,
}

impl Failed {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether these bytes, body and signature, failed before. Costs a hash only while some are remembered.
    pub(crate) fn contains(&self, record: &[u8]) -> bool {
        !self.set.is_empty() && self.set.contains(&Self::key(record))
    }

    fn key(record: &[u8]) -> Hash {
        let body = record.len().saturating_sub(64);
        hash(HASH_FAILED, &[if planted!(FailedBody) { &record[..body] } else { record }])
    }

    pub(crate) fn insert(&mut self, record: &[u8]) {
        let hash = Self::key(record);
        if self.set.insert(hash) {
            self.order.push_back(hash);
        }
        if self.order.len() > FAILED_MEMORY
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }
}

/// R13: bytes served to each identity: twice the state (at least 1 MiB) per hour, then 10 kB/s.
#[derive(Debug, Default)]
pub(crate) struct Served {
    members: BTreeMap<MemberId, (u64, Mono)>,
    /// What all had together that is not forgotten yet, and since when.
    all: (u64, Mono),
}

const HOUR: Duration = Duration::from_secs(3600);

impl Served {
    /// Whether `bytes` more may be served; counts them if so.
    pub(crate) fn admit(&mut self, member: MemberId, bytes: usize, state: u64, now: Mono) -> bool {
        let (served, since) = self.members.entry(member).or_insert((0, now));
        if now.since(*since) >= HOUR {
            (*served, *since) = (0, now);
        }
        let free = SERVED_MIN.max(2 * state) + SERVED_RATE * now.since(*since).as_secs();
        if *served + bytes as u64 > free {
            return false;
        }
        *served += bytes as u64;
        self.all.0 += bytes as u64;
        true
    }

    /// Whether all had more than `allowed` per `period` together.
    pub(crate) fn is_busy(&mut self, allowed: u64, period: Duration, now: Mono) -> bool {
        let periods = now.since(self.all.1).as_nanos() / period.as_nanos().max(1);
        if periods > 0 {
            let forgotten = allowed.saturating_mul(u64::try_from(periods).unwrap_or(u64::MAX));
            self.all = (self.all.0.saturating_sub(forgotten), now);
        }
        self.all.0 >= allowed
    }

    /// Whether it has had all that it may: what it asks for is not even looked up.
    pub(crate) fn is_spent(&self, member: &MemberId, state: u64, now: Mono) -> bool {
        let Some((served, since)) = self.members.get(member) else { return false };
        let age = now.since(*since);
        age < HOUR && *served >= SERVED_MIN.max(2 * state) + SERVED_RATE * age.as_secs()
    }

    /// Forgets identities after an hour.
    pub(crate) fn sweep(&mut self, now: Mono) {
        self.members.retain(|_, (_, since)| now.since(*since) < HOUR);
    }
}

impl Member {
    /// Only what cannot be an accident: hang up, back off, say so (R10).
    pub(crate) fn misbehaved(&mut self, peer: MemberId, kind: Misbehaviour, now: Mono) {
        self.counters.misbehaved += 1;
        self.out.push(Out::Notify(Notice::Misbehaviour { peer, kind }));
        self.hang_up(peer, HangUp::Misbehaviour);
        self.dials.back_off(peer, now);
    }

    pub(crate) fn hang_up(&mut self, member: MemberId, why: HangUp) {
        if self.links.contains_key(&member) {
            self.out.push(Out::HangUp { member, why });
            self.on_link_down(member);
        }
    }

    /// R14: links of expired members are cut. A certificate that was renewed meanwhile holds for the link too.
    pub(crate) fn cut_expired_links(&mut self, now: Now) {
        let allowance = self.state.params.allowance;
        let over = |link: &Link| link.until <= now.mono;
        let ended: Vec<MemberId> =
            self.links.iter().filter(|(_, link)| over(link)).map(|(id, _)| *id).collect();
        for id in ended {
            let renewed = self.state.roster.by_id(&id).map(|peer| Arc::clone(&peer.certificate));
            let renewed = renewed.filter(|certificate| certificate.is_current(now.wall, allowance));
            match (renewed, self.links.get_mut(&id)) {
                (Some(certificate), Some(link)) => {
                    link.until = now.mono + (certificate.not_after + allowance).since(now.wall);
                    link.certificate = certificate;
                }
                _ => self.hang_up(id, HangUp::Expired),
            }
        }
    }

    /// The dialer closes what nobody needs any more.
    pub(crate) fn close_idle_links(&mut self, now: Mono) {
        let idle: Vec<MemberId> = self
            .links
            .iter()
            .filter(|(id, link)| link.dialed && link.keep <= now && !self.monitor.neighbours.contains(*id))
            .map(|(id, _)| *id)
            .collect();
        if self.contacts.joined() {
            idle.into_iter().for_each(|member| self.hang_up(member, HangUp::Idle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: MemberId = MemberId([7; 32]);

    fn at(ms: u64) -> Mono {
        Mono(ms * 1_000_000)
    }

    #[test]
    fn r12_a_peer_that_ends_each_link_at_once_is_dialled_once_per_5_s() {
        let mut dials = Dials::default();
        let mut count = 0;
        for ms in (0..60_000).step_by(10) {
            if dials.begin(PEER, at(ms)).is_some() {
                count += 1;
                assert!(dials.completed(&PEER));
                dials.failed(&PEER);
            }
        }
        assert_eq!(count, 12);
    }

    #[test]
    fn r12_a_completed_handshake_starts_the_waits_over() {
        let mut dials = Dials::default();
        for ms in [0, 5_000, 15_000, 35_000] {
            assert!(dials.begin(PEER, at(ms)).is_some());
            dials.failed(&PEER);
        }
        assert!(dials.begin(PEER, at(41_000)).is_none(), "it waits for 40 s");
        assert!(!dials.completed(&PEER), "the peer dialled");
        assert!(dials.begin(PEER, at(41_000)).is_some());
    }

    #[test]
    fn r5_a_dial_that_failed_is_in_vain_for_5_s_or_until_a_new_note() {
        let mut dials = Dials::default();
        assert!(dials.begin(PEER, at(0)).is_some());
        assert!(!dials.is_vain(&PEER, at(10)), "it is under way");
        dials.failed(&PEER);
        assert!(dials.is_vain(&PEER, at(4_999)) && !dials.is_vain(&PEER, at(5_000)));
        dials.renewed(&PEER);
        assert!(!dials.is_vain(&PEER, at(20)));
        assert!(dials.begin(PEER, at(5_000)).is_some() && dials.completed(&PEER));
        dials.failed(&PEER);
        assert!(!dials.is_vain(&PEER, at(5_010)), "a link that ends is no dial that failed");
    }

    #[test]
    fn r5_a_dial_begun_before_a_new_note_is_nothing_to_count() {
        let mut dials = Dials::default();
        let mut now = 0;
        for wait in [5_000, 10_000, 20_000] {
            assert!(dials.begin(PEER, at(now)).is_some() && dials.is_flying(&PEER));
            dials.failed(&PEER);
            now += wait;
        }
        assert!(dials.begin(PEER, at(now)).is_some());
        dials.renewed(&PEER);
        assert!(!dials.is_flying(&PEER));
        assert!(dials.begin(PEER, at(now + 5_000)).is_none(), "it is under way all the same");
        dials.failed(&PEER);
        assert!(!dials.is_vain(&PEER, at(now + 10)));
        assert!(dials.begin(PEER, at(now + 4_999)).is_none(), "still one dial per 5 s");
        assert!(
            dials.begin(PEER, at(now + 5_000)).is_some() && dials.is_flying(&PEER),
            "the waits started over"
        );
        dials.failed(&PEER);
        assert!(dials.is_vain(&PEER, at(now + 5_010)), "one begun since counts again");
    }

    #[test]
    fn r13_whoever_had_its_bytes_is_not_served_before_more_accrue() {
        let mut served = Served::default();
        assert!(served.admit(PEER, SERVED_MIN as usize, 0, at(0)));
        assert!(served.is_spent(&PEER, 0, at(0)));
        assert!(!served.admit(PEER, 1, 0, at(0)));
        assert!(!served.is_spent(&PEER, 0, at(1_000)));
    }
}
