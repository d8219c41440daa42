//! The socket with the little that waits before it.
//!
//! Many datagrams to one peer go through one system call, and as many from one peer come out of one (GSO and GRO), where
//! the system can; `quinn-udp` knows which can.

use super::Socket;
use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use std::{
    collections::VecDeque,
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
};

/// Bytes of the largest datagram read. QUIC peers are told 1,472; the rest of a longer one is cut and fails its check.
const DATAGRAM_MAX: usize = 2_048;
/// Bytes of the most that the system joins to one read: of an IP packet.
const JOINED_MAX: usize = 64 * 1024;
/// Reads in one system call. Pages of the buffer that nothing ever comes into cost nothing.
const READS: usize = 8;
/// Datagrams that wait for a full socket. Beyond it the newest is dropped, as a router would: QUIC sends it again.
const WAITING_MAX: usize = 64;
/// Bytes asked for in both socket buffers: bursts of a join arrive faster than a busy loop turns. The system may give less.
const BUFFER: usize = 1024 * 1024;

/// A socket, what came and was not taken yet, and what could not be sent yet.
pub(super) struct Wire<S> {
    socket: S,
    family: Family,
    state: UdpSocketState,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    /// [`READS`] equal parts.
    buffer: Box<[u8]>,
    /// What came in each part.
    came: [RecvMeta; READS],
    /// How many parts are full, which one is being taken, and how many bytes of it are.
    full: usize,
    part: usize,
    taken: usize,
    /// Whether the last read found less than it had room for.
    dry: bool,
}

/// What a socket can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
    /// Bound to `[::]`: IPv4 too, under mapped addresses (RFC 4291, 2.5.5.2), which nobody beyond this module sees.
    Both,
}

/// Binds a socket that a runtime can take, with what the system can do for it.
pub(super) fn bind(addr: SocketAddr) -> io::Result<(UdpSocket, UdpSocketState)> {
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
    let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
    Ok((socket.into(), state))
}

