//! What a program holds of its member.

use super::{
    MessageStream, STREAM_OPEN_TIMEOUT,
    broadcasts::{Broadcast, Broadcasts},
    clock::Clock,
    error::{ClientError, Stopped},
    events::{Events, Registry},
    stream::Batch,
};
use crate::{
    app::{BroadcastError, Failure, Pen, RequestError, StreamError, StreamId, Verdict},
    history::Transition,
    node::Node,
    store::Warning,
};
use async_channel::Sender;
use futures_channel::oneshot;
use ifrit_core::{
    action::Notice,
    crypto::{Hash, Signature},
    event::Command as CoreCommand,
    id::MemberId,
    limits::BROADCAST_MAX,
    params::NetworkParams,
    time::{Mono, Now},
    view::{Explanation, MemberView, View},
};
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Time that [`Client::request`] waits for an answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls of all clients of one member that wait for its loop; further callers wait until there is room.
pub const CALLS_MAX: usize = 256;

/// A handle on a running member: cheap to clone, usable from any thread and any runtime.
///
/// Every method may be dropped before it ends and leaves nothing behind; a request so dropped is cancelled, a command
/// that already reached the loop still happens. When the last clone is dropped the member stops as by
/// [`Client::stop`]: its peers see a silent member and accuse it. Say goodbye with [`Client::leave`].
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    calls: Sender<Call>,
}

struct Shared {
    facts: Facts,
    tickets: AtomicU64,
}

/// What does not change while the member runs.
pub(super) struct Facts {
    pub(super) id: MemberId,
    pub(super) local_addr: SocketAddr,
    pub(super) network: NetworkParams,
    pub(super) clock: Clock,
    pub(super) warnings: Vec<Warning>,
    pub(super) contacts: Vec<SocketAddr>,
    pub(super) events: Registry<Notice>,
    pub(super) broadcasts: Registry<Broadcast>,
    pub(super) pen: Pen,
    /// Set when there was no room for the word that a request is taken back.
    pub(super) unheard: Arc<AtomicBool>,
}

/// Why a member stands as it does, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What holds now; `None` if its note is no longer in lease.
    pub now: Option<Explanation>,
    /// What was seen of it, oldest first, out of the last [`HISTORY_MAX`](crate::limits::HISTORY_MAX) transitions.
    pub history: Vec<Transition>,
}

impl Explained {
    fn of(node: &Node, id: MemberId) -> Option<Self> {
        let now = node.view().explain(&id);
        let history: Vec<_> = node.history().of(id).cloned().collect();
        (now.is_some() || !history.is_empty()).then_some(Self { now, history })
    }
}

/// A request as its caller knows it, before the node has numbered it.
pub(super) type Ticket = u64;
/// Looks at the time and a view until it holds.
pub(super) type Condition = Box<dyn FnMut(Mono, View<'_>) -> bool + Send>;
/// Where the answer to a request goes, with who gave it.
pub(super) type ReplyTo = oneshot::Sender<Result<(MemberId, Vec<u8>), RequestError>>;

/// Where the number of a broadcast goes.
pub(super) type SaidTo = oneshot::Sender<Result<u64, BroadcastError>>;

/// How a member ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Leave,
    Stop,
    Abort,
}

/// What clients ask of the loop.
pub(super) enum Call {
    Command(CoreCommand, oneshot::Sender<Result<(), ClientError>>),
    SetSeeds(Vec<String>),
    SetGossip(Option<Vec<u8>>, oneshot::Sender<Result<(), ClientError>>),
    Request { ticket: Ticket, to: MemberId, body: Vec<u8>, timeout: Duration, reply: ReplyTo },
    Ping { ticket: Ticket, to: MemberId, timeout: Duration, reply: ReplyTo },
    RequestAddr { ticket: Ticket, to: SocketAddr, body: Vec<u8>, timeout: Duration, reply: ReplyTo },
    Cancel(Ticket),
    OpenStream { to: MemberId, timeout: Duration, reply: oneshot::Sender<Result<MessageStream, StreamError>> },
    Send { id: StreamId, message: Vec<u8>, as_is: bool, done: oneshot::Sender<Result<(), StreamError>> },
    Finish { id: StreamId, done: oneshot::Sender<Result<(), StreamError>> },
    Receive { id: StreamId, reply: oneshot::Sender<Batch> },
    Query(Box<dyn FnOnce(&Node) + Send>),
    SendAsIs(MemberId, Vec<u8>, oneshot::Sender<bool>),
    Broadcast(Vec<u8>, SaidTo),
    WaitFor(Condition, oneshot::Sender<()>),
    End { how: End, done: oneshot::Sender<()> },
}

