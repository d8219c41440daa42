//! A member that is recorded as an agent records itself.

use ifrit_core::{
    action::Action,
    crypto::Verifier,
    event::{Event, Refused},
    member::Member,
    recorder::Recorder,
    time::Now,
};
use ifrit_sim::{
    Setup, World,
    brain::{Birth, Brain},
};
use std::{any::Any, cell::RefCell, sync::Arc, time::Duration};

thread_local! {
    static TRACE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug)]
struct Recorded {
    index: usize,
    member: Member,
    recorder: Recorder,
}

fn recorded(birth: Birth) -> Box<dyn Brain> {
    let Birth { index, config, identity, stored, seed, now, .. } = birth;
    let started = Recorder::start(config, identity, stored, seed, now, usize::MAX);
    let (member, recorder) = started.expect("a member of this world");
    Box::new(Recorded { index, member, recorder })
}

impl Brain for Recorded {
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

impl Drop for Recorded {
    fn drop(&mut self) {
        if self.index == 0 {
            self.recorder.finish();
            TRACE.replace(self.recorder.take());
        }
    }
}

/// The record of member 0 of eight, of which one crashes, and what checks its signatures.
pub(crate) fn trace() -> (Vec<u8>, Arc<dyn Verifier>) {
    let mut world = World::bootstrap(Setup { bear: recorded, ..Setup::new(8, 1) });
    world.run_for(Duration::from_secs(20));
    world.crash(5);
    world.run_for(Duration::from_secs(20));
    let verifier = world.network().verifier();
    drop(world);
    (TRACE.take(), verifier)
}
