//! Members that lie, one strategy per file. Each owns its own key only, and knows whom everybody knows.
//!
//! To add one: a file beside this one with a `STRATEGY`, and its line in [`STRATEGIES`].

mod accusation_replayer;
mod around;
mod bit_flipper;
mod bucket_drainer;
mod censor;
mod chain_accuser;
mod clock_liar;
mod dice;
mod digest_liar;
mod eclipse;
mod epoch_pumper;
mod equivocator;
mod false_accuser;
mod false_contact;
mod flooder;
mod ghost_replayer;
mod gossip_dropper;
mod gray_liar;
mod heal_drainer;
mod hoard;
mod junk_flooder;
mod knobs;
mod late_answerer;
mod link_hog;
mod map;
mod mask_abuser;
mod mute_monitor;
mod mutual_accusers;
mod outcast;
mod patience_trainer;
mod rebuttal_suppressor;
mod reflector;
mod signature_racer;
mod slander;
mod slow_acker;
mod stale_note_replayer;
mod stalling_announcer;
mod sybil;

pub use knobs::Knob;

use crate::{rng::Class, tamper::Tamper, world::World};
use ifrit_core::{id::MemberId, time::Mono};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// A way to lie.
#[derive(Debug)]
pub struct Strategy {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What an attacker would gain, and the rule that stops it, in a line.
    pub about: &'static str,
    /// The parameters that it reads, each with its default (TOML) and what it means.
    pub params: &'static [Knob],
    /// Makes one liar.
    ///
    /// # Errors
    /// What is wrong with the parameters: a sentence that names the key.
    pub make: fn(Plan<'_>) -> Result<Box<dyn Tamper>, String>,
}

/// Every strategy, by name.
pub const STRATEGIES: &[Strategy] = &[
    accusation_replayer::STRATEGY,
    bit_flipper::STRATEGY,
    bucket_drainer::STRATEGY,
    chain_accuser::STRATEGY,
    clock_liar::STRATEGY,
    digest_liar::STRATEGY,
    eclipse::STRATEGY,
    epoch_pumper::STRATEGY,
    equivocator::STRATEGY,
    false_accuser::STRATEGY,
    false_contact::STRATEGY,
    flooder::STRATEGY,
    ghost_replayer::STRATEGY,
    gossip_dropper::STRATEGY,
    gray_liar::STRATEGY,
    heal_drainer::STRATEGY,
    junk_flooder::STRATEGY,
    late_answerer::STRATEGY,
    link_hog::STRATEGY,
    mask_abuser::STRATEGY,
    mute_monitor::STRATEGY,
    mutual_accusers::STRATEGY,
    outcast::STRATEGY,
    patience_trainer::STRATEGY,
    rebuttal_suppressor::STRATEGY,
    reflector::STRATEGY,
    signature_racer::STRATEGY,
    slow_acker::STRATEGY,
    stale_note_replayer::STRATEGY,
    stalling_announcer::STRATEGY,
    sybil::STRATEGY,
];

/// The strategy of that name.
pub fn strategy(name: &str) -> Option<&'static Strategy> {
    STRATEGIES.iter().find(|strategy| strategy.name == name)
}

/// What a liar is told before the run. It lies from `from` to `until` only; the runner sees to that.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The `params` table of the scenario; keys that [`Strategy::params`] does not list have been refused.
    pub params: &'a toml::Table,
    /// Its number.
    pub me: usize,
    /// Ids of all members, by number.
    pub ids: &'a [MemberId],
    /// Numbers of all members of this entry, itself included, in order.
    pub colluders: &'a [usize],
    /// What the colluders of this entry share.
    pub board: Board,
    /// On its own clock.
    pub from: Mono,
    /// On its own clock; [`Mono::NEVER`] if it lies until the end.
    pub until: Mono,
    /// Chance of its own: 64 bits.
    pub chance: u64,
}

/// A blackboard that colluders share, outside the network.
pub type Board = Rc<RefCell<BTreeMap<String, Vec<u8>>>>;

impl World {
    /// Makes these members liars of one strategy, from now on and until the end.
    ///
    /// # Errors
    /// What [`Strategy::make`] says of the parameters.
    pub fn conspire(
        &mut self,
        strategy: &Strategy,
        colluders: &[usize],
        params: &toml::Table,
    ) -> Result<(), String> {
        let ids: Vec<MemberId> = (0..self.len()).map(|number| self.id(number)).collect();
        let board = Board::default();
        for me in colluders.iter().copied() {
            let plan = Plan {
                params,
                me,
                ids: &ids,
                colluders,
                board: board.clone(),
                from: self.clocks(me).mono,
                until: Mono::NEVER,
                chance: self.faults.bits(Class::Choice, me, 0, 0),
            };
            let tamper = (strategy.make)(plan)?;
            self.corrupt(me, tamper);
        }
        Ok(())
    }
}
