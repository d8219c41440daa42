//! What a member asks of its CA by itself: a later certificate well before its own ends (R14), and now and then who is revoked.
//!
//! **Renewal.** At a random moment between half and two thirds of the certificate's life, so that members that were enrolled together
//! do not come together, and a CA that is away for a third of that life is not missed. What fails is tried again, ever later.
//! Links and requests go on: new links show the new certificate, old ones keep theirs.
//!
//! When another root follows the network's, a certificate of the old one is to be renewed in the first half of the time in which that is
//! still believed, at a random moment too.
//!
//! **Revocations.** They travel as gossip, so it is enough that somebody asks: the members together ask about once per
//! [`POLL_TOGETHER`], however many they are. While the CA is away, less often.

use super::{
    Runtime,
    work::{Done, Work},
};
use crate::{
    enrol::{self, EnrolError},
    identity::Identity,
};
use ifrit_core::{
    certificate::{Certificate, Root},
    revocation::Revocations,
    seed::{Rng, Seed},
    time::{Mono, Now, Wall},
};
use std::time::Duration;

/// The members together ask the CA about so often who is revoked.
pub(super) const POLL_TOGETHER: Duration = Duration::from_secs(10);
/// And each of them at least so often.
const POLL_MAX: Duration = Duration::from_secs(3600);
/// The first wait after a renewal that failed, and the longest; both less if the certificate's whole life is short.
const RETRY_MIN: Duration = Duration::from_secs(30);
const RETRY_MAX: Duration = Duration::from_secs(3600);
/// Clocks jump: the end of a certificate is looked at by the wall clock this often at least.
const LOOK: Duration = Duration::from_secs(600);

/// What the CA was asked for, and said. `None`: asking panicked.
pub(super) enum Brought {
    Certificate(Option<Result<Certificate, EnrolError>>),
    List(Option<Result<Option<Vec<u8>>, EnrolError>>),
}

/// Asks the CA, one thing at a time.
pub(super) struct Keeper {
    /// `host:port`.
    ca: String,
    identity: Identity,
    /// Where in the sixth of its life after half of it a certificate is renewed, in 1/1000.
    place: u64,
    /// Instead of that, because the root that issued the certificate has a successor: when, and for how long it still held when this
    /// was drawn.
    succeeds: Option<(Wall, Duration)>,
    /// After failures: not before this, and the last wait.
    retry: Option<(Mono, Duration)>,
    poll_at: Mono,
    /// How many polls in a row came to nothing.
    vain: u32,
    /// It has not asked yet, nor drawn by the number of members when to.
    fresh: bool,
    asking: bool,
    look_at: Mono,
    rng: Rng,
}

impl Keeper {
    /// For the member with this identity, whose CA answers at `ca`.
    pub(super) fn new(ca: String, identity: Identity, seed: &Seed, now: Mono) -> Self {
        let mut rng = seed.child("keeper").rng();
        let place = rng.below(1000);
        Self {
            ca,
            identity,
            place,
            succeeds: None,
            retry: None,
            poll_at: now + POLL_TOGETHER,
            vain: 0,
            fresh: true,
            asking: false,
            look_at: now,
            rng,
        }
    }

    /// When to call [`Keeper::tend`]; `None` while it waits for the CA.
    pub(super) fn deadline(&self) -> Option<Mono> {
        (!self.asking).then_some(self.look_at.min(self.poll_at))
    }

    /// Asks the CA for what is due.
    pub(super) fn tend<R: Runtime>(&mut self, work: &Work<R>, now: Now, live: usize) {
        if self.asking || self.deadline().is_some_and(|at| at > now.mono) {
            return;
        }
        let (ca, wall) = (self.ca.clone(), now.wall);
        self.look_at_root(wall);
        if self.is_renewal_due(now) {
            self.asking = true;
            let identity = self.identity.clone();
            let ask = move || Ok(enrol::renew(&ca, &identity, wall)?.identity.certificate);
            return work.blocking(ask, |answer| Done::Kept(Brought::Certificate(answer)));
        }
        self.look_at = now.mono + self.next_look(now);
        if self.poll_at <= now.mono && std::mem::take(&mut self.fresh) {
            // All may have started at once.
            self.poll_at = now.mono + self.poll_wait(live) - POLL_TOGETHER;
        }
        if self.poll_at <= now.mono {
            self.asking = true;
            self.poll_at = now.mono + self.poll_wait(live);
            let fingerprint = self.identity.root.fingerprint;
            let ask = move || enrol::revocations(&ca, &fingerprint, wall);
            work.blocking(ask, |answer| Done::Kept(Brought::List(answer)));
        }
    }

