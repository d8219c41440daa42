//! Gray members (R8): a member whose own links are bad says so itself, and lets nobody else pay for it.
//!
//! **R8.** Gray is said by the member itself: a flag in its note, like `leaving`. It is out of the live views at once, is not
//! accused, still pinged and gossiped with, and holds its own accusations.
//!
//! *Strain* is what a member knows of its own links: of those it watches that are alive for certain, the share that did not
//! answer in its time when it showed life last. One that always did, and is silent now, counts neither way: so crashes and
//! partitions, whose victims go Down, strain nobody. Each watched member has one voice, however often it is pinged: a mute
//! liar weighs no more than any other. Ping and pong carry it in one byte.
//!
//! *Set* when for [`Params::gray_after`](crate::params::Params::gray_after), in which everybody watched is pinged at least
//! once, the member was accused or Down at its epoch, and its strain was more than half and over twice the median of what at
//! least 3 ring neighbours last reported of theirs. Neither a restart, a heal nor any number of accusations alone sets it;
//! loss that strikes all strains all, and grays nobody. *Cleared* after a probation in which more than half of those watched
//! answered in time. No member counts accusations of another: liars can drive any such count, and views would differ.
//!
//! *Deaf.* Until gray is certain, a member that flickers disturbs all others: Down, an answer that comes late, Down again. So
//! one that is accused while somebody it watches is silent, or was late last, first asks all ring neighbours it has a link to,
//! with one ping each. If not one in 6 answers in a ping's time, nothing that it says would be heard in time either: it answers
//! nothing and accuses nobody until half of them answer, it is gray, or its neighbours are strained as well. (Of 40 pings at
//! 80 % loss both ways 5 come back by chance once in 50 times, 7 once in 1,000.) That costs a member with working links one
//! round trip, and only while somebody is late; liars would have to be 5 of 6 neighbours to cause it.

use crate::{
    action::Notice,
    config::Probation,
    greet::MINOR,
    id::MemberId,
    limits::{DEAF_ROUNDS, EAR_NEIGHBOURS_MIN, STRAIN_REPORT_MAX_AGE, STRAIN_REPORTS_MIN, STRAIN_SHARED_MIN},
    links::Link,
    member::Member,
    monitor::Monitor,
    outbox::Out,
    time::{Mono, Now},
    wire::Datagram,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

/// The strain byte of a member that does not know.
pub(crate) const UNKNOWN: u8 = 255;
/// Tokens of pings that ask whether anybody hears; those of the monitor count from 1.
const EAR: u64 = 1 << 63;

/// What the last pings of the members watched came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strain {
    /// Members watched.
    pub(crate) watched: u32,
    /// Of these, those that answered the last ping in its time.
    pub(crate) answered: u32,
    /// And those that did not, but showed later that they live.
    pub(crate) late: u32,
}

impl Strain {
    fn decided(self) -> u32 {
        self.answered + self.late
    }

    /// In percent, as it travels; unknown from fewer members than a median takes.
    pub(crate) fn byte(self) -> u8 {
        match self.decided() {
            decided if (decided as usize) < STRAIN_REPORTS_MIN => UNKNOWN,
            decided => u8::try_from(self.late * 100 / decided).unwrap_or(UNKNOWN),
        }
    }

    /// More than half, and over twice the neighbours' median, which is asked for only then: it costs a look at all of them.
    fn is_over(self, median: impl FnOnce() -> Option<u8>) -> bool {
        let known = self.byte() != UNKNOWN;
        let twice = |median: u8| self.late * 100 > 2 * u32::from(median) * self.decided();
        (known && self.late * 2 > self.decided() && median().is_some_and(twice)) || planted!(GrayEasily)
    }

    /// More than half answer in time; or as many as can be, where all have trouble.
    ///
    /// Of more than half liars would have to be the other half: with more asked for, a few that answer others only would keep
    /// a member gray for ever, which watches them and may accuse nobody.
    fn is_good(self, median: impl FnOnce() -> Option<u8>) -> bool {
        let as_others = || {
            let median = median();
            let shared = median.is_some_and(|median| median >= STRAIN_SHARED_MIN);
            shared && self.decided() * 2 >= self.watched && !self.is_over(|| median)
        };
        self.watched > 0 && (self.answered * 2 > self.watched || as_others())
    }
}

