//! A runtime without threads or time: everything ends at once or never.

use super::{Runtime, Socket};
use futures_util::FutureExt;
use quinn_udp::UdpSockRef;
use std::{
    future::{Future, pending},
    io,
    net::{SocketAddr, UdpSocket},
    time::Instant,
};

#[derive(Clone, Copy)]
pub(super) struct AtOnce;

impl Runtime for AtOnce {
    type Socket = NoSocket;

    fn register(&self, _socket: UdpSocket) -> io::Result<NoSocket> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[expect(clippy::disallowed_methods, reason = "a runtime has a clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep_until(&self, _at: Instant) {
        pending().await
    }

    /// A task that waits for something is dropped.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let _ = task.now_or_never();
    }

    async fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        Some(work())
    }
}

pub(super) enum NoSocket {}

impl Socket for NoSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        match *self {}
    }

    async fn readable(&self) -> io::Result<()> {
        match *self {}
    }

    async fn writable(&self) -> io::Result<()> {
        match *self {}
    }

    fn try_read<T>(&self, _io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        match *self {}
    }

    fn try_write<T>(&self, _io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
        match *self {}
    }
}
