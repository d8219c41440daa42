//! Ifrit membership on tokio: who is alive in a cluster, told by signed evidence, even when some members lie.
//!
//! ```text
//!        your service
//!  ┌──────────▼─────────────────────────────────────────────┐
//!  │ ifrit-tokio   Client, Builder; sockets, timers, tasks  │  you are here
//!  ├────────────────────────────────────────────────────────┤
//!  │ ifrit-node    QUIC links, certificates, requests, disk │  no runtime
//!  ├────────────────────────────────────────────────────────┤
//!  │ ifrit-core    the protocol: rings, notes, accusations  │  no I/O, no clock
//!  └────────────────────────────────────────────────────────┘
//! ```
//!
//! A first program, `cargo run -p ifrit-tokio --example first -- DIR INVITE` with an invite of `ifrit ca invite`:
//!
//! ```no_run
#![doc = include_str!("../examples/first.rs")]
//! ```
//!
//! - [`builder`] takes an [`Identity`] or a directory (with an invite the first time); [`Builder::start`] gives a
//!   [`Client`], which is cheap to clone and works from any task.
//! - [`Client::members`], [`Client::explain`]: who is alive, and the signed evidence for it. [`Client::events`]: what
//!   changes; a slow reader is told how much it missed ([`Event::Lagged`]), the member never waits for it.
//! - [`Client::request`] and [`Builder::on_request`]: one question, exactly one end (reply or [`RequestError`]), at most
//!   [`REQUEST_MAX`](ifrit_node::limits::REQUEST_MAX) bytes each way, both ends' identity proved by certificate.
//! - [`Client::open_stream`] and [`Builder::on_stream`]: messages both ways for as long as both sides like
//!   ([`MessageStream`]), with back-pressure; a stream that nobody reads stalls nothing else. [`Service`] is all that a
//!   member does for others as one type.
//! - [`Client::leave`] says goodbye. A client that is dropped, or a process that is killed, is silent: others find it
//!   down.
//!
//! Everything but the runtime is shared with `ifrit-smol`: see [`ifrit_node::drive`].
//!
//! Coming from the Go library: [`migration`].
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
use std::{future::Future, io, net::SocketAddr, time::Instant};
use tokio::{io::Interest, net::UdpSocket, runtime::Handle, task, time};

#[doc = include_str!("migration.md")]
pub mod migration {
    #[expect(unused_imports, reason = "the page's links")]
    use super::*;
}

/// What a member is started from, on tokio.
pub type Builder = ifrit_node::drive::Builder<Tokio>;

/// Begins a member: `builder().data_dir("state").start().await`.
pub fn builder() -> Builder {
    Builder::new(Tokio)
}

/// The tokio runtime in which [`Builder::start`] is called.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokio;

impl Runtime for Tokio {
    type Socket = TokioSocket;

    fn register(&self, socket: std::net::UdpSocket) -> io::Result<TokioSocket> {
        // Without this check tokio would panic.
        Handle::try_current().map_err(io::Error::other)?;
        UdpSocket::from_std(socket).map(TokioSocket)
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }

    async fn sleep_until(&self, at: Instant) {
        time::sleep_until(at.into()).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }

    async fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        task::spawn_blocking(work).await.ok()
    }
}

/// A UDP socket of tokio's.
#[derive(Debug)]
pub struct TokioSocket(UdpSocket);

impl Socket for TokioSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    fn try_read<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        self.0.try_io(Interest::READABLE, || io(UdpSockRef::from(&self.0)))
    }

    fn try_write<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        self.0.try_io(Interest::WRITABLE, || io(UdpSockRef::from(&self.0)))
    }
}
