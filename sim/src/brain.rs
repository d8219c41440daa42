//! What runs inside a simulated process.

use ifrit_core::{
    action::Action,
    config::{Config, ConfigError, LocalIdentity, Stored},
    event::{Event, Refused},
    member::Member,
    seed::Seed,
    shared::Shared,
    time::Now,
};
use std::{any::Any, fmt};

/// All that a process has when it starts.
#[derive(Debug)]
pub struct Birth {
    /// Its number in the world.
    pub index: usize,
    /// The network, and what it says of itself.
    pub config: Config,
    /// Its certificate and key.
    pub identity: LocalIdentity,
    /// Its disk.
    pub stored: Stored,
    /// A view to start from: empty but in a [warm](crate::world::World::converged) world. It keeps each record once.
    pub view: Shared,
    /// The seed of this run, fresh at each start.
    pub seed: Seed,
    /// Its clocks.
    pub now: Now,
}

/// A state machine with the core's contract.
pub trait Brain: fmt::Debug {
    /// See [`Member::handle`].
    fn handle(&mut self, now: Now, event: Event<'_>) -> Result<(), Refused>;
    /// See [`Member::poll_action`].
    fn poll_action(&mut self) -> Action<'_>;
    /// For looking inside.
    fn any(&self) -> &dyn Any;
}

/// The real member, if `brain` is one.
pub fn member_of(brain: &dyn Brain) -> Option<&Member> {
    brain.any().downcast_ref()
}

impl Brain for Member {
    fn handle(&mut self, now: Now, event: Event<'_>) -> Result<(), Refused> {
        Self::handle(self, now, event)
    }

    fn poll_action(&mut self) -> Action<'_> {
        Self::poll_action(self)
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

/// Starts a process; `None` if it ends as soon as it has begun.
pub type Bear = fn(Birth) -> Option<Box<dyn Brain>>;

/// Starts a real member; `None` if its disk says that the CA has revoked it (R14).
///
/// # Panics
/// If the world made a birth that the core refuses for another reason, which is the world's fault.
pub fn real(birth: Birth) -> Option<Box<dyn Brain>> {
    let Birth { config, identity, stored, view, seed, now, .. } = birth;
    let member = Member::sharing(config, identity, stored, &view, seed, now);
    match member {
        Err(ConfigError::Revoked(_)) => None,
        member => Some(Box::new(member.expect("the world's certificates and clocks are right"))),
    }
}
