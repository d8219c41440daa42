//! What `ifrit_node::app` promises of gossip, kept by whole members in virtual time: under loss, partition and restart.

use ifrit_core::view::State;
use ifrit_node::node::NodeEvent;
use ifrit_sim::{Setup, World};
use std::{collections::BTreeMap, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// A world in which member 0 gossips and all answer with what they got.
struct Net {
    world: World,
    /// How often each other got each content, by its number.
    got: BTreeMap<(usize, u32), u32>,
    /// How often each other's answer to a content came back.
    answered: BTreeMap<(usize, u32), u32>,
}

impl Net {
    fn settled(setup: Setup) -> Self {
        let mut world = World::bootstrap(setup.whole());
        world.run_for(SECOND);
        world.settles_within(SECOND * 60);
        Self { world, got: BTreeMap::new(), answered: BTreeMap::new() }
    }

    fn say(&mut self, number: u32) {
        let content = Some(number.to_be_bytes().to_vec());
        let set = self.world.on_node(0, |node, now| node.set_gossip(now, content));
        set.expect("it runs").expect("small");
    }

    /// One Δ: everybody is told, answers, and the content's turn on one ring is over.
    fn turn(&mut self) {
        let end = self.world.now() + self.world.params().delta;
        while self.world.now() < end {
            for member in 0..self.world.len() {
                for event in self.world.told(member) {
                    self.take(member, event);
                }
            }
            self.world.run_for(SECOND / 50);
        }
    }

    fn take(&mut self, member: usize, event: NodeEvent) {
        match event {
            NodeEvent::Gossip { token, from, content } => {
                assert_eq!(from, self.world.id(0));
                *self.got.entry((member, number(&content))).or_default() += 1;
                self.world.on_node(member, |node, now| node.respond(now, token, Ok(content)));
            }
            NodeEvent::GossipReply { from, body } => {
                assert_eq!(member, 0);
                *self.answered.entry((self.world.index(&from), number(&body))).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Who stands beside member 0, and on how many sides of how many rings.
    fn sides(&self) -> BTreeMap<usize, u32> {
        let (view, mut sides) = (self.world.member(0).view(), BTreeMap::new());
        let all = (0..view.params().rings).flat_map(|ring| view.beside(ring));
        all.for_each(|id| *sides.entry(self.world.index(&id)).or_default() += 1);
        sides
    }

    fn beside(&self) -> Vec<usize> {
        self.sides().into_keys().collect()
    }

    /// Turn after turn, until so many got this content.
    fn until_all_have(&mut self, content: u32, all: usize) {
        for _ in 0..60 {
            if self.got.keys().filter(|(_, number)| *number == content).count() == all {
                return;
            }
            self.turn();
        }
        panic!("{content} has not come to {all}: {:?}", self.got);
    }

    /// No answer to what was not given: an answer stands for one exchange.
    fn answers_are_of_what_was_given(&self) {
        for (key, answers) in &self.answered {
            assert!(self.got.get(key).is_some_and(|got| answers <= got), "{key:?}: {answers}");
        }
    }
}

fn number(content: &[u8]) -> u32 {
    u32::from_be_bytes(content.try_into().expect("as it was said"))
}

/// A turn is a ring, and on each ring two are beside: after k turns all ring neighbours had it, each once per ring.
#[test]
fn gossip_comes_once_per_turn_to_whoever_is_beside() {
    let rings = 5;
    let mut net = Net::settled(Setup::new(7, 21).rings(rings).whole());
    net.say(1);
    (0..rings).for_each(|_| net.turn());
    net.world.on_node(0, |node, now| node.set_gossip(now, None)).expect("it runs").expect("cleared");
    net.turn(); // what is under way arrives
    let beside = net.sides();
    let got: BTreeMap<usize, u32> = net.got.iter().map(|((member, _), times)| (*member, *times)).collect();
    // The first turn began in the middle of a Δ, so that one ring may have come twice.
    let sum = |counts: &BTreeMap<usize, u32>| counts.values().sum::<u32>();
    assert!(got.keys().eq(beside.keys()), "{got:?}, beside are {beside:?}");
    assert!(beside.iter().all(|(member, times)| got[member] >= *times) && sum(&got) <= sum(&beside) + 2);
    assert_eq!(net.got, net.answered, "without loss each is answered");
    let cleared = net.got.clone();
    (0..rings).for_each(|_| net.turn());
    assert_eq!(net.got, cleared, "cleared is cleared");
}

/// Nothing is repeated, so loss and cuts cost turns; those that come later bring what holds then, never what was before.
#[test]
fn gossip_goes_on_under_loss_partition_and_restart() {
    let mut net = Net::settled(Setup { loss_ppm: 200_000, ..Setup::new(6, 22).rings(5) });
    let beside = net.beside();
    let (all, last) = (beside.len(), *beside.last().expect("somebody is"));
    net.say(1);
    net.until_all_have(1, all);
    // Who is cut off hears nothing, then what holds when that is over.
    net.world.partition(&[vec![last]], false);
    net.turn();
    net.turn();
    net.say(2);
    net.until_all_have(2, all - 1);
    net.say(3);
    net.world.heal();
    net.world.settles_within(SECOND * 60);
    net.until_all_have(3, all);
    assert!(!net.got.contains_key(&(last, 2)), "what was replaced is gone");
    // So is a receiver that comes back.
    net.world.crash(last);
    net.world.run_until_condition(SECOND * 30, |world| world.all_see(last, State::Down)).expect("noticed");
    net.say(4);
    (0..5).for_each(|_| net.turn());
    assert!(!net.got.contains_key(&(last, 4)));
    net.world.restart(last);
    net.world.settles_within(SECOND * 60);
    net.until_all_have(4, all);
    net.answers_are_of_what_was_given();
    // An author that comes back says nothing before its application does.
    net.world.crash(0);
    net.world.run_until_condition(SECOND * 30, |world| world.all_see(0, State::Down)).expect("noticed");
    net.turn();
    net.got.clear();
    net.world.restart(0);
    net.world.settles_within(SECOND * 60);
    (0..10).for_each(|_| net.turn());
    assert!(net.got.is_empty(), "{:?}", net.got);
}
