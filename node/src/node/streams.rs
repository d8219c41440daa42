//! Message streams, as [`Node`] offers them.

use super::Node;
use crate::app::{StreamError, StreamId, StreamRead};
use ifrit_core::{id::MemberId, time::Now};
use std::time::Duration;

impl Node {
    /// Opens a message stream to `to`. Exactly one [`StreamOpen`](super::NodeEvent::StreamOpen) follows, at the latest after `timeout`. Dials
    /// the member if there is no link to it. That the member refuses shows at the first read or write.
    ///
    /// A stream has two halves, each with an end of its own: [`Node::finish_stream`] or [`Node::reset_stream`] for what is
    /// sent, the peer's end or [`Node::stop_stream`] for what is received. When both have ended it is forgotten. It keeps
    /// its link, and lives as long as that.
    pub fn open_stream(&mut self, now: Now, to: MemberId, timeout: Duration) -> StreamId {
        let now = self.advance(now);
        let id = self.app.open_stream(now, to, timeout, &mut self.links, &self.member.view());
        if self.stopped {
            self.app.end_all(now, &mut self.links);
        }
        id
    }

    /// Appends what has come on a stream, at most `max` bytes, and no more than is left of
    /// [`TURN_BYTES`](crate::limits::TURN_BYTES) in this turn.
    ///
    /// # Errors
    /// The peer has reset it, or it is over.
    pub fn read_stream(
        &mut self,
        now: Now,
        id: StreamId,
        max: usize,
        into: &mut Vec<u8>,
    ) -> Result<StreamRead, StreamError> {
        let now = self.advance(now);
        if self.budget == 0 {
            self.app.owe(id);
            return Ok(StreamRead::Blocked);
        }
        let result = self.app.read_stream(now, id, max.min(self.budget), into, &mut self.links);
        if let Ok(StreamRead::Bytes(read)) = result {
            self.budget -= read;
        }
        result
    }

    /// Writes to a stream; how many bytes were taken. Fewer than given: [`StreamWritable`](super::NodeEvent::StreamWritable) tells when more are.
    ///
    /// # Errors
    /// The peer reads no more, or the half is over.
    pub fn write_stream(&mut self, now: Now, id: StreamId, bytes: &[u8]) -> Result<usize, StreamError> {
        let now = self.advance(now);
        self.app.write_stream(now, id, bytes, &mut self.links)
    }

    /// No more bytes follow on a stream. [`StreamDelivered`](super::NodeEvent::StreamDelivered) tells when the peer has them all.
    ///
    /// # Errors
    /// The peer reads no more, or the half is over.
    pub fn finish_stream(&mut self, now: Now, id: StreamId) -> Result<(), StreamError> {
        let now = self.advance(now);
        self.app.finish_stream(now, id, &mut self.links)
    }

    /// Gives up what this member sends on a stream; the peer is told the code. What it has not read is lost.
    pub fn reset_stream(&mut self, now: Now, id: StreamId, code: u32) {
        let now = self.advance(now);
        self.app.reset_stream(now, id, code, &mut self.links);
    }

    /// Gives up what the peer sends on a stream; it is told the code.
    pub fn stop_stream(&mut self, now: Now, id: StreamId, code: u32) {
        let now = self.advance(now);
        self.app.stop_stream(now, id, code, &mut self.links);
    }
}
