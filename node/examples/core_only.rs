//! The core alone, over a transport of its own: four members in four threads, linked by pipes in memory. One is killed, the
//! others find it down; it is started again and is back. `cargo run -p ifrit-node --example core_only`
//!
//! What a transport owes the core (`ifrit_core::member` has the contract): it knows whom a link leads to, hands over that
//! peer's certificate, keeps each lane in order, and says when a link is gone. Here all of it is `Post`, which stamps the
//! sender on every letter: nobody can write another's name. Over a wire that is the work of TLS.
#![expect(clippy::disallowed_methods, reason = "this is the edge: here clocks are read, to be handed in")]

use ifrit_node::ifrit_core::{
    action::{Action, Notice, Persist},
    config::{Config, Probation, Stored},
    crypto::Signer,
    event::{Event, Lane, Refused},
    id::{MemberId, NetworkId},
    member::Member,
    params::{Preset, Wish},
    seed::Seed,
    time::{Mono, Now, Wall},
};
use ifrit_node::{
    ca::Authority,
    crypto::RingVerifier,
    identity::{Identity, generate_key},
};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Error = Box<dyn std::error::Error + Send + Sync>;

enum Letter {
    Up(Vec<u8>),
    Seed(u16),
    Down,
    Datagram(Vec<u8>),
    Frame(Lane, Vec<u8>),
    Kill,
}

/// From whom, and what.
type Mail = (MemberId, Letter);

/// The transport: who is there, and which two are linked.
#[derive(Default)]
struct Post {
    boxes: HashMap<MemberId, (Sender<Mail>, Vec<u8>)>,
    links: BTreeSet<(MemberId, MemberId)>,
}

fn pair(a: MemberId, b: MemberId) -> (MemberId, MemberId) {
    (a.min(b), a.max(b))
}

impl Post {
    fn put(&self, from: MemberId, to: MemberId, letter: Letter) {
        if let Some((mailbox, _)) = self.boxes.get(&to) {
            let _ = mailbox.send((from, letter)); // a member that ends just now
        }
    }

    /// Over a link, or not at all.
    fn send(&self, from: MemberId, to: MemberId, letter: Letter) {
        if self.links.contains(&pair(from, to)) {
            self.put(from, to, letter);
        }
    }

    /// Each end gets the other's certificate. Whoever dials into a link that is there has been told already.
    fn dial(&mut self, from: MemberId, to: MemberId) {
        let (Some(mine), Some(theirs)) = (self.boxes.get(&from), self.boxes.get(&to)) else {
            return self.put(to, from, Letter::Down);
        };
        let (mine, theirs) = (mine.1.clone(), theirs.1.clone());
        if self.links.insert(pair(from, to)) {
            self.put(to, from, Letter::Up(theirs));
            self.put(from, to, Letter::Up(mine));
        }
    }

    fn hang_up(&mut self, from: MemberId, to: MemberId) {
        if self.links.remove(&pair(from, to)) {
            self.put(from, to, Letter::Down);
        }
    }

    fn gone(&mut self, who: MemberId) {
        self.boxes.remove(&who);
        let linked: Vec<_> = self.links.iter().filter(|(a, b)| *a == who || *b == who).copied().collect();
        linked.into_iter().for_each(|(a, b)| self.hang_up(who, if a == who { b } else { a }));
    }
}

fn locked(post: &Mutex<Post>) -> MutexGuard<'_, Post> {
    post.lock().expect("nobody panics with the post in hand")
}

/// One member's whole loop. Ends when it is killed; what it had on disk is given back.
struct Runner {
    member: Member,
    me: MemberId,
    post: Arc<Mutex<Post>>,
    mailbox: Receiver<Mail>,
    /// Letters that the core could not take yet (back-pressure): none may be lost or overtaken.
    kept: VecDeque<Mail>,
    seeds: Vec<MemberId>,
    disk: Stored,
    told: Sender<(MemberId, Notice)>,
    clock: Instant,
}

fn now(clock: Instant) -> Now {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Now { mono: Mono(0) + clock.elapsed(), wall: Wall(since.map_or(0, |since| since.as_millis() as u64)) }
}

impl Runner {
    fn run(mut self) -> Stored {
        loop {
            let until = self.drain();
            let wait = until.map_or(Duration::from_secs(1), |until| until.since(now(self.clock).mono));
            let wait = if self.kept.is_empty() { wait } else { Duration::from_millis(5) };
            match self.mailbox.recv_timeout(wait) {
                Ok((_, Letter::Kill)) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(letter) => self.kept.push_back(letter),
                Err(RecvTimeoutError::Timeout) => _ = self.member.handle(now(self.clock), Event::Wake),
            }
            while let Some(letter) = self.kept.pop_front() {
                if self.take(&letter) == Err(Refused::Backpressure) {
                    self.kept.push_front(letter);
                    break;
                }
            }
        }
        locked(&self.post).gone(self.me);
        self.disk
    }

    fn take(&mut self, (from, letter): &Mail) -> Result<(), Refused> {
        let (now, from) = (now(self.clock), *from);
        match letter {
            Letter::Up(certificate) => self.member.handle(now, Event::LinkUp { member: from, certificate }),
            Letter::Seed(seed) => self.member.handle(now, Event::SeedUp { seed: *seed, member: from }),
            Letter::Down => self.member.handle(now, Event::LinkDown { member: from }),
            Letter::Datagram(bytes) => self.member.handle(now, Event::Datagram { from, bytes }),
            Letter::Frame(lane, bytes) => self.member.handle(now, Event::Frame { from, lane: *lane, bytes }),
            Letter::Kill => Ok(()),
        }
    }

