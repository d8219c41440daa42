//! Streams of the application: bidirectional, pulled by who reads them.

use super::{Close, LinkEvent, LinkKey, Links};
use crate::limits::{
    KEEP_ALIVE, PEER_STREAMS_MAX, SEND_WIDE, SEND_WINDOW, STREAM_WIDE, STREAMS_BUSY, STREAMS_TURNS,
};
use ifrit_core::{id::MemberId, time::Now};
use quinn_proto::{Chunks, Dir, ReadError, StreamId, VarInt, WriteError};
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

    /// QUIC's number of it: the same at both ends of the link.
    pub(crate) fn number(self) -> u64 {
        VarInt::from(self.id).into_inner()
    }

    /// The stream of a number on the same link; `None` if there cannot be one.
    pub(crate) fn of_same_link(self, number: u64) -> Option<Self> {
        Some(Self { link: self.link, id: VarInt::from_u64(number).ok()?.into() })
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
    Reset(Reset),
}

/// Why one half of a stream ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// The peer wants no such stream from here.
    Refused,
    /// Given up, cancelled, or the link is gone.
    Dropped,
    /// The application says why.
    Code(u32),
}

/// Codes of applications begin here; below are those of [`Close`].
const CODES: u64 = 1 << 32;

impl Reset {
    fn code(self) -> VarInt {
        match self {
            Self::Refused => Close::Refused.code(),
            Self::Dropped => Close::Idle.code(),
            Self::Code(code) => VarInt::from_u64(CODES | u64::from(code)).expect("33 bits"),
        }
    }

    /// What a peer's code means; one that nobody knows is as good as none.
    fn of(code: VarInt) -> Self {
        match code.into_inner().checked_sub(CODES).map(u32::try_from) {
            Some(Ok(code)) => Self::Code(code),
            None if code == Close::Refused.code() => Self::Refused,
            _ => Self::Dropped,
        }
    }
}

impl Links {
    /// The link to a member that is up.
    pub(crate) fn link_to(&self, member: &MemberId) -> Option<LinkKey> {
        self.key(self.up(member)?)
    }

    /// Opens a stream on the link to a member; `None` without a link or without credit.
    pub(crate) fn open(&mut self, to: MemberId) -> Option<StreamKey> {
        let slot = self.up(&to)?;
        let link = self.key(slot)?;
        let id = self.with(slot, |link| link.conn.streams().open(Dir::Bi)).flatten()?;
        Some(StreamKey { link, id })
    }

    /// Appends up to `max` bytes of what has come. An end shows only when nothing is left to read.
    pub(crate) fn read(&mut self, key: StreamKey, max: usize, into: &mut Vec<u8>) -> Read {
        self.read_with(key, |chunks| match next(chunks, max, into) {
            Ok(read) => Read::Bytes(read),
            Err(end) => end,
        })
    }

    /// Appends all that has come, up to `max` bytes: how many, and what stopped it. An end is told once.
    pub(crate) fn read_all(&mut self, key: StreamKey, max: usize, into: &mut Vec<u8>) -> (usize, Read) {
        let mut total = 0;
        let stop = self.read_with(key, |chunks| {
            while total < max {
                match next(chunks, max - total, into) {
                    Ok(read) => total += read,
                    Err(end) => return end,
                }
            }
            Read::Bytes(total)
        });
        (total, stop)
    }

