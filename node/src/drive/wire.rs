//! The socket with the little that waits before it.

use super::Socket;
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use std::{collections::VecDeque, io, net::SocketAddr, net::UdpSocket};

/// Bytes of the largest datagram read. QUIC peers are told 1,472; the rest of a longer one is cut and fails its check.
const DATAGRAM_MAX: usize = 2_048;
/// Datagrams that wait for a full socket. Beyond it the newest is dropped, as a router would: QUIC sends it again.
const WAITING_MAX: usize = 64;
/// Bytes asked for in both socket buffers: bursts of a join arrive faster than a busy loop turns. The system may give less.
const BUFFER: usize = 1024 * 1024;

/// A socket, and what could not be sent yet.
pub(super) struct Wire<S> {
    socket: S,
    family: Family,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    buffer: Box<[u8; DATAGRAM_MAX]>,
}

/// What a socket can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
    /// Bound to `[::]`: IPv4 too, under mapped addresses (RFC 4291, 2.5.5.2), which nobody beyond this module sees.
    Both,
}

/// Binds a socket that a runtime can take.
pub(super) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = RawSocket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if addr.is_ipv6() {
        // What the system makes of it by itself differs. One of IPv6 alone is bound to an address.
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    // Smaller buffers only lose more under load.
    drop(socket.set_recv_buffer_size(BUFFER));
    drop(socket.set_send_buffer_size(BUFFER));
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

impl<S: Socket> Wire<S> {
    pub(super) fn new(socket: S) -> Self {
        let family = match socket.local_addr() {
            Ok(SocketAddr::V6(addr)) if addr.ip().is_unspecified() => Family::Both,
            Ok(SocketAddr::V6(_)) => Family::V6,
            Ok(SocketAddr::V4(_)) | Err(_) => Family::V4,
        };
        Self { socket, family, waiting: VecDeque::new(), buffer: Box::new([0; DATAGRAM_MAX]) }
    }

    /// Whether a datagram can get there at all.
    pub(super) fn reaches(&self, addr: &SocketAddr) -> bool {
        match self.family {
            Family::V4 => addr.is_ipv4(),
            Family::V6 => addr.is_ipv6(),
            Family::Both => true,
        }
    }

    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// The next datagram; `None` if there is none now. An error other than `WouldBlock` belongs to one datagram sent
    /// earlier, not to the socket: the rest is read in the next turn.
    pub(super) fn receive(&mut self) -> Option<(SocketAddr, &[u8])> {
        let (len, from) = self.socket.try_recv(&mut self.buffer[..]).ok()?;
        Some((SocketAddr::new(from.ip().to_canonical(), from.port()), &self.buffer[..len]))
    }

    /// Sends, one datagram per `segment` bytes. Never waits.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8], segment: Option<usize>) {
        for datagram in bytes.chunks(segment.unwrap_or(bytes.len()).max(1)) {
            if self.waiting.is_empty() && self.sent(to, datagram) {
                continue;
            }
            if self.waiting.len() < WAITING_MAX {
                self.waiting.push_back((to, datagram.to_vec()));
            }
        }
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) {
        while let Some((to, datagram)) = self.waiting.pop_front() {
            if !self.sent(to, &datagram) {
                self.waiting.push_front((to, datagram));
                return;
            }
        }
    }

    /// Whether something waits for [`Socket::writable`].
    pub(super) fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// `false`: try again when writable. Other errors (no route, too long) lose this datagram, as the network may.
    fn sent(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        let to = match to {
            SocketAddr::V4(v4) if self.family == Family::Both => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            _ => to,
        };
        match self.socket.try_send(datagram, to) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                tracing::debug!(%to, %error, "datagram not sent");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future, sync::Mutex};

    /// A socket with room for so many datagrams, and what it took.
    #[derive(Default)]
    struct Narrow(Mutex<(usize, Vec<Vec<u8>>)>);

    impl Socket for Narrow {
        fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok(to())
        }
        async fn readable(&self) -> io::Result<()> {
            future::pending().await
        }
        async fn writable(&self) -> io::Result<()> {
            future::pending().await
        }
        fn try_recv(&self, _buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
            Err(io::ErrorKind::WouldBlock.into())
        }
        fn try_send(&self, datagram: &[u8], _to: SocketAddr) -> io::Result<()> {
            let mut inner = self.0.lock().expect("no test panics with it");
            inner.0 = inner.0.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
            inner.1.push(datagram.to_vec());
            Ok(())
        }
    }

    fn to() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 9))
    }

    #[test]
    fn what_a_full_socket_refuses_waits_in_order_within_a_bound() {
        let mut wire = Wire::new(Narrow::default());
        wire.socket.0.lock().unwrap().0 = 1;
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        wire.send(to(), &bytes, Some(1));
        assert!(wire.is_full());
        assert_eq!(wire.waiting.len(), WAITING_MAX);
        wire.socket.0.lock().unwrap().0 = 1_000;
        wire.flush();
        assert!(!wire.is_full());
        let sent = wire.socket.0.lock().unwrap().1.concat();
        assert_eq!(sent, bytes[..=WAITING_MAX]);
    }
}
