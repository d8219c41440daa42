//! Members that are recorded as an agent records itself.

use ifrit_core::{
    action::Action,
    event::{Event, Refused},
    member::Member,
    recorder::Recorder,
    time::Now,
};
use ifrit_sim::brain::{Birth, Brain};
use std::{any::Any, cell::RefCell};

thread_local! {
    /// What ended or crashed members have recorded, and whose it is.
    static TRACES: RefCell<Vec<(usize, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
}

/// A member that is recorded.
#[derive(Debug)]
struct Recorded<const WAITING_MAX: usize> {
    index: usize,
    member: Member,
    recorder: Recorder,
}

pub(crate) fn recorded<const WAITING_MAX: usize>(birth: Birth) -> Option<Box<dyn Brain>> {
    let Birth { index, config, identity, stored, seed, now, .. } = birth;
    let started = Recorder::start(config, identity, stored, seed, now, WAITING_MAX);
    let (member, recorder) = started.expect("a member of this world");
    Some(Box::new(Recorded::<WAITING_MAX> { index, member, recorder }))
}

impl<const WAITING_MAX: usize> Brain for Recorded<WAITING_MAX> {
    fn handle(&mut self, now: Now, event: Event<'_>) -> Result<(), Refused> {
        self.recorder.handle(&mut self.member, now, event)
    }

    fn poll_action(&mut self) -> Action<'_> {
        self.recorder.poll_action(&mut self.member)
    }

    fn any(&self) -> &dyn Any {
        &self.member
    }
}

impl<const WAITING_MAX: usize> Drop for Recorded<WAITING_MAX> {
    fn drop(&mut self) {
        self.recorder.finish();
        TRACES.with_borrow_mut(|traces| traces.push((self.index, self.recorder.take())));
    }
}

/// What was recorded since the last call, by those that have ended.
pub(crate) fn take_traces() -> Vec<(usize, Vec<u8>)> {
    TRACES.with_borrow_mut(std::mem::take)
}