impl Client {
    pub(super) fn new(facts: Facts, calls: Sender<Call>) -> Self {
        Self { shared: Arc::new(Shared { facts, tickets: AtomicU64::new(0) }), calls }
    }

    /// This member's id.
    pub fn id(&self) -> MemberId {
        self.shared.facts.id
    }

    /// Where its socket is bound; the port is known even if 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.facts.local_addr
    }

    /// What the CA fixed for the network.
    pub fn network(&self) -> &NetworkParams {
        &self.shared.facts.network
    }

    /// The member's clocks: what the times in views and histories are counted on.
    #[expect(clippy::disallowed_methods, reason = "asked by people's tools, not by the protocol")]
    pub fn now(&self) -> Now {
        self.shared.facts.clock.now(Instant::now())
    }

    /// What was wrong in its directory when it started: a damaged file, of which the previous state is used.
    pub fn warnings(&self) -> &[Warning] {
        &self.shared.facts.warnings
    }

    /// Addresses that the CA told at enrolment, as the directory remembers them: seeds beside those that were named.
    pub fn contacts(&self) -> &[SocketAddr] {
        &self.shared.facts.contacts
    }

    /// Ends when the member has joined (R16): from now on its view is the network's.
    pub async fn joined(&self) -> Result<(), Stopped> {
        self.wait_for(|view| view.joined()).await
    }

    /// Ends when `condition` holds. It is asked at once, after every [`Notice`](ifrit_core::action::Notice), and
    /// every 100 ms: it runs inside the loop and must be quick. For a time limit, use your runtime's.
    pub async fn wait_for(
        &self,
        mut condition: impl FnMut(View<'_>) -> bool + Send + 'static,
    ) -> Result<(), Stopped> {
        self.wait(move |_, view| condition(view)).await
    }

    async fn wait(
        &self,
        condition: impl FnMut(Mono, View<'_>) -> bool + Send + 'static,
    ) -> Result<(), Stopped> {
        let (done, met) = oneshot::channel();
        self.call(Call::WaitFor(Box::new(condition), done)).await?;
        met.await.map_err(|_| Stopped)
    }

    /// All members with a note in lease, this one included, by id, as they stand now. O(N).
    pub async fn members(&self) -> Result<Vec<MemberView>, Stopped> {
        self.query(|node| node.view().members().collect()).await
    }

    /// One member as it stands now; `None` if its note is unknown or out of lease.
    pub async fn member(&self, id: MemberId) -> Result<Option<MemberView>, Stopped> {
        self.query(move |node| node.view().member(&id)).await
    }

    /// Why a member stands as it does, with the signed evidence; `None` if it is unknown and always was.
    pub async fn explain(&self, id: MemberId) -> Result<Option<Explained>, Stopped> {
        self.query(move |node| Explained::of(node, id)).await
    }

    /// The view's digest: members with equal views have equal digests.
    pub async fn digest(&self) -> Result<Hash, Stopped> {
        self.query(|node| node.view().digest()).await
    }

    /// Whether a ring neighbour's view is equal to this member's, by what its last ping or pong showed: nobody is asked.
    /// `None` of everybody else. While something spreads views differ for a moment: wait for it with
    /// [`Client::wait_for`] and [`View::agrees_with`], or compare [`Client::digest`] over requests of your own.
    pub async fn agrees_with(&self, id: MemberId) -> Result<Option<bool>, Stopped> {
        self.query(move |node| node.view().agrees_with(&id)).await
    }

    /// Runs `look` on the member inside its loop: the one mechanism for reads. It must be quick; the member does
    /// nothing else meanwhile. If it panics the member stops.
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, seen) = oneshot::channel();
        let look = Box::new(move |node: &Node| drop(answer.send(look(node))));
        self.call(Call::Query(look)).await?;
        seen.await.map_err(|_| Stopped)
    }

    /// Sends `frame` over the Urgent lane of the link to a member, as it is; whether there is such a link.
    ///
    /// For demonstrations and tests of liars; see [`Node::send_as_is`].
    #[doc(hidden)]
    pub async fn send_as_is(&self, to: MemberId, frame: Vec<u8>) -> Result<bool, Stopped> {
        let (done, sent) = oneshot::channel();
        self.call(Call::SendAsIs(to, frame, done)).await?;
        sent.await.map_err(|_| Stopped)
    }

    /// Everything that happens from now on, bounded; see [`Events`].
    pub fn events(&self) -> Events {
        self.shared.facts.events.subscribe()
    }

    /// Asks a member and waits up to [`REQUEST_TIMEOUT`] for its answer.
    ///
    /// Both sides know each other by certificate. At most once: on an error the other side may still have
    /// acted. Once the member has stopped it is [`RequestError::Cancelled`].
    pub async fn request(&self, to: MemberId, body: impl Into<Vec<u8>>) -> Result<Vec<u8>, RequestError> {
        self.request_with(to, body, REQUEST_TIMEOUT).await
    }

    /// As [`Client::request`], with an own time limit.
    pub async fn request_with(
        &self,
        to: MemberId,
        body: impl Into<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Vec<u8>, RequestError> {
        let body = body.into();
        let call = |ticket, reply| Call::Request { ticket, to, body, timeout, reply };
        Ok(self.ask(call).await?.1)
    }

    /// Whether a member is there: its node answers, its application is not asked. Dials it if there is no link. For the
    /// round trip, measure around it; for those that this member watches, [`View::watched`] knows it without asking.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn ping(&self, to: MemberId, timeout: Duration) -> Result<(), RequestError> {
        self.ask(|ticket, reply| Call::Ping { ticket, to, timeout, reply }).await.map(drop)
    }

    /// Asks whoever is at `addr` and waits up to [`REQUEST_TIMEOUT`] for the answer: who that is, by its certificate, and
    /// what it says. Otherwise as [`Client::request`].
    pub async fn request_addr(
        &self,
        addr: SocketAddr,
        body: impl Into<Vec<u8>>,
    ) -> Result<(MemberId, Vec<u8>), RequestError> {
        self.request_addr_with(addr, body, REQUEST_TIMEOUT).await
    }

    /// As [`Client::request_addr`], with an own time limit.
    pub async fn request_addr_with(
        &self,
        addr: SocketAddr,
        body: impl Into<Vec<u8>>,
        timeout: Duration,
    ) -> Result<(MemberId, Vec<u8>), RequestError> {
        let body = body.into();
        self.ask(|ticket, reply| Call::RequestAddr { ticket, to: addr, body, timeout, reply }).await
    }

    async fn ask(
        &self,
        call: impl FnOnce(Ticket, ReplyTo) -> Call,
    ) -> Result<(MemberId, Vec<u8>), RequestError> {
        let ticket = self.shared.tickets.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.call(call(ticket, reply)).await.map_err(|_| RequestError::Cancelled)?;
        let unheard = &self.shared.facts.unheard;
        let mut cancel = CancelOnDrop { ticket, calls: Some(&self.calls), unheard };
        let result = answer.await.unwrap_or(Err(RequestError::Cancelled));
        cancel.calls = None;
        result
    }

    /// Says `body` to all members, and gives its number in this run. They get it once, in the order in which this member
    /// says things; this member is not told its own. At most
    /// [`BROADCAST_MAX`](ifrit_core::limits::BROADCAST_MAX) bytes.
    ///
    /// It carries the time: members whose clocks say that it was said longer ago than it is kept, and the network's clock
    /// allowance, do not take it.
    ///
    /// Waits while this member says more than the others take ([`BROADCAST_RATE`](crate::limits::BROADCAST_RATE)). If it
    /// is dropped, the broadcast was made or it was not.
    ///
    /// # Errors
    /// Nothing was said.
    pub async fn broadcast(&self, body: impl Into<Vec<u8>>) -> Result<u64, BroadcastError> {
        let (done, said) = oneshot::channel();
        let body = body.into();
        if body.len() > BROADCAST_MAX {
            return Err(BroadcastError::TooLarge { limit: BROADCAST_MAX });
        }
        let call = Call::Broadcast(body, done);
        self.call(call).await.map_err(|Stopped| BroadcastError::Stopped)?;
        said.await.unwrap_or(Err(BroadcastError::Stopped))
    }

    /// What members say to all from now on, bounded; see [`Broadcasts`].
    pub fn broadcasts(&self) -> Broadcasts {
        Broadcasts::new(self.shared.facts.broadcasts.queue())
    }

    /// Signs the application's bytes with this member's key, in the caller's task: 0.1 ms. Any member can
    /// [verify](Client::verify) it, now or later. Never the bytes alone are signed
    /// ([`application`](ifrit_core::application)), so they may be a stranger's.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        self.shared.facts.pen.sign(bytes)
    }

    /// Whether the application of `id` signed `bytes`; this member's own id works too. What cannot be said is
    /// [`Verdict::Unknown`], and not [`Verdict::Invalid`].
    pub async fn verify(
        &self,
        id: MemberId,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<Verdict, Stopped> {
        let key = self.query(move |node| node.view().key(&id)).await?;
        Ok(self.shared.facts.pen.verify(&id, key, bytes, signature))
    }

    /// As [`Client::verify`], and waits up to `timeout` for the signer to become known.
    pub async fn verify_within(
        &self,
        id: MemberId,
        bytes: &[u8],
        signature: &Signature,
        timeout: Duration,
    ) -> Result<Verdict, Stopped> {
        let until = self.now().mono + timeout;
        self.wait(move |now, view| now >= until || id == view.me() || view.key(&id).is_some()).await?;
        self.verify(id, bytes, signature).await
    }

    /// Opens a stream of messages to a member, waiting up to [`STREAM_OPEN_TIMEOUT`] for a link to it. That the member
    /// takes no streams shows when the first message is sent or awaited.
    pub async fn open_stream(&self, to: MemberId) -> Result<MessageStream, StreamError> {
        self.open_stream_with(to, STREAM_OPEN_TIMEOUT).await
    }

    /// As [`Client::open_stream`], with an own time limit.
    pub async fn open_stream_with(
        &self,
        to: MemberId,
        timeout: Duration,
    ) -> Result<MessageStream, StreamError> {
        let (reply, opened) = oneshot::channel();
        let call = Call::OpenStream { to, timeout, reply };
        self.call(call).await.map_err(|_| StreamError::Stopped)?;
        opened.await.unwrap_or(Err(StreamError::Stopped))
    }

    /// New tags, told to everybody in a new note; at most [`TAGS_MAX`](ifrit_core::limits::TAGS_MAX) bytes.
    pub async fn set_tags(&self, tags: impl Into<Vec<u8>>) -> Result<(), ClientError> {
        self.command(CoreCommand::SetTags(tags.into())).await
    }

    /// New addresses, told to everybody in a new note; at most [`ADDRS_MAX`](ifrit_core::limits::ADDRS_MAX). Port 0 stands
    /// for the port that the member listens on.
    pub async fn set_addrs(&self, mut addrs: Vec<SocketAddr>) -> Result<(), ClientError> {
        for addr in addrs.iter_mut().filter(|addr| addr.port() == 0) {
            addr.set_port(self.local_addr().port());
        }
        self.command(CoreCommand::SetAddrs(addrs)).await
    }

    /// A renewed certificate (DER) of this member, same id and key (R14), for new links and for everybody's records; kept in
    /// its directory, if it has one. Members that know their CA need it not: see [`Builder::ca`](super::Builder::ca).
    pub async fn set_certificate(&self, certificate: impl Into<Vec<u8>>) -> Result<(), ClientError> {
        self.command(CoreCommand::SetCertificate(certificate.into())).await
    }

    /// A [revocation list](ifrit_core::revocation) of the CA's, as `ifrit ca revoke --out` writes it: those in it are out here at once, and
    /// everybody is told. One that is not newer than the one held changes nothing. Members that know their CA ask for it
    /// themselves: see [`Builder::ca`](super::Builder::ca).
    pub async fn set_revocations(&self, list: impl Into<Vec<u8>>) -> Result<(), ClientError> {
        self.command(CoreCommand::SetRevocations(list.into())).await
    }

    /// What this member gossips from now on, or `None` to end that; at most [`GOSSIP_MAX`](crate::limits::GOSSIP_MAX) bytes.
    ///
    /// Once per Δ it goes to the closest live members on both sides on one ring, the rings in turn; no further. They answer
    /// with [`Builder::on_gossip`](super::Builder::on_gossip), and what they say comes to this member's
    /// [`Builder::on_gossip_reply`](super::Builder::on_gossip_reply). Who does not answer delays nobody.
    pub async fn set_gossip(&self, content: Option<Vec<u8>>) -> Result<(), ClientError> {
        let (done, set) = oneshot::channel();
        self.call(Call::SetGossip(content, done)).await?;
        set.await.unwrap_or(Err(ClientError::Stopped(Stopped)))
    }

    /// Other seeds (`host:port`) from now on; those beyond [`SEEDS_MAX`](ifrit_core::limits::SEEDS_MAX) are left out.
    pub async fn set_seeds(&self, seeds: Vec<String>) -> Result<(), Stopped> {
        self.call(Call::SetSeeds(seeds)).await
    }

    /// Says goodbye to everybody, then stops: nobody needs to accuse this member. Ends when it has stopped, within
    /// the network's Δ, [`LEAVE_MARGIN`](super::LEAVE_MARGIN) and [`STOP_LIMIT`](super::STOP_LIMIT) together.
    pub async fn leave(&self) -> Result<(), Stopped> {
        self.end(End::Leave).await
    }

    /// Stops without a goodbye, as before a restart. Links are closed, what waits for the disk is saved, the socket
    /// and the directory are free when this ends, within [`STOP_LIMIT`](super::STOP_LIMIT).
    pub async fn stop(&self) -> Result<(), Stopped> {
        self.end(End::Stop).await
    }

    /// Ends at once, as a killed process would: no goodbye, no link closed, nothing more sent. For tests and
    /// demonstrations. Socket and directory are free when this ends.
    pub async fn abort(&self) -> Result<(), Stopped> {
        self.end(End::Abort).await
    }

    async fn end(&self, how: End) -> Result<(), Stopped> {
        let (done, ended) = oneshot::channel();
        self.call(Call::End { how, done }).await?;
        ended.await.map_err(|_| Stopped)
    }

    async fn command(&self, command: CoreCommand) -> Result<(), ClientError> {
        let (done, carried_out) = oneshot::channel();
        self.call(Call::Command(command, done)).await?;
        carried_out.await.unwrap_or(Err(ClientError::Stopped(Stopped)))
    }

    async fn call(&self, call: Call) -> Result<(), Stopped> {
        self.calls.send(call).await.map_err(|_| Stopped)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id()).field("local_addr", &self.local_addr()).finish()
    }
}

/// Cancels a request whose caller has gone. If the loop has no room for the word, it looks for all such.
struct CancelOnDrop<'a> {
    ticket: Ticket,
    calls: Option<&'a Sender<Call>>,
    unheard: &'a AtomicBool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(calls) = self.calls
            && calls.try_send(Call::Cancel(self.ticket)).is_err()
        {
            self.unheard.store(true, Ordering::Relaxed);
        }
    }
}

/// What a handler gives: the answer's bytes, or why there is none.
pub(super) type Answer = Result<Vec<u8>, Failure>;
