//! Message streams of the application: bytes both ways, each half with an end of its own.
//!
//! Bytes are pulled: what nobody reads stays in QUIC's window of that stream, and stalls it alone.

#[cfg(test)]
mod tests;

use super::{
    App, Directory, Owner, StreamError, StreamId, StreamRead,
    credit::Window,
    reach::{OutOfReach, Use, Want},
    tags,
};
use crate::{
    limits::*,
    link::{Links, Read, Reset, StreamKey},
    node::NodeEvent,
};
use ifrit_core::{
    id::MemberId,
    time::{Mono, Now},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How far one half of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Open,
    /// Its last byte is written, or to be told as read.
    Ending,
    Over,
}

/// One message stream.
#[derive(Debug)]
pub(super) struct Stream {
    peer: MemberId,
    /// [`Use::Own`] or [`Use::Theirs`].
    opened: Use,
    /// `None` while it waits for a link.
    key: Option<StreamKey>,
    sending: Half,
    receiving: Half,
    /// The application has asked to end what is not even typed.
    finish_later: bool,
    /// A write was cut short: the application waits to be told.
    blocked: bool,
    /// The application was told to read, and has not yet found it empty.
    told: bool,
    /// When it must be open, while it is not.
    deadline: Option<Mono>,
    window: Window,
}

impl Stream {
    pub(super) fn peer(&self) -> MemberId {
        self.peer
    }

    pub(super) fn key(&self) -> Option<StreamKey> {
        self.key
    }

    pub(super) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Whether a write was cut short since the application was told last.
    pub(super) fn unblock(&mut self) -> bool {
        std::mem::take(&mut self.blocked)
    }
}

/// All message streams.
#[derive(Debug, Default)]
pub(super) struct Messages {
    next: u64,
    all: BTreeMap<StreamId, Stream>,
    deadlines: BTreeSet<(Mono, StreamId)>,
    /// Streams per peer, and in all: opened here, opened there.
    of: BTreeMap<MemberId, [usize; 2]>,
    total: [usize; 2],
    /// Streams that were not read because the turn's budget was used up.
    owed: BTreeSet<StreamId>,
}

impl Messages {
    pub(super) fn deadline(&self) -> Option<Mono> {
        Some(self.deadlines.first()?.0)
    }

    fn is_full(&self, peer: &MemberId, opened: Use) -> bool {
        let side = usize::from(opened == Use::Theirs);
        let of = self.of.get(peer).map_or(0, |of| of[side]);
        let left = STREAMS_TOTAL - self.total[side];
        match opened {
            Use::Theirs => of >= fair_share(STREAMS_FROM_PEER, left, 2),
            _ => of >= STREAMS_PER_PEER || left == 0,
        }
    }

    fn add(&mut self, peer: MemberId, opened: Use, key: Option<StreamKey>) -> StreamId {
        let side = usize::from(opened == Use::Theirs);
        self.of.entry(peer).or_default()[side] += 1;
        self.total[side] += 1;
        let id = StreamId(self.next);
        self.next += 1;
        let stream = Stream {
            peer,
            opened,
            key,
            sending: Half::Open,
            receiving: Half::Open,
            finish_later: false,
            blocked: false,
            told: false,
            deadline: None,
            window: Window::default(),
        };
        self.all.insert(id, stream);
        id
    }

    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.all.get_mut(&id)
    }

    fn remove(&mut self, id: StreamId) -> Option<Stream> {
        let stream = self.all.remove(&id)?;
        self.owed.remove(&id);
        if let Some(at) = stream.deadline {
            self.deadlines.remove(&(at, id));
        }
        let side = usize::from(stream.opened == Use::Theirs);
        self.total[side] -= 1;
        if let Some(of) = self.of.get_mut(&stream.peer) {
            of[side] -= 1;
            if *of == [0; 2] {
                self.of.remove(&stream.peer);
            }
        }
        Some(stream)
    }

    /// How many there are: opened here, opened there.
    #[cfg(test)]
    pub(super) fn count(&self) -> [usize; 2] {
        assert_eq!(self.total[0] + self.total[1], self.all.len());
        assert_eq!(self.of.values().flatten().sum::<usize>(), self.all.len());
        self.total
    }
}

