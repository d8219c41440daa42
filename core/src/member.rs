//! The state machine.

use crate::{
    action::{Action, Why},
    config::{Config, ConfigError, LocalIdentity, Stored},
    event::{Event, Refused},
    id::MemberId,
    seed::Seed,
    time::Now,
    view::View,
};

/// One member of the network.
#[derive(Debug)]
pub struct Member {
    pub(crate) me: MemberId,
}

impl Member {
    /// Makes a member.
    pub fn new(
        _config: Config,
        _me: LocalIdentity,
        _stored: Stored,
        _seed: Seed,
        _now: Now,
    ) -> Result<Self, ConfigError> {
        Ok(Self { me: MemberId([0; 32]) })
    }

    /// The only mutator: every change of state has one recorded cause.
    pub fn handle(&mut self, _now: Now, _event: Event<'_>) -> Result<(), Refused> {
        Ok(())
    }

    /// Drain until [`Action::Wait`]; only there is the next deadline told.
    pub fn poll_action(&mut self) -> Action<'_> {
        Action::Wait { until: None, why: Why::Idle }
    }

    /// Read-only queries.
    pub fn view(&self) -> View<'_> {
        View(self)
    }
}
