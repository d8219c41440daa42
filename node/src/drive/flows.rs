//! The loop's side of message streams: messages out of bytes, and who waits for what.
//!
//! A message is its length (u32, big-endian) and its bytes. One that arrives is read only while its program asks for it,
//! and only once there is room for the whole of it: else a few peers that end no message fill the memory.

#[cfg(test)]
mod tests;

use super::{
    CODE_BUSY, CODE_NO_HANDLER, Runtime,
    client::Call,
    handler::StreamHandler,
    stream::{Batch, CODE_TOO_LARGE, LetGo, Line, MessageStream, Side},
    work::{Done, Work},
};
use crate::{
    app::{StreamError, StreamId, StreamRead},
    limits::{
        STREAM_BYTES_PER_PEER, STREAM_BYTES_TOTAL, STREAM_MESSAGE_MAX, STREAMS_FROM_PEER, STREAMS_TOTAL,
        fair_share,
    },
    node::{Node, NodeEvent},
};
use async_channel::{Sender, WeakSender};
use futures_channel::oneshot;
use ifrit_core::{id::MemberId, time::Now};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

/// Bytes of a message's length.
const PREFIX: usize = 4;
/// Messages are handed over together up to so many bytes: each hand-over costs two switches between tasks.
const BATCH_BYTES: usize = 64 * 1024;

pub(super) type Reply<T> = oneshot::Sender<Result<T, StreamError>>;

/// A message that leaves.
pub(super) struct Leaving {
    prefix: [u8; PREFIX],
    message: Vec<u8>,
    /// Of both.
    written: usize,
    done: Reply<()>,
}

impl Leaving {
    /// `as_is`: without its length.
    pub(super) fn new(message: Vec<u8>, as_is: bool, done: Reply<()>) -> Self {
        let prefix = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        Self { prefix, message, written: if as_is { PREFIX } else { 0 }, done }
    }

    fn rest(&self) -> &[u8] {
        match self.written.checked_sub(PREFIX) {
            Some(written) => &self.message[written..],
            None => &self.prefix[self.written..],
        }
    }
}

/// A message that arrives.
#[derive(Default)]
struct Arriving {
    prefix: Vec<u8>,
    message: Vec<u8>,
    /// Room that is taken for it; `None` before its length is known.
    room: Option<usize>,
}

/// What reading on came to.
enum Step {
    Message(Vec<u8>),
    Blocked,
    /// There is no room yet for a message of this length.
    NoRoom(usize),
    End(Result<(), StreamError>),
}

impl Arriving {
    /// Bytes of what arrives, once that is known.
    fn length(&self) -> Option<usize> {
        self.prefix.first_chunk().map(|length| u32::from_be_bytes(*length) as usize)
    }

    fn step(&mut self, now: Now, id: StreamId, node: &mut Node) -> Step {
        loop {
            let missing = match self.room {
                Some(length) if self.message.len() == length => {
                    self.prefix.clear();
                    self.room = None;
                    return Step::Message(std::mem::take(&mut self.message));
                }
                Some(length) => length - self.message.len(),
                None => match self.length() {
                    Some(length) => return Step::NoRoom(length),
                    None => PREFIX - self.prefix.len(),
                },
            };
            let into = if self.room.is_some() { &mut self.message } else { &mut self.prefix };
            match node.read_stream(now, id, missing, into) {
                Ok(StreamRead::Bytes(_)) => {}
                Ok(StreamRead::Blocked) => return Step::Blocked,
                Ok(StreamRead::Finished) if self.prefix.is_empty() => return Step::End(Ok(())),
                Ok(StreamRead::Finished) => return Step::End(Err(StreamError::Cut)),
                Err(error) => return Step::End(Err(error)),
            }
        }
    }
}

/// One stream.
struct Flow {
    peer: MemberId,
    leaving: Option<Leaving>,
    finishing: Option<Reply<()>>,
    asked: Option<oneshot::Sender<Batch>>,
    arriving: Arriving,
    /// Whether it waits for room.
    waits: bool,
    /// Whether what had come gave way, which its program has not heard.
    gave_way: bool,
    /// How its program will learn of an end that came while it did not ask.
    over: Option<StreamError>,
    /// Halves that its program has let go.
    let_go: usize,
}

/// Room for messages that arrive.
#[derive(Default)]
struct Room {
    of: BTreeMap<MemberId, usize>,
    total: usize,
    /// Streams that wait for room, per peer.
    waiting: BTreeMap<MemberId, VecDeque<StreamId>>,
}

