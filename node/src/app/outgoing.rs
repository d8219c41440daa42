//! Requests of this member.

use super::{
    App, Directory, Failure, Owner, REPLY_BODY, REPLY_FAILURE, REPLY_TOO_LARGE, RequestError, RequestId, tags,
};
use crate::{
    limits::*,
    link::{LinkKey, Links, Read, Reset, StreamKey},
    node::NodeEvent,
};
use ifrit_core::{
    id::MemberId,
    time::{Mono, Now},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

/// Bytes of the longest answer.
const ANSWER_MAX: usize = 1 + REQUEST_MAX;

/// One request that has no end yet.
#[derive(Debug)]
struct Request {
    to: MemberId,
    deadline: Mono,
    /// The body.
    message: Vec<u8>,
    written: usize,
    finished: bool,
    stream: Option<StreamKey>,
    answer: Vec<u8>,
    #[cfg(test)]
    held_back: bool,
}

impl Request {
    /// What is to be written.
    fn rest(&self) -> &[u8] {
        #[cfg(test)]
        if self.held_back {
            return &self.message[self.written..self.message.len() - 1];
        }
        &self.message[self.written..]
    }
}

/// Requests that wait for a link, or for credit on it.
#[derive(Debug, Default)]
struct Waiting {
    requests: VecDeque<RequestId>,
    /// Where else the member may be; `None` if no address was looked up yet, because there was a link.
    addrs: Option<VecDeque<SocketAddr>>,
}

/// All requests of this member.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    next: u64,
    requests: BTreeMap<RequestId, Request>,
    deadlines: BTreeSet<(Mono, RequestId)>,
    waiting: BTreeMap<MemberId, Waiting>,
    /// Members that could not be reached lately, and until when no new dial is worth it.
    dead: BTreeMap<MemberId, Mono>,
    /// Bytes of all messages.
    bytes: usize,
    /// Streams per link, to keep it alive.
    streams: BTreeMap<LinkKey, usize>,
}

impl Outgoing {
    pub(super) fn deadline(&self) -> Option<Mono> {
        Some(self.deadlines.first()?.0)
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
        let id = RequestId(self.out.next);
        self.out.next += 1;
        match self.admit(now, to, body, links, view) {
            Ok(addrs) => {
                self.add(now, id, to, body, timeout);
                let waiting = self.out.waiting.entry(to).or_default();
                waiting.requests.push_back(id);
                match addrs {
                    Some(_) => {
                        waiting.addrs = addrs;
                        self.dial(now, to, links);
                    }
                    None => self.open(now, to, links),
                }
            }
            Err(error) => self.events.push_back(NodeEvent::Reply { id, result: Err(error) }),
        }
        id
    }

    /// Whether a request is worth a try: the addresses to dial, or `None` if the link is there or on its way.
    fn admit(
        &mut self,
        now: Now,
        to: MemberId,
        body: &[u8],
        links: &Links,
        view: &impl Directory,
    ) -> Result<Option<VecDeque<SocketAddr>>, RequestError> {
        if body.len() > REQUEST_MAX {
            return Err(RequestError::too_large());
        }
        let full =
            self.out.requests.len() >= REQUESTS_OUT_MAX || self.out.bytes + body.len() > REQUEST_BYTES_TOTAL;
        if full {
            return Err(RequestError::Busy);
        }
        if links.is_up(&to) || self.out.waiting.contains_key(&to) {
            return Ok(None);
        }
        let addrs = view.addrs(&to).ok_or(RequestError::UnknownMember)?;
        self.out.dead.retain(|_, until| *until > now.mono);
        if addrs.is_empty() || to == links.me() || self.out.dead.contains_key(&to) {
            return Err(RequestError::Unreachable);
        }
        Ok(Some(addrs.into()))
    }