    /// The root that the member believes now, and the certificate that it shows: somebody else may have renewed it.
    pub(super) fn shows(&mut self, root: &Root, certificate: &[u8]) {
        let same = (*root == self.identity.root, certificate == self.identity.certificate.der());
        if same == (true, true) {
            return;
        }
        self.identity.root = root.clone();
        let Ok(certificate) = Certificate::parse(certificate, root) else { return };
        (self.identity.certificate, self.retry, self.succeeds) = (certificate, None, None);
        self.place = self.rng.below(1000);
    }

    /// Draws when to renew because the root has a successor, if it has.
    fn look_at_root(&mut self, now: Wall) {
        if self.identity.certificate.is_of_former() && self.succeeds.is_none() {
            let left = self.identity.certificate.not_after.since(now);
            self.succeeds = Some((now + left / 2000 * (self.place as u32), left));
        }
    }

    /// Looks at what is due at once.
    pub(super) fn look(&mut self, now: Mono) {
        self.look_at = now;
    }

    /// A renewal has ended: the certificate to show from now on.
    pub(super) fn renewed(
        &mut self,
        now: Now,
        answer: Option<Result<Certificate, EnrolError>>,
    ) -> Option<Vec<u8>> {
        self.asking = false;
        let old = &self.identity.certificate;
        match answer {
            // The same again is none: the CA has another idea of the time.
            Some(Ok(certificate)) if certificate.supersedes(old) => {
                let holds_for = certificate.not_after.since(now.wall);
                tracing::info!(?holds_for, "the certificate is renewed");
                return Some(certificate.der().to_vec());
            }
            Some(Ok(_)) => self.put_off(now, "the CA gives the same certificate again"),
            Some(Err(error)) => self.put_off(now, &error.to_string()),
            None => self.put_off(now, "it panicked"),
        }
        None
    }

    /// The member does not take what the CA gave. It may be of a root that has followed the member's: the list says so.
    pub(super) fn refused(&mut self, now: Now, why: &str) {
        self.put_off(now, why);
        self.poll_at = self.poll_at.min(now.mono);
    }

    /// A poll has ended: the list that the CA tells.
    pub(super) fn polled(&mut self, answer: Option<Result<Option<Vec<u8>>, EnrolError>>) -> Option<Vec<u8>> {
        self.asking = false;
        match answer {
            Some(Ok(list)) => {
                self.vain = 0;
                list
            }
            Some(Err(error)) => {
                self.vain = self.vain.saturating_add(1);
                tracing::debug!(%error, "cannot ask the CA who is revoked");
                None
            }
            None => None,
        }
    }

    /// Whether this list says something new to whoever holds `held`.
    pub(super) fn is_news(&self, list: &[u8], held: Option<&Revocations>) -> bool {
        let list = Revocations::parse(list, &self.identity.root.params);
        list.is_ok_and(|list| held.is_none_or(|held| held.sequence() <= list.sequence() && *held != list))
    }

    fn is_renewal_due(&self, now: Now) -> bool {
        self.renewal() <= now.wall && self.retry.is_none_or(|(at, _)| at <= now.mono)
    }

    /// When the certificate is to be renewed. Its life counts from when it was issued: it begins earlier, for slow clocks. That life
    /// says nothing where it was cut short: most are past the middle of it at once, and would come together.
    fn renewal(&self) -> Wall {
        let usual = || self.begin() + self.life() / 2 + self.life() * (self.place as u32) / 6000;
        self.succeeds.map_or_else(usual, |(at, _)| at)
    }

    fn begin(&self) -> Wall {
        let allowance = Duration::from_secs(self.identity.root.params.allowance_s.into());
        let certificate = &self.identity.certificate;
        (certificate.not_before + allowance).min(certificate.not_after)
    }

    /// What is left of it counts after a succession.
    fn life(&self) -> Duration {
        self.succeeds
            .map_or_else(|| self.identity.certificate.not_after.since(self.begin()), |(_, left)| left)
    }

    fn next_look(&self, now: Now) -> Duration {
        let retry = self.retry.map(|(at, _)| at.since(now.mono));
        self.renewal().since(now.wall).max(retry.unwrap_or_default()).clamp(Duration::from_millis(100), LOOK)
    }