/// Whether this member is gray, or about to be.
#[derive(Debug)]
pub(crate) struct Gray {
    config: Probation,
    pub(crate) is_gray: bool,
    /// When it was accused or shown to be out last, and its epoch then.
    accused: Option<(Mono, u64)>,
    /// Accused and strained without a break since then.
    strained: Option<Mono>,
    /// Gray, and its pings good without a break since then.
    good: Option<Mono>,
    probation: Duration,
    cleared: Option<Mono>,
    ear: Option<Ear>,
    bursts: u64,
}

/// Pings to all neighbours at once: who answers?
#[derive(Debug)]
struct Ear {
    token: u64,
    asked: BTreeSet<MemberId>,
    sent: usize,
    /// Answers count until then; a deaf member asks again.
    until: Mono,
    deaf: Option<Mono>,
}

impl Ear {
    fn hears(&self) -> bool {
        let heard = self.sent - self.asked.len();
        // Who was deaf must hear well: few answers come by chance now and then.
        heard * if self.deaf.is_some() { 2 } else { 6 } >= self.sent
    }
}

impl Gray {
    pub(crate) fn new(config: Probation) -> Self {
        Self {
            config,
            is_gray: false,
            accused: None,
            strained: None,
            good: None,
            probation: config.first,
            cleared: None,
            ear: None,
            bursts: 0,
        }
    }

    /// An answer of its own is due, or a peer shows that it holds this member out at `epoch`.
    pub(crate) fn on_accused(&mut self, epoch: u64, now: Mono) {
        self.accused = Some((now, epoch));
    }

    /// Whether it signs no accusations.
    pub(crate) fn holds_fire(&self) -> bool {
        self.is_gray || self.is_deaf()
    }

    pub(crate) fn is_deaf(&self) -> bool {
        self.ear.as_ref().is_some_and(|ear| ear.deaf.is_some())
    }

    /// Looks at its own links; `true` if gray was set or cleared.
    fn judge(
        &mut self,
        own: Strain,
        median: impl FnOnce() -> Option<u8>,
        epoch: u64,
        after: Duration,
        now: Mono,
    ) -> bool {
        if self.is_gray {
            let since = *self.good.get_or_insert(now);
            if !own.is_good(median) {
                self.good = None;
            } else if now.since(since) >= self.probation {
                (self.is_gray, self.cleared, self.accused) = (false, Some(now), None);
                return true;
            }
            return false;
        }
        let accused = self.accused.is_some_and(|(at, then)| then == epoch || now.since(at) <= after);
        let since = *self.strained.get_or_insert(now);
        if !accused || !own.is_over(median) {
            self.strained = None;
        } else if now.since(since) >= after {
            let again = self.cleared.is_some_and(|at| now.since(at) < self.config.longest);
            let doubled = (self.probation * 2).min(self.config.longest);
            self.probation = if again { doubled } else { self.config.first };
            (self.is_gray, self.strained, self.good, self.ear) = (true, None, None, None);
            return true;
        }
        false
    }

    /// When [`Gray::judge`] changes something if nothing happens.
    pub(crate) fn next(&self, after: Duration) -> Option<Mono> {
        let set = self.strained.map(|since| since + after);
        set.or_else(|| self.good.map(|since| since + self.probation))
    }

    /// This member's own loop was late: what it listens for has so much longer (R4).
    pub(crate) fn set_back(&mut self, stretch: Duration) {
        if let Some(ear) = &mut self.ear {
            ear.until = ear.until + stretch;
        }
    }

    /// The answer to an ear's ping.
    pub(crate) fn on_pong(&mut self, from: &MemberId, token: u64) -> bool {
        self.ear.as_mut().is_some_and(|ear| ear.token == token && ear.asked.remove(from) && ear.hears())
    }
}

impl Member {
    /// R8: sets or clears gray; the next note says so.
    pub(crate) fn tend_gray(&mut self, now: Mono) {
        if !self.gray.is_gray && self.gray.accused.is_none() {
            return;
        }
        let Self { gray, monitor, links, .. } = self;
        let median = || neighbours_strain(monitor, links, now);
        if gray.judge(monitor.strain(), median, self.own.epoch, self.state.params.gray_after, now) {
            self.own.gray = self.gray.is_gray;
            self.counters.grays += u64::from(self.own.gray);
            self.own.mark_stale();
            self.own_due = Some(now);
            // What it held back, it owes when it is back.
            self.state.touch_all();
        }
    }

