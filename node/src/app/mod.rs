//! What an application does over links: each thing on streams of its own.
//!
//! # Streams by type
//! The first byte of every bidirectional stream says what it carries (`tags`). All streams are in one table
//! (`typed::Streams`), each with an `Owner`; a new kind of stream is a tag and an owner more, and these arms:
//!
//! | what happens | where it leads |
//! |---|---|
//! | this member opens one | `self.streams.open(to, tag, owner, links)`: `None` until there are a link and credit on it (`LinkEvent::Up`, `Available`) |
//! | a peer's first byte has come | `App::read_type` → `KIND_opened(key, from, links, view) -> Option<Owner>`; `None` refuses it |
//! | bytes or an end to read | `App::read` → `read_KIND(…, budget, …) -> usize`, which calls `links.read(key, max, &mut buffer)`; 0 if there was nothing |
//! | a blocked one takes bytes, is stopped, or its end has arrived | `App::writable` → `self.streams.write(key, bytes, links)`: 0 is blocked, an error the end of that half |
//! | its link is gone | `App::gone`: it is out of the table by then |
//! | its end | `links.finish(key)` after the last byte, once `self.streams.is_typed(key)`; or `links.reset(key, why)`, `links.stop(key, why)`, both: `links.abandon(key, why)`; then `self.streams.remove(key)` |
//!
//! Each kind counts its own streams per peer, so that none takes another's room; what QUIC allows is the sum
//! ([`PEER_STREAMS_MAX`](crate::limits::PEER_STREAMS_MAX)).
//!
//! # Requests
//! One stream each, a deadline, exactly one end. The requester's half is the body, the answerer's a byte that says how it
//! went and the body or the failure. The end of a half is the end of its body. Who asks is who the link proved to be. A
//! request that is taken back, or is too late, resets its stream; so does an answerer that does not want it.
//!
//! # Message streams
//! Bytes both ways (`messages`): two halves, each ended by a finish, a reset or a stop with a code. Each has a window of its
//! own on its link (`credit`), narrow at first and wider while it is read, so that one that nobody reads stalls nothing else
//! and one that is read fills a link of a wide area; one that is idle keeps its link for as long as it lives.
//!
//! # Gossip
//! An application's content to two ring neighbours at a time, and their answers (`gossip`): a request in all but name.
//!
//! # Broadcast
//! What a member says to all, over streams between ring neighbours (`relay`); its rules are a state machine of its own
//! (`broadcast`).
//!
//! # What is promised
//! Each line names the tests that hold it, most of them whole members under loss, partition and restart.
//!
//! | | order | delivery | doubles |
//! |---|---|---|---|
//! | request, by id or address | none, `requests_keep_no_order` | one end each; on an error the handler may have run, `a_request_is_handled_at_most_once_and_ends_exactly_once` | the handler runs at most once, same test |
//! | message stream | as sent, in each direction, `a_message_stream_is_in_order_without_gap_or_double_until_it_is_lost` | all while its link lives; both ends are told when it does not, and may not know what of the last bytes has arrived; after a good finish the peer's transport has all | none, same test |
//! | gossip | none, and only what holds now | once per Δ to whoever is beside this member then, `gossip_comes_once_per_turn_to_whoever_is_beside`; not repeated, `gossip_goes_on_under_loss_partition_and_restart`; an answer that is late is dropped, `a_neighbour_that_never_answers_delays_no_gossip` | the same content comes again with every turn, `gossip_goes_to_neighbours_and_their_answers_come_back` |
//! | broadcast | of each author and run as said, `broadcasts_arrive_once_and_in_order_under_loss`; none between authors, or between runs of one | to all that are joined and correct, if a path of correct members leads there, while it is kept (10 minutes, 4 MiB of one author): `broadcasts_of_both_sides_of_a_partition_arrive_after_it`, `after_a_restart_an_author_says_on_and_a_receiver_catches_up`; what is gone is told, `what_nobody_keeps_any_more_is_told_as_missed`. Not told: what an author said just before it crashed and nobody had pulled. Not promised: one body for a number that the author signs twice, `two_bodies_for_one_number_are_told_once_by_whoever_sees_both` | none within a run of the receiver; after its own restart it is told again what is still kept, but nothing that was said longer ago (`what_was_said_long_ago_is_told_to_nobody_as_new`) |
//! | sign, verify | | asks nobody: `an_unknown_signer_is_not_an_invalid_signature` | |

mod broadcast;
mod credit;
mod gossip;
mod incoming;
mod ledger;
mod messages;
mod outgoing;
mod reach;
mod relay;
mod sign;
mod tags;
#[cfg(test)]
mod tests;
mod typed;

pub(crate) use self::sign::Pen;
pub use self::sign::Verdict;