    fn add(&mut self, now: Now, id: RequestId, to: MemberId, body: &[u8], timeout: Duration) {
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
            #[cfg(test)]
            held_back: false,
        };
        self.out.requests.insert(id, request);
    }

    /// Tries the next address of a member; without one its requests end.
    fn dial(&mut self, now: Now, to: MemberId, links: &mut Links) {
        let Some(waiting) = self.out.waiting.get_mut(&to) else { return };
        if let Some(addr) = waiting.addrs.as_mut().and_then(VecDeque::pop_front) {
            return links.dial(now, to, addr);
        }
        let requests = std::mem::take(&mut waiting.requests);
        self.out.waiting.remove(&to);
        if self.out.dead.len() < DEAD_MAX {
            self.out.dead.insert(to, now.mono + REDIAL_WAIT);
        }
        for id in requests {
            self.end(now, id, Err(RequestError::Unreachable), links);
        }
    }

    /// A link or a dial is gone. Requests that waited for credit on the link have not been sent: they dial.
    pub(super) fn unreachable(&mut self, now: Now, to: MemberId, links: &mut Links, view: &impl Directory) {
        let Some(waiting) = self.out.waiting.get_mut(&to) else { return };
        if !links.is_up(&to) && !links.is_dialing(&to) {
            waiting.addrs.get_or_insert_with(|| view.addrs(&to).unwrap_or_default().into());
            self.dial(now, to, links);
        }
    }

    /// Gives streams to requests that wait for this member, as far as its credit goes.
    pub(super) fn open(&mut self, now: Now, to: MemberId, links: &mut Links) {
        while let Some(waiting) = self.out.waiting.get_mut(&to) {
            let Some(&id) = waiting.requests.front() else {
                self.out.waiting.remove(&to);
                return;
            };
            let link = links.link_to(&to);
            if link.is_some_and(|link| {
                self.out.streams.get(&link).is_some_and(|open| *open >= REQUESTS_PER_PEER)
            }) {
                // The next end on that link lets it go.
                return;
            }
            let Some(stream) = self.streams.open(to, tags::REQUEST, Owner::Out(id), links) else { return };
            self.out.dead.remove(&to);
            self.unqueue(id, &to);
            *self.out.streams.entry(stream.link).or_default() += 1;
            links.keep_alive(now, stream.link, true);
            if let Some(request) = self.out.requests.get_mut(&id) {
                request.stream = Some(stream);
            }
            links.counters.requests_out += 1;
            self.write_request(now, id, links);
        }
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
            Read::Bytes(read) if request.answer.len() <= ANSWER_MAX => return read,
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

    /// Takes a request back.
    pub(crate) fn cancel(&mut self, now: Now, id: RequestId, links: &mut Links) {
        self.end(now, id, Err(RequestError::Cancelled), links);
    }

    /// Ends what is too late.
    pub(crate) fn wake(&mut self, now: Now, links: &mut Links) {
        while let Some(&(_, id)) = self.out.deadlines.first().filter(|(at, _)| *at <= now.mono) {
            self.end(now, id, Err(RequestError::Timeout), links);
        }
    }

    /// Ends all requests of this member.
    pub(crate) fn cancel_all(&mut self, now: Now, links: &mut Links) {
        while let Some((&id, _)) = self.out.requests.first_key_value() {
            self.cancel(now, id, links);
        }
    }

    /// Whether requests to this member are open.
    pub(crate) fn asks(&self, member: &MemberId) -> bool {
        self.out.requests.values().any(|request| request.to == *member && request.stream.is_some())
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
        match request.stream {
            Some(stream) => self.close(now, stream, result.is_err(), links),
            None => self.unqueue(id, &request.to),
        }
        self.events.push_back(NodeEvent::Reply { id, result });
        self.open(now, request.to, links);
    }

    fn close(&mut self, now: Now, stream: StreamKey, reset: bool, links: &mut Links) {
        self.streams.remove(stream);
        if reset {
            links.abandon(stream, Reset::Dropped);
        }
        if let Some(left) = self.out.streams.get_mut(&stream.link) {
            *left -= 1;
            if *left == 0 {
                self.out.streams.remove(&stream.link);
                links.keep_alive(now, stream.link, false);
            }
        }
    }

    fn unqueue(&mut self, id: RequestId, to: &MemberId) {
        let Some(waiting) = self.out.waiting.get_mut(to) else { return };
        waiting.requests.retain(|waits| *waits != id);
        if waiting.requests.is_empty() {
            self.out.waiting.remove(to);
        }
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