    /// A ring neighbour says how its own pings do.
    pub(crate) fn on_strain(&mut self, from: &MemberId, strain: u8, now: Mono) {
        if strain <= 100
            && let Some(link) = self.links.get_mut(from)
        {
            link.strain = Some((strain, now));
        }
    }

    /// R8: until when a due note, and whoever is deaf without one, waits because this member may be deaf; `None` if it need not.
    pub(crate) fn hush(&mut self, now: Now) -> Option<Mono> {
        let accused = self.own.is_asked(&self.state, now.mono);
        if accused {
            self.gray.on_accused(self.own.epoch, now.mono);
        }
        let late = accused && self.monitor.is_any_late();
        let ear = self.gray.ear.take();
        let median = || neighbours_strain(&self.monitor, &self.links, now.mono);
        let common = || median().is_some_and(|median| median >= STRAIN_SHARED_MIN);
        let speaks = || self.own.leaving || self.gray.is_gray || !self.contacts.joined() || common();
        if (ear.is_none() && !late) || speaks() {
            return self.recover(ear.and_then(|ear| ear.deaf));
        }
        let deaf = match ear {
            None => None,
            Some(ear) if ear.hears() => return self.recover(ear.deaf),
            Some(ear) if now.mono < ear.until => {
                let until = ear.until;
                self.gray.ear = Some(ear);
                return Some(until);
            }
            // Whoever was late has answered in time meanwhile, or there is nothing to say any more.
            Some(ear) if ear.deaf.is_none() && !late => return None,
            Some(ear) => Some(ear.deaf.unwrap_or(now.mono)),
        };
        let longest = self.state.params.gray_after * DEAF_ROUNDS;
        if deaf.is_some_and(|since| now.mono.since(since) > longest) {
            return self.recover(deaf);
        }
        self.listen(deaf, now.mono)
    }

    /// Not deaf, or not any more: what is owed is looked at again.
    fn recover(&mut self, deaf: Option<Mono>) -> Option<Mono> {
        if deaf.is_some() {
            self.state.touch_all();
        }
        None
    }

    /// Pings all neighbours that have a link; until when it listens.
    fn listen(&mut self, deaf: Option<Mono>, now: Mono) -> Option<Mono> {
        let linked = |id: &&MemberId| self.links.contains_key(*id);
        let asked: BTreeSet<MemberId> = self.monitor.neighbours.iter().filter(linked).copied().collect();
        if deaf.is_none() && asked.len() < EAR_NEIGHBOURS_MIN {
            return None;
        }
        self.gray.bursts += 1;
        let token = EAR | self.gray.bursts;
        self.counters.pings += asked.len() as u64;
        let bytes = self.ping_bytes(false, token);
        for to in &asked {
            self.out.push(Out::Datagram { to: *to, token, bytes: bytes.clone() });
        }
        let params = &self.state.params;
        let span = deaf.map_or(params.ping_timeout, |_| params.ping_timeout.max(params.delta / 2));
        let until = now + span;
        self.gray.ear = Some(Ear { token, sent: asked.len(), asked, until, deaf });
        Some(until)
    }

    /// A ping or a pong, with digest and strain.
    pub(crate) fn ping_bytes(&self, pong: bool, token: u64) -> Vec<u8> {
        let strain = self.monitor.strain().byte();
        let mut bytes = Datagram { pong, token, digest: self.digest().into(), strain }.encode();
        if self.own.minor > MINOR {
            bytes.extend([0xff; 4]); // what a later version may append
        }
        bytes
    }

    /// What a member is told of itself: only that it is gray, and when it is live again.
    pub(crate) fn is_news_to_me(&self, notice: &Notice) -> bool {
        let of_me = |member: &MemberId| *member == self.me;
        !matches!(notice, Notice::Updated { member, .. } | Notice::Left { member } if of_me(member))
    }
}

