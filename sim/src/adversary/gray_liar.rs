//! Says in its pings and pongs that all, or none, of its own pings escalate, and accuses.
//!
//! *Gain*: if one neighbour's word counted, a correct member would hold itself gray and leave the views, or a gray one would stay in
//! them. *Stopped by*: R8, a member judges itself by its own pings and by the median of what at least 3 ring neighbours report.

use super::{Knob, Plan, Strategy};
use crate::tamper::{Hand, Tamper, Wire};
use core::time::Duration;
use ifrit_core::id::MemberId;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "gray-liar",
    about: "reports a false share of escalated pings, and accuses; stopped by the median of several neighbours (R8)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("strain", "0", "what it reports, in percent; above 100 nobody believes it"),
    ("every", "\"500ms\"", "between two rounds of accusations"),
];

/// Where ping and pong hold it: behind tag, token and digest.
const STRAIN_AT: usize = 1 + 8 + 16;

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    let (strain, every) = (plan.number(KNOBS, "strain")?, plan.span(KNOBS, "every")?);
    let strain = u8::try_from(strain).map_err(|_| "`strain` must be at most 255".to_owned())?;
    Ok(Box::new(GrayLiar { strain, every, gang: plan.gang() }))
}

#[derive(Debug)]
struct GrayLiar {
    strain: u8,
    every: Duration,
    gang: Vec<MemberId>,
}

impl Tamper for GrayLiar {
    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        let Wire::Datagram(bytes) = wire else { return true };
        let mut bytes = bytes.to_vec();
        match bytes.get_mut(STRAIN_AT) {
            Some(strain) => *strain = self.strain,
            None => return true,
        }
        hand.datagram(to, bytes);
        false
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + self.every);
        hand.slander(&self.gang);
    }
}