impl App {
    /// Opens a stream to a member. Exactly one `StreamOpen` follows.
    pub(crate) fn open_stream(
        &mut self,
        now: Now,
        to: MemberId,
        timeout: Duration,
        links: &mut Links,
        view: &impl Directory,
    ) -> StreamId {
        let admitted = match self.reach.admit(now, to, links, view) {
            _ if self.messages.is_full(&to, Use::Own) => Err(StreamError::Busy),
            // A dead member's link may take a minute to die, and there is no deadline after this.
            Ok(_) if !view.admits(&to) => Err(StreamError::Unreachable),
            Ok(addrs) => Ok(addrs),
            Err(OutOfReach::Unknown) => Err(StreamError::UnknownMember),
            Err(OutOfReach::Unreachable) => Err(StreamError::Unreachable),
        };
        match admitted {
            Ok(addrs) => {
                let id = self.messages.add(to, Use::Own, None);
                let deadline = now.mono + timeout.min(REQUEST_TIMEOUT_MAX);
                self.messages.deadlines.insert((deadline, id));
                self.messages.all.entry(id).and_modify(|stream| stream.deadline = Some(deadline));
                self.reach(now, to, Want::Stream(id), addrs, links);
                id
            }
            Err(error) => {
                let id = StreamId(self.messages.next);
                self.messages.next += 1;
                self.events.push_back(NodeEvent::StreamOpen { id, result: Err(error) });
                id
            }
        }
    }

    /// Gives a stream of this member a link; whether there was credit.
    pub(super) fn open_messages(&mut self, now: Now, id: StreamId, to: MemberId, links: &mut Links) -> bool {
        let owner = Owner::Messages(id);
        let Some(key) = self.streams.open(to, tags::MESSAGES, owner, links) else { return false };
        self.reach.forget(&to, Want::Stream(id));
        self.uses.begin(now, key.link, Use::Own, links);
        if let Some(stream) = self.messages.all.get_mut(&id) {
            stream.key = Some(key);
            if let Some(at) = stream.deadline.take() {
                self.messages.deadlines.remove(&(at, id));
            }
        }
        links.counters.streams_out += 1;
        self.events.push_back(NodeEvent::StreamOpen { id, result: Ok(()) });
        true
    }

    /// A stream of this member has come to nothing.
    pub(super) fn not_opened(&mut self, id: StreamId, error: StreamError) {
        if let Some(stream) = self.messages.remove(id) {
            self.reach.forget(&stream.peer, Want::Stream(id));
            self.events.push_back(NodeEvent::StreamOpen { id, result: Err(error) });
        }
    }

    /// A peer has opened a stream; whose it is, or `None` if it is not wanted.
    pub(super) fn messages_opened(
        &mut self,
        now: Now,
        key: StreamKey,
        from: MemberId,
        links: &mut Links,
        view: &impl Directory,
    ) -> Option<Owner> {
        if self.messages.is_full(&from, Use::Theirs) || !view.admits(&from) {
            return None;
        }
        let id = self.messages.add(from, Use::Theirs, Some(key));
        self.uses.begin(now, key.link, Use::Theirs, links);
        links.counters.streams_in += 1;
        self.events.push_back(NodeEvent::StreamOpened { id, from });
        Some(Owner::Messages(id))
    }

