//! Accuses nobody, whoever is silent.
//!
//! *Gain*: a crashed member whose monitors are all silent stays in every view. *Stopped by*: R5, each of at least t+1 enabled
//! rings has a monitor of its own, and of t+1 one is correct; R6, whoever follows the crashed one signs too.

use super::{Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::{Bundle, read_records, records},
};
use ifrit_core::{accusation::Accusation, id::MemberId};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "mute-monitor",
    about: "accuses nobody, whoever is silent; stopped by one correct monitor among t+1 rings (R5)",
    params: &[],
    make: |_: Plan<'_>| Ok(Box::new(MuteMonitor)),
};

#[derive(Debug)]
struct MuteMonitor;

impl Tamper for MuteMonitor {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        mute(hand, to, wire)
    }
}

/// Sends a frame without the accusations that its member signed; whether it may go as it is.
pub(super) fn mute(hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
    let Wire::Frame(lane, frame) = wire else { return true };
    let Some(mut bundles) = read_records(frame) else { return true };
    let before = bundles.clone();
    bundles.iter_mut().for_each(|bundle| silence(bundle, hand));
    if bundles == before {
        return true;
    }
    hand.frame(to, lane, records(&bundles));
    false
}

fn silence(bundle: &mut Bundle, hand: &Hand<'_>) {
    let own =
        |bytes: &Vec<u8>| Accusation::parse(bytes, hand.params).is_ok_and(|word| word.accuser == hand.me);
    bundle.accusations.retain(|bytes| !own(bytes));
}
