//! From what a program says to a running member.

use super::{
    Broadcast, Broadcasts, MessageStream, Runtime, Service, Socket,
    client::{CALLS_MAX, Client, Facts},
    clock::{Clock, wall},
    error::StartError,
    events::Registry,
    handler::{BroadcastHandler, Handler, Roles, StreamHandler},
    keeper::Keeper,
    record::Tape,
    run::{Loop, Parts},
    service,
    wire::{self, Wire},
};
use crate::{
    app::{Failure, Pen},
    enrol::enrol,
    identity::Identity,
    limits::Limits,
    node::{Input, Node, NodeConfig},
    open,
    store::{Loaded, Store},
};
use ifrit_core::{
    config::Probation,
    event::Command,
    id::MemberId,
    limits::SEEDS_MAX,
    seed::Seed,
    time::{Mono, Wall},
};
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    fmt,
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// What a member is started from. A driver gives it with its runtime in place.
///
/// Needed are an [`identity`](Self::identity) or a [`data_dir`](Self::data_dir); everything else has a default.
#[must_use = "nothing runs before start()"]
pub struct Builder<R> {
    runtime: R,
    identity: Option<Identity>,
    data_dir: Option<PathBuf>,
    entry: Option<Entry>,
    ca: Option<String>,
    renew: bool,
    bind: SocketAddr,
    advertise: Vec<SocketAddr>,
    seeds: Vec<String>,
    tags: Vec<u8>,
    roles: Roles,
    broadcasts: Option<BroadcastHandler>,
    streams: Option<StreamHandler>,
    record: Option<PathBuf>,
    minor: Option<u16>,
    limits: Limits,
    probation: Probation,
}

impl<R: Runtime> Builder<R> {
    /// A member on `runtime`, at a free port of the loopback interface.
    pub fn new(runtime: R) -> Self {
        Self {
            runtime,
            identity: None,
            data_dir: None,
            entry: None,
            ca: None,
            renew: true,
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertise: Vec::new(),
            seeds: Vec::new(),
            tags: Vec::new(),
            roles: Roles::default(),
            broadcasts: None,
            streams: None,
            record: None,
            minor: None,
            limits: Limits::default(),
            probation: Probation::default(),
        }
    }

    /// Who the member is. Without it, the identity in [`Builder::data_dir`] is used.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Where identity, epochs and the last view are kept over restarts; one process at a time.
    ///
    /// Without it nothing is kept: a restarted member relies on its clock for a higher epoch, and on its seeds.
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Enrols with a CA if [`Builder::data_dir`] holds no identity yet; not used otherwise, so it may stay there.
    pub fn invite(mut self, invite: impl Into<String>) -> Self {
        self.entry = Some(Entry::Invite(invite.into()));
        self
    }

    /// Where the CA answers (`host:port`), for renewals. Enrolment remembers it in [`Builder::data_dir`]; this is for an identity that
    /// was issued without the service, and for a CA that has moved. Remembered too.
    pub fn ca(mut self, addr: impl Into<String>) -> Self {
        self.ca = Some(addr.into());
        self
    }

    /// Whether the member asks its CA by itself for a later certificate, after half to two thirds of the one it has, and now and
    /// then who is revoked: it does, if it is known where the CA is. Else see [`Client::set_certificate`].
    pub fn renew(mut self, by_itself: bool) -> Self {
        self.renew = by_itself;
        self
    }

    /// Instead of an invite, the root (PEM) of a network without a CA, of which **nothing is promised**: see
    /// [`open`](crate::open). With a [`Builder::data_dir`] the member stays the same over restarts.
    pub fn open_network(mut self, root: impl Into<Vec<u8>>) -> Self {
        self.entry = Some(Entry::Open(root.into()));
        self
    }

    /// Where to listen (UDP). Port 0 picks a free one; see [`Client::local_addr`].
    pub fn bind(mut self, addr: SocketAddr) -> Self {
        self.bind = addr;
        self
    }

    /// Where others reach this member, if that is not where it listens; up to
    /// [`ADDRS_MAX`](ifrit_core::limits::ADDRS_MAX) times. Needed if it listens on every interface. Port 0 stands for
    /// the port it listens on.
    pub fn advertise(mut self, addr: SocketAddr) -> Self {
        self.advertise.push(addr);
        self
    }

    /// A member to begin with, as `host:port`; looked up anew at every try. Any number up to
    /// [`SEEDS_MAX`](ifrit_core::limits::SEEDS_MAX); beside those that the directory remembers.
    pub fn seed_addr(mut self, addr: impl ToString) -> Self {
        self.seeds.push(addr.to_string());
        self
    }

    /// The application's bytes that every member sees; at most [`TAGS_MAX`](ifrit_core::limits::TAGS_MAX).
    pub fn tags(mut self, tags: impl Into<Vec<u8>>) -> Self {
        self.tags = tags.into();
        self
    }

