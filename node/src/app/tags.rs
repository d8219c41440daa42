//! The first byte of a stream says what it carries.

/// One request and its answer.
pub(super) const REQUEST: u8 = 1;
/// Messages of the application, both ways.
pub(super) const MESSAGES: u8 = 2;
/// Gossip of the application and its answer.
pub(super) const GOSSIP: u8 = 3;
/// Broadcasts, from a ring neighbour.
pub(super) const RELAY: u8 = 4;
/// "Are you there?": the same bytes back, by the peer's node itself.
pub(super) const ECHO: u8 = 5;
/// How much more of which message stream is taken.
pub(super) const CREDIT: u8 = 6;