use self::{
    credit::Credit,
    gossip::Gossip,
    incoming::Incoming,
    messages::Messages,
    outgoing::Outgoing,
    reach::{Reach, Uses},
    relay::Relay,
    typed::{Owner, Streams},
};
use crate::{
    limits::{Limits, REQUEST_MAX},
    link::{LinkEvent, LinkKey, Links, StreamKey},
    node::NodeEvent,
};
use ifrit_core::{
    crypto::PublicKey,
    id::MemberId,
    time::{Mono, Now},
    view::{Admit, State, View},
};
use std::{collections::VecDeque, net::SocketAddr, time::Duration};

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

/// Names a message stream, of whichever side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u64);

/// What reading a message stream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRead {
    /// So many bytes were appended.
    Bytes(usize),
    /// Nothing now; [`NodeEvent::StreamReadable`] tells when.
    Blocked,
    /// The peer has finished: no more bytes will come.
    Finished,
}

/// Why a message stream, or one half of it, is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The member is not live in this member's view, or no link to it could be had.
    #[error("the member cannot be reached")]
    Unreachable,
    /// It could not be opened in time.
    #[error("not open in time")]
    Timeout,
    /// The member takes no stream from here: this member is not live in its view, or over a quota there.
    #[error("the member refuses the stream")]
    Refused,
    /// The other end gave it up.
    #[error("the other end gave it up (code {code})")]
    Reset {
        /// Why, as it says.
        code: u32,
    },
    /// A message is over the limit.
    #[error("over {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The other end finished within a message.
    #[error("the stream ends within a message")]
    Cut,
    /// The link broke. What was sent and not confirmed may have arrived.
    #[error("the link is lost")]
    Lost,
    /// No such member in the view.
    #[error("unknown member")]
    UnknownMember,
    /// Too many streams of this member are open already; or too much of what others send waits here for its end, of which
    /// this was the most.
    #[error("too much is under way already")]
    Busy,
    /// This half has ended before.
    #[error("the stream has ended before")]
    Closed,
    /// This member has stopped.
    #[error("this member has stopped")]
    Stopped,
}

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
    /// Too many requests of this member wait already, and nothing was sent; or too much of what others answer waits here for
    /// its end, of which this was the most, and the request was handled.
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

/// Why a broadcast was not made. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// Over the limit.
    #[error("over {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// More than any member takes of one author ([`BROADCAST_RATE`](crate::limits::BROADCAST_RATE)).
    #[error("too many broadcasts: there is room in {wait:?}")]
    Busy {
        /// Until there is room again.
        wait: Duration,
    },
    /// This member has stopped.
    #[error("this member has stopped")]
    Stopped,
}

/// What the application's things ask of the core's view.
pub(crate) trait Directory {
    /// Whether a request or a stream of this member is accepted: it is live.
    fn admits(&self, member: &MemberId) -> bool;
    /// Where a member is reached; `None` if nobody knows it.
    fn addrs(&self, member: &MemberId) -> Option<Vec<SocketAddr>>;
    /// A member's key; `None` if nobody knows it.
    fn key(&self, member: &MemberId) -> Option<PublicKey>;
    /// The ring neighbours.
    fn neighbours(&self) -> Vec<MemberId>;
    /// Whether a member is one of them.
    fn is_neighbour(&self, member: &MemberId) -> bool;
    /// The closest live ones on one ring.
    fn beside(&self, ring: u8) -> Vec<MemberId>;
}

impl Directory for View<'_> {
    fn admits(&self, member: &MemberId) -> bool {
        self.admit(member, Admit::Request)
    }

    fn addrs(&self, member: &MemberId) -> Option<Vec<SocketAddr>> {
        let known = self.member(member).filter(|view| view.state != State::Revoked);
        known.map(|view| view.addrs)
    }

    fn key(&self, member: &MemberId) -> Option<PublicKey> {
        Self::key(self, member)
    }

    fn neighbours(&self) -> Vec<MemberId> {
        Self::neighbours(self).copied().collect()
    }

    fn is_neighbour(&self, member: &MemberId) -> bool {
        Self::neighbours(self).any(|neighbour| neighbour == member)
    }

    fn beside(&self, ring: u8) -> Vec<MemberId> {
        Self::beside(self, ring)
    }
}

/// All that one node's application does.
#[derive(Debug)]
pub(crate) struct App {
    pen: Pen,
    relay: Relay,
    gossip: Gossip,
    out: Outgoing,
    incoming: Incoming,
    messages: Messages,
    credit: Credit,
    reach: Reach,
    uses: Uses,
    streams: Streams,
    events: VecDeque<NodeEvent>,
}

impl App {
    pub(crate) fn new(pen: Pen, limits: &Limits) -> Self {
        Self {
            relay: Relay::new(&pen, limits.broadcast_kept),
            gossip: Gossip::new(Duration::from_millis(pen.network().delta_ms.into())),
            pen,
            out: Outgoing::new(limits.requests),
            incoming: Incoming::default(),
            messages: Messages::default(),
            credit: Credit::default(),
            reach: Reach::default(),
            uses: Uses::default(),
            streams: Streams::default(),
            events: VecDeque::new(),
        }
    }

    /// What signs for the application.
    pub(crate) fn pen(&self) -> &Pen {
        &self.pen
    }

