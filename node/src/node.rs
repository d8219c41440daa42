//! One member: the core, its links and its requests, behind two calls.

use crate::{
    app::{Failure, RequestError, RequestId, RequestToken},
    counters::Counters,
    history::History,
    identity::Identity,
};
use ifrit_core::{
    action::{Notice, Why},
    config::{Config, ConfigError, LocalIdentity, Stored},
    crypto::P256Verifier,
    event::{Command, Refused},
    id::MemberId,
    limits::SEEDS_MAX,
    member::Member,
    seed::Seed,
    time::{Mono, Now},
    view::View,
};
use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

/// What a node is made from.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Who it is.
    pub identity: Identity,
    /// Where others reach it; at most [`ADDRS_MAX`](ifrit_core::limits::ADDRS_MAX).
    pub addrs: Vec<SocketAddr>,
    /// The application's bytes; at most [`TAGS_MAX`](ifrit_core::limits::TAGS_MAX).
    pub tags: Vec<u8>,
    /// Whom to ask first, as `host:port`; at most [`SEEDS_MAX`].
    pub seeds: Vec<String>,
    /// What an earlier run left on disk.
    pub stored: Stored,
    /// Fresh randomness for this run. Used for nothing secret.
    pub seed: Seed,
}

/// Why a node cannot be made. Nothing was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The core refuses the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// TLS refuses the identity.
    #[error("TLS refuses the identity: {0}")]
    Tls(String),
    /// Too many seeds.
    #[error("more than {SEEDS_MAX} seeds")]
    TooManySeeds,
}

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
        why: Why,
    },
}

/// One member of the network, sans-IO.
#[derive(Debug)]
pub struct Node {
    member: Member,
    history: History,
    counters: Counters,
    pending: VecDeque<NodeEvent>,
    requests: u64,
}

impl Node {
    /// Makes a node. `origin` is the instant that [`Mono`]`(0)` stands for.
    pub fn new(config: NodeConfig, _origin: Instant, now: Now) -> Result<Self, NodeError> {
        let identity = config.identity;
        if config.seeds.len() > SEEDS_MAX {
            return Err(NodeError::TooManySeeds);
        }
        let core = Config {
            root: identity.root,
            addrs: config.addrs,
            tags: config.tags,
            seeds: config.seeds.len() as u16,
            verifier: Arc::new(P256Verifier),
        };
        let certificate = identity.certificate.der().to_vec();
        let me = LocalIdentity { certificate, signer: Box::new(identity.signer) };
        let member = Member::new(core, me, config.stored, config.seed, now)?;
        Ok(Self {
            member,
            history: History::default(),
            counters: Counters::default(),
            pending: VecDeque::new(),
            requests: 0,
        })
    }

    /// Takes one input. Only commands are ever refused; a refused one has changed nothing.
    pub fn handle(&mut self, _now: Now, _input: Input<'_>) -> Result<(), Refused> {
        Ok(())
    }

    /// What to do next. Call until it says [`Output::Wait`]; only there is the next deadline told.
    pub fn poll(&mut self, _now: Now) -> Output<'_> {
        match self.pending.pop_front() {
            Some(event) => Output::Notify(event),
            None => Output::Wait { until: None, why: Why::Idle },
        }
    }

    /// Read-only queries on the core.
    pub fn view(&self) -> View<'_> {
        self.member.view()
    }

    /// The last transitions with their evidence.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What has been done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Asks `to`. Exactly one [`NodeEvent::Reply`] follows, at the latest after `timeout`.
    pub fn request(&mut self, _now: Now, _to: MemberId, _body: &[u8], _timeout: Duration) -> RequestId {
        let id = RequestId(self.requests);
        self.requests += 1;
        self.pending.push_back(NodeEvent::Reply { id, result: Err(RequestError::UnknownMember) });
        id
    }

    /// Takes a request back. Its [`NodeEvent::Reply`] says so, unless it has ended already.
    pub fn cancel(&mut self, _now: Now, _id: RequestId) {}

    /// Answers a request; does nothing if its requester is gone.
    pub fn respond(&mut self, _now: Now, _token: RequestToken, _answer: Result<Vec<u8>, Failure>) {}

    /// Replaces the seeds; those over [`SEEDS_MAX`] are left out.
    pub fn set_seeds(&mut self, _now: Now, _seeds: Vec<String>) {}

    /// Closes all links and ends all requests. Drain [`Node::poll`] once more, then drop the node.
    pub fn stop(&mut self, _now: Now) {}
}
