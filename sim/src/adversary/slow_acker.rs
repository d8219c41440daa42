//! Asks for everything and takes it slowly; answers pings as late as it may.
//!
//! *Gain*: what is queued for it fills its peers' memory, and late pongs make monitors patient. *Stopped by*: each lane to a peer
//! has a bounded queue, beyond which pushes to it stop (R11); a link's loss counts for nobody but itself (R5).

use super::{Knob, Plan, Strategy};
use crate::{
    tamper::{Hand, Tamper, Wire},
    wire::want,
};
use core::time::Duration;
use ifrit_core::{event::Lane, id::MemberId, tags::DATAGRAM_PONG, time::Mono};
use std::collections::VecDeque;

pub(super) const STRATEGY: Strategy = Strategy {
    name: "slow-acker",
    about: "asks for everything and takes it slowly, answers pings late; stopped by bounded queues (R11), medians (R5)",
    params: KNOBS,
    make,
};

const KNOBS: &[Knob] = &[
    ("delay", "\"120ms\"", "how long a pong is kept back"),
    ("linger", "\"30s\"", "how long frames lie before they are taken"),
    ("every", "\"500ms\"", "between two requests for everything"),
];

fn make(plan: Plan<'_>) -> Result<Box<dyn Tamper>, String> {
    Ok(Box::new(SlowAcker {
        delay: plan.span(KNOBS, "delay")?,
        linger: plan.span(KNOBS, "linger")?,
        every: plan.span(KNOBS, "every")?,
        next: Mono(0),
        ids: plan.ids.to_vec(),
        pongs: VecDeque::new(),
    }))
}

#[derive(Debug)]
struct SlowAcker {
    delay: Duration,
    linger: Duration,
    every: Duration,
    /// When it asks next.
    next: Mono,
    ids: Vec<MemberId>,
    pongs: VecDeque<(Mono, MemberId, Vec<u8>)>,
}

impl Tamper for SlowAcker {
    fn lingers(&self) -> Duration {
        self.linger
    }

    fn sends(&mut self, hand: &mut Hand<'_>, to: MemberId, wire: Wire<'_>) -> bool {
        match wire {
            Wire::Datagram(bytes @ [DATAGRAM_PONG, ..]) => {
                self.pongs.push_back((hand.now.mono + self.delay, to, bytes.to_vec()));
                false
            }
            Wire::Datagram(_) | Wire::Frame(..) => true,
        }
    }

    fn wakes(&mut self, hand: &mut Hand<'_>) {
        hand.wake(hand.now.mono + TICK);
        while self.pongs.front().is_some_and(|(at, ..)| *at <= hand.now.mono) {
            if let Some((_, to, pong)) = self.pongs.pop_front() {
                hand.datagram(to, pong);
            }
        }
        if self.next <= hand.now.mono {
            self.next = hand.now.mono + self.every;
            for page in self.ids.chunks(WANTED) {
                let everything = want(page);
                hand.linked.iter().for_each(|to| hand.frame(*to, Lane::Records, everything.clone()));
            }
        }
    }
}

/// How often it looks for pongs to send.
const TICK: Duration = Duration::from_millis(10);
/// Members asked for in one frame.
const WANTED: usize = 250;