    fn read_with(&mut self, key: StreamKey, read: impl FnOnce(&mut Chunks<'_>) -> Read) -> Read {
        if self.get_mut(key.link).is_none() {
            return Read::Reset(Reset::Dropped);
        }
        self.mark_sender(key.link.slot);
        let read = self.with(key.link.slot, |link| {
            let mut stream = link.conn.recv_stream(key.id);
            let Ok(mut chunks) = stream.read(true) else { return Read::Reset(Reset::Dropped) };
            let read = read(&mut chunks);
            let _ = chunks.finalize();
            read
        });
        read.unwrap_or(Read::Reset(Reset::Dropped))
    }

    /// Why the peer wants no more bytes, if it said so.
    pub(crate) fn stopped(&mut self, key: StreamKey) -> Option<Reset> {
        self.get_mut(key.link)?;
        let stopped = self.with(key.link.slot, |link| link.conn.send_stream(key.id).stopped());
        stopped?.ok().flatten().map(Reset::of)
    }

    /// Writes what the windows take; an error if the peer wants no more or the link is gone.
    pub(crate) fn write(&mut self, key: StreamKey, bytes: &[u8]) -> Result<usize, Reset> {
        if self.get_mut(key.link).is_none() {
            return Err(Reset::Dropped);
        }
        self.mark_sender(key.link.slot);
        let written = self.with(key.link.slot, |link| match link.conn.send_stream(key.id).write(bytes) {
            Ok(written) => Ok(written),
            Err(WriteError::Blocked) => Ok(0),
            Err(WriteError::Stopped(code)) => Err(Reset::of(code)),
            Err(WriteError::ClosedStream) => Err(Reset::Dropped),
        });
        written.unwrap_or(Err(Reset::Dropped))
    }

    /// No more bytes follow.
    pub(crate) fn finish(&mut self, key: StreamKey) {
        self.on_key(key, |link, id| drop(link.conn.send_stream(id).finish()));
    }

    /// Gives up the sending half of a stream.
    pub(crate) fn reset(&mut self, key: StreamKey, why: Reset) {
        // It may have ended before.
        self.on_key(key, |link, id| drop(link.conn.send_stream(id).reset(why.code())));
    }

    /// Gives up the receiving half of a stream.
    pub(crate) fn stop(&mut self, key: StreamKey, why: Reset) {
        self.on_key(key, |link, id| drop(link.conn.recv_stream(id).stop(why.code())));
    }

    /// Gives up both halves of a stream.
    pub(crate) fn abandon(&mut self, key: StreamKey, why: Reset) {
        self.reset(key, why);
        self.stop(key, why);
    }

    /// A stream that the peer of a link has opened is wanted. It gets more credit if it uses half of what it has, or, up to
    /// [`STREAMS_BUSY`], has used it many times over: each stream that it may open costs memory, open or not, and telling it
    /// of each new one would cost packets.
    pub(crate) fn give_credit(&mut self, link: LinkKey) {
        if self.get_mut(link).is_some() {
            self.mark_sender(link.slot);
            self.with(link.slot, |link| {
                let credit = link.conn.max_concurrent_streams(Dir::Bi);
                let open = link.conn.streams().remote_open_streams(Dir::Bi);
                let more = (2 * credit).min(PEER_STREAMS_MAX as u64);
                link.opened += 1;
                let busy = credit < STREAMS_BUSY && link.opened > STREAMS_TURNS * credit;
                if (open * 2 >= credit || busy) && more > credit {
                    let more = VarInt::from_u64(more).expect("a few thousand");
                    link.conn.set_max_concurrent_streams(Dir::Bi, more);
                }
            });
        }
    }

    /// Allows the peer of a link so many bytes that are not read yet, of all streams.
    pub(crate) fn widen(&mut self, link: LinkKey, window: u64) {
        if self.get_mut(link).is_some() {
            self.mark_sender(link.slot);
            self.with(link.slot, |link| link.set_receive_window(window));
        }
    }

    /// Lets this member have more written and not acknowledged: the peer takes more than [`STREAM_FIRST`] of so many streams.
    pub(crate) fn widen_sender(&mut self, link: LinkKey, streams: u64) {
        if self.get_mut(link).is_some() {
            let window = SEND_WINDOW + (streams * STREAM_WIDE).min(SEND_WIDE);
            self.with(link.slot, |link| link.set_send_window(window));
        }
    }

    /// Keeps the link alive while requests are open on it, or stops to.
    pub(crate) fn keep_alive(&mut self, now: Now, link: LinkKey, wanted: bool) {
        let at = self.tick(now);
        if let Some(entry) = self.get_mut(link)
            && entry.keep_alive.is_some() != wanted
        {
            entry.keep_alive = wanted.then(|| at + KEEP_ALIVE);
            self.mark_sender(link.slot);
        }
    }

    /// Takes the streams that a peer has opened.
    pub(super) fn accept_streams(&mut self, slot: usize, from: MemberId) {
        while let Some(id) = self.with(slot, |link| link.conn.streams().accept(Dir::Bi)).flatten() {
            let Some(link) = self.key(slot) else { return };
            self.events.push_back(LinkEvent::Opened { stream: StreamKey { link, id }, from });
        }
    }

    /// Streams that a member has opened and that are not over.
    #[cfg(test)]
    pub(crate) fn streams_of(&mut self, member: &MemberId) -> u64 {
        let slot = self.up(member).expect("a link");
        self.with(slot, |link| link.conn.streams().remote_open_streams(Dir::Bi)).expect("no panic")
    }

    fn on_key(&mut self, key: StreamKey, f: impl FnOnce(&mut super::Link, StreamId)) {
        if self.get_mut(key.link).is_some() {
            self.mark_sender(key.link.slot);
            self.with(key.link.slot, |link| f(link, key.id));
        }
    }
}

/// Copies the next piece: a kept slice of quinn's would pin its whole buffer.
fn next(chunks: &mut Chunks<'_>, max: usize, into: &mut Vec<u8>) -> Result<usize, Read> {
    match chunks.next(max) {
        Ok(Some(chunk)) => {
            into.extend_from_slice(&chunk.bytes);
            Ok(chunk.bytes.len())
        }
        Ok(None) => Err(Read::Finished),
        Err(ReadError::Blocked) => Err(Read::Blocked),
        Err(ReadError::Reset(code)) => Err(Read::Reset(Reset::of(code))),
    }
}
