//! A wall clock that jumps (R9): nothing expires by it; two ring neighbours are asked before our own note is dated by it.

use crate::{
    action::Notice,
    event::Lane,
    id::MemberId,
    member::Member,
    outbox::Out,
    time::{Mono, Now},
    wire::Frame,
};
use alloc::vec::Vec;
use core::time::Duration;

/// How many ring neighbours are asked.
const ASKED: usize = 2;

/// A jump that is looked into.
#[derive(Debug, Default)]
pub(crate) struct Jump {
    /// Who was asked and has not answered.
    asked: Vec<MemberId>,
    /// How many say that our clock is wrong now.
    against: usize,
    /// Until when answers are waited for; `None` if there was no jump.
    until: Option<Mono>,
}

impl Jump {
    pub(crate) fn next(&self) -> Option<Mono> {
        self.until
    }
}

impl Member {
    /// The wall clock moved against the monotonic one.
    pub(crate) fn on_clock_jump(&mut self, now: Now) {
        if planted!(ClockExpires) {
            self.state.expire(self.my_ix, now.mono + now.wall.since(self.now.wall));
        }
        let linked = |id: &&MemberId| self.links.contains_key(*id);
        let asked: Vec<MemberId> =
            self.monitor.neighbours.iter().filter(linked).take(ASKED).copied().collect();
        for peer in &asked {
            self.send(*peer, Lane::Urgent, Frame::ClockAsk.encode());
        }
        self.jump = Jump { asked, against: 0, until: Some(now.mono + self.state.params.delta) };
    }

    /// Without two neighbours against it the new time is believed: our own note is renewed by it.
    pub(crate) fn tend_clock(&mut self, now: Now) {
        if self.jump.until.is_some_and(|until| until <= now.mono) {
            let believed = self.jump.against < ASKED;
            self.jump = Jump::default();
            if believed {
                self.renew_by_clock(now.mono);
            }
        }
    }

    fn renew_by_clock(&mut self, now: Mono) {
        mark!(R9Renew);
        self.jump = Jump::default();
        self.own.mark_stale();
        self.wake_own_note(now);
    }

    /// A peer says what its wall clock shows: because we asked, or because it refused our note for its time.
    pub(crate) fn on_clock(&mut self, from: MemberId, wall: u64, now: Now) {
        let ahead_ms = i64::try_from(i128::from(wall) - i128::from(now.wall.0)).unwrap_or(i64::MAX);
        let wrong = Duration::from_millis(ahead_ms.unsigned_abs()) > self.state.params.allowance;
        if let Some(at) = self.jump.asked.iter().position(|asked| *asked == from) {
            self.jump.asked.swap_remove(at);
            self.jump.against += usize::from(wrong);
            if !wrong {
                return self.renew_by_clock(now.mono);
            }
        }
        if wrong && self.may_tell(&from, now.mono) {
            mark!(R9ToldClock);
            self.out.push(Out::Notify(Notice::ClockWrong { ahead_ms, peer: from }));
        }
    }
}
