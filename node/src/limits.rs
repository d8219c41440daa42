//! Every bound on what links and requests can cost, in one place, each with its reason.

use std::time::Duration;

/// Bytes of a request's or a reply's body. More belongs on a stream.
pub const REQUEST_MAX: usize = 1024 * 1024;
/// Requests of this member that wait for their end, in all: at their largest they fill 1 GiB, at 1 kB 1 MiB.
pub const REQUESTS_OUT_MAX: usize = 1024;
/// Requests that one peer may have open here: what its stream credit is raised to.
pub const REQUESTS_PER_PEER: usize = 64;
/// Bytes of unfinished or unanswered requests that one peer may have here.
pub const REQUEST_BYTES_PER_PEER: usize = 4 * 1024 * 1024;
/// Bytes of unfinished or unanswered requests in all.
pub const REQUEST_BYTES_TOTAL: usize = 64 * 1024 * 1024;
/// Bytes of a failure's text. Longer ones are cut.
pub const FAILURE_TEXT_MAX: usize = 1024;
/// Longest deadline of a request: a longer one is taken as this.
pub const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// Transitions that the history keeps: an hour of heavy trouble in a network of 1000.
pub const HISTORY_MAX: usize = 4096;