impl<S: Socket> Wire<S> {
    /// `state` is what [`bind`] gave with the socket.
    pub(super) fn new(socket: S, state: UdpSocketState) -> Self {
        let family = match socket.local_addr() {
            Ok(SocketAddr::V6(addr)) if addr.ip().is_unspecified() => Family::Both,
            Ok(SocketAddr::V6(_)) => Family::V6,
            Ok(SocketAddr::V4(_)) | Err(_) => Family::V4,
        };
        let part = if state.gro_segments() > 1 { JOINED_MAX } else { DATAGRAM_MAX };
        Self {
            socket,
            family,
            state,
            waiting: VecDeque::new(),
            buffer: vec![0; part * READS].into(),
            came: [RecvMeta::default(); READS],
            full: 0,
            part: 0,
            taken: 0,
            dry: false,
        }
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

    /// The next datagram; `None` if there is none now, which is told once before the next is looked for. An error other than `WouldBlock` belongs to one datagram sent
    /// earlier, not to the socket: the rest is read in the next turn.
    pub(super) fn receive(&mut self) -> Option<(SocketAddr, &[u8])> {
        if self.part == self.full && !self.read() {
            return None;
        }
        let came = self.came[self.part];
        let begin = self.part * (self.buffer.len() / READS) + self.taken;
        let left = came.len - self.taken;
        let len = if came.stride == 0 { left } else { left.min(came.stride) };
        self.taken += len;
        if self.taken == came.len {
            (self.part, self.taken) = (self.part + 1, 0);
        }
        let from = SocketAddr::new(came.addr.ip().to_canonical(), came.addr.port());
        Some((from, &self.buffer[begin..begin + len]))
    }

    /// Whether something that came was not taken yet.
    pub(super) fn has_more(&self) -> bool {
        self.part < self.full
    }

    /// Fills the buffer again; whether something has come.
    fn read(&mut self) -> bool {
        (self.full, self.part, self.taken) = (0, 0, 0);
        if std::mem::take(&mut self.dry) {
            return false;
        }
        let part = self.buffer.len() / READS;
        let mut parts = self.buffer.chunks_mut(part);
        let mut slices: [IoSliceMut<'_>; READS] =
            std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
        let (state, came, full) = (&self.state, &mut self.came, &mut self.full);
        let read = self.socket.try_read(|socket| {
            *full = state.recv(socket, &mut slices, came)?;
            // The runtime learns that it is empty now without another call to find that out.
            if *full < READS { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        self.dry = self.full > 0 && read.is_err();
        self.full > 0
    }

    /// Sends, one datagram per `segment` bytes. Never waits.
    pub(super) fn send(&mut self, to: SocketAddr, bytes: &[u8], segment: Option<usize>) {
        let segment = segment.unwrap_or(bytes.len()).max(1);
        for batch in bytes.chunks(segment * self.state.max_gso_segments()) {
            if self.waiting.is_empty() && self.sent(to, batch, segment) {
                continue;
            }
            let room = WAITING_MAX - self.waiting.len();
            self.waiting.extend(batch.chunks(segment).take(room).map(|datagram| (to, datagram.to_vec())));
        }
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) {
        while let Some((to, datagram)) = self.waiting.pop_front() {
            if !self.sent(to, &datagram, datagram.len()) {
                self.waiting.push_front((to, datagram));
                return;
            }
        }
    }

    /// Whether something waits for [`Socket::writable`].
    pub(super) fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// `false`: try again when writable. Other errors (no route, too long) lose these datagrams, as the network may; after
    /// one that says that the system cannot send many at once after all, `quinn-udp` tells so.
    fn sent(&self, to: SocketAddr, contents: &[u8], segment: usize) -> bool {
        let to = match to {
            SocketAddr::V4(v4) if self.family == Family::Both => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            _ => to,
        };
        // Neither bits nor address: who is told nothing of them asks for none.
        let transmit =
            Transmit { destination: to, ecn: None, contents, segment_size: Some(segment), src_ip: None };
        match self.socket.try_write(|socket| self.state.try_send(socket, &transmit)) {
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

    /// A socket that takes so many sends before it is full.
    struct Narrow {
        inner: UdpSocket,
        room: Mutex<usize>,
    }

    impl Socket for Narrow {
        fn local_addr(&self) -> io::Result<SocketAddr> {
            self.inner.local_addr()
        }
        async fn readable(&self) -> io::Result<()> {
            future::pending().await
        }
        async fn writable(&self) -> io::Result<()> {
            future::pending().await
        }
        fn try_read<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
            io(UdpSockRef::from(&self.inner))
        }
        fn try_write<T>(&self, io: impl FnOnce(UdpSockRef<'_>) -> io::Result<T>) -> io::Result<T> {
            let mut room = self.room.lock().expect("no test panics with it");
            *room = room.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
            io(UdpSockRef::from(&self.inner))
        }
    }

    fn wire(room: usize) -> Wire<Narrow> {
        let (inner, state) = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Wire::new(Narrow { inner, room: Mutex::new(room) }, state)
    }

    /// So many datagrams that come on `at`.
    fn receive(at: &mut Wire<Narrow>, count: usize) -> Vec<Vec<u8>> {
        let mut got = Vec::new();
        while got.len() < count {
            got.extend(at.receive().map(|(_, bytes)| bytes.to_vec()));
        }
        assert!(!at.has_more(), "no more than that");
        got
    }

    #[test]
    fn what_a_full_socket_refuses_waits_in_order_within_a_bound() {
        let (mut wire, mut peer) = (wire(1), wire(0));
        let to = peer.socket.local_addr().unwrap();
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        wire.send(to, &bytes[..1], None);
        assert!(!wire.is_full());
        wire.send(to, &bytes[1..], Some(1));
        assert!(wire.is_full());
        assert_eq!(wire.waiting.len(), WAITING_MAX);
        *wire.socket.room.lock().unwrap() = 1_000;
        wire.flush();
        assert!(!wire.is_full());
        assert_eq!(receive(&mut peer, WAITING_MAX + 1).concat(), bytes[..=WAITING_MAX]);
    }

    #[test]
    fn a_batch_goes_out_and_comes_in_datagram_by_datagram() {
        let (mut wire, mut peer) = (wire(1_000), wire(0));
        let to = peer.socket.local_addr().unwrap();
        for (segment, len) in [(1_200, 12_000), (1_200, 11_001), (1_000, 999), (7, 8), (2_000, 1)] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            wire.send(to, &bytes, Some(segment));
            let expected: Vec<_> = bytes.chunks(segment).map(<[u8]>::to_vec).collect();
            assert_eq!(receive(&mut peer, expected.len()), expected);
        }
        assert!(!wire.is_full());
    }
}
