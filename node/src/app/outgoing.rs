//! Requests of this member.

use super::{
    App, Directory, Failure, Owner, REPLY_BODY, REPLY_FAILURE, REPLY_TOO_LARGE, RequestError, RequestId,
    ledger::Ledger,
    reach::{OutOfReach, Use, Want},
    typed::Purpose,
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
    net::SocketAddr,
    time::Duration,
};

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Member(MemberId),
    /// Whoever is there.
    Addr(SocketAddr),
}

/// One request that has no end yet.
#[derive(Debug)]
struct Request {
    to: To,
    deadline: Mono,
    /// The body.
    message: Vec<u8>,
    written: usize,
    finished: bool,
    stream: Option<StreamKey>,
    answer: Vec<u8>,
    /// Bytes of the answer that its peer is charged with.
    charged: usize,
    purpose: Purpose,
    #[cfg(test)]
    held_back: bool,
}

impl Request {
    /// Bytes of the longest answer.
    fn answer_max(&self) -> usize {
        1 + self.purpose.max()
    }

    /// What is to be written.
    fn rest(&self) -> &[u8] {
        #[cfg(test)]
        if self.held_back {
            return &self.message[self.written..self.message.len() - 1];
        }
        &self.message[self.written..]
    }
}

/// All requests of this member.
#[derive(Debug)]
pub(super) struct Outgoing {
    most: usize,
    next: u64,
    requests: BTreeMap<RequestId, Request>,
    deadlines: BTreeSet<(Mono, RequestId)>,
    /// Bytes of all messages.
    bytes: usize,
    /// Answers that have begun to arrive.
    answers: Ledger<RequestId>,
}

impl Outgoing {
    /// At most so many at a time.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            next: 0,
            requests: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            bytes: 0,
            answers: Ledger::default(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        Some(self.deadlines.first()?.0)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there is room for a request.
    fn admit(&self, body: &[u8]) -> Result<(), RequestError> {
        if body.len() > REQUEST_MAX {
            return Err(RequestError::too_large());
        }
        if self.requests.len() >= self.most || self.bytes + body.len() > REQUEST_BYTES_TOTAL {
            return Err(RequestError::Busy);
        }
        Ok(())
    }
}

impl App {
    /// Asks `to`. Exactly one `Reply` follows.
    pub(crate) fn request(
        &mut self,
        now: Now,
        to: MemberId,
        body: &[u8],
        timeout: Duration,
        links: &mut Links,
        view: &impl Directory,
    ) -> RequestId {
        self.ask(now, to, Purpose::Request, body, timeout, links, view)
    }

    /// Asks the node of `to` whether it is there. Exactly one `Reply` follows.
    pub(crate) fn ping(
        &mut self,
        now: Now,
        to: MemberId,
        timeout: Duration,
        links: &mut Links,
        view: &impl Directory,
    ) -> RequestId {
        self.ask(now, to, Purpose::Echo, &[], timeout, links, view)
    }

    #[expect(clippy::too_many_arguments, reason = "whom, what, how long; and where links and members are")]
    fn ask(
        &mut self,
        now: Now,
        to: MemberId,
        purpose: Purpose,
        body: &[u8],
        timeout: Duration,
        links: &mut Links,
        view: &impl Directory,
    ) -> RequestId {
        let id = self.next_request();
        let addrs = self.out.admit(body).and_then(|()| {
            self.reach.admit(now, to, links, view).map_err(|why| match why {
                OutOfReach::Unknown => RequestError::UnknownMember,
                OutOfReach::Unreachable => RequestError::Unreachable,
            })
        });
        match addrs {
            Ok(addrs) => {
                self.add(now, id, To::Member(to), purpose, body, timeout);
                self.reach(now, to, Want::Request(id), addrs, links);
            }
            Err(error) => self.events.push_back(NodeEvent::Reply { id, from: Some(to), result: Err(error) }),
        }
        id
    }

    /// Gives gossip to `to`, which has a link, and waits up to `timeout` for what it says to it.
    pub(super) fn exchange(
        &mut self,
        now: Now,
        to: MemberId,
        content: &[u8],
        timeout: Duration,
        links: &mut Links,
        view: &impl Directory,
    ) {
        if self.out.admit(content).is_ok() && self.reach.admit(now, to, links, view) == Ok(None) {
            let id = self.next_request();
            self.add(now, id, To::Member(to), Purpose::Gossip, content, timeout);
            self.reach(now, to, Want::Request(id), None, links);
        }
    }

