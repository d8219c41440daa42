//! Many of the state machines over links of a model: frames take their time, links break, some relays lie.

use super::*;

pub(super) const MS: u64 = 1_000_000;

pub(super) fn network() -> NetworkParams {
    let delta = Some(Duration::from_millis(800));
    NetworkParams::new(NetworkId([9; 32]), &Wish { delta, ..Wish::default() }).expect("valid")
}

pub(super) fn id(n: u8) -> MemberId {
    MemberId([n; 32])
}

/// A signature that is the author's if it begins with its first byte and holds for the last byte of the body.
pub(super) fn sign(author: MemberId, body: &[u8]) -> Signature {
    let mut bytes = [0; 64];
    bytes[0] = author.0[0];
    bytes[1] = *body.last().expect("a body");
    Signature(bytes)
}

/// Both clocks.
pub(super) fn clocks(now: Mono) -> Now {
    Now { mono: now, wall: Wall(now.0 / MS) }
}

/// Knows all below a number.
#[derive(Clone, Copy)]
pub(super) struct Known(pub(super) u8);

impl Judge for Known {
    fn knows(&self, author: &MemberId) -> bool {
        author.0[0] < self.0
    }

    fn verifies(&self, message: &Message) -> bool {
        let signed = message.signed();
        self.knows(&message.of().author) && signed.signature() == sign(message.of().author, signed.body())
    }

    fn is_untimely(&self, _: &Message) -> bool {
        false
    }
}

/// How a member treats what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Honest,
    /// Promises everything and gives nothing.
    Silent,
    /// Promises everything and gives it with a wrong signature.
    Garbler,
    /// Takes so many ms longer.
    Slow(u64),
}

pub(super) struct End {
    pub(super) casts: Broadcasts,
    pub(super) habit: Habit,
    pub(super) told: Vec<Told>,
    pub(super) life: u64,
}

/// Who, from whom, over which life of the link, and what.
pub(super) type Flight = (u8, u8, u64, Frame);

pub(super) struct Net {
    pub(super) now: Mono,
    pub(super) ends: BTreeMap<u8, End>,
    /// Links that are up, and their lives.
    pub(super) links: BTreeMap<(u8, u8), u64>,
    pub(super) wire: BTreeMap<(Mono, u64), Flight>,
    /// When the last frame of a half of a link arrives: streams keep order.
    pub(super) last: BTreeMap<(u8, u8), Mono>,
    pub(super) sent: u64,
    pub(super) bodies: u64,
    pub(super) random: u64,
    pub(super) known: Known,
}

impl Net {
    pub(super) fn new(count: u8) -> Self {
        let mut net = Self {
            now: Mono(MS),
            ends: BTreeMap::new(),
            links: BTreeMap::new(),
            wire: BTreeMap::new(),
            last: BTreeMap::new(),
            sent: 0,
            bodies: 0,
            random: 7,
            known: Known(u8::MAX),
        };
        (0..count).for_each(|n| net.start(n));
        net
    }

    /// A line, so that every member is needed.
    pub(super) fn line(count: u8) -> Self {
        let mut net = Self::new(count);
        (1..count).for_each(|n| net.link(n - 1, n));
        net
    }

    pub(super) fn full(count: u8) -> Self {
        let mut net = Self::new(count);
        for a in 0..count {
            (a + 1..count).for_each(|b| net.link(a, b));
        }
        net
    }

    pub(super) fn start(&mut self, n: u8) {
        let casts = Broadcasts::new(network(), id(n), BROADCAST_KEPT_BYTES);
        let life = self.ends.get(&n).map_or(1, |end| end.life + 1);
        self.ends.insert(n, End { casts, habit: Habit::Honest, told: Vec::new(), life });
    }