    /// Answers other members' requests: an async function of the sender, whose certificate was checked, and the
    /// bytes. It runs in a task of its own. A panic, more than [`Limits::handler_time`], or more than
    /// [`Limits::handlers`] at a time are told to the caller as a [`Failure`]. A [`Client`] kept in
    /// it keeps the member running.
    pub fn on_request<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(MemberId, Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, Failure>> + Send + 'static,
    {
        self.roles.request = Some(Handler::new(handler));
        self
    }

    /// Answers neighbours' gossip ([`Client::set_gossip`]): an async function of the sender and its content, as
    /// [`Builder::on_request`]. A failure is told to nobody.
    pub fn on_gossip<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(MemberId, Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, Failure>> + Send + 'static,
    {
        self.roles.gossip = Some(Handler::new(handler));
        self
    }

    /// Takes what neighbours say to this member's gossip: an async function of who says it and what, as
    /// [`Builder::on_request`].
    pub fn on_gossip_reply<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(MemberId, Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.roles.gossip_reply = Some(Handler::silent(handler));
        self
    }

    /// Takes what members say to all, from the first on: an async function of each, one after the other. One that takes long
    /// is told what it missed ([`Broadcast::Lagged`]); after a panic it is called with the next. The same as a loop over
    /// [`Client::broadcasts`] of your own. A [`Client`] kept in it keeps the member running.
    pub fn on_broadcast<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Broadcast) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.broadcasts = Some(BroadcastHandler::new(handler));
        self
    }

    /// Handles streams that other members open: an async function of each, in a task of its own, which may take as long
    /// as it likes. When it returns, what is left of the stream is given up; after a panic the other end is told so. At
    /// most [`STREAMS_FROM_PEER`](crate::limits::STREAMS_FROM_PEER) run for one member. A [`Client`] kept in it keeps the
    /// member running.
    pub fn on_stream<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(MessageStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.streams = Some(StreamHandler::new(handler));
        self
    }

    /// Does for others what a [`Service`] does. Replaces single functions that were given before; those given after it
    /// replace its parts.
    pub fn service(mut self, service: impl Service) -> Self {
        let (roles, broadcasts, streams) = service::handlers(service);
        (self.roles, self.broadcasts, self.streams) = (roles, Some(broadcasts), Some(streams));
        self
    }

    /// Writes all that the core is told, and a digest of what it does, to a new file: `ifrit-sim replay` shows the run
    /// again (see [`ifrit_core::recorder`]). The file has mode 0600 and holds certificates, addresses and tags, but no
    /// private key; one that is there already must be empty.
    ///
    /// The member never waits for the disk. If that is too slow, or full, the record ends there and the log says so.
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.record = Some(path.into());
        self
    }

    /// Speaks another minor version of the wire than this build's. For tests of builds beside each other.
    #[doc(hidden)]
    pub fn speak_minor(mut self, minor: u16) -> Self {
        self.minor = Some(minor);
        self
    }

    /// What this member allows itself and others, where it does not want what is usual.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// For how long this member's pings must be good before it is live again once it was gray (R8).
    pub fn probation(mut self, probation: Probation) -> Self {
        self.probation = probation;
        self
    }

    /// Binds, enrols if needed, reads the directory and starts the member. It joins by itself; wait for
    /// [`Client::joined`].
    ///
    /// # Errors
    /// See [`StartError`]. Nothing runs then, and socket and directory are free.
    pub async fn start(self) -> Result<Client, StartError> {
        let (socket, state) = wire::bind(self.bind).map_err(|error| StartError::bind(self.bind, error))?;
        let socket = self.runtime.register(socket).map_err(|_| StartError::NoRuntime)?;
        let local_addr = socket.local_addr().map_err(|error| StartError::bind(self.bind, error))?;
        let addrs = advertised(self.advertise, local_addr)?;
        let origin = Origin { identity: self.identity, dir: self.data_dir, entry: self.entry, ca: self.ca };
        let (on_disk, now, record) = (addrs.clone(), wall(), self.record);
        let blocking = self.runtime.spawn_blocking(move || {
            // An invite is used up by what follows.
            let tape = record.map(Tape::create).transpose()?;
            Ok::<_, StartError>((origin.load(&on_disk, now)?, tape))
        });
        let ((identity, store, loaded), tape) = blocking.await.ok_or(StartError::NoRuntime)??;

        let (id, network, pen) = (identity.id(), identity.root.params, Pen::new(&identity));
        let delta = Duration::from_millis(network.delta_ms.into());
        let clock = Clock::new(self.runtime.now());
        identity.check_dates(clock.now(clock.origin()).wall)?;
        let seeds = with_contacts(self.seeds, &loaded.contacts);
        let (tags, stored, seed) = (self.tags, loaded.stored, fresh_seed()?);
        let ca = loaded.ca.filter(|_| self.renew && !identity.root.is_open());
        let keeper = ca.map(|ca| Keeper::new(ca, identity.clone(), &seed, Mono(0)));
        let (limits, probation) = (self.limits, self.probation);
        let config = NodeConfig { identity, addrs, tags, seeds, stored, seed, limits, probation };
        let make = if tape.is_some() { Node::recorded } else { Node::new };
        let mut node = make(config, clock.origin(), clock.now(clock.origin()))?;
        if let Some(minor) = self.minor {
            let command = Input::Command(Command::SpeakMinor(minor));
            node.handle(clock.now(clock.origin()), command)
                .expect("a node that has done nothing yet has room");
        }
        let (events, broadcasts) = (Registry::new(limits), Registry::new(limits));
        let (calls, received) = async_channel::bounded(CALLS_MAX);
        let unheard = Arc::<AtomicBool>::default();
        let (runtime, roles, streams) = (self.runtime, self.roles, self.streams);
        let parts = Parts {
            runtime: runtime.clone(),
            wire: Wire::new(socket, state),
            node,
            clock,
            calls: received,
            events: events.clone(),
            broadcasts: broadcasts.clone(),
            store,
            keeper,
            roles,
            limits,
            streams,
            opener: calls.downgrade(),
            unheard: unheard.clone(),
            tape,
            delta,
        };
        if let Some(handler) = self.broadcasts {
            runtime.spawn(handler.run(Broadcasts::new(broadcasts.queue())));
        }
        runtime.spawn(Loop::new(parts).run());
        let (warnings, contacts) = (loaded.warnings, loaded.contacts);
        let facts =
            Facts { id, local_addr, network, clock, warnings, contacts, events, broadcasts, pen, unheard };
        Ok(Client::new(facts, calls))
    }
}