    /// Asks whoever is at `addr`. Exactly one `Reply` follows.
    pub(crate) fn request_addr(
        &mut self,
        now: Now,
        addr: SocketAddr,
        body: &[u8],
        timeout: Duration,
        links: &mut Links,
    ) -> RequestId {
        let id = self.next_request();
        match (self.out.admit(body), links.member_at(addr)) {
            (Ok(()), Some(to)) => {
                self.add(now, id, To::Member(to), Purpose::Request, body, timeout);
                self.reach(now, to, Want::Request(id), None, links);
            }
            (Ok(()), None) => {
                self.add(now, id, To::Addr(addr), Purpose::Request, body, timeout);
                self.reach_at(now, addr, id, links);
            }
            (Err(error), from) => {
                self.events.push_back(NodeEvent::Reply { id, from, result: Err(error) });
            }
        }
        id
    }

    /// Whoever is at a request's address is this member.
    pub(super) fn address(&mut self, id: RequestId, to: MemberId) {
        if let Some(request) = self.out.requests.get_mut(&id) {
            request.to = To::Member(to);
        }
    }

    fn next_request(&mut self) -> RequestId {
        self.out.next += 1;
        RequestId(self.out.next - 1)
    }

    fn add(&mut self, now: Now, id: RequestId, to: To, purpose: Purpose, body: &[u8], timeout: Duration) {
        let deadline = now.mono + timeout.min(REQUEST_TIMEOUT_MAX);
        self.out.bytes += body.len();
        self.out.deadlines.insert((deadline, id));
        let request = Request {
            to,
            deadline,
            message: body.to_vec(),
            written: 0,
            finished: false,
            stream: None,
            answer: Vec::new(),
            charged: 0,
            purpose,
            #[cfg(test)]
            held_back: false,
        };
        self.out.requests.insert(id, request);
    }

    /// Gives a request a stream; whether there was one.
    pub(super) fn open_request(&mut self, now: Now, id: RequestId, to: MemberId, links: &mut Links) -> bool {
        let purpose = self.out.requests.get(&id).map_or(Purpose::Request, |request| request.purpose);
        let Some(stream) = self.streams.open(to, purpose.tag(), Owner::Out(id), links) else { return false };
        self.reach.forget(&to, Want::Request(id));
        self.uses.begin(now, stream.link, Use::Request, links);
        if let Some(request) = self.out.requests.get_mut(&id) {
            request.stream = Some(stream);
        }
        links.counters.requests_out += u64::from(purpose != Purpose::Echo);
        self.write_request(now, id, links);
        true
    }

    /// Writes what the windows take.
    pub(super) fn write_request(&mut self, now: Now, id: RequestId, links: &mut Links) {
        let Some(request) = self.out.requests.get_mut(&id) else { return };
        let Some(stream) = request.stream else { return };
        if request.finished {
            // The answer is all that is left; a stream that the peer does not want shows when it is read.
            return self.streams.queue(stream);
        }
        loop {
            match self.streams.write(stream, request.rest(), links) {
                Ok(written) if request.written + written == request.message.len() => {
                    request.written += written;
                    request.finished = self.streams.is_typed(stream);
                    return if request.finished {
                        links.finish(stream)
                    };
                }
                Ok(0) => return,
                Ok(written) => request.written += written,
                Err(_) => return self.end(now, id, Err(RequestError::Refused), links),
            }
        }
    }

    /// Bytes of answers that have begun to arrive.
    #[cfg(test)]
    pub(super) fn answers_held(&self) -> usize {
        self.out.requests.values().map(|request| request.answer.len()).sum()
    }

    /// The last byte of a request is never sent.
    #[cfg(test)]
    pub(super) fn hold_back(&mut self, id: RequestId) {
        if let Some(request) = self.out.requests.get_mut(&id) {
            request.held_back = true;
        }
    }

    /// Reads what has come of the answer.
    pub(super) fn read_reply(
        &mut self,
        now: Now,
        id: RequestId,
        stream: StreamKey,
        budget: usize,
        links: &mut Links,
    ) -> usize {
        let Some(request) = self.out.requests.get_mut(&id) else { return 0 };
        match links.read(stream, budget, &mut request.answer) {
            Read::Bytes(read) if request.answer.len() <= request.answer_max() => {
                self.charge_answer(now, id, links);
                return read;
            }
            Read::Bytes(_) => self.end(now, id, Err(RequestError::too_large()), links),
            Read::Finished => {
                let answer = std::mem::take(&mut request.answer);
                self.end(now, id, parse(answer), links);
            }
            Read::Reset(Reset::Refused) => self.end(now, id, Err(RequestError::Refused), links),
            Read::Reset(_) => self.end(now, id, Err(RequestError::Unreachable), links),
            Read::Blocked => {}
        }
        0
    }

