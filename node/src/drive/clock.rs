//! The edge where clocks are read.

use ifrit_core::time::{Mono, Now, Wall};
use std::time::{Duration, Instant, SystemTime};

/// Both clocks, the monotonic one counted from an origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin }
    }

    pub(super) fn origin(&self) -> Instant {
        self.origin
    }

    /// The runtime's `instant`, beside what the wall clock says now.
    pub(super) fn now(&self, instant: Instant) -> Now {
        Now { mono: Mono(0) + instant.saturating_duration_since(self.origin), wall: wall() }
    }

    /// `None`: too far away to ever come.
    pub(super) fn instant(&self, at: Mono) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(at.0))
    }
}

/// A clock before 1970 counts as 1970: certificates then say that it is wrong.
#[expect(clippy::disallowed_methods, reason = "here time is asked for, to be handed in")]
pub(super) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
