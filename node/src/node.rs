//! One member: the core, its links and its requests, behind two calls.

mod config;
mod figures;
mod seeds;
mod streams;
#[cfg(test)]
pub(crate) mod tests;
mod turn;

pub use self::config::{NodeConfig, NodeError};

use self::seeds::Seeds;
use crate::{
    app::{
        App, BroadcastError, Failure, Pen, RequestError, RequestId, RequestToken, StreamError, StreamId,
        Verdict,
    },
    crypto::RingVerifier,
    history::History,
    limits::{GOSSIP_MAX, RECORD_WAITING_MAX, TURN_BYTES},
    link::{self, Links, Packet},
};
use ifrit_core::{
    action::{Notice, Why},
    config::{Config, ConfigError, LocalIdentity, Stored},
    crypto::Signature,
    event::{Command, Event, Lane, Refused},
    id::MemberId,
    limits::SEEDS_MAX,
    member::Member,
    recorder::Recorder,
    seed::Seed,
    time::{Mono, Now},
    view::View,
};
use rustls::crypto::CryptoProvider;
use std::{
    collections::{BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

/// What comes in.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A UDP datagram. One each: split batches first.
    Datagram {
        /// Its source.
        from: SocketAddr,
        /// The local address that it came to, if known.
        local: Option<IpAddr>,
        /// The two ECN bits of its IP header, if known.
        ecn: Option<u8>,
        /// Its payload.
        bytes: &'a [u8],
    },
    /// The answer to [`Output::Resolve`].
    Resolved {
        /// Its number.
        seed: u16,
        /// Its addresses, tried in this order; empty if the look-up failed.
        addrs: &'a [SocketAddr],
    },
    /// What [`Output::Persist`] asked for is on disk.
    Persisted {
        /// Its number.
        seq: u64,
    },
    /// The time told by [`Output::Wait`] has come, or not: a spurious one does nothing.
    Wake,
    /// The application or the operator wants something.
    Command(Command),
}

/// What to put on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Save {
    /// Epochs below this may be used from now on (R15).
    EpochCeiling(u64),
    /// The view, for [`Stored::records`].
    Records(Vec<u8>),
    /// The member's renewed certificate, DER.
    Certificate(Vec<u8>),
    /// The [bundle](ifrit_core::certificate::Root::bundle) of the root that has followed the network's. Before any certificate of it.
    Root(Vec<u8>),
}

/// What to tell the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeEvent {
    /// Something changed in the view, or is wrong.
    Member(Notice),
    /// A request of this member has ended; exactly one per request.
    Reply {
        /// Which.
        id: RequestId,
        /// Who answered, or was to: `None` if nobody was found at the request's address.
        from: Option<MemberId>,
        /// The reply's body.
        result: Result<Vec<u8>, RequestError>,
    },
    /// A live member asks for something; answer with [`Node::respond`].
    Request {
        /// Names it.
        token: RequestToken,
        /// Who asks: the identity that its link proved.
        from: MemberId,
        /// The body.
        body: Vec<u8>,
    },
    /// Whether [`Node::open_stream`] came to something; exactly one per call.
    StreamOpen {
        /// Which.
        id: StreamId,
        /// On an error the stream is no more.
        result: Result<(), StreamError>,
    },
    /// A live member has opened a stream: read it, write to it, or give it up.
    StreamOpened {
        /// Names it.
        id: StreamId,
        /// Who: the identity that its link proved.
        from: MemberId,
    },
    /// [`Node::read_stream`] is worth a try, after one that was [`Blocked`](crate::app::StreamRead::Blocked).
    StreamReadable {
        /// Which.
        id: StreamId,
    },
    /// [`Node::write_stream`] is worth a try, after one that was cut short.
    StreamWritable {
        /// Which.
        id: StreamId,
    },
    /// After [`Node::finish_stream`]: the peer's transport has every byte, or will not have them.
    StreamDelivered {
        /// Which.
        id: StreamId,
        /// An error if the peer reads no more.
        result: Result<(), StreamError>,
    },
    /// A neighbour gives its application's content; answer with [`Node::respond`], or do not.
    Gossip {
        /// Names it.
        token: RequestToken,
        /// Whose: the identity that its link proved.
        from: MemberId,
        /// The content.
        content: Vec<u8>,
    },
    /// What a neighbour says to this member's content.
    GossipReply {
        /// Who.
        from: MemberId,
        /// What.
        body: Vec<u8>,
    },
    /// The next of what a member has said to all: of each run in order, each once.
    Broadcast {
        /// Who has said it; its signature holds.
        author: MemberId,
        /// Which of its runs: a later one has a higher number.
        run: u64,
        /// Which of that run, from 0.
        sequence: u64,
        /// What.
        body: Vec<u8>,
    },
    /// What a member has said and nobody has any more. What comes after it follows.
    BroadcastMissed {
        /// Who has said it.
        author: MemberId,
        /// In which of its runs.
        run: u64,
        /// The first that is missed.
        from: u64,
        /// The first that is not.
        to: u64,
    },
    /// A member has signed two bodies for one number, and others may have been told another one than this member. Told
    /// once per run by whoever sees both.
    BroadcastTwice {
        /// Who.
        author: MemberId,
        /// In which of its runs.
        run: u64,
        /// The one that was told here, as it was signed: see [`ifrit_core::broadcast`].
        one: Vec<u8>,
        /// Another one.
        other: Vec<u8>,
    },
    /// A stream is over in both directions, whatever was left of it.
    StreamEnded {
        /// Which; it is no more.
        id: StreamId,
        /// [`StreamError::Lost`] or [`StreamError::Stopped`].
        why: StreamError,
    },
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Output<'a> {
    /// Send UDP datagrams.
    Datagram {
        /// Whereto.
        to: SocketAddr,
        /// The two ECN bits for the IP header.
        ecn: Option<u8>,
        /// If given, `bytes` are several datagrams, each but the last this long: use GSO, or send the chunks.
        segment: Option<usize>,
        /// The payload.
        bytes: &'a [u8],
    },
    /// Look a seed up and answer with [`Input::Resolved`].
    Resolve {
        /// Its number.
        seed: u16,
        /// `host:port`.
        name: &'a str,
    },
    /// Put something on disk, then say so with [`Input::Persisted`].
    Persist {
        /// To be told back.
        seq: u64,
        /// What.
        what: Save,
    },
    /// Tell the application.
    Notify(NodeEvent),
    /// Nothing more to do before `until`, or before the next input.
    Wait {
        /// When to send [`Input::Wake`]; `None` if only an input can bring work.
        until: Option<Mono>,
        /// What it waits for.
        why: WaitFor,
    },
}