impl Room {
    fn has(&self, peer: &MemberId, bytes: usize) -> bool {
        self.of.get(peer).copied().unwrap_or(0) + bytes <= STREAM_BYTES_PER_PEER
    }

    fn take(&mut self, peer: MemberId, bytes: usize) {
        *self.of.entry(peer).or_default() += bytes;
        self.total += bytes;
    }

    /// Gives room back.
    fn give(&mut self, peer: &MemberId, bytes: usize) {
        if let Some(of) = self.of.get_mut(peer) {
            *of -= bytes;
            self.total -= bytes;
            if *of == 0 {
                self.of.remove(peer);
            }
        }
    }

    /// Who has waited longest.
    fn first_waiting(&self, peer: &MemberId) -> Option<StreamId> {
        self.waiting.get(peer)?.front().copied()
    }

    /// It waits no more.
    fn pop_waiting(&mut self, peer: &MemberId) {
        let Some(waiting) = self.waiting.get_mut(peer) else { return };
        waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(peer);
        }
    }

    /// Who takes most.
    fn largest(&self) -> Option<MemberId> {
        self.of.iter().max_by_key(|(_, bytes)| **bytes).map(|(peer, _)| *peer)
    }
}

/// All message streams of the programs of one member.
pub(super) struct Flows {
    handler: Option<StreamHandler>,
    /// Streams of others that are being handled, per member and in all.
    running: BTreeMap<MemberId, usize>,
    total: usize,
    opening: BTreeMap<StreamId, (MemberId, Reply<MessageStream>)>,
    all: BTreeMap<StreamId, Flow>,
    room: Room,
    /// Peers that have got room back.
    again: BTreeSet<MemberId>,
    calls: WeakSender<Call>,
    done: Sender<Done>,
}

impl Flows {
    /// `done` hears of halves that were let go.
    pub(super) fn new(handler: Option<StreamHandler>, calls: WeakSender<Call>, done: Sender<Done>) -> Self {
        Self {
            handler,
            running: BTreeMap::new(),
            total: 0,
            opening: BTreeMap::new(),
            all: BTreeMap::new(),
            room: Room::default(),
            again: BTreeSet::new(),
            calls,
            done,
        }
    }

    /// A program wants a stream.
    pub(super) fn open(
        &mut self,
        now: Now,
        node: &mut Node,
        to: MemberId,
        timeout: Duration,
        reply: Reply<MessageStream>,
    ) {
        let id = node.open_stream(now, to, timeout);
        self.opening.insert(id, (to, reply));
    }

    /// A program has a message to send.
    pub(super) fn send(&mut self, now: Now, node: &mut Node, id: StreamId, leaving: Leaving) {
        match self.all.get_mut(&id) {
            Some(Flow { over: None, leaving: place, .. }) => {
                *place = Some(leaving);
                self.write(now, node, id);
            }
            other => refuse(other, leaving.done),
        }
    }

    /// A program will send no more. It may have let go of everything before this was heard.
    pub(super) fn finish(&mut self, now: Now, node: &mut Node, id: StreamId, done: Reply<()>) {
        let finished = node.finish_stream(now, id);
        match (self.all.get_mut(&id), finished) {
            (Some(flow), Ok(())) => flow.finishing = Some(done),
            (flow, result) => {
                let over = flow.and_then(|flow| flow.over);
                let _ = done.send(over.map_or(result, Err));
            }
        }
    }

    /// A program wants messages.
    pub(super) fn receive(&mut self, now: Now, node: &mut Node, id: StreamId, reply: oneshot::Sender<Batch>) {
        match self.all.get_mut(&id) {
            Some(Flow { over: None, gave_way: true, .. }) => {
                drop(reply.send(Batch { end: Some(Err(StreamError::Busy)), ..Batch::default() }));
            }
            Some(Flow { over: None, asked, .. }) => {
                *asked = Some(reply);
                self.read(now, node, id);
                self.read_again(now, node);
            }
            other => {
                let why = other.and_then(|flow| flow.over).unwrap_or(StreamError::Lost);
                drop(reply.send(Batch { end: Some(Err(why)), ..Batch::default() }));
            }
        }
    }

