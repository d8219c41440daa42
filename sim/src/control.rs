//! What a test does to a world.

use crate::{
    brain::{self, Birth},
    full::Stack,
    happen::{Happening, What},
    node::{Clock, Disk, Fate},
    rng::Class,
    tamper::{Deeds, Liar, Tamper},
    world::World,
};
use core::time::Duration;
use ifrit_core::{
    config::{Config, LocalIdentity, Probation, Stored},
    event::{Command, Event},
    seed::Seed,
    shared::Shared,
    time::Mono,
};
use std::collections::VecDeque;

/// From a goodbye to the end of the process.
const GOODBYE: Duration = Duration::from_secs(2);

impl World {
    /// Starts a member that does not run, from its disk. It ends at once if that says that the CA has revoked it.
    pub fn start(&mut self, node: usize) {
        if !self.nodes[node].is_dead() {
            return;
        }
        let stored = self.disk(node);
        let birth = self.birth(node, stored, self.nobody.clone());
        self.begin(node, birth);
    }

    /// Begins a life of a process that does not run.
    pub(crate) fn begin(&mut self, node: usize, birth: Birth) {
        let process = &mut self.nodes[node];
        process.life += 1;
        process.fate = Fate::Running;
        process.had_records = !birth.stored.records.is_empty() || !birth.view.is_empty();
        match self.setup.stack {
            Stack::Node => self.start_whole(node),
            Stack::Core => {
                let from_disk = !birth.stored.records.is_empty();
                process.brain = (self.setup.bear)(birth);
                if process.brain.is_none() {
                    process.fate = Fate::Dead;
                    return;
                }
                self.nodes[node].kept = if from_disk { self.known_to(node) } else { Vec::new() };
                self.drain(node);
            }
        }
        if self.nodes[node].liar.is_some() {
            self.later(node, self.now, What::Scheme);
        }
    }

    /// All others whose records a member holds, if it is the core.
    fn known_to(&self, node: usize) -> Vec<usize> {
        let Some(member) = self.brain(node).and_then(brain::member_of) else { return Vec::new() };
        let view = member.view();
        view.members().map(|known| self.index(&known.id)).filter(|known| *known != node).collect()
    }

    /// What a process has when it begins its next life now.
    pub(crate) fn birth(&self, node: usize, stored: Stored, view: Shared) -> Birth {
        let process = &self.nodes[node];
        Birth {
            index: node,
            config: Config {
                root: self.network.root().clone(),
                addrs: vec![process.addr],
                tags: Vec::new(),
                seeds: u16::try_from(process.seeds.len()).expect("few seeds"),
                probation: Probation::default(),
                verifier: self.network.verifier(),
            },
            identity: LocalIdentity {
                certificate: process.certificate.clone(),
                signer: self.network.signer(&process.scalar),
            },
            stored,
            view,
            seed: Seed(self.faults.bytes(Class::Run, node, u64::from(process.life))),
            now: process.clock.at(self.now),
        }
    }

    /// Ends a process without a word. Its disk stays.
    pub fn crash(&mut self, node: usize) {
        let process = &mut self.nodes[node];
        process.life += 1;
        process.fate = Fate::Dead;
        process.brain = None;
        process.whole = None;
        process.ends.clear();
        process.connecting.clear();
        process.dialing.clear();
        (process.wake_at, process.wake_queued) = (None, None);
    }

    /// A crashed member starts again, from its disk.
    pub fn restart(&mut self, node: usize) {
        self.crash(node);
        self.start(node);
    }

    /// A crashed member starts again, from this disk: an old backup, say.
    pub fn restart_with_disk(&mut self, node: usize, disk: Stored) {
        self.crash(node);
        self.nodes[node].disk = Disk::new(disk);
        self.start(node);
    }

    /// What a member's disk holds now.
    pub fn disk(&self, node: usize) -> Stored {
        self.nodes[node].disk.read(&self.nodes[node].id)
    }

    /// A member says goodbye, and its process ends two seconds later; lets these pass.
    pub fn leave(&mut self, node: usize) {
        self.depart(node);
        self.run_for(GOODBYE);
    }

    /// A member says goodbye, and its process ends two seconds later.
    pub fn depart(&mut self, node: usize) {
        // One that leaves already refuses to leave again.
        self.command(node, Command::Leave).ok();
        self.later(node, self.now + GOODBYE, What::End);
    }

    /// A member gets a renewed certificate that ends after `valid`, by the world's wall clock, and tells the others.
    pub fn certify(&mut self, node: usize, valid: Duration) {
        let (id, scalar, wall) =
            (self.nodes[node].id, self.nodes[node].scalar, Clock::default().at(self.now).wall);
        let certificate = self.network.renew(&scalar, id, wall, wall + valid);
        self.nodes[node].certificate.clone_from(&certificate);
        self.command(node, Command::SetCertificate(certificate)).ok();
    }

    /// Stops a process for a while, its machine's clock running on. What arrives waits, and its first event is a late wake.
    pub fn pause(&mut self, node: usize, span: Duration) {
        if self.nodes[node].runs() {
            self.nodes[node].fate = Fate::Paused(VecDeque::new());
            self.later(node, self.now + span, What::Resume);
        }
    }

    pub(crate) fn resume(&mut self, node: usize) {
        let fate = core::mem::replace(&mut self.nodes[node].fate, Fate::Running);
        self.tell(node, Event::Wake);
        if let Fate::Paused(backlog) = fate {
            backlog.into_iter().for_each(|waiting| self.happen(waiting));
        }
    }

    /// Cuts the network into groups; see [`Net::partition`](crate::net::Net::partition).
    pub fn partition(&mut self, groups: &[Vec<usize>], oneway: bool) {
        self.net.partition(groups, oneway);
    }

    /// Ends the partition and all cuts.
    pub fn heal(&mut self) {
        self.net.heal();
    }

    /// Sets a member's wall clock ahead, or behind if negative.
    pub fn skew(&mut self, node: usize, ahead_ms: i64) {
        self.nodes[node].clock.ahead_ms = ahead_ms;
    }

    /// The members that `node` is told of as seeds, from its next start on.
    pub fn set_seeds(&mut self, node: usize, seeds: Vec<usize>) {
        self.nodes[node].seeds = seeds;
    }

    /// Makes a member a liar.
    pub fn corrupt(&mut self, node: usize, tamper: Box<dyn Tamper>) {
        self.mark_liar(node);
        let signer = self.network.signer(&self.nodes[node].scalar);
        self.nodes[node].liar = Some(Liar { tamper, signer, deeds: Deeds::default() });
        let at = self.now;
        self.queue.push(at, Happening { node, life: None, what: What::Scheme });
    }

    /// What a liar did so far.
    pub fn deeds(&self, node: usize) -> Deeds {
        self.nodes[node].liar.as_ref().map(|liar| liar.deeds).unwrap_or_default()
    }

    /// Liars that ended their own processes since this was last asked, and when.
    pub fn take_ended(&mut self) -> Vec<(Mono, usize)> {
        core::mem::take(&mut self.ended)
    }

    /// Counts a member among the liars: a test will speak in its name.
    pub fn mark_liar(&mut self, node: usize) {
        self.nodes[node].correct = false;
    }
}
