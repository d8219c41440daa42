//! Requests: one bidirectional stream each, a deadline, exactly one end.
//!
//! The requester's half is a type byte and the body, the answerer's a byte that says how it went and the body or the
//! failure. The end of a half is the end of its body. Who asks is who the link proved to be. A request that is taken
//! back, or is too late, resets its stream; so does an answerer that does not want it.

mod incoming;
mod outgoing;
mod sign;
#[cfg(test)]
mod tests;

pub(crate) use self::sign::Pen;
pub use self::sign::Verdict;

use self::{incoming::Incoming, outgoing::Outgoing};
use crate::{
    limits::REQUEST_MAX,
    link::{LinkEvent, LinkKey, Links, StreamKey},
    node::NodeEvent,
};
use ifrit_core::{
    id::MemberId,
    time::{Mono, Now},
    view::{Admit, View},
};
use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

/// First byte of a stream that carries one request. Streams of any other type are turned away.
const TYPE_REQUEST: u8 = 1;
/// First byte of the answer: the body follows.
const REPLY_BODY: u8 = 0;
/// First byte of the answer: the handler failed; its code (u32, big-endian) and text follow.
const REPLY_FAILURE: u8 = 1;
/// First byte of the answer: the reply would be over [`REQUEST_MAX`].
const REPLY_TOO_LARGE: u8 = 2;

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
    fn too_large() -> Self {
        Self::TooLarge { limit: REQUEST_MAX }
    }
}

/// What requests ask of the core's view.
pub(crate) trait Directory {
    /// Whether a request of this member is accepted.
    fn admits(&self, member: &MemberId) -> bool;
    /// Where a member is reached; `None` if nobody knows it.
    fn addrs(&self, member: &MemberId) -> Option<Vec<SocketAddr>>;
}

impl Directory for View<'_> {
    fn admits(&self, member: &MemberId) -> bool {
        self.admit(member, Admit::Request)
    }

    fn addrs(&self, member: &MemberId) -> Option<Vec<SocketAddr>> {
        Some(self.member(member)?.addrs)
    }
}

/// Whose a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Out(RequestId),
    In(RequestToken),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    owner: Owner,
    /// Whether it is in the line of those to be read.
    queued: bool,
}

impl From<Owner> for Stream {
    fn from(owner: Owner) -> Self {
        Self { owner, queued: false }
    }
}

/// All requests of one node, in both directions.
#[derive(Debug, Default)]
pub(crate) struct App {
    out: Outgoing,
    incoming: Incoming,
    streams: BTreeMap<StreamKey, Stream>,
    /// Streams that may have something to read, each once.
    readable: VecDeque<StreamKey>,
    events: VecDeque<NodeEvent>,
}

impl App {
    /// Streams that it knows of.
    #[cfg(test)]
    pub(crate) fn streams_held(&self) -> usize {
        self.streams.len()
    }

    /// The next thing to tell the application.
    pub(crate) fn next_event(&mut self) -> Option<NodeEvent> {
        self.events.pop_front()
    }

    /// When [`App::wake`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.out.deadline()
    }

    /// Whether something is left to read.
    pub(crate) fn has_readable(&self) -> bool {
        !self.readable.is_empty()
    }

    /// Takes what links say of streams and of themselves.
    pub(crate) fn on_link(&mut self, now: Now, event: &LinkEvent, links: &mut Links, view: &impl Directory) {
        match event {
            LinkEvent::Up { member, .. } | LinkEvent::Available { member } => self.open(now, *member, links),
            LinkEvent::Down { member } => self.unreachable(now, *member, links, view),
            LinkEvent::Opened { stream, from } => self.opened(*stream, *from, links, view),
            LinkEvent::Readable { stream } => self.queue(*stream),
            LinkEvent::Writable { stream } => self.writable(now, *stream, links),
            LinkEvent::Gone { link } => self.gone(now, *link, links),
            _ => {}
        }
    }

    /// Reads from one stream, at most `budget` bytes; how many, or `None` if there is nothing to read.
    pub(crate) fn read(
        &mut self,
        now: Now,
        budget: usize,
        links: &mut Links,
        view: &impl Directory,
    ) -> Option<usize> {
        let key = self.readable.pop_front()?;
        let Some(stream) = self.streams.get_mut(&key) else { return Some(0) };
        stream.queued = false;
        let read = match stream.owner {
            Owner::Out(id) => self.read_reply(now, id, key, budget, links),
            Owner::In(token) => self.read_request(token, key, budget, links, view),
        };
        if read > 0 {
            self.queue(key);
        }
        Some(read)
    }

    fn queue(&mut self, key: StreamKey) {
        if let Some(stream) = self.streams.get_mut(&key)
            && !std::mem::replace(&mut stream.queued, true)
        {
            self.readable.push_back(key);
        }
    }

    fn writable(&mut self, now: Now, key: StreamKey, links: &mut Links) {
        match self.streams.get(&key).map(|stream| stream.owner) {
            Some(Owner::Out(id)) => self.write_request(now, id, links),
            Some(Owner::In(token)) => self.write_reply(token, links),
            None => {}
        }
    }

    /// A link is gone with all its streams.
    fn gone(&mut self, now: Now, link: LinkKey, links: &mut Links) {
        let lost: Vec<_> =
            self.streams.range(StreamKey::all_of(link)).map(|(_, stream)| stream.owner).collect();
        for owner in lost {
            match owner {
                Owner::Out(id) => self.end(now, id, Err(RequestError::Unreachable), links),
                Owner::In(token) => self.forget(token),
            }
        }
    }
}
