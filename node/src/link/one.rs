//! One link: a connection and what is known of it.

use super::{
    hole::Hole,
    lane::{Broken, LaneIn, LaneOut, lane_of, read},
};
use crate::limits::{
    BATCH_SEGMENTS, DIAL_PATIENCE, HANDSHAKE_TIMEOUT, KEEP_ALIVE, LANE_RESERVE, LINK_WINDOW, PINGS_BURST,
    PINGS_PER_SECOND, SEND_WINDOW, STREAM_WINDOW,
};
use bytes::Bytes;
use ifrit_core::{event::Lane, id::MemberId};
use quinn_proto::{Connection, ConnectionHandle, Dir, StreamId, Transmit, VarInt};
use std::time::Instant;

/// Who opened a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// We did, to this member; not known yet for a seed.
    Dialed(Option<MemberId>),
    /// The peer did.
    Accepted,
}

/// How far a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The handshake runs.
    Handshake,
    /// We dialed and know who answers; whether it accepts us shows in its first byte.
    Unconfirmed,
    /// The peer dialed although another link to it is up or on its way: held back, not read, not written.
    Spare {
        /// When it is decided which one stays.
        until: Instant,
    },
    /// Up: the one link to its member.
    Up,
    /// Was up and is lost; what came before the end is still being read.
    Lost,
    /// Over; waits for quinn to drain it.
    Closed,
}

/// A connection and what is known of it.
pub(super) struct Link {
    pub(super) conn: Connection,
    pub(super) handle: ConnectionHandle,
    /// Tells apart the links that one slot has had.
    pub(super) generation: u32,
    pub(super) side: Side,
    pub(super) stage: Stage,
    pub(super) started: Instant,
    /// Whose certificate the peer showed, once it is checked.
    pub(super) member: Option<MemberId>,
    pub(super) certificate: Vec<u8>,
    /// Seeds that wait for this dial.
    pub(super) seeds: Vec<u32>,
    /// Whether it takes one of the places of dials in flight.
    pub(super) in_flight: bool,
    /// ACK frames seen when a spare arrived beside this link.
    pub(super) acks_then: u64,
    /// ACK frames seen when the last ping went out, until one more comes.
    ping_acks: Option<u64>,
    /// Pings that it may still send at once, and since when they count.
    pings_left: u32,
    pings_since: Instant,
    /// When to send a QUIC ping, while requests are open.
    pub(super) keep_alive: Option<Instant>,
    pub(super) lanes_out: [LaneOut; 3],
    pub(super) lanes_in: [Option<LaneIn>; 3],
    /// Streams of lanes whose first byte has not arrived. As many as the peer may open, at most.
    unnamed: Vec<StreamId>,
    /// Streams that the peer has opened and that were wanted, over its whole life.
    pub(super) opened: u64,
    pub(super) dirty: bool,
    /// Whether it is in the line of those that may have something to send.
    pub(super) sends: bool,
    /// Under which deadline it stands in the set.
    pub(super) deadline: Option<Instant>,
    hole: Option<Hole>,
    send_window: u64,
    /// Bytes that the peer may send which are not read yet, without those of stalled lanes.
    receive_window: u64,
    #[cfg(test)]
    pub(super) panic_next: bool,
}

impl Link {
    pub(super) fn new(
        conn: Connection,
        handle: ConnectionHandle,
        generation: u32,
        side: Side,
        started: Instant,
    ) -> Self {
        let hole = Hole::of(&conn);
        Self {
            conn,
            handle,
            generation,
            in_flight: side != Side::Accepted,
            side,
            stage: Stage::Handshake,
            started,
            member: None,
            certificate: Vec::new(),
            seeds: Vec::new(),
            acks_then: 0,
            ping_acks: None,
            pings_left: PINGS_BURST,
            pings_since: started,
            keep_alive: None,
            lanes_out: Default::default(),
            lanes_in: Default::default(),
            unnamed: Vec::new(),
            opened: 0,
            dirty: false,
            sends: false,
            deadline: None,
            hole,
            send_window: SEND_WINDOW,
            receive_window: LINK_WINDOW.into(),
            #[cfg(test)]
            panic_next: false,
        }
    }

    pub(super) fn accepted(&self) -> bool {
        self.side == Side::Accepted
    }

    /// ACK frames received: each was authenticated, and sent by the peer within a round trip.
    pub(super) fn acks(&self) -> u64 {
        self.conn.stats().frame_rx.acks
    }