    /// Doubling, and spread by chance: a CA that was away is not met by all at once.
    fn put_off(&mut self, now: Now, why: &str) {
        let first = RETRY_MIN.min(self.life() / 64).max(Duration::from_millis(100));
        // Once it has ended there is no hurry any more.
        let ended = self.identity.certificate.not_after < now.wall;
        let longest = if ended { RETRY_MAX } else { RETRY_MAX.min(self.life() / 16).max(first) };
        let wait = self.retry.map_or(first, |(_, wait)| (wait * 2).min(longest));
        let spread = wait / 2 + wait * (self.rng.below(1000) as u32) / 1000;
        self.retry = Some((now.mono + spread, wait));
        self.look_at = now.mono + self.next_look(now);
        let left = self.identity.certificate.not_after.since(now.wall);
        match left {
            Duration::ZERO => tracing::error!(
                why,
                "the certificate has ended and cannot be renewed: the others do not know this member any more"
            ),
            left if left < self.life() / 4 => {
                tracing::warn!(why, ends_in = ?left, "the certificate ends soon and cannot be renewed");
            }
            left => tracing::info!(why, ends_in = ?left, "the certificate is not renewed yet"),
        }
    }

    fn poll_wait(&mut self, live: usize) -> Duration {
        let members = u32::try_from(live.max(1)).unwrap_or(u32::MAX);
        let doublings = self.vain.min(16);
        let wait = POLL_TOGETHER.saturating_mul(members).saturating_mul(1 << doublings).min(POLL_MAX);
        wait / 2 + Duration::from_millis(self.rng.below(wait.as_millis() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ca::Authority, drive::testing::AtOnce, identity::generate_key};
    use async_channel::Receiver;
    use ifrit_core::{
        crypto::Signer,
        id::{MemberId, NetworkId},
        params::Wish,
    };

    const ISSUED: Wall = Wall(1_767_225_600_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const LIFE: Duration = Duration::from_secs(24 * 3600);
    /// When another root follows.
    const FOLLOWED: Duration = Duration::from_secs(40 * 24 * 3600);

    fn identity(life: Duration) -> Identity {
        let (begin, end) = (Wall(ISSUED.0 - 86_400_000), ISSUED + LIFE * 100);
        let ca = Authority::create(generate_key(), NetworkId([1; 32]), &Wish::default(), begin, end);
        let (ca, key) = (ca.expect("defaults"), generate_key());
        let allowance = u64::from(ca.root().params.allowance_s) * 1000;
        let (from, until) = (Wall(ISSUED.0 - allowance), ISSUED + life);
        let der = ca.issue(&key.public_key(), MemberId([9; 32]), from, until, 2);
        Identity::new(ca.root().der(), &der, key).expect("the CA's")
    }

    /// Nobody answers there.
    fn keeper(life: Duration, seed: u8) -> Keeper {
        Keeper::new("127.0.0.1:1".into(), identity(life), &Seed([seed; 32]), Mono(0))
    }

    /// Its certificate lasts 90 days; after 40 of them another root follows, and the former one is believed for `overlap`.
    fn followed(overlap: Duration, seed: u8) -> Keeper {
        let (begin, end) = (Wall(ISSUED.0 - 86_400_000), ISSUED + LIFE * 100);
        let ca = Authority::create(generate_key(), NetworkId([1; 32]), &Wish::default(), begin, end);
        let (ca, key) = (ca.expect("defaults"), generate_key());
        let der = ca.issue(&key.public_key(), MemberId([9; 32]), ISSUED, ISSUED + LIFE * 90, 2);
        let identity = Identity::new(ca.root().der(), &der, key).expect("the CA's");
        let next = ca.succeed(generate_key(), begin, end, ISSUED + FOLLOWED + overlap).expect("dates");
        let mut keeper = Keeper::new("127.0.0.1:1".into(), identity, &Seed([seed; 32]), Mono(0));
        keeper.shows(next.root(), &der);
        keeper.look_at_root(ISSUED + FOLLOWED);
        keeper.poll_at = Mono::NEVER;
        keeper
    }

    fn at(after: Duration) -> Now {
        Now { mono: Mono(0) + after, wall: ISSUED + after }
    }

    /// Lets time pass in steps until something was asked; what came of it, and when.
    fn asked(keeper: &mut Keeper, from: Duration, live: usize) -> (Duration, Brought) {
        let (work, done): (_, Receiver<Done>) = Work::new(AtOnce);
        let mut now = from;
        loop {
            keeper.tend(&work, at(now), live);
            if let Ok(Done::Kept(brought)) = done.try_recv() {
                return (now, brought);
            }
            now = keeper.deadline().expect("it waits for nobody").since(Mono(0)).max(now);
        }
    }

    #[test]
    fn r14_a_certificate_is_renewed_at_a_random_moment_after_half_of_its_life() {
        let due: Vec<Duration> = (0..20).map(|seed| keeper(LIFE, seed).renewal().since(ISSUED)).collect();
        assert!(due.iter().all(|due| (LIFE / 2..=LIFE * 2 / 3).contains(due)), "{due:?}");
        let (first, last) = (due.iter().min(), due.iter().max());
        assert!(last.zip(first).is_some_and(|(last, first)| *last > *first + LIFE / 12), "{due:?}");
    }

    #[test]
    fn r14_a_renewal_that_fails_is_tried_again_ever_later_until_the_end() {
        let mut keeper = keeper(LIFE, 1);
        keeper.poll_at = Mono::NEVER;
        let mut tries = Vec::new();
        while tries.last().is_none_or(|last| *last < LIFE) {
            let (now, brought) = asked(&mut keeper, tries.last().copied().unwrap_or_default(), 1);
            let Brought::Certificate(answer) = brought else { panic!("nothing else is due") };
            assert_eq!(keeper.renewed(at(now), answer), None);
            tries.push(now);
        }
        let waits: Vec<Duration> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((8..40).contains(&tries.len()), "{waits:?}");
        assert!(
            waits[0] <= RETRY_MIN * 3 / 2 && waits.iter().all(|wait| *wait <= RETRY_MAX * 3 / 2),
            "{waits:?}"
        );
        assert!(waits.last().is_some_and(|wait| *wait >= RETRY_MAX / 2), "{waits:?}");
    }

    #[test]
    fn r14_all_renew_at_random_moments_of_the_first_half_of_an_overlap() {
        let overlap = LIFE * 7;
        let due = (0..20).map(|seed| followed(overlap, seed).renewal().since(ISSUED + FOLLOWED));
        let due: Vec<Duration> = due.collect();
        let (first, last) = (due.iter().min(), due.iter().max());
        assert!(due.iter().all(|due| *due <= overlap / 2), "{due:?}");
        assert!(last.zip(first).is_some_and(|(last, first)| *last > *first + overlap / 4), "{due:?}");
    }

    #[test]
    fn r14_a_renewal_that_fails_is_tried_again_as_often_as_a_short_overlap_wants_and_rarely_after_it() {
        let overlap = Duration::from_secs(60);
        let (mut keeper, mut tries) = (followed(overlap, 1), Vec::new());
        while tries.last().is_none_or(|last| *last < FOLLOWED + overlap + HOUR * 12) {
            let (now, brought) = asked(&mut keeper, tries.last().copied().unwrap_or(FOLLOWED), 1);
            let Brought::Certificate(answer) = brought else { panic!("nothing else is due") };
            assert_eq!(keeper.renewed(at(now), answer), None);
            tries.push(now);
        }
        let within = tries.iter().filter(|at| **at < FOLLOWED + overlap).count();
        assert!((8..100).contains(&within), "{tries:?}");
        let after = tries.len() - within;
        assert!(after < 40, "nobody renews it any more: {after}");
    }

    #[test]
    fn r14_a_renewed_certificate_is_shown_and_renewed_in_its_turn() {
        let mut keeper = keeper(HOUR, 1);
        let mut later = identity(LIFE);
        later.certificate.not_before = later.certificate.not_before + HOUR;
        let shown = keeper.renewed(at(HOUR), Some(Ok(later.certificate.clone())));
        assert_eq!(shown.as_deref(), Some(later.certificate.der()));
        let again = keeper.identity.certificate.clone();
        assert_eq!(keeper.renewed(at(HOUR), Some(Ok(again))), None, "the one that it has is none");
        assert!(keeper.retry.is_some());
    }

    #[test]
    fn r14_members_ask_for_revocations_at_one_rate_however_many_they_are() {
        for members in [1, 30] {
            let mut keeper = keeper(LIFE * 90, 1);
            let (mut now, polls) = (Duration::ZERO, 40);
            for _ in 0..polls {
                let (at, brought) = asked(&mut keeper, now, members);
                let Brought::List(_) = brought else { panic!("nothing else is due") };
                assert_eq!(keeper.polled(Some(Ok(None))), None);
                now = at;
            }
            let each = now / polls / members as u32;
            assert!((POLL_TOGETHER / 2..POLL_TOGETHER * 2).contains(&each), "{each:?}");
        }
        let mut keeper = keeper(LIFE * 90, 1);
        let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..12 {
            let (at, brought) = asked(&mut keeper, now, 1);
            let Brought::List(answer) = brought else { panic!("nothing else is due") };
            assert_eq!(keeper.polled(answer), None, "nobody answers");
            (last, now) = (at - now, at);
        }
        assert!(last > POLL_MAX / 4, "a CA that is away is asked ever less: {last:?}");
    }
}
