//! The time that ending takes, whatever disk, socket and peers do: on a runtime whose clock moves only when the loop waits.

use super::*;
use crate::{
    drive::{UdpSockRef, wire},
    link::tests::world::{START, addr, authority, identity},
    node::NodeConfig,
};
use ifrit_core::{
    config::{Probation, Stored},
    seed::Seed,
};
use std::{
    future::Future,
    io,
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Instant,
};

/// Its disk never answers, its socket takes nothing, its tasks do not run.
#[derive(Clone)]
struct Stalled(Arc<Mutex<Instant>>);

impl Stalled {
    fn at(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.0.lock().expect("no test panics with it")
    }
}

impl Runtime for Stalled {
    type Socket = Full;

    fn register(&self, socket: UdpSocket) -> io::Result<Full> {
        Ok(Full(socket))
    }

    fn now(&self) -> Instant {
        *self.at()
    }

    async fn sleep_until(&self, at: Instant) {
        let mut now = self.at();
        *now = at.max(*now);
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(task);
    }

    async fn spawn_blocking<T: Send + 'static>(
        &self,
        _work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        std::future::pending().await
    }
}

struct Full(UdpSocket);

impl Socket for Full {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
    async fn readable(&self) -> io::Result<()> {
        std::future::pending().await
    }
    async fn writable(&self) -> io::Result<()> {
        std::future::pending().await
    }
    fn try_read<T>(&self, _io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        Err(io::ErrorKind::WouldBlock.into())
    }
    fn try_write<T>(&self, _io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// How long it takes from when it is told to end, and all that it may.
#[expect(clippy::disallowed_methods, reason = "where virtual time begins")]
fn ending(how: End) -> (Duration, Duration) {
    let begin = Instant::now();
    let runtime = Stalled(Arc::new(Mutex::new(begin)));
    let clock = Clock::new(begin);
    let dir = tempfile::tempdir().expect("a directory");
    let identity = identity(&authority(0), 1);
    let delta = Duration::from_millis(identity.root.params.delta_ms.into());
    let config = NodeConfig {
        identity,
        addrs: vec![addr(1)],
        tags: Vec::new(),
        seeds: Vec::new(),
        stored: Stored::default(),
        seed: Seed([7; 32]),
        probation: Probation::default(),
        limits: Limits::default(),
    };
    let now = Now { wall: START + Duration::from_secs(60), ..clock.now(begin) };
    let node = Node::new(config, begin, now).expect("a good configuration");
    let (calls, received) = async_channel::bounded(64);
    let (socket, state) = wire::bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let parts = Parts {
        wire: Wire::new(runtime.register(socket).expect("it takes any"), state),
        runtime: runtime.clone(),
        node,
        clock,
        calls: received,
        events: Registry::new(Limits::default()),
        broadcasts: Registry::new(Limits::default()),
        store: Some(Store::open(dir.path()).expect("a new directory")),
        keeper: None,
        roles: Roles::default(),
        limits: Limits::default(),
        streams: None,
        opener: calls.downgrade(),
        unheard: Arc::default(),
        tape: None,
        delta,
    };
    // A handshake that the socket does not take, and waits that nothing ends.
    let (reply, _answer) = oneshot::channel();
    let to = addr(9);
    let request = Call::RequestAddr { ticket: 0, to, body: vec![7; 1000], timeout: Duration::MAX, reply };
    let (done, mut ended) = oneshot::channel();
    for call in [request, Call::End { how, done }] {
        assert!(calls.try_send(call).is_ok());
    }
    let run = Loop::new(parts).run();
    pin_mut!(run);
    while run.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {}
    assert_eq!(ended.try_recv(), Ok(Some(())), "whoever asked is told");
    (runtime.now() - begin, delta)
}

#[test]
fn a_stop_takes_no_longer_than_it_says_if_disk_and_socket_take_nothing() {
    let (took, _) = ending(End::Stop);
    assert_eq!(took, STOP_LIMIT, "a disk is waited for, but no longer");
}

#[test]
fn an_abort_waits_for_nothing_but_a_save() {
    let (took, _) = ending(End::Abort);
    assert!(took <= STOP_LIMIT, "{took:?}");
}

#[test]
fn a_goodbye_that_cannot_be_sent_is_given_up_in_time() {
    let (took, delta) = ending(End::Leave);
    assert!(took <= delta + LEAVE_MARGIN + STOP_LIMIT, "{took:?}");
}