    /// Appends what has come, at most `max` bytes.
    pub(crate) fn read_stream(
        &mut self,
        now: Now,
        id: StreamId,
        max: usize,
        into: &mut Vec<u8>,
        links: &mut Links,
    ) -> Result<StreamRead, StreamError> {
        let stream = self.messages.all.get_mut(&id).ok_or(StreamError::Closed)?;
        let key = stream.key.ok_or(StreamError::Closed)?;
        if stream.receiving == Half::Over {
            return Err(StreamError::Closed);
        }
        let (read, outcome) = match stream.receiving {
            // The end was seen with the last bytes.
            Half::Ending => (0, Read::Finished),
            _ => links.read_all(key, max, into),
        };
        links.counters.stream_bytes_in += read as u64;
        if read > 0 {
            if outcome == Read::Finished {
                stream.receiving = Half::Ending;
            } else {
                self.grant(now, id, read, links);
            }
            return Ok(StreamRead::Bytes(read));
        }
        match outcome {
            Read::Finished => {
                stream.receiving = Half::Over;
                self.settle(now, id, links);
                Ok(StreamRead::Finished)
            }
            Read::Reset(why) => {
                stream.receiving = Half::Over;
                self.settle(now, id, links);
                Err(why.into())
            }
            Read::Blocked | Read::Bytes(_) => {
                stream.told = false;
                Ok(StreamRead::Blocked)
            }
        }
    }

    /// There is no budget for this stream in this turn.
    pub(crate) fn owe(&mut self, id: StreamId) {
        if self.messages.all.contains_key(&id) {
            self.messages.owed.insert(id);
        }
    }

    /// Whether a stream waits for the next turn.
    pub(crate) fn owes(&self) -> bool {
        !self.messages.owed.is_empty()
    }

    /// A new turn: whoever found no budget in the last one may read.
    pub(crate) fn pay(&mut self) {
        let owed = std::mem::take(&mut self.messages.owed);
        self.events.extend(owed.into_iter().map(|id| NodeEvent::StreamReadable { id }));
    }

    /// Writes what the windows take.
    pub(crate) fn write_stream(
        &mut self,
        now: Now,
        id: StreamId,
        bytes: &[u8],
        links: &mut Links,
    ) -> Result<usize, StreamError> {
        let stream = self.messages.all.get_mut(&id).ok_or(StreamError::Closed)?;
        let key = stream.key.ok_or(StreamError::Closed)?;
        if stream.sending != Half::Open || stream.finish_later {
            return Err(StreamError::Closed);
        }
        let room = stream.window.room(bytes.len());
        match self.streams.write(key, &bytes[..room], links) {
            Ok(written) => {
                stream.window.wrote(written);
                stream.blocked = written < bytes.len();
                Ok(written)
            }
            Err(why) => {
                self.stopped(now, id, links);
                Err(why.into())
            }
        }
    }

    /// The peer reads no more: what is left of the sending half is given up.
    fn stopped(&mut self, now: Now, id: StreamId, links: &mut Links) {
        let Some(stream) = self.messages.all.get_mut(&id) else { return };
        stream.sending = Half::Over;
        if let Some(key) = stream.key {
            links.reset(key, Reset::Dropped);
        }
        self.settle(now, id, links);
    }

    /// No more bytes follow. `StreamDelivered` tells when the peer has all, or will not.
    pub(crate) fn finish_stream(
        &mut self,
        now: Now,
        id: StreamId,
        links: &mut Links,
    ) -> Result<(), StreamError> {
        let stream = self.messages.all.get_mut(&id).ok_or(StreamError::Closed)?;
        let key = stream.key.ok_or(StreamError::Closed)?;
        if stream.sending != Half::Open {
            return Err(StreamError::Closed);
        }
        if let Some(why) = links.stopped(key) {
            self.stopped(now, id, links);
            return Err(why.into());
        }
        // Without its first byte nobody would know what it was.
        stream.finish_later = !self.streams.is_typed(key);
        if !stream.finish_later {
            stream.sending = Half::Ending;
            links.finish(key);
        }
        Ok(())
    }

    /// Gives up the sending half, with a reason.
    pub(crate) fn reset_stream(&mut self, now: Now, id: StreamId, code: u32, links: &mut Links) {
        let Some(stream) = self.messages.all.get_mut(&id) else { return };
        let Some(key) = stream.key else { return self.not_opened(id, StreamError::Closed) };
        if stream.sending != Half::Over {
            stream.sending = Half::Over;
            links.reset(key, Reset::Code(code));
            self.settle(now, id, links);
        }
    }