    /// Forgets everything and is linked as before.
    pub(super) fn restart(&mut self, n: u8) {
        let links: Vec<_> = self.links.keys().copied().filter(|(a, b)| *a == n || *b == n).collect();
        links.iter().for_each(|(a, b)| self.cut(*a, *b));
        self.start(n);
        links.into_iter().for_each(|(a, b)| self.link(a, b));
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    pub(super) fn link(&mut self, a: u8, b: u8) {
        self.sent += 1;
        self.links.insert((a.min(b), a.max(b)), self.sent);
        for (from, to) in [(a, b), (b, a)] {
            self.ends.get_mut(&from).expect("there").casts.up(self.now, id(to));
        }
        self.settle();
    }

    pub(super) fn cut(&mut self, a: u8, b: u8) {
        self.links.remove(&(a.min(b), a.max(b)));
        let known = self.known;
        for (from, to) in [(a, b), (b, a)] {
            self.ends.get_mut(&from).expect("there").casts.down(self.now, &id(to), &known);
        }
        self.settle();
    }

    pub(super) fn say(&mut self, n: u8, bytes: &[u8]) -> u64 {
        let end = self.ends.get_mut(&n).expect("there");
        let said =
            end.casts.publish(clocks(self.now), end.life, bytes, |body| sign(id(n), body)).expect("room");
        self.settle();
        said
    }

    /// Sends what ends have to say, and collects what they tell.
    pub(super) fn settle(&mut self) {
        let members: Vec<u8> = self.ends.keys().copied().collect();
        for n in members {
            let mut frames = Vec::new();
            let end = self.ends.get_mut(&n).expect("there");
            while let Some(to) = end.casts.next_stirred() {
                let content = std::iter::from_fn(|| end.casts.next_content(self.now, &to));
                frames.extend(content.map(|frame| (to, frame)).collect::<Vec<_>>());
                let pulls = std::iter::from_fn(|| end.casts.next_pull(&to));
                frames.extend(pulls.map(|frame| (to, frame)).collect::<Vec<_>>());
            }
            end.told.extend(std::iter::from_fn(|| end.casts.next_told()));
            frames.into_iter().for_each(|(to, frame)| self.send(n, to.0[0], frame));
        }
    }

    pub(super) fn send(&mut self, from: u8, to: u8, frame: Frame) {
        let habit = self.ends[&from].habit;
        let Some(&life) = self.links.get(&(from.min(to), from.max(to))) else { return };
        let frame = match (habit, frame) {
            (Habit::Silent | Habit::Garbler, Frame::Range { of, tip, .. }) => {
                Frame::Range { of, first: 0, next: 1 << 40, tip }
            }
            (Habit::Silent, Frame::Body(_)) => return,
            (Habit::Garbler, Frame::Body(mut bytes)) => {
                let at = bytes.len() - 1;
                bytes[at] ^= 1;
                Frame::Body(bytes)
            }
            (_, frame) => frame,
        };
        self.bodies += u64::from(matches!(frame, Frame::Body(_)));
        let extra = if let Habit::Slow(ms) = habit { ms } else { 0 };
        let at = self.now + Duration::from_millis(1 + self.random(5) + extra);
        let last = self.last.entry((from, to)).or_default();
        *last = at.max(*last);
        self.sent += 1;
        self.wire.insert((*last, self.sent), (to, from, life, frame));
    }

    pub(super) fn step(&mut self) -> bool {
        let next = self.wire.keys().next().map(|(at, _)| *at);
        let due = self.ends.values().filter_map(|end| end.casts.deadline()).min();
        let Some(at) = next.into_iter().chain(due).min() else { return false };
        self.now = self.now.max(at);
        let known = self.known;
        if next == Some(at)
            && let Some((_, (to, from, life, frame))) = self.wire.pop_first()
        {
            if self.links.get(&(from.min(to), from.max(to))) == Some(&life) {
                self.ends.get_mut(&to).expect("there").casts.receive(self.now, id(from), frame, &known);
            }
        } else {
            for end in self.ends.values_mut() {
                end.casts.wake(self.now, &known);
            }
        }
        self.settle();
        true
    }

    pub(super) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        while self.next_at().is_some_and(|at| at <= until) && self.step() {}
        self.now = until;
    }

    pub(super) fn next_at(&self) -> Option<Mono> {
        let next = self.wire.keys().next().map(|(at, _)| *at);
        let due = self.ends.values().filter_map(|end| end.casts.deadline()).min();
        next.into_iter().chain(due).min()
    }

    /// What `n` was told of a run: bodies, and missed numbers.
    pub(super) fn heard(&self, n: u8, author: u8) -> Vec<Result<Vec<u8>, Range<u64>>> {
        let of = |told: &Told| match told {
            Told::Delivered(message) if message.of().author == id(author) => {
                Some(Ok(message.bytes().to_vec()))
            }
            Told::Missed { of, numbers } if of.author == id(author) => Some(Err(numbers.clone())),
            _ => None,
        };
        self.ends[&n].told.iter().filter_map(of).collect()
    }

    pub(super) fn bodies(&self, n: u8, author: u8) -> Vec<Vec<u8>> {
        self.heard(n, author).into_iter().filter_map(Result::ok).collect()
    }

    /// In order, once, and every gap told: for all members and runs.
    pub(super) fn check(&self) {
        for (n, end) in &self.ends {
            let mut next: BTreeMap<RunId, u64> = BTreeMap::new();
            for told in &end.told {
                match told {
                    Told::Delivered(message) => {
                        let expected = next.entry(message.of()).or_default();
                        assert_eq!(message.sequence(), *expected, "at {n}: {:?}", message.of());
                        *expected += 1;
                    }
                    Told::Missed { of, numbers } => {
                        let expected = next.entry(*of).or_default();
                        assert_eq!(numbers.start, *expected, "at {n}: {of:?}");
                        assert!(numbers.end > numbers.start);
                        *expected = numbers.end;
                    }
                    Told::Equivocation { .. } | Told::Garbage { .. } => {}
                }
            }
        }
    }
}
