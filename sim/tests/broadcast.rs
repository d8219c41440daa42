//! Broadcasts among whole members in virtual time: under loss, partition and restart.

use ifrit_core::{id::MemberId, view::State};
use ifrit_node::node::NodeEvent;
use ifrit_sim::{Setup, World};
use std::{collections::BTreeMap, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// A world, and what each member of it was told in its last life.
struct Net {
    world: World,
    told: Vec<Vec<NodeEvent>>,
}

impl Net {
    fn settled(setup: Setup) -> Self {
        let mut world = World::bootstrap(setup.whole());
        world.run_for(SECOND);
        world.settles_within(SECOND * 60);
        let told = vec![Vec::new(); world.len()];
        Self { world, told }
    }

    fn say(&mut self, member: usize, bytes: &[u8]) -> u64 {
        let said = self.world.on_node(member, |node, now| node.broadcast(now, bytes));
        said.expect("it runs").expect("no more than the others take")
    }

    fn run(&mut self, span: Duration) {
        self.world.run_for(span);
        for (member, told) in self.told.iter_mut().enumerate() {
            told.extend(self.world.told(member));
        }
    }

    fn until(&mut self, what: &str, limit: Duration, done: impl Fn(&Self) -> bool) {
        let since = self.world.now();
        while !done(self) {
            assert!(self.world.now().since(since) < limit, "{what}: not within {limit:?}");
            self.run(SECOND / 20);
        }
    }

    /// Crashes a member, and starts it again when all have noticed.
    fn restart(&mut self, member: usize) {
        self.world.crash(member);
        self.told[member].clear();
        let noticed = |world: &World| world.all_see(member, State::Down);
        self.world.run_until_condition(SECOND * 20, noticed).expect("noticed");
        self.world.restart(member);
        self.world.settles_within(SECOND * 20);
    }

    /// Bodies that `member` was told of an author, by run. Fails if they are out of order, come twice, or one is lacking
    /// and not told as missed.
    fn heard(&self, member: usize, of: usize) -> BTreeMap<u64, Vec<Vec<u8>>> {
        let wanted = self.world.id(of);
        let mut next: BTreeMap<(MemberId, u64), u64> = BTreeMap::new();
        let mut heard: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
        for event in &self.told[member] {
            match event {
                NodeEvent::Broadcast { author, run, sequence, body } => {
                    let expected = next.entry((*author, *run)).or_default();
                    assert_eq!(sequence, expected, "{author} at {member}");
                    *expected += 1;
                    if *author == wanted {
                        heard.entry(*run).or_default().push(body.clone());
                    }
                }
                NodeEvent::BroadcastMissed { author, run, from, to } => {
                    let expected = next.entry((*author, *run)).or_default();
                    assert_eq!(from, expected, "{author} at {member}");
                    *expected = *to;
                }
                _ => {}
            }
        }
        heard
    }

    /// What `member` was told of an author's last run.
    fn last(&self, member: usize, of: usize) -> Vec<Vec<u8>> {
        self.heard(member, of).pop_last().map(|(_, bodies)| bodies).unwrap_or_default()
    }

    fn all_have(&self, of: usize, count: u64) -> bool {
        (0..self.told.len())
            .filter(|member| *member != of)
            .all(|member| self.last(member, of) == texts(count))
    }
}

fn texts(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|n| n.to_be_bytes().to_vec()).collect()
}

#[test]
fn broadcasts_arrive_once_and_in_order_under_loss() {
    let mut net = Net::settled(Setup { loss_ppm: 200_000, ..Setup::new(8, 4).rings(5) });
    for n in 0..50u64 {
        for author in [0, 3] {
            assert_eq!(net.say(author, &n.to_be_bytes()), n);
        }
        net.run(SECOND / 10);
    }
    let done = |net: &Net| net.all_have(0, 50) && net.all_have(3, 50);
    net.until("all have all", SECOND * 30, done);
    net.run(SECOND * 30);
    assert!(done(&net), "and nothing comes again");
}

#[test]
fn broadcasts_of_both_sides_of_a_partition_arrive_after_it() {
    let mut net = Net::settled(Setup::new(8, 5).rings(5));
    net.world.partition(&[vec![0, 1, 2, 3]], false);
    net.world
        .run_until_condition(SECOND * 60, |world| world.agree(&[0, 1, 2, 3]) && world.agree(&[4, 5, 6, 7]))
        .expect("each side sees itself alone");
    for n in 0..100u64 {
        net.say(0, &n.to_be_bytes());
        net.say(5, &n.to_be_bytes());
        net.run(SECOND / 10);
    }
    assert_eq!((net.last(1, 0), net.last(4, 0)), (texts(100), texts(0)));
    net.world.heal();
    net.until("all have all", SECOND * 60, |net| net.all_have(0, 100) && net.all_have(5, 100));
}

#[test]
fn after_a_restart_an_author_says_on_and_a_receiver_catches_up() {
    let mut net = Net::settled(Setup::new(6, 6).rings(5));
    for n in 0..20u64 {
        net.say(0, &n.to_be_bytes());
        net.say(1, &n.to_be_bytes());
    }
    net.until("all have all", SECOND * 10, |net| net.all_have(0, 20) && net.all_have(1, 20));
    let first = net.heard(2, 0).into_keys().next().expect("a run");
    net.restart(0);
    net.restart(3);
    // What an author has said before it restarted is the others' to give, to who has forgotten it, too.
    net.until("caught up", SECOND * 20, |net| net.last(3, 1) == texts(20) && net.last(0, 0) == texts(20));
    assert_eq!(net.heard(3, 0).get(&first), Some(&texts(20)));
    for n in 0..5u64 {
        assert_eq!(net.say(0, &n.to_be_bytes()), n, "a new run counts from 0");
    }
    net.until("all have the new run", SECOND * 20, |net| net.all_have(0, 5));
    let runs: Vec<_> = net.heard(2, 0).into_keys().collect();
    assert!(runs.len() == 2 && runs[0] == first && runs[1] > first, "{runs:?}");
}
