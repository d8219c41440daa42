//! What lasts: losses, delays, pauses, partitions, wrong clocks; several at once.

use super::Truth;
use crate::{net::Latency, scenario::ppm, world::World};
use core::time::Duration;
use ifrit_core::time::Mono;
use std::collections::BTreeMap;

/// Something that lasts.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    /// Whom it disturbs; `None`: it strikes everybody, and disturbs nobody.
    pub(super) members: Option<Vec<usize>>,
    pub(super) what: Lasts,
    /// [`Mono::NEVER`] if no end is planned.
    pub(super) until: Mono,
}

/// What lasts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lasts {
    Pause,
    Loss(f64),
    Delay(Duration),
    /// `far`: by more than the network allows.
    Skew {
        far: bool,
    },
    Partition {
        groups: Vec<Vec<usize>>,
        oneway: bool,
    },
    Expired,
}

impl Lasts {
    /// Whether a member's view, and how it is seen, do not count meanwhile.
    fn blurs(&self) -> bool {
        !matches!(self, Self::Partition { .. } | Self::Skew { far: false })
    }
}

/// All that lasts now.
#[derive(Debug)]
pub(super) struct Effects {
    latency: Latency,
    loss: f64,
    active: BTreeMap<u64, Effect>,
    begun: u64,
    /// By member: when the last one ended.
    ended: Vec<Mono>,
    cut: Option<u64>,
    /// By member: see [`expected`](super::expected).
    pub(super) blurred: Vec<bool>,
}

impl Effects {
    pub(super) fn new(latency: Latency, loss: f64, members: usize) -> Self {
        Self {
            latency,
            loss,
            active: BTreeMap::new(),
            begun: 0,
            ended: vec![Mono(0); members],
            cut: None,
            blurred: vec![false; members],
        }
    }

    /// Begins; its number.
    pub(super) fn begin(&mut self, effect: Effect) -> u64 {
        self.begun += 1;
        self.active.insert(self.begun, effect);
        self.begun
    }

    /// Ends, if it lasts still.
    pub(super) fn end(&mut self, number: u64, now: Mono) -> Option<Effect> {
        let effect = self.active.remove(&number)?;
        effect.members.iter().flatten().for_each(|member| self.ended[*member] = now);
        Some(effect)
    }

    /// Those that last, of a kind, for a member or for any.
    pub(super) fn lasting(&self, member: Option<usize>, is: impl Fn(&Lasts) -> bool) -> Vec<u64> {
        let concerns = |effect: &Effect| {
            member.is_none_or(|member| effect.members.iter().flatten().any(|other| *other == member))
        };
        let found = self.active.iter().filter(|(_, effect)| is(&effect.what) && concerns(effect));
        found.map(|(number, _)| *number).collect()
    }

    /// Tells the world and the truth what lasts now.
    pub(super) fn apply(&mut self, world: &mut World, truth: &mut Truth) {
        self.disturb(truth);
        let mut delay = Duration::ZERO;
        let mut survives = 1.0 - self.loss;
        let mut by_member = vec![(1.0, Duration::ZERO); truth.facts.len()];
        for effect in self.active.values() {
            match (&effect.what, &effect.members) {
                (Lasts::Loss(rate), None) => survives *= 1.0 - rate,
                (Lasts::Delay(add), None) => delay += *add,
                (Lasts::Loss(rate), Some(members)) => {
                    members.iter().for_each(|member| by_member[*member].0 *= 1.0 - rate);
                }
                (Lasts::Delay(add), Some(members)) => {
                    members.iter().for_each(|member| by_member[*member].1 += *add);
                }
                _ => {}
            }
        }
        world.net.loss_ppm = ppm(1.0 - survives);
        world.net.latency = self.latency.plus(delay);
        for (member, (survives, delay)) in by_member.into_iter().enumerate() {
            world.net.member_loss_ppm[member] = ppm(1.0 - survives);
            world.net.member_delay[member] = delay;
        }
        self.cut(world, truth);
    }

    fn disturb(&mut self, truth: &mut Truth) {
        self.blurred.fill(false);
        for (fact, ended) in truth.facts.iter_mut().zip(&self.ended) {
            fact.trouble = *ended;
        }
        for effect in self.active.values() {
            for member in effect.members.iter().flatten() {
                self.blurred[*member] |= effect.what.blurs();
                let trouble = &mut truth.facts[*member].trouble;
                *trouble = (*trouble).max(effect.until);
            }
        }
    }

    /// The latest partition holds.
    fn cut(&mut self, world: &mut World, truth: &mut Truth) {
        let latest = self.active.iter().rev().find_map(|(number, effect)| match &effect.what {
            Lasts::Partition { groups, oneway } => Some((*number, groups, *oneway)),
            _ => None,
        });
        let number = latest.map(|(number, ..)| number);
        if number == self.cut {
            return;
        }
        self.cut = number;
        world.heal();
        truth.facts.iter_mut().for_each(|fact| fact.group = 0);
        truth.oneway = false;
        if let Some((_, groups, oneway)) = latest {
            world.partition(groups, oneway);
            truth.oneway = oneway;
            let last = u32::try_from(groups.len()).expect("few groups");
            truth.facts.iter_mut().for_each(|fact| fact.group = last);
            for (number, group) in (0..).zip(groups) {
                group.iter().for_each(|member| truth.facts[*member].group = number);
            }
        }
    }
}