/// What a node waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitFor {
    /// Nothing but inputs.
    Input,
    /// This turn's budget is used up, or something was refused: call again then.
    Backlog,
    /// The core.
    Core(Why),
    /// A link: retransmission, acknowledgement, idle time-out.
    Link,
    /// A request's deadline.
    Request,
}

/// What waits to be told; [`Output`] without borrows.
#[derive(Debug)]
enum Pending {
    Resolve(u16),
    Persist(u64, Save),
    Notify(NodeEvent),
}

/// A core, and what records it.
type Made = (Member, Option<Box<Recorder>>);

/// The number of what is saved without the core's asking: the core, which counts up from 1, knows nothing of it.
const UNCOUNTED: u64 = u64::MAX;

/// One member of the network, sans-IO.
///
/// Give it every input through [`Node::handle`], then call [`Node::poll`] until it says [`Output::Wait`], and wake it
/// when that time has come. Both clocks come with every call; one that goes back is taken as standing still.
#[derive(Debug)]
pub struct Node {
    member: Member,
    /// If the run is recorded, every call to the member goes through it.
    recorder: Option<Box<Recorder>>,
    links: Links,
    app: App,
    seeds: Seeds,
    history: History,
    pending: VecDeque<Pending>,
    /// The datagram that was handed out last.
    packet: Option<Packet>,
    now: Now,
    /// When the core wants to be woken, and why.
    core_until: Option<Mono>,
    core_why: Why,
    /// Whether the core may have actions that were not drained.
    undrained: bool,
    /// Whether the core refused an event of a link this turn: all later ones wait.
    held: bool,
    /// Bytes of streams that this turn may still read.
    budget: usize,
    /// Members whose link the core does not want any more, but open requests do.
    lingering: BTreeSet<MemberId>,
    /// How many seeds there are, if the core does not know yet.
    untold_seeds: Option<u16>,
    stopped: bool,
}

impl Node {
    /// Makes a node. `origin` is the instant that [`Mono`]`(0)` stands for.
    ///
    /// # Errors
    /// [`NodeError`]; nothing was made.
    pub fn new(config: NodeConfig, origin: Instant, now: Now) -> Result<Self, NodeError> {
        Self::with_provider(config, origin, now, Arc::new(link::provider()))
    }

