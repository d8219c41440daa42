//! What a runtime has to give.

use quinn_udp::UdpSockRef;
use std::{
    future::Future,
    io,
    net::{SocketAddr, UdpSocket},
    time::Instant,
};

/// An async runtime, as far as the loop needs one. A driver implements this and nothing else.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// Its UDP socket.
    type Socket: Socket;

    /// Takes over a bound, non-blocking socket. An error if the runtime is not running.
    fn register(&self, socket: UdpSocket) -> io::Result<Self::Socket>;

    /// Its clock, which never goes back.
    fn now(&self) -> Instant;

    /// Ends at `at`, or soon after; at once if that is past.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send;

    /// Runs `task` beside the caller, to its end or to the runtime's.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs `work` where it may block. `None` if it panicked or the runtime ends.
    ///
    /// Work that has begun runs to its end even if the future is dropped.
    fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send;
}

/// A UDP socket that belongs to a runtime. No call blocks; the waits may be dropped at any time and lose nothing.
pub trait Socket: Send + Sync + 'static {
    /// Where it is bound.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Ends when [`Socket::try_read`] is worth a try.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Ends when [`Socket::try_write`] is worth a try.
    fn writable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Runs `io`, a read that does not block, on the socket, unless it is known to have nothing. After `WouldBlock`
    /// [`Socket::readable`] waits for what comes next.
    fn try_read<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T>;

    /// The same for a write and [`Socket::writable`].
    fn try_write<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T>;
}