    /// Gives up the receiving half, with a reason.
    pub(crate) fn stop_stream(&mut self, now: Now, id: StreamId, code: u32, links: &mut Links) {
        let Some(stream) = self.messages.all.get_mut(&id) else { return };
        let Some(key) = stream.key else { return self.not_opened(id, StreamError::Closed) };
        if stream.receiving != Half::Over {
            stream.receiving = Half::Over;
            links.stop(key, Reset::Code(code));
            self.settle(now, id, links);
        }
    }

    /// Something can be read.
    pub(super) fn messages_readable(&mut self, id: StreamId) {
        if let Some(stream) = self.messages.all.get_mut(&id)
            && stream.receiving != Half::Over
            && !std::mem::replace(&mut stream.told, true)
        {
            self.events.push_back(NodeEvent::StreamReadable { id });
        }
    }

    /// More can be written, or the peer reads no more.
    pub(super) fn messages_writable(&mut self, now: Now, id: StreamId, links: &mut Links) {
        let Some(stream) = self.messages.all.get_mut(&id) else { return };
        let Some(key) = stream.key else { return };
        if stream.sending == Half::Over {
            return;
        }
        if let Some(why) = links.stopped(key) {
            if stream.sending == Half::Ending || stream.finish_later {
                self.events.push_back(NodeEvent::StreamDelivered { id, result: Err(why.into()) });
                self.stopped(now, id, links);
            } else if std::mem::take(&mut stream.blocked) {
                // The next write tells why.
                self.events.push_back(NodeEvent::StreamWritable { id });
            }
            return;
        }
        let _ = self.streams.write(key, &[], links);
        if stream.finish_later && self.streams.is_typed(key) {
            stream.finish_later = false;
            stream.sending = Half::Ending;
            links.finish(key);
        } else if std::mem::take(&mut stream.blocked) {
            self.events.push_back(NodeEvent::StreamWritable { id });
        }
    }

    /// All that was written has reached the peer.
    pub(super) fn messages_delivered(&mut self, now: Now, id: StreamId, links: &mut Links) {
        let Some(stream) = self.messages.all.get_mut(&id) else { return };
        if stream.sending == Half::Ending {
            stream.sending = Half::Over;
            self.events.push_back(NodeEvent::StreamDelivered { id, result: Ok(()) });
            self.settle(now, id, links);
        }
    }

    /// Forgets a stream of which both halves are over.
    fn settle(&mut self, now: Now, id: StreamId, links: &mut Links) {
        let over = |stream: &Stream| (stream.sending, stream.receiving) == (Half::Over, Half::Over);
        if !self.messages.all.get(&id).is_some_and(over) {
            return;
        }
        let Some(stream) = self.messages.remove(id) else { return };
        if let Some(key) = stream.key {
            self.streams.remove(key);
            self.take_back(now, key.link, &stream.window, links);
            self.uses.end(now, key.link, stream.opened, links);
        }
    }

    /// The link of a stream is gone, and its table entry with it.
    pub(super) fn messages_lost(&mut self, id: StreamId, why: StreamError) {
        if self.messages.remove(id).is_some() {
            self.events.push_back(NodeEvent::StreamEnded { id, why });
        }
    }

    /// Ends what could not be opened in time.
    pub(super) fn wake_messages(&mut self, now: Now) {
        while let Some(&(_, id)) = self.messages.deadlines.first().filter(|(at, _)| *at <= now.mono) {
            self.not_opened(id, StreamError::Timeout);
        }
    }

    /// Ends all streams: the node stops.
    pub(super) fn end_messages(&mut self) {
        while let Some((&id, stream)) = self.messages.all.first_key_value() {
            match stream.key {
                Some(key) => {
                    self.streams.remove(key);
                    self.messages_lost(id, StreamError::Stopped);
                }
                None => self.not_opened(id, StreamError::Stopped),
            }
        }
    }
}

impl From<Reset> for StreamError {
    fn from(why: Reset) -> Self {
        match why {
            Reset::Refused => Self::Refused,
            Reset::Dropped => Self::Lost,
            Reset::Code(code) => Self::Reset { code },
        }
    }
}