    /// The same with another source of keys and randomness for TLS: the simulator's, which repeats. It must offer
    /// TLS 1.3 with AES-128-GCM.
    #[doc(hidden)]
    pub fn with_provider(
        config: NodeConfig,
        origin: Instant,
        now: Now,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, NodeError> {
        Self::make(config, origin, now, provider, |core, me, stored, seed| {
            Ok((Member::new(core, me, stored, seed, now)?, None))
        })
    }

    /// The same, and the run of its core is recorded: take the bytes from [`Node::recorder`] and keep them, for
    /// [`replay`](ifrit_core::recorder::replay). At most [`RECORD_WAITING_MAX`] wait there; more, and the record has a gap
    /// and ends.
    ///
    /// # Errors
    /// [`NodeError`]; nothing was made.
    pub fn recorded(config: NodeConfig, origin: Instant, now: Now) -> Result<Self, NodeError> {
        Self::make(config, origin, now, Arc::new(link::provider()), |core, me, stored, seed| {
            let (member, recorder) = Recorder::start(core, me, stored, seed, now, RECORD_WAITING_MAX)?;
            Ok((member, Some(Box::new(recorder))))
        })
    }

    /// What records this run, if anything does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    fn make(
        config: NodeConfig,
        origin: Instant,
        now: Now,
        provider: Arc<CryptoProvider>,
        member: impl FnOnce(Config, LocalIdentity, Stored, Seed) -> Result<Made, ConfigError>,
    ) -> Result<Self, NodeError> {
        if config.seeds.len() > SEEDS_MAX {
            return Err(NodeError::TooManySeeds);
        }
        let app = App::new(Pen::new(&config.identity), &config.limits);
        let links = Links::new(&config.identity, config.seed.child("links"), origin, provider)
            .map_err(|error| NodeError::Tls(error.to_string()))?;
        let core = Config {
            root: config.identity.root.clone(),
            addrs: config.addrs,
            tags: config.tags,
            seeds: config.seeds.len() as u16,
            probation: config.probation,
            verifier: Arc::new(RingVerifier),
        };
        let (member, recorder) =
            member(core, config.identity.local(), config.stored, config.seed.child("core"))?;
        Ok(Self {
            member,
            recorder,
            links,
            app,
            seeds: Seeds::new(config.seeds),
            history: History::new(config.limits.history),
            pending: VecDeque::new(),
            packet: None,
            now,
            core_until: None,
            core_why: Why::Idle,
            undrained: true,
            held: false,
            budget: TURN_BYTES,
            lingering: BTreeSet::new(),
            untold_seeds: None,
            stopped: false,
        })
    }

    /// Takes one input, and begins a new turn.
    ///
    /// # Errors
    /// Only commands are ever refused; a refused one has changed nothing. [`Refused::Backpressure`]: offer it again
    /// after the next [`Output::Wait`].
    pub fn handle(&mut self, now: Now, input: Input<'_>) -> Result<(), Refused> {
        let now = self.begin_turn(now);
        match input {
            Input::Datagram { from, local, ecn, bytes } => self.links.datagram(now, from, local, ecn, bytes),
            Input::Resolved { seed, addrs } => self.resolved(now, seed, addrs),
            Input::Persisted { seq } => return self.core(now, Event::Persisted { seq }),
            Input::Command(command) => return self.command(now, command),
            Input::Wake => {}
        }
        Ok(())
    }