/// The median of what ring neighbours last said of their own strain; none from fewer than 3.
fn neighbours_strain(monitor: &Monitor, links: &BTreeMap<MemberId, Link>, now: Mono) -> Option<u8> {
    let fresh = |id: &MemberId| {
        let (strain, at) = links.get(id)?.strain?;
        (now.since(at) <= STRAIN_REPORT_MAX_AGE).then_some(strain)
    };
    let mut strains: Vec<u8> = monitor.neighbours.iter().filter_map(fresh).collect();
    let middle = strains.len() / 2;
    (strains.len() >= STRAIN_REPORTS_MIN).then(|| *strains.select_nth_unstable(middle).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(10);
    const BAD: Strain = Strain { watched: 10, answered: 2, late: 6 };
    const GOOD: Strain = Strain { watched: 10, answered: 10, late: 0 };

    fn at(seconds: u64) -> Mono {
        Mono(0) + Duration::from_secs(seconds)
    }

    /// Judges once a second; the seconds at which something changed.
    fn judge(gray: &mut Gray, own: Strain, median: Option<u8>, seconds: core::ops::Range<u64>) -> Vec<u64> {
        seconds.filter(|now| gray.judge(own, || median, 1, AFTER, at(*now))).collect()
    }

    #[test]
    fn r8_gray_takes_accusations_and_strain_without_a_break_and_a_median_of_half_as_much() {
        let fresh = || Gray::new(Probation::default());
        assert_eq!(judge(&mut fresh(), BAD, Some(0), 0..60), [], "nobody accuses it");
        let accused = |median, own| {
            let mut gray = fresh();
            gray.on_accused(1, at(0));
            judge(&mut gray, own, median, 0..20)
        };
        assert_eq!(accused(Some(0), BAD), [10]);
        assert_eq!(accused(Some(37), BAD), [10], "75 is over twice 37");
        assert_eq!(accused(Some(38), BAD), [], "75 is not over twice 38");
        assert_eq!(accused(None, BAD), [], "too few neighbours told");
        assert_eq!(accused(Some(0), GOOD), []);
        assert_eq!(
            accused(Some(0), Strain { watched: 9, answered: 3, late: 3 }),
            [],
            "half is not more than half"
        );
        assert_eq!(
            accused(Some(0), Strain { watched: 9, answered: 0, late: 2 }),
            [],
            "of two nothing is known"
        );
        let mut gray = fresh();
        gray.on_accused(1, at(0));
        assert_eq!(judge(&mut gray, BAD, Some(0), 0..9), []);
        assert_eq!(judge(&mut gray, GOOD, Some(0), 9..10), []);
        assert_eq!(judge(&mut gray, BAD, Some(0), 10..25), [20], "a break starts it over");
    }

    #[test]
    fn r8_probation_doubles_up_to_the_longest_and_starts_over_after_it() {
        let longest = Duration::from_secs(100);
        let mut gray = Gray::new(Probation { first: Duration::from_secs(30), longest });
        let mut now = 0;
        let mut served = Vec::new();
        for pause in [0, 0, 0, 0, 101] {
            now += pause;
            gray.on_accused(1, at(now));
            let set = judge(&mut gray, BAD, Some(0), now..now + 20)[0];
            // Bad pings in between count from the beginning.
            assert_eq!(judge(&mut gray, GOOD, Some(0), set + 1..set + 6), []);
            assert_eq!(judge(&mut gray, BAD, Some(0), set + 6..set + 7), []);
            let cleared = judge(&mut gray, GOOD, Some(0), set + 7..set + 200)[0];
            served.push(cleared - set - 7);
            now = cleared + 1;
        }
        assert_eq!(served, [30, 60, 100, 100, 30]);
    }

    #[test]
    fn r8_few_answers_come_by_chance_so_one_in_six_is_heard_and_half_by_who_was_deaf() {
        let id = |byte| MemberId([byte; 32]);
        let ear = |heard, deaf| {
            Ear { token: 1, asked: (heard..40).map(id).collect(), sent: 40, until: at(1), deaf }.hears()
        };
        assert!(!ear(6, None) && ear(7, None), "of 40");
        assert!(!ear(19, Some(at(0))) && ear(20, Some(at(0))), "of 40, deaf before");
    }

    #[test]
    fn r8_good_pings_are_more_than_half_or_no_worse_than_the_neighbours() {
        let strain = |answered, late| Strain { watched: 20, answered, late };
        assert!(strain(11, 9).is_good(|| None) && !strain(10, 1).is_good(|| Some(0)));
        assert!(
            !strain(5, 15).is_good(|| Some(0)) && strain(5, 15).is_good(|| Some(60)),
            "trouble that all share"
        );
        assert!(!Strain::default().is_good(|| None), "of nobody nothing is known");
    }
}
