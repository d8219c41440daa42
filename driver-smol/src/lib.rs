//! Ifrit membership on smol: who is alive in a cluster, told by signed evidence, even when some members lie.
//!
//! ```text
//!        your service
//!  ┌──────────▼─────────────────────────────────────────────┐
//!  │ ifrit-smol    Client, Builder; sockets, timers, tasks  │  you are here
//!  ├────────────────────────────────────────────────────────┤
//!  │ ifrit-node    QUIC links, certificates, requests, disk │  no runtime
//!  ├────────────────────────────────────────────────────────┤
//!  │ ifrit-core    the protocol: rings, notes, accusations  │  no I/O, no clock
//!  └────────────────────────────────────────────────────────┘
//! ```
//!
//! A first program: enrols with an invite of the CA (`ifrit ca invite`), joins, greets everybody, answers greetings and
//! tells what happens.
//!
//! ```no_run
//! use ifrit_smol::{Event, builder};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(run())
//! }
//!
//! async fn run() -> Result<(), Box<dyn std::error::Error>> {
//!     let invite = std::env::args().nth(1).ok_or("usage: hello INVITE")?;
//!     let me = builder()
//!         .data_dir("hello-data")
//!         .invite(invite)
//!         .on_request(|from, body| async move {
//!             println!("{from} says {}", String::from_utf8_lossy(&body));
//!             Ok(b"hello to you".to_vec())
//!         })
//!         .start()
//!         .await?;
//!     let mut events = me.events();
//!     me.joined().await?;
//!     for member in me.members().await? {
//!         if member.state.is_live() && member.id != me.id() {
//!             match me.request(member.id, "hello").await {
//!                 Ok(reply) => println!("{} answers {}", member.id, String::from_utf8_lossy(&reply)),
//!                 Err(error) => println!("{} gives no answer: {error}", member.id),
//!             }
//!         }
//!     }
//!     while let Some(event) = events.next().await {
//!         match event {
//!             Event::Notice(notice) => println!("{notice:?}"),
//!             Event::Lagged { missed } => println!("{missed} events missed"),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! smol's executor runs on one thread unless `SMOL_THREADS` says otherwise. Everything but the runtime is shared with
//! `ifrit-tokio`, whose page tells what is where, and tested by the same tests: see [`ifrit_node::drive`].
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub use ifrit_node;
#[doc(inline)]
pub use ifrit_node::{
    app::{BroadcastError, Failure, RequestError, StreamError, Verdict},
    drive::{
        Broadcast, Broadcasts, Client, ClientError, Event, Events, Explained, MessageStream, Service,
        StartError, Stopped, StreamReceiver, StreamSender,
    },
    identity::Identity,
    ifrit_core::{action::Notice, crypto::Signature, id::MemberId, view::MemberView},
};

use ifrit_node::drive::{Runtime, Socket, UdpSockRef};
use smol::{Async, Timer, future::FutureExt, unblock};
use std::{
    future::Future,
    io,
    net::{SocketAddr, UdpSocket},
    panic::AssertUnwindSafe,
    time::Instant,
};

/// What a member is started from, on smol.
pub type Builder = ifrit_node::drive::Builder<Smol>;

/// Begins a member: `builder().data_dir("state").start().await`.
pub fn builder() -> Builder {
    Builder::new(Smol)
}

/// smol's global executor and reactor; `SMOL_THREADS` says how many threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol;

impl Runtime for Smol {
    type Socket = SmolSocket;

    fn register(&self, socket: UdpSocket) -> io::Result<SmolSocket> {
        Async::new(socket).map(SmolSocket)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep_until(&self, at: Instant) {
        Timer::at(at).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }

    async fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        AssertUnwindSafe(unblock(work)).catch_unwind().await.ok()
    }
}

/// A UDP socket in smol's reactor.
#[derive(Debug)]
pub struct SmolSocket(Async<UdpSocket>);

impl Socket for SmolSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    // The socket does not block: asking it is cheaper than a readiness that may be out of date.
    fn try_read<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        io(UdpSockRef::from(self.0.get_ref()))
    }

    fn try_write<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        io(UdpSockRef::from(self.0.get_ref()))
    }
}