    /// What to do next. Call until it says [`Output::Wait`]; only there is the next deadline told.
    pub fn poll(&mut self, now: Now) -> Output<'_> {
        let now = self.advance(now);
        loop {
            if let Some(pending) = self.pending.pop_front() {
                return self.tell(pending);
            }
            if let Some(event) = self.app.next_event() {
                return Output::Notify(event);
            }
            if let Some(packet) = self.links.next_packet() {
                let Packet { to, ecn, segment, bytes } = self.packet.insert(packet);
                return Output::Datagram { to: *to, ecn: *ecn, segment: *segment, bytes };
            }
            if !self.step(now) {
                let (until, why) = self.wait(now);
                return Output::Wait { until, why };
            }
        }
    }

    /// Read-only queries on the core.
    pub fn view(&self) -> View<'_> {
        self.member.view()
    }

    /// The core itself: the simulator's checks look at it as at one without links.
    #[doc(hidden)]
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The last transitions with their evidence.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Asks `to`. Exactly one [`NodeEvent::Reply`] follows, at the latest after `timeout`.
    ///
    /// `body` is at most [`REQUEST_MAX`](crate::limits::REQUEST_MAX) bytes. Dials the member if there is no link to it.
    pub fn request(&mut self, now: Now, to: MemberId, body: &[u8], timeout: Duration) -> RequestId {
        let now = self.advance(now);
        let id = self.app.request(now, to, body, timeout, &mut self.links, &self.member.view());
        if self.stopped {
            self.app.cancel(now, id, &mut self.links);
        }
        id
    }

    /// Asks whoever is at `addr`: [`NodeEvent::Reply`] says who that was. Otherwise as [`Node::request`]: the member there
    /// is told who asks, and takes it only from members that are live in its view.
    pub fn request_addr(&mut self, now: Now, addr: SocketAddr, body: &[u8], timeout: Duration) -> RequestId {
        let now = self.advance(now);
        let id = self.app.request_addr(now, addr, body, timeout, &mut self.links);
        if self.stopped {
            self.app.cancel(now, id, &mut self.links);
        }
        id
    }

    /// Takes a request back. Its [`NodeEvent::Reply`] says so, unless it has ended already.
    pub fn cancel(&mut self, now: Now, id: RequestId) {
        let now = self.advance(now);
        self.app.cancel(now, id, &mut self.links);
    }

    /// Answers a request; does nothing if its requester is gone, or was answered before.
    pub fn respond(&mut self, now: Now, token: RequestToken, answer: Result<Vec<u8>, Failure>) {
        self.advance(now);
        self.app.respond(token, answer, &mut self.links);
    }

    /// Signs the application's bytes with this member's key: 64 bytes for [`Node::verify`] of any member. Never the
    /// bytes alone ([`application`](ifrit_core::application)), so they may be a stranger's.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        self.app.pen().sign(bytes)
    }

    /// Whether the application of `id` signed `bytes`. Costs a signature check; asks nobody.
    pub fn verify(&self, id: &MemberId, bytes: &[u8], signature: &Signature) -> Verdict {
        self.app.pen().verify(id, self.view().key(id), bytes, signature)
    }

    /// Says `body` to all members; its number in this run. They get it once, in the order in which this member says
    /// things, over any path of correct members; those that come later or were cut off get what is still kept. At most
    /// [`BROADCAST_MAX`](ifrit_core::limits::BROADCAST_MAX) bytes. This member itself is told nothing.
    ///
    /// # Errors
    /// Nothing was said.
    pub fn broadcast(&mut self, now: Now, body: &[u8]) -> Result<u64, BroadcastError> {
        let now = self.advance(now);
        if self.stopped {
            return Err(BroadcastError::Stopped);
        }
        let view = self.member.view();
        self.app.broadcast(now, view.epoch(), body, &mut self.links, &view)
    }

    /// What this member's application gossips from now on, or `None` to end that. Once per Δ it goes to the closest live
    /// members on both sides on one ring, the rings in turn: [`NodeEvent::Gossip`] there, [`NodeEvent::GossipReply`] here.
    /// Nothing is repeated for who did not get it, and who does not answer delays nobody.
    ///
    /// # Errors
    /// It is over [`GOSSIP_MAX`]; what was set before stands.
    pub fn set_gossip(&mut self, now: Now, content: Option<Vec<u8>>) -> Result<(), Refused> {
        self.advance(now);
        if self.app.set_gossip(content) { Ok(()) } else { Err(Refused::TooLarge { limit: GOSSIP_MAX }) }
    }

    /// Replaces the seeds; those over [`SEEDS_MAX`] are left out.
    pub fn set_seeds(&mut self, now: Now, mut seeds: Vec<String>) {
        let now = self.advance(now);
        seeds.truncate(SEEDS_MAX);
        let count = seeds.len() as u16;
        self.seeds.replace(seeds);
        // A core that refuses it for back-pressure is told again.
        self.untold_seeds = Some(count);
        self.tell_seeds(now);
    }

    /// Sends `frame` over the link to a member as if the core had; whether there is such a link.
    ///
    /// For demonstrations and tests of what peers make of a lie. Nothing that a peer sends leads here, and what it
    /// can do is what the holder of this member's key can do anyway.
    #[doc(hidden)]
    pub fn send_as_is(&mut self, now: Now, to: MemberId, lane: Lane, frame: &[u8]) -> bool {
        let now = self.advance(now);
        self.links.send_frame(now, to, lane, frame)
    }

    /// Tells that datagrams leave from another address now: the socket was bound anew, or the machine has moved. Links
    /// that this member dialed go on, those that it accepted are dialed anew (DESIGN section 5). What others are told is
    /// a matter of [`Command::SetAddrs`].
    pub fn moved(&mut self, now: Now) {
        let now = self.advance(now);
        self.links.moved(now);
    }

    /// Closes all links and ends all requests; has the view saved, so that the next start finds the others without
    /// seeds. Drain [`Node::poll`] once more, then drop the node.
    pub fn stop(&mut self, now: Now) {
        let now = self.advance(now);
        if !self.stopped {
            self.pending.push_back(Pending::Persist(UNCOUNTED, Save::Records(self.snapshot())));
        }
        self.stopped = true;
        self.app.end_all(now, &mut self.links);
        self.links.close_all(now);
    }

    fn tell(&self, pending: Pending) -> Output<'_> {
        match pending {
            Pending::Resolve(seed) => Output::Resolve { seed, name: self.seeds.name(seed) },
            Pending::Persist(seq, what) => Output::Persist { seq, what },
            Pending::Notify(event) => Output::Notify(event),
        }
    }
}