    /// Charges the peer of a request with what has come of the answer. If that is too much, what is most gives way: else a
    /// peer of which much is asked fills the memory with answers that it does not end.
    fn charge_answer(&mut self, now: Now, id: RequestId, links: &mut Links) {
        let Some(request) = self.out.requests.get_mut(&id) else { return };
        // It has a stream, so somebody is there.
        let To::Member(from) = request.to else { return };
        let before = std::mem::replace(&mut request.charged, request.answer.len());
        self.out.answers.set(from, id, before, request.charged);
        if self.out.answers.of(&from) > ANSWERS_FROM_PEER {
            self.end(now, id, Err(RequestError::Busy), links);
        }
        while self.out.answers.total() > ANSWERS_TOTAL {
            let Some((_, largest)) = self.out.answers.largest() else { return };
            self.end(now, largest, Err(RequestError::Busy), links);
        }
    }

    /// Takes a request back.
    pub(crate) fn cancel(&mut self, now: Now, id: RequestId, links: &mut Links) {
        self.end(now, id, Err(RequestError::Cancelled), links);
    }

    /// Ends requests that are too late.
    pub(super) fn wake_requests(&mut self, now: Now, links: &mut Links) {
        while let Some(&(_, id)) = self.out.deadlines.first().filter(|(at, _)| *at <= now.mono) {
            self.end(now, id, Err(RequestError::Timeout), links);
        }
    }

    /// Ends all requests of this member.
    pub(super) fn cancel_requests(&mut self, now: Now, links: &mut Links) {
        while let Some((&id, _)) = self.out.requests.first_key_value() {
            self.cancel(now, id, links);
        }
    }

    /// The one end of a request; later ones do nothing.
    pub(super) fn end(
        &mut self,
        now: Now,
        id: RequestId,
        result: Result<Vec<u8>, RequestError>,
        links: &mut Links,
    ) {
        let Some(request) = self.out.requests.remove(&id) else { return };
        self.out.deadlines.remove(&(request.deadline, id));
        self.out.bytes -= request.message.len();
        let from = match request.to {
            To::Member(to) => Some(to),
            To::Addr(_) => None,
        };
        if let Some(from) = from {
            self.out.answers.set(from, id, request.charged, 0);
        }
        match (request.stream, request.to) {
            // Also one that was answered before it was sent: its half would stay open.
            (Some(stream), _) => self.close(now, stream, result.is_err() || !request.finished, links),
            (None, To::Member(to)) => self.reach.forget(&to, Want::Request(id)),
            (None, To::Addr(addr)) => self.reach.forget_at(addr, id),
        }
        match (request.purpose, from, result) {
            (Purpose::Request | Purpose::Echo, from, result) => {
                self.events.push_back(NodeEvent::Reply { id, from, result });
            }
            (Purpose::Gossip, Some(from), Ok(body)) => {
                self.events.push_back(NodeEvent::GossipReply { from, body })
            }
            (Purpose::Gossip, ..) => {}
        }
        from.into_iter().for_each(|to| self.open(now, to, links));
    }

    fn close(&mut self, now: Now, stream: StreamKey, reset: bool, links: &mut Links) {
        self.streams.remove(stream);
        if reset {
            links.abandon(stream, Reset::Dropped);
        }
        self.uses.end(now, stream.link, Use::Request, links);
    }
}

/// What a whole answer says. One that says nothing known is no answer.
fn parse(mut answer: Vec<u8>) -> Result<Vec<u8>, RequestError> {
    match answer.first() {
        Some(&REPLY_BODY) => {
            answer.remove(0);
            Ok(answer)
        }
        Some(&REPLY_FAILURE) => match answer[1..].split_first_chunk::<4>() {
            Some((code, text)) => {
                let text = &text[..text.len().min(FAILURE_TEXT_MAX)];
                let text = String::from_utf8_lossy(text).into_owned();
                Err(RequestError::Remote(Failure { code: u32::from_be_bytes(*code), text }))
            }
            None => Err(RequestError::Unreachable),
        },
        Some(&REPLY_TOO_LARGE) => Err(RequestError::too_large()),
        _ => Err(RequestError::Unreachable),
    }
}
