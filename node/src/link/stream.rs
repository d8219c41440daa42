//! Streams of the application: bidirectional, pulled by who reads them.

use super::{Close, LinkEvent, LinkKey, Links};
use crate::limits::{KEEP_ALIVE, REQUESTS_PER_PEER};
use ifrit_core::{id::MemberId, time::Now};
use quinn_proto::{Dir, ReadError, StreamId, VarInt, WriteError};
use std::ops::RangeInclusive;

/// One stream of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamKey {
    pub(crate) link: LinkKey,
    id: StreamId,
}

impl StreamKey {
    pub(super) fn new(link: LinkKey, id: StreamId) -> Self {
        Self { link, id }
    }

    /// From the first to the last that a link can have.
    pub(crate) fn all_of(link: LinkKey) -> RangeInclusive<Self> {
        let (first, last) = (VarInt::from_u32(0).into(), VarInt::MAX.into());
        Self { link, id: first }..=Self { link, id: last }
    }
}

/// What reading a stream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes were appended.
    Bytes(usize),
    /// Nothing now; `Readable` tells when.
    Blocked,
    /// The peer has finished it.
    Finished,
    /// The peer has reset it, or the link is gone.
    Reset {
        /// Because it refuses it.
        refused: bool,
    },
}

impl Links {
    /// Opens a stream on the link to a member; `None` without a link or without credit.
    pub(crate) fn open(&mut self, to: MemberId) -> Option<StreamKey> {
        let slot = self.up(&to)?;
        let link = self.key(slot)?;
        let id = self.with(slot, |link| link.conn.streams().open(Dir::Bi)).flatten()?;
        Some(StreamKey { link, id })
    }

    /// Appends up to `max` bytes.
    pub(crate) fn read(&mut self, key: StreamKey, max: usize, into: &mut Vec<u8>) -> Read {
        if self.get_mut(key.link).is_none() {
            return Read::Reset { refused: false };
        }
        self.mark(key.link.slot);
        let read = self.with(key.link.slot, |link| {
            let mut stream = link.conn.recv_stream(key.id);
            let Ok(mut chunks) = stream.read(true) else { return Read::Reset { refused: false } };
            let read = match chunks.next(max) {
                Ok(Some(chunk)) => {
                    into.extend_from_slice(&chunk.bytes);
                    Read::Bytes(chunk.bytes.len())
                }
                Ok(None) => Read::Finished,
                Err(ReadError::Blocked) => Read::Blocked,
                Err(ReadError::Reset(code)) => Read::Reset { refused: code == Close::Refused.code() },
            };
            let _ = chunks.finalize();
            read
        });
        read.unwrap_or(Read::Reset { refused: false })
    }

    /// Writes what the windows take; `None` if the peer wants no more or the link is gone.
    pub(crate) fn write(&mut self, key: StreamKey, bytes: &[u8]) -> Option<usize> {
        self.get_mut(key.link)?;
        self.mark(key.link.slot);
        self.with(key.link.slot, |link| match link.conn.send_stream(key.id).write(bytes) {
            Ok(written) => Some(written),
            Err(WriteError::Blocked) => Some(0),
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => None,
        })?
    }

    /// No more bytes follow.
    pub(crate) fn finish(&mut self, key: StreamKey) {
        self.on_key(key, |link, id| drop(link.conn.send_stream(id).finish()));
    }

    /// Gives up both directions of a stream: refused, cancelled or over a limit.
    pub(crate) fn abandon(&mut self, key: StreamKey, refused: bool) {
        let code: VarInt = if refused { Close::Refused.code() } else { Close::Idle.code() };
        self.on_key(key, |link, id| {
            // Either may have ended before.
            let _ = link.conn.send_stream(id).reset(code);
            let _ = link.conn.recv_stream(id).stop(code);
        });
    }

    /// Gives the peer of a link credit for more requests: it is live and uses them.
    pub(crate) fn give_credit(&mut self, link: LinkKey) {
        let credit = VarInt::from_u32(REQUESTS_PER_PEER as u32);
        if self.get_mut(link).is_some() {
            self.mark(link.slot);
            self.with(link.slot, |link| {
                if link.conn.max_concurrent_streams(Dir::Bi) < u64::from(credit) {
                    link.conn.set_max_concurrent_streams(Dir::Bi, credit);
                }
            });
        }
    }

    /// Keeps the link alive while requests are open on it, or stops to.
    pub(crate) fn keep_alive(&mut self, now: Now, link: LinkKey, wanted: bool) {
        let at = self.tick(now);
        if let Some(entry) = self.get_mut(link)
            && entry.keep_alive.is_some() != wanted
        {
            entry.keep_alive = wanted.then(|| at + KEEP_ALIVE);
            self.mark(link.slot);
        }
    }

    /// Takes the streams that a peer has opened.
    pub(super) fn accept_streams(&mut self, slot: usize, from: MemberId) {
        while let Some(id) = self.with(slot, |link| link.conn.streams().accept(Dir::Bi)).flatten() {
            let Some(link) = self.key(slot) else { return };
            self.events.push_back(LinkEvent::Opened { stream: StreamKey { link, id }, from });
        }
    }

    fn on_key(&mut self, key: StreamKey, f: impl FnOnce(&mut super::Link, StreamId)) {
        if self.get_mut(key.link).is_some() {
            self.mark(key.link.slot);
            self.with(key.link.slot, |link| f(link, key.id));
        }
    }
}
