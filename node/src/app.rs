//! Requests: one bidirectional stream each, a deadline, exactly one end.

use crate::limits::REQUEST_MAX;

/// Names a request that this member made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// Names a request that another member made; taken by [`Node::respond`](crate::node::Node::respond).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub(crate) u64);

/// What the handler of a request says when it cannot answer. Travels to the requester.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} (code {code})")]
pub struct Failure {
    /// The application's own number.
    pub code: u32,
    /// For people; at most [`FAILURE_TEXT_MAX`](crate::limits::FAILURE_TEXT_MAX) bytes, longer ones are cut.
    pub text: String,
}

/// Why a request has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No link to the member could be had, or it broke before the reply. The request may have been handled.
    #[error("the member cannot be reached")]
    Unreachable,
    /// The deadline passed. The request may have been handled.
    #[error("no reply in time")]
    Timeout,
    /// The member takes no request from here: this member is not live in its view, or over a quota there.
    #[error("the member refuses the request")]
    Refused,
    /// The member's handler failed.
    #[error("the member's handler failed: {0}")]
    Remote(#[source] Failure),
    /// The request's or the reply's body is over [`REQUEST_MAX`].
    #[error("over {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// No such member in the view.
    #[error("unknown member")]
    UnknownMember,
    /// Too many requests of this member wait already. Nothing was sent.
    #[error("too many requests wait already")]
    Busy,
    /// Taken back by [`Node::cancel`](crate::node::Node::cancel), or the node stopped. The request may have been
    /// handled.
    #[error("cancelled")]
    Cancelled,
}

impl RequestError {
    /// The one for bodies that are too large.
    pub(crate) fn too_large() -> Self {
        Self::TooLarge { limit: REQUEST_MAX }
    }
}