    /// A program has let half a stream go.
    pub(super) fn let_go(&mut self, now: Now, node: &mut Node, LetGo { id, side, code }: LetGo) {
        match (side, code) {
            (Side::Sending, Some(code)) => node.reset_stream(now, id, code),
            (Side::Receiving, Some(code)) => node.stop_stream(now, id, code),
            (_, None) => {}
        }
        let Some(flow) = self.all.get_mut(&id) else { return };
        match side {
            // Given to the loop, it is sent: the reset has ended that.
            Side::Sending if code.is_some() => flow.leaving = None,
            Side::Sending => {}
            Side::Receiving => {
                flow.asked = None;
                self.release(id);
            }
        }
        self.count_let_go(id);
        self.read_again(now, node);
    }

    fn count_let_go(&mut self, id: StreamId) {
        let Some(flow) = self.all.get_mut(&id) else { return };
        flow.let_go += 1;
        if flow.let_go == 2 {
            self.all.remove(&id);
        }
    }

    /// What the node says of streams.
    pub(super) fn told<R: Runtime>(&mut self, now: Now, node: &mut Node, work: &Work<R>, event: NodeEvent) {
        match event {
            NodeEvent::StreamOpen { id, result } => self.outcome(id, result),
            NodeEvent::StreamOpened { id, from } => self.arrived(now, node, work, id, from),
            NodeEvent::StreamReadable { id } => {
                self.read(now, node, id);
                self.read_again(now, node);
            }
            NodeEvent::StreamWritable { id } => self.write(now, node, id),
            NodeEvent::StreamDelivered { id, result } => {
                let finishing = self.all.get_mut(&id).and_then(|flow| flow.finishing.take());
                if let Some(done) = finishing {
                    let _ = done.send(result);
                }
            }
            NodeEvent::StreamEnded { id, why } => {
                self.ended(id, why);
                self.read_again(now, node);
            }
            _ => {}
        }
    }

    fn add(&mut self, id: StreamId, peer: MemberId) -> MessageStream {
        let flow = Flow {
            peer,
            leaving: None,
            finishing: None,
            asked: None,
            arriving: Arriving::default(),
            waits: false,
            gave_way: false,
            over: None,
            let_go: 0,
        };
        self.all.insert(id, flow);
        MessageStream::new(Line { id, peer, calls: self.calls.clone(), done: self.done.clone() })
    }

    fn outcome(&mut self, id: StreamId, result: Result<(), StreamError>) {
        let Some((peer, reply)) = self.opening.remove(&id) else { return };
        // If its program has gone, what it does not take is let go.
        drop(reply.send(result.map(|()| self.add(id, peer))));
    }

    fn arrived<R: Runtime>(
        &mut self,
        now: Now,
        node: &mut Node,
        work: &Work<R>,
        id: StreamId,
        from: MemberId,
    ) {
        let of_member = self.running.get(&from).copied().unwrap_or(0);
        let left = STREAMS_TOTAL - self.total;
        let refusal = match &self.handler {
            None => Some(CODE_NO_HANDLER),
            Some(_) if of_member >= fair_share(STREAMS_FROM_PEER, left, 2) => Some(CODE_BUSY),
            Some(_) => None,
        };
        if let Some(code) = refusal {
            node.reset_stream(now, id, code);
            return node.stop_stream(now, id, code);
        }
        let stream = self.add(id, from);
        if let Some(handler) = self.handler.clone() {
            self.running.insert(from, of_member + 1);
            self.total += 1;
            work.stream(handler, stream);
        }
    }

    /// A handler has returned.
    pub(super) fn handled(&mut self, from: &MemberId) {
        self.total -= 1;
        if let Some(of_member) = self.running.get_mut(from) {
            *of_member -= 1;
            if *of_member == 0 {
                self.running.remove(from);
            }
        }
    }

    fn ended(&mut self, id: StreamId, why: StreamError) {
        let Some(flow) = self.all.get_mut(&id) else { return };
        flow.over = Some(why);
        let leaving = flow.leaving.take().map(|leaving| leaving.done);
        for done in leaving.into_iter().chain(flow.finishing.take()) {
            let _ = done.send(Err(why));
        }
        if let Some(asked) = flow.asked.take() {
            drop(asked.send(Batch { end: Some(Err(why)), ..Batch::default() }));
        }
        self.release(id);
    }