    /// Carries out all that the core wants; when it wants to be woken.
    fn drain(&mut self) -> Option<Mono> {
        let mut answers: Vec<Event<'static>> = Vec::new();
        loop {
            let mut post = locked(&self.post);
            match self.member.poll_action() {
                Action::Datagram { to, bytes, .. } => {
                    post.send(self.me, to, Letter::Datagram(bytes.to_vec()))
                }
                Action::Frame { to, lane, bytes } => {
                    post.send(self.me, to, Letter::Frame(lane, bytes.to_vec()));
                    answers.push(Event::Written { member: to, lane, bytes: bytes.len() as u32 });
                }
                Action::Dial { member, .. } => post.dial(self.me, member),
                Action::DialSeed { seed } => match self.seeds.get(usize::from(seed)).copied() {
                    Some(id) if post.boxes.contains_key(&id) => {
                        post.dial(self.me, id);
                        post.put(id, self.me, Letter::Seed(seed));
                    }
                    _ => answers.push(Event::SeedDown { seed }),
                },
                Action::HangUp { member, .. } => post.hang_up(self.me, member),
                Action::Persist { seq, what } => {
                    match what {
                        Persist::EpochCeiling(ceiling) => self.disk.epoch_ceiling = ceiling,
                        Persist::Records => {
                            self.disk.records.clear();
                            self.member.view().snapshot(&mut self.disk.records);
                        }
                    }
                    answers.push(Event::Persisted { seq }); // the disk first (R15)
                }
                Action::Notify(notice) => _ = self.told.send((self.me, notice)),
                Action::Wait { until, .. } if answers.is_empty() => return until,
                Action::Wait { .. } => {
                    for answer in answers.drain(..) {
                        self.member.handle(now(self.clock), answer).expect("none of these is ever refused");
                    }
                }
            }
        }
    }
}

/// Starts a member, or starts it again with what it had on disk.
fn start(
    identity: &Identity,
    disk: Stored,
    seeds: Vec<MemberId>,
    post: &Arc<Mutex<Post>>,
    told: &Sender<(MemberId, Notice)>,
) -> Result<JoinHandle<Stored>, Error> {
    let (clock, me, (letters, mailbox)) = (Instant::now(), identity.id(), channel());
    let config = Config {
        root: identity.root.clone(),
        addrs: vec!["127.0.0.1:1".parse()?], // here ids are addresses enough; without one nobody dials
        tags: Vec::new(),
        seeds: seeds.len() as u16,
        probation: Probation::default(),
        verifier: Arc::new(RingVerifier),
    };
    let seed = Seed(generate_key().scalar()); // any 32 random bytes
    let member = Member::new(config, identity.local(), disk.clone(), seed, now(clock))?;
    locked(post).boxes.insert(me, (letters, identity.certificate.der().to_vec()));
    let (post, told) = (Arc::clone(post), told.clone());
    let kept = VecDeque::new();
    let runner = Runner { member, me, post, mailbox, kept, seeds, disk, told, clock };
    Ok(thread::spawn(|| runner.run()))
}

/// Waits until three members have told `what`.
fn wait(heard: &Receiver<(MemberId, Notice)>, what: impl Fn(&Notice) -> Option<String>) -> Result<(), Error> {
    let mut by = BTreeSet::new();
    while by.len() < 3 {
        let (member, notice) = heard.recv_timeout(Duration::from_secs(60))?;
        if let Some(words) = what(&notice) {
            println!("  {member:?} sees it {words}");
            by.insert(member);
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    let wish = Wish { members: 8, rings: Some(3), preset: Preset::Local, ..Wish::default() };
    let (begin, hour) = (now(Instant::now()).wall, Duration::from_secs(3600));
    let ca =
        Authority::create(generate_key(), NetworkId(generate_key().scalar()), &wish, begin, begin + hour)?;
    let mut identities = Vec::new();
    for serial in 2..6 {
        let (key, id) = (generate_key(), MemberId(generate_key().scalar()));
        let certificate = ca.issue(&key.public_key(), id, begin, begin + hour, serial);
        identities.push(Identity::new(ca.root().der(), &certificate, key)?);
    }
    let first = identities[0].id();
    let (post, (told, heard)) = (Arc::new(Mutex::new(Post::default())), channel());
    let mut threads = Vec::new();
    for identity in &identities {
        let seeds = if identity.id() == first { Vec::new() } else { vec![first] };
        threads.push(start(identity, Stored::default(), seeds, &post, &told)?);
    }
    let victim = identities[3].id();
    let up = |notice: &Notice| match notice {
        Notice::Up { member, epoch } if *member == victim => Some(format!("up, epoch {epoch}")),
        _ => None,
    };
    let down = |notice: &Notice| match notice {
        Notice::Down { accusation: by } if by.accused == victim => {
            Some(format!("down: accused by {:?} on ring {}", by.accuser, by.ring))
        }
        _ => None,
    };
    println!("{victim:?} joins through {first:?}, as all do");
    wait(&heard, up)?;
    println!("{victim:?} is killed");
    locked(&post).put(first, victim, Letter::Kill);
    let disk = threads.remove(3).join().map_err(|_| "a member panicked")?;
    wait(&heard, down)?;
    println!("{victim:?} is started again, with what it had on disk");
    threads.push(start(&identities[3], disk, vec![first], &post, &told)?);
    wait(&heard, up)
}
