//! Brings members that another CA has certified, for a network of the same id.
//!
//! *Gain*: as many identities as it likes, and with them the rings around any victim. *Stopped by*: a certificate counts only with
//! the signature of this network's root; one that has another is misbehaviour (R10), and its bearer is hung up on.

use super::{Knob, Plan, Strategy, dice::Dice};
use crate::{
    tamper::{Hand, Tamper},
    wire::Bundle,
};
use core::time::Duration;
use ifrit_core::{
    crypto::{P256Signer, Signer},
    id::MemberId,
    mask::Mask,
    note::Fields,
    params::Wish,
    time::Wall,
};
use ifrit_node::ca::Authority;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "sybil",
    about: "members certified by another CA for the same network id; stopped by the root's signature (R10)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] =
    &[("count", "10", "how many members it makes"), ("every", "\"500ms\"", "between two shows")];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (count, every) = (plan.number(KNOBS, "count")?, plan.span(KNOBS, "every")?);
    Ok(Box::new(Sybil { count, every, dice: Dice(plan.chance), made: Vec::new() }))
}

#[derive(Debug)]
struct Sybil {
    count: u64,
    every: Duration,
    dice: Dice,
    made: Vec<Bundle>,
}

/// How long its CA and certificates hold.
const VALIDITY: Duration = Duration::from_secs(30 * 24 * 3600);

impl Sybil {
    fn key(&mut self) -> Option<P256Signer> {
        let mut scalar: [u8; 32] = self.dice.bytes(32).try_into().ok()?;
        scalar[0] &= 0x7f;
        P256Signer::from_scalar(&scalar)
    }

    fn make(&mut self, hand: &Hand<'_>) -> Option<Vec<Bundle>> {
        let (from, until) = (Wall(hand.now.wall.0 - 3_600_000), hand.now.wall + VALIDITY);
        let wish = Wish { members: hand.params.members, rings: Some(hand.params.rings), ..Wish::default() };
        let ca = Authority::create(self.key()?, hand.params.id, &wish, from, until).ok()?;
        let count = self.count;
        let one = |serial| {
            let (mut key, id) = (self.key()?, MemberId(self.dice.bytes(32).try_into().ok()?));
            let certificate = ca.issue(&key.public_key(), id, from, until, serial);
            let fields = Fields {
                id,
                epoch: hand.now.wall.0,
                issued: hand.now.wall,
                leaving: false,
                gray: false,
                answers: true,
                mask: Mask::all(hand.params.rings),
                addrs: Vec::new(),
                tags: Vec::new(),
            };
            Some(Bundle::of(id).certificate(&certificate).note(&fields.sign(hand.params, &mut key)))
        };
        (1..=count).map(one).collect()
    }
}

impl Tamper for Sybil {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        if self.made.is_empty() {
            self.made = self.make(hand).unwrap_or_default();
        }
        hand.spread(&self.made, &[]);
        hand.redial();
    }
}