    /// The next moment at which quinn or we have something to do.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        let own = self.own_deadline();
        self.conn.poll_timeout().into_iter().chain(own).min()
    }

    /// The moment at which the stage ends by itself.
    pub(super) fn own_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Handshake | Stage::Unconfirmed if self.in_flight && self.heard_nothing() => {
                Some(self.started + DIAL_PATIENCE)
            }
            Stage::Handshake | Stage::Unconfirmed => Some(self.started + HANDSHAKE_TIMEOUT),
            Stage::Spare { until } => Some(until),
            Stage::Up => self.keep_alive,
            Stage::Lost | Stage::Closed => None,
        }
    }

    pub(super) fn heard_nothing(&self) -> bool {
        self.conn.stats().udp_rx.datagrams == 0
    }

    /// One batch of datagrams.
    pub(super) fn transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        #[cfg(test)]
        assert!(!std::mem::take(&mut self.panic_next), "a planted panic");
        self.conn.poll_transmit(now, BATCH_SEGMENTS, buf)
    }

    /// Sends a ping or pong past congestion control. Returns a packet that must be sent, and whether the ping is in it.
    pub(super) fn ping(&mut self, now: Instant, bytes: &[u8], buf: &mut Vec<u8>) -> (Option<Transmit>, bool) {
        let acks = self.acks();
        let before = self.conn.stats().frame_tx.datagram;
        let Some(hole) = self.hole.clone() else { return (None, false) };
        if self.conn.datagrams().send(Bytes::copy_from_slice(bytes), true).is_err() {
            return (None, false);
        }
        self.ping_acks = Some(acks);
        let packet = hole.open(|| self.conn.poll_transmit(now, 1, buf));
        (packet, self.conn.stats().frame_tx.datagram > before)
    }

    /// Takes a ping or pong of the peer's, unless it sends too many.
    pub(super) fn admits_ping(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.pings_since);
        let more = since.as_millis() * u128::from(PINGS_PER_SECOND) / 1000;
        if more > 0 {
            self.pings_since = now;
            let left = u128::from(self.pings_left) + more;
            self.pings_left = u32::try_from(left).unwrap_or(u32::MAX).min(PINGS_BURST);
        }
        let admitted = self.pings_left > 0;
        self.pings_left = self.pings_left.saturating_sub(1);
        admitted
    }

    /// Whether the peer has acknowledged anything since the last ping; true once per ping.
    pub(super) fn take_acked(&mut self) -> bool {
        let acked = self.ping_acks.is_some_and(|then| self.acks() > then);
        if acked {
            self.ping_acks = None;
        }
        acked
    }

    /// Writes what the windows take of all lanes, the important ones first, and each more than all others may.
    pub(super) fn flush(&mut self, written: impl FnMut(Lane, u32)) -> Result<(), Broken> {
        let flushed = self.flush_lanes(written);
        self.conn.set_send_window(self.send_window);
        flushed
    }

    /// How much the peer may send that is not read yet, without stalled lanes.
    pub(super) fn set_receive_window(&mut self, window: u64) {
        self.receive_window = window;
        self.apply_receive_window();
    }

    /// A lane has a window of its own, or not any more.
    pub(super) fn apply_receive_window(&mut self) {
        let wide = self.lanes_in.iter().flatten().filter(|lane| lane.wide).count() as u64;
        let window = self.receive_window + wide * u64::from(STREAM_WINDOW);
        self.conn.set_receive_window(VarInt::from_u64(window).unwrap_or(VarInt::MAX));
    }

    /// How much may be written and not acknowledged, without lanes.
    pub(super) fn set_send_window(&mut self, window: u64) {
        self.send_window = window;
        self.conn.set_send_window(window);
    }

    fn flush_lanes(&mut self, mut written: impl FnMut(Lane, u32)) -> Result<(), Broken> {
        for lane in Lane::ALL {
            let out = &mut self.lanes_out[lane as usize];
            if out.is_idle() {
                continue;
            }
            let before = Lane::ALL.len() as u64 - lane as u64;
            self.conn.set_send_window(self.send_window + before * LANE_RESERVE);
            let bytes = out.flush(lane, &mut self.conn)?;
            if bytes > 0 {
                written(lane, bytes);
            }
        }
        Ok(())
    }

    /// Opens the Urgent lane, whose first byte tells the dialer that it was accepted.
    pub(super) fn confirm(&mut self) {
        let urgent = &mut self.lanes_out[Lane::Urgent as usize];
        urgent.open(Lane::Urgent, &mut self.conn);
    }

    /// Takes new streams of lanes and reads their first bytes. Returns the lanes that are known since.
    pub(super) fn name_lanes(&mut self) -> Result<Vec<Lane>, Broken> {
        while let Some(stream) = self.conn.streams().accept(Dir::Uni) {
            self.unnamed.push(stream);
        }
        let mut named = Vec::new();
        for stream in std::mem::take(&mut self.unnamed) {
            let mut opener = Vec::new();
            if !read(&mut self.conn, stream, 1, &mut opener)? {
                self.unnamed.push(stream);
                continue;
            }
            match opener.first().copied().and_then(lane_of) {
                Some(lane) if self.lanes_in[lane as usize].is_some() => return Err(Broken),
                Some(lane) => {
                    self.lanes_in[lane as usize] = Some(LaneIn::new(stream));
                    named.push(lane);
                }
                // A lane of a later version: its bytes are not wanted, the link is.
                None => drop(self.conn.recv_stream(stream).stop(super::Close::Unknown.code())),
            }
        }
        Ok(named)
    }

    /// The lane that a stream carries.
    pub(super) fn lane_by_stream(&self, stream: StreamId) -> Option<Lane> {
        Lane::ALL
            .into_iter()
            .find(|&lane| self.lanes_in[lane as usize].as_ref().is_some_and(|lane| lane.stream == stream))
    }

    /// The next whole frame of a lane.
    pub(super) fn next_frame(&mut self, lane: Lane) -> Result<Option<Vec<u8>>, Broken> {
        match &mut self.lanes_in[lane as usize] {
            Some(lane) => lane.next(&mut self.conn),
            None => Ok(None),
        }
    }

    /// Sends QUIC's own ping if it is time.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        if self.keep_alive.is_some_and(|at| at <= now) {
            self.conn.ping();
            self.keep_alive = Some(now + KEEP_ALIVE);
        }
    }
}