    /// Streams that it knows of.
    #[cfg(test)]
    pub(crate) fn streams_held(&self) -> usize {
        self.streams.len()
    }

    /// The next thing to tell the application.
    pub(crate) fn next_event(&mut self) -> Option<NodeEvent> {
        self.events.pop_front()
    }

    /// Requests of this member without an end, bytes of others' requests, and bytes of broadcasts that are kept.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        (self.out.len(), self.held().0, self.relay.casts.kept())
    }

    /// When [`App::wake`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        let all = [
            self.out.deadline(),
            self.messages.deadline(),
            self.relay.casts.deadline(),
            self.gossip.deadline(),
        ];
        all.into_iter().flatten().min()
    }

    /// Ends what is too late, and does what is due.
    pub(crate) fn wake(&mut self, now: Now, links: &mut Links, view: &impl Directory) {
        self.wake_requests(now, links);
        self.wake_messages(now);
        self.wake_relay(now, links, view);
        self.wake_gossip(now, links, view);
    }

    /// Ends all requests and streams of this member.
    pub(crate) fn end_all(&mut self, now: Now, links: &mut Links) {
        self.cancel_requests(now, links);
        self.end_messages();
    }

    /// Whether something is left to read.
    pub(crate) fn has_readable(&self) -> bool {
        self.streams.has_readable()
    }

    /// Takes what links say of streams and of themselves.
    pub(crate) fn on_link(&mut self, now: Now, event: &LinkEvent, links: &mut Links, view: &impl Directory) {
        match event {
            LinkEvent::Up { member, .. } => {
                self.open(now, *member, links);
                self.look_for_neighbours(now, links, view);
                self.relay_to(now, *member, links, view);
            }
            // A peer can say so hundreds of times in one packet: nothing is done for all neighbours.
            LinkEvent::Available { member } => {
                if let Some(link) = links.link_to(member) {
                    self.tell_grants(*member, link, links);
                }
                self.open(now, *member, links);
                self.relay_to(now, *member, links, view);
            }
            LinkEvent::Down { member } => self.unreachable(now, *member, links, view),
            LinkEvent::SeedUp { seed, member } => self.found(now, *seed, *member, links),
            LinkEvent::SeedDown { seed } => self.not_found(now, *seed, links),
            LinkEvent::Opened { stream, from } => self.streams.opened(*stream, *from),
            LinkEvent::Readable { stream } => self.streams.queue(*stream),
            LinkEvent::Writable { stream } => self.writable(now, *stream, links, view),
            LinkEvent::Finished { stream } => self.finished(now, *stream, links, view),
            LinkEvent::Gone { link } => self.gone(now, *link, links, view),
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
        let (key, owner) = self.streams.next_readable()?;
        let read = match owner {
            Some(Owner::Unnamed(from)) => self.read_type(now, from, key, links, view),
            Some(Owner::Out(id)) => {
                let read = self.read_reply(now, id, key, budget, links);
                links.counters.request_bytes_in += read as u64;
                read
            }
            Some(Owner::In(token)) => {
                let read = self.read_request(token, key, budget, links, view);
                links.counters.request_bytes_in += read as u64;
                read
            }
            Some(Owner::Messages(id)) => {
                self.messages_readable(id);
                0
            }
            Some(Owner::Relay(from)) => self.read_relay(now, from, key, budget, links, view),
            Some(Owner::Credit(_)) => self.read_credit(key, budget, links),
            None => 0,
        };
        if read > 0 {
            self.streams.queue(key);
        }
        Some(read)
    }

    fn writable(&mut self, now: Now, key: StreamKey, links: &mut Links, view: &impl Directory) {
        match self.streams.owner(key) {
            Some(Owner::Out(id)) => self.write_request(now, id, links),
            Some(Owner::In(token)) => self.write_reply(token, links),
            Some(Owner::Messages(id)) => self.messages_writable(now, id, links),
            Some(Owner::Relay(to)) => self.relay_to(now, to, links, view),
            Some(Owner::Credit(to)) => self.tell_grants(to, key.link, links),
            Some(Owner::Unnamed(_)) | None => {}
        }
    }

    fn finished(&mut self, now: Now, key: StreamKey, links: &mut Links, view: &impl Directory) {
        match self.streams.owner(key) {
            Some(Owner::Messages(id)) => self.messages_delivered(now, id, links),
            _ => self.writable(now, key, links, view),
        }
    }

    /// A link is gone with all its streams.
    fn gone(&mut self, now: Now, link: LinkKey, links: &mut Links, view: &impl Directory) {
        for (_, owner) in self.streams.take_lost(link) {
            match owner {
                Owner::Unnamed(_) | Owner::Relay(_) | Owner::Credit(_) => {}
                Owner::Out(id) => self.end(now, id, Err(RequestError::Unreachable), links),
                Owner::In(token) => self.forget(token),
                Owner::Messages(id) => self.messages_lost(id, StreamError::Lost),
            }
        }
        self.uses.forget(link);
        self.credit.forget(link);
        self.relay_gone(now, link, links, view);
    }
}