impl<R> fmt::Debug for Builder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Builder");
        f.field("data_dir", &self.data_dir).field("bind", &self.bind).field("advertise", &self.advertise);
        f.field("seeds", &self.seeds).finish_non_exhaustive()
    }
}

/// How a newcomer gets its identity.
enum Entry {
    Invite(String),
    /// The root of an open network, PEM.
    Open(Vec<u8>),
}

/// Where the identity comes from, and what was kept.
struct Origin {
    identity: Option<Identity>,
    dir: Option<PathBuf>,
    entry: Option<Entry>,
    ca: Option<String>,
}

impl Origin {
    /// Blocks: disk, and the CA if an invite is to be used.
    fn load(self, addrs: &[SocketAddr], now: Wall) -> Result<(Identity, Option<Store>, Loaded), StartError> {
        let Some(dir) = self.dir else {
            let identity = match (self.identity, self.entry) {
                (Some(identity), _) => identity,
                (None, Some(Entry::Open(root))) => open::join(&root)?,
                (None, _) => return Err(StartError::NoIdentity),
            };
            return Ok((identity, None, Loaded { ca: self.ca, ..Loaded::default() }));
        };
        let mut store = Store::open(&dir)?;
        let identity = match self.identity {
            Some(identity) => identity,
            None => enrolled(&mut store, self.entry, addrs, now)?,
        };
        // Saves run beside the loop: the first epochs are on disk before it says anything (R15).
        store.reserve(wall())?;
        if let Some(ca) = &self.ca {
            store.save_ca(ca)?;
        }
        let loaded = store.load();
        Ok((identity, Some(store), loaded))
    }
}

/// The identity in the directory, or a new one.
fn enrolled(
    store: &mut Store,
    entry: Option<Entry>,
    addrs: &[SocketAddr],
    now: Wall,
) -> Result<Identity, StartError> {
    match (store.identity()?, entry) {
        (Some(identity), _) => Ok(identity),
        (None, Some(Entry::Invite(invite))) => Ok(enrol(&invite, store, addrs, now)?),
        (None, Some(Entry::Open(root))) => Ok(open::join_in(&root, store)?),
        // Names the missing file, and what to do.
        (None, None) => Ok(Identity::load(store.dir())?),
    }
}

/// What others are told: what was said, or where the socket is bound.
fn advertised(said: Vec<SocketAddr>, local: SocketAddr) -> Result<Vec<SocketAddr>, StartError> {
    if said.is_empty() && local.ip().is_unspecified() {
        return Err(StartError::NoAdvertised(local));
    }
    let mut addrs = if said.is_empty() { vec![local] } else { said };
    for addr in addrs.iter_mut().filter(|addr| addr.port() == 0) {
        addr.set_port(local.port());
    }
    Ok(addrs)
}

/// What the application says first; what the CA told at enrolment, as far as there is room.
fn with_contacts(mut seeds: Vec<String>, contacts: &[SocketAddr]) -> Vec<String> {
    let room = SEEDS_MAX.saturating_sub(seeds.len());
    let contacts: Vec<_> =
        contacts.iter().map(SocketAddr::to_string).filter(|c| !seeds.contains(c)).collect();
    seeds.extend(contacts.into_iter().take(room));
    seeds
}

/// The only randomness of a member's behaviour; used for nothing secret.
fn fresh_seed() -> Result<Seed, StartError> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| StartError::NoRandomness)?;
    Ok(Seed(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_address_is_not_told_to_others() {
        let addr = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let every = addr("0.0.0.0:7000");
        assert!(matches!(advertised(vec![], every), Err(StartError::NoAdvertised(_))));
        assert_eq!(advertised(vec![addr("10.0.0.1:0")], every).ok(), Some(vec![addr("10.0.0.1:7000")]));
        assert_eq!(advertised(vec![], addr("10.0.0.1:5")).ok(), Some(vec![addr("10.0.0.1:5")]));
    }
}