    fn write(&mut self, now: Now, node: &mut Node, id: StreamId) {
        let Some(flow) = self.all.get_mut(&id) else { return };
        let Some(leaving) = &mut flow.leaving else { return };
        let result = loop {
            let rest = leaving.rest();
            match node.write_stream(now, id, rest) {
                Ok(written) => {
                    let whole = written == rest.len();
                    leaving.written += written;
                    if !whole {
                        return;
                    }
                    if leaving.written == PREFIX + leaving.message.len() {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        if let Some(leaving) = flow.leaving.take() {
            let _ = leaving.done.send(result);
        }
    }

    /// Hands over what has come, if the program asks for it.
    fn read(&mut self, now: Now, node: &mut Node, id: StreamId) {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while let Some(flow) = self.all.get_mut(&id).filter(|flow| flow.asked.is_some())
            && bytes < BATCH_BYTES
            && batch.end.is_none()
        {
            match flow.arriving.step(now, id, node) {
                Step::Message(message) => {
                    bytes += PREFIX + message.len();
                    let peer = flow.peer;
                    self.give_room(peer, message.len());
                    batch.messages.push_back(message);
                }
                Step::Blocked => break,
                Step::NoRoom(length) if length > STREAM_MESSAGE_MAX => {
                    node.stop_stream(now, id, CODE_TOO_LARGE);
                    batch.end = Some(Err(StreamError::TooLarge { limit: STREAM_MESSAGE_MAX }));
                }
                Step::NoRoom(length) => {
                    if !self.make_room(now, node, id, length) {
                        break;
                    }
                }
                Step::End(end) => {
                    batch.end = Some(end);
                    self.release(id);
                }
            }
        }
        if (bytes > 0 || batch.end.is_some())
            && let Some(asked) = self.all.get_mut(&id).and_then(|flow| flow.asked.take())
        {
            drop(asked.send(batch));
        }
    }

    /// Takes room for a message; if its peer has none left, the stream waits.
    fn make_room(&mut self, now: Now, node: &mut Node, id: StreamId, length: usize) -> bool {
        let Some(flow) = self.all.get_mut(&id) else { return false };
        let peer = flow.peer;
        if !self.room.has(&peer, length) {
            if !std::mem::replace(&mut flow.waits, true) {
                self.room.waiting.entry(peer).or_default().push_back(id);
            }
            return false;
        }
        while self.room.total + length > STREAM_BYTES_TOTAL {
            // Whoever has most of it gives way: else a few that end no message keep all others out.
            let Some(most) = self.room.largest() else { break };
            self.give_up_largest(now, node, most);
        }
        self.room.take(peer, length);
        if let Some(flow) = self.all.get_mut(&id) {
            flow.arriving.room = Some(length);
            flow.arriving.message.reserve_exact(length);
        }
        true
    }

    fn give_up_largest(&mut self, now: Now, node: &mut Node, peer: MemberId) {
        let of_peer = self.all.iter().filter(|(_, flow)| flow.peer == peer);
        let Some(id) = of_peer.max_by_key(|(_, flow)| flow.arriving.room).map(|(id, _)| *id) else { return };
        node.stop_stream(now, id, CODE_BUSY);
        self.release(id);
        let Some(flow) = self.all.get_mut(&id) else { return };
        flow.gave_way = true;
        if let Some(asked) = flow.asked.take() {
            drop(asked.send(Batch { end: Some(Err(StreamError::Busy)), ..Batch::default() }));
        }
    }

    /// What has come of a message is of no use any more.
    fn release(&mut self, id: StreamId) {
        let Some(flow) = self.all.get_mut(&id) else { return };
        if let Some(bytes) = std::mem::take(&mut flow.arriving).room {
            let peer = flow.peer;
            self.give_room(peer, bytes);
        }
    }

    fn give_room(&mut self, peer: MemberId, bytes: usize) {
        self.room.give(&peer, bytes);
        self.again.insert(peer);
    }

    /// Lets those read on for whom there is room now. Those that do not want it any more, or not now, leave it to who comes
    /// after them.
    fn read_again(&mut self, now: Now, node: &mut Node) {
        while let Some(peer) = self.again.pop_first() {
            while let Some(id) = self.room.first_waiting(&peer) {
                let flow = self.all.get_mut(&id);
                let wants =
                    flow.as_ref().filter(|flow| flow.asked.is_some()).and_then(|flow| flow.arriving.length());
                if wants.is_some_and(|length| !self.room.has(&peer, length)) {
                    break;
                }
                flow.into_iter().for_each(|flow| flow.waits = false);
                self.room.pop_waiting(&peer);
                self.read(now, node, id);
            }
        }
    }
}

/// The stream is over, or unknown because it was.
fn refuse(flow: Option<&mut Flow>, done: Reply<()>) {
    let why = flow.and_then(|flow| flow.over).unwrap_or(StreamError::Lost);
    let _ = done.send(Err(why));
}
