//! Lanes: one unidirectional stream per lane and direction.
//!
//! The first byte of a stream names its lane. It is the link layer's own: the acceptor of a link opens its Urgent lane
//! as soon as it has checked the dialer's certificate, and that byte tells the dialer that the link is up. After it
//! come frames, each behind its length (u32, big-endian): 1 to [`FRAME_MAX`] bytes.

use crate::limits::LANE_BYTES_MAX;
use ifrit_core::{event::Lane, limits::FRAME_MAX};
use quinn_proto::{Connection, Dir, ReadError, StreamId, WriteError};
use std::collections::VecDeque;

/// Bytes of a frame's length.
const PREFIX: usize = 4;

/// The byte that names a lane.
fn opener(lane: Lane) -> u8 {
    lane as u8
}

/// The lane that a byte names; `None` for one of a later version.
pub(super) fn lane_of(opener: u8) -> Option<Lane> {
    Lane::ALL.into_iter().find(|&lane| lane as u8 == opener)
}

/// Requests have priority 0; of lanes the earlier has the higher one.
fn priority(lane: Lane) -> i32 {
    3 - lane as i32
}

/// The peer broke the framing, or shut a lane. The link must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// One lane towards the peer.
#[derive(Debug, Default)]
pub(super) struct LaneOut {
    stream: Option<StreamId>,
    /// What is to be written, and how many bytes of a frame it stands for.
    queue: VecDeque<(Vec<u8>, usize)>,
    /// Bytes of the first one that are written.
    written: usize,
    /// Bytes in the queue.
    bytes: usize,
}

impl LaneOut {
    /// Queues a frame. `Err` if the queue is full, which the core must not let happen.
    pub(super) fn push(&mut self, frame: &[u8]) -> Result<(), Broken> {
        if self.bytes + frame.len() > LANE_BYTES_MAX || frame.len() > FRAME_MAX || frame.is_empty() {
            return Err(Broken);
        }
        let mut entry = Vec::with_capacity(PREFIX + frame.len());
        entry.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        entry.extend_from_slice(frame);
        self.bytes += frame.len();
        self.queue.push_back((entry, frame.len()));
        Ok(())
    }

    /// Queues bytes as they are, without a length.
    #[cfg(test)]
    pub(super) fn push_raw(&mut self, bytes: Vec<u8>) {
        self.queue.push_back((bytes, 0));
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Opens the stream, if that was not done before and the peer allows it.
    pub(super) fn open(&mut self, lane: Lane, conn: &mut Connection) -> Option<StreamId> {
        if self.stream.is_none() {
            let stream = conn.streams().open(Dir::Uni)?;
            // Neither fails on a stream that was opened this moment.
            let _ = conn.send_stream(stream).set_priority(priority(lane));
            self.queue.push_front((vec![opener(lane)], 0));
            self.stream = Some(stream);
        }
        self.stream
    }

    /// Writes what the windows take. Returns the bytes of the frames that left the queue.
    pub(super) fn flush(&mut self, lane: Lane, conn: &mut Connection) -> Result<u32, Broken> {
        let Some(stream) = self.open(lane, conn) else { return Ok(0) };
        let mut left = 0;
        while let Some((entry, frame)) = self.queue.front() {
            match conn.send_stream(stream).write(&entry[self.written..]) {
                Ok(written) => self.written += written,
                Err(WriteError::Blocked) => break,
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return Err(Broken),
            }
            if self.written == entry.len() {
                left += *frame;
                self.bytes -= *frame;
                self.written = 0;
                self.queue.pop_front();
            }
        }
        Ok(left as u32)
    }
}

/// One lane from the peer.
#[derive(Debug)]
pub(super) struct LaneIn {
    pub(super) stream: StreamId,
    /// Length and bytes of the frame that is arriving.
    partial: Vec<u8>,
    /// A frame that the core refused: to be offered again before the lane is read on.
    pub(super) kept: Option<Vec<u8>>,
    /// Whether the lane waits for its turn to be read.
    pub(super) queued: bool,
    /// Whether its link has a window for it alone, because the core refuses its frames.
    pub(super) wide: bool,
}

impl LaneIn {
    pub(super) fn new(stream: StreamId) -> Self {
        Self { stream, partial: Vec::new(), kept: None, queued: false, wide: false }
    }

    /// The next whole frame; `None` if it has not arrived yet. What was read is copied: a kept slice of quinn's would
    /// pin its whole buffer.
    pub(super) fn next(&mut self, conn: &mut Connection) -> Result<Option<Vec<u8>>, Broken> {
        if let Some(kept) = self.kept.take() {
            return Ok(Some(kept));
        }
        while let Some(want) = self.missing()? {
            if want == 0 {
                let mut frame = std::mem::take(&mut self.partial);
                frame.drain(..PREFIX);
                return Ok(Some(frame));
            }
            if !read(conn, self.stream, want, &mut self.partial)? {
                break;
            }
        }
        Ok(None)
    }

    /// How many bytes are missing from the length, or from the frame.
    fn missing(&self) -> Result<Option<usize>, Broken> {
        let Some(prefix) = self.partial.first_chunk::<PREFIX>() else {
            return Ok(Some(PREFIX - self.partial.len()));
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length == 0 || length > FRAME_MAX {
            return Err(Broken);
        }
        Ok(Some(PREFIX + length - self.partial.len()))
    }
}

/// Reads up to `max` bytes behind `into`; whether there were any. Lanes live as long as their link: an end or a reset
/// breaks it.
pub(super) fn read(
    conn: &mut Connection,
    stream: StreamId,
    max: usize,
    into: &mut Vec<u8>,
) -> Result<bool, Broken> {
    let mut stream = conn.recv_stream(stream);
    let mut chunks = stream.read(true).map_err(|_| Broken)?;
    let result = match chunks.next(max) {
        Ok(Some(chunk)) => {
            into.extend_from_slice(&chunk.bytes);
            Ok(true)
        }
        Err(ReadError::Blocked) => Ok(false),
        Ok(None) | Err(ReadError::Reset(_)) => Err(Broken),
    };
    let _ = chunks.finalize();
    result
}
