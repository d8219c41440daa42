//! Accuses members that are alive, as their predecessor on a ring.
//!
//! *Gain*: if it were believed, the victim would be out of every view while it works. *Stopped by*: R3, the victim rebuts; it
//! disables the liar's ring, of which it may disable t (and has more than t liar predecessors with probability ε only).

use super::Strategy;
use crate::{
    tamper::{Hand, Tamper},
    wire::{Bundle, records},
};
use core::time::Duration;
use ifrit_core::{accusation, event::Lane};

pub(super) const STRATEGY: Strategy = Strategy {
    name: "false-accuser",
    about: "accuses its ring neighbours on every ring; stopped by rebuttals and ring masks (R3)",
    params: &[],
    make: |_| Ok(Box::new(FalseAccuser)),
};

/// Between two rounds of accusations: about twice per Δ in the LAN preset.
const PERIOD: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct FalseAccuser;

impl Tamper for FalseAccuser {
    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + PERIOD);
        let Some(member) = hand.member else { return };
        let victims: Vec<_> = member.view().neighbours().copied().collect();
        for accused in victims {
            let Some(view) = member.view().member(&accused) else { continue };
            let mut bundle = Bundle::of(accused);
            for ring in view.mask.rings() {
                let fields = accusation::Fields { accused, epoch: view.epoch, ring, accuser: hand.me };
                bundle = bundle.accusation(&fields.sign(hand.params, hand.signer));
            }
            let frame = records(&[bundle]);
            for to in hand.linked.iter().copied() {
                hand.frame(to, Lane::Urgent, frame.clone());
            }
        }
    }
}
