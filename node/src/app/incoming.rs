//! Requests of others.

use super::{
    App, Directory, Failure, Owner, REPLY_BODY, REPLY_FAILURE, REPLY_TOO_LARGE, RequestToken, ledger::Ledger,
    typed::Purpose,
};
use crate::{
    limits::*,
    link::{Links, Read, Reset, StreamKey},
    node::NodeEvent,
};
use ifrit_core::id::MemberId;
use std::collections::BTreeMap;

/// How far a request is.
#[derive(Debug)]
enum State {
    /// It arrives: the body so far.
    Arriving(Vec<u8>),
    /// The application works on it.
    Handled,
    /// The answer leaves.
    Answered { message: Vec<u8>, written: usize },
}

#[derive(Debug)]
struct Request {
    from: MemberId,
    purpose: Purpose,
    stream: StreamKey,
    state: State,
    /// Bytes that it is charged with until it is answered, and those of its answer after that.
    bytes: usize,
    answer: usize,
}

/// What one peer has here.
#[derive(Debug, Default)]
struct Share {
    requests: usize,
    bytes: usize,
}

/// All requests of others.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    next: u64,
    requests: BTreeMap<RequestToken, Request>,
    shares: BTreeMap<MemberId, Share>,
    bytes: usize,
    /// What of these bytes may give way. What is worked on cannot, and would cover for those that could.
    arriving: Ledger<RequestToken>,
    /// Answers that are not taken yet.
    answers: Ledger<RequestToken>,
}

impl Incoming {
    /// Bytes that a peer may still send, by its own and by the total quota.
    fn room(&self, from: &MemberId) -> usize {
        let own = self.shares.get(from).map_or(0, |share| share.bytes);
        (REQUEST_BYTES_PER_PEER - own).min(REQUEST_BYTES_TOTAL - self.bytes)
    }

    /// On which streams.
    #[cfg(test)]
    pub(super) fn streams(&self) -> Vec<StreamKey> {
        self.requests.values().map(|request| request.stream).collect()
    }

    /// Whoever has requests here.
    #[cfg(test)]
    pub(super) fn shares(&self) -> impl Iterator<Item = &MemberId> {
        self.shares.keys()
    }

    fn charge(&mut self, token: RequestToken, more: usize) {
        let Some(request) = self.requests.get_mut(&token) else { return };
        self.arriving.set(request.from, token, request.bytes, request.bytes + more);
        request.bytes += more;
        self.bytes += more;
        self.shares.entry(request.from).or_default().bytes += more;
    }

    /// It has come whole: what it is charged with stays until it is answered.
    fn arrived(&mut self, token: RequestToken) {
        if let Some(request) = self.requests.get(&token) {
            self.arriving.set(request.from, token, request.bytes, 0);
        }
    }

    /// From the body of a request to that of its answer; false if its peer leaves too many untaken.
    fn charge_answer(&mut self, token: RequestToken, bytes: usize) -> bool {
        let Some(request) = self.requests.get_mut(&token) else { return false };
        let (own, all) = (self.answers.of(&request.from), self.answers.total());
        if own + bytes > ANSWER_BYTES_PER_PEER || all + bytes > REQUEST_BYTES_TOTAL {
            return false;
        }
        let done = std::mem::take(&mut request.bytes);
        self.shares.entry(request.from).or_default().bytes -= done;
        self.bytes -= done;
        self.answers.set(request.from, token, 0, bytes);
        request.answer = bytes;
        true
    }

    fn remove(&mut self, token: RequestToken) -> Option<Request> {
        let request = self.requests.remove(&token)?;
        self.bytes -= request.bytes;
        if let State::Arriving(_) = request.state {
            self.arriving.set(request.from, token, request.bytes, 0);
        }
        self.answers.set(request.from, token, request.answer, 0);
        if let Some(share) = self.shares.get_mut(&request.from) {
            share.bytes -= request.bytes;
            share.requests -= 1;
            if share.requests == 0 {
                self.shares.remove(&request.from);
            }
        }
        Some(request)
    }
}

impl App {
    /// A peer has opened a stream for a request; whose it is, or `None` if it is not wanted.
    pub(super) fn request_opened(
        &mut self,
        stream: StreamKey,
        from: MemberId,
        purpose: Purpose,
        links: &mut Links,
        view: &impl Directory,
    ) -> Option<Owner> {
        let open = self.incoming.shares.get(&from).map_or(0, |share| share.requests);
        if open >= REQUESTS_FROM_PEER || !view.admits(&from) {
            links.counters.requests_refused += 1;
            return None;
        }
        let token = RequestToken(self.incoming.next);
        self.incoming.next += 1;
        self.incoming.shares.entry(from).or_default().requests += 1;
        let request =
            Request { from, purpose, stream, state: State::Arriving(Vec::new()), bytes: 0, answer: 0 };
        self.incoming.requests.insert(token, request);
        Some(Owner::In(token))
    }

    /// Reads what has come of a request.
    pub(super) fn read_request(
        &mut self,
        token: RequestToken,
        stream: StreamKey,
        budget: usize,
        links: &mut Links,
        view: &impl Directory,
    ) -> usize {
        let Some(from) = self.incoming.requests.get(&token).map(|request| request.from) else { return 0 };
        self.make_room(&from, |incoming| (incoming.bytes, &incoming.arriving), budget, links);
        // At most so much is read: beyond it is one byte that shows that there is more.
        let room = self.incoming.room(&from);
        let Some(request) = self.incoming.requests.get_mut(&token) else { return 0 };
        let max = request.purpose.max();
        let State::Arriving(body) = &mut request.state else { return 0 };
        match links.read(stream, budget.min(room + 1), body) {
            Read::Bytes(read) if body.len() <= max && read <= room => {
                self.incoming.charge(token, read);
                return read;
            }
            Read::Finished if view.admits(&from) => {
                let body = std::mem::take(body);
                request.state = State::Handled;
                let purpose = request.purpose;
                self.incoming.arrived(token);
                match purpose {
                    Purpose::Request => self.events.push_back(NodeEvent::Request { token, from, body }),
                    Purpose::Gossip => {
                        self.events.push_back(NodeEvent::Gossip { token, from, content: body });
                    }
                    Purpose::Echo => {
                        self.respond(token, Ok(body), links);
                        return 0;
                    }
                }
                links.counters.requests_in += 1;
            }
            Read::Bytes(_) | Read::Finished => {
                links.counters.requests_refused += 1;
                links.abandon(stream, Reset::Refused);
                self.forget(token);
            }
            Read::Reset(_) => {
                links.abandon(stream, Reset::Dropped);
                self.forget(token);
            }
            Read::Blocked => {}
        }
        0
    }

    /// Answers a request; does nothing if its requester is gone, or was answered before.
    pub(crate) fn respond(
        &mut self,
        token: RequestToken,
        answer: Result<Vec<u8>, Failure>,
        links: &mut Links,
    ) {
        let Some(request) = self.incoming.requests.get_mut(&token) else { return };
        if !matches!(request.state, State::Handled) {
            return;
        }
        let (from, stream, message) = (request.from, request.stream, message(answer));
        self.make_room(&from, |incoming| (incoming.answers.total(), &incoming.answers), message.len(), links);
        if !self.incoming.charge_answer(token, message.len()) {
            links.counters.requests_refused += 1;
            links.abandon(stream, Reset::Refused);
            return self.forget(token);
        }
        if let Some(request) = self.incoming.requests.get_mut(&token) {
            request.state = State::Answered { message, written: 0 };
        }
        self.write_reply(token, links);
    }

    /// When all memory is taken, whoever has the most of it gives way: else a few peers that end no request, or take no
    /// answer, keep all others out.
    fn make_room(
        &mut self,
        from: &MemberId,
        held: impl Fn(&Incoming) -> (usize, &Ledger<RequestToken>),
        bytes: usize,
        links: &mut Links,
    ) {
        loop {
            let (held, by) = held(&self.incoming);
            let largest = by.largest().filter(|(most, _)| most != from && held + bytes > REQUEST_BYTES_TOTAL);
            let Some((_, token)) = largest else { return };
            let Some(request) = self.incoming.requests.get(&token) else { return };
            links.counters.requests_refused += 1;
            links.abandon(request.stream, Reset::Refused);
            self.forget(token);
        }
    }

    /// Bytes held for requests that arrive or are worked on, and for answers.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.incoming.bytes, self.incoming.answers.total())
    }

    /// Writes what the windows take. A requester that wants no more is forgotten.
    pub(super) fn write_reply(&mut self, token: RequestToken, links: &mut Links) {
        let Some(request) = self.incoming.requests.get_mut(&token) else { return };
        let stream = request.stream;
        let State::Answered { message, written } = &mut request.state else {
            // Nothing is to be written yet: the requester may have taken it back.
            if links.write(stream, &[]).is_err() {
                self.drop_request(token, stream, links);
            }
            return;
        };
        while *written < message.len() {
            match links.write(stream, &message[*written..]) {
                Ok(0) => return,
                Ok(more) => {
                    *written += more;
                    links.counters.request_bytes_out += more as u64;
                }
                Err(_) => return self.drop_request(token, stream, links),
            }
        }
        links.finish(stream);
        self.forget(token);
    }

    fn drop_request(&mut self, token: RequestToken, stream: StreamKey, links: &mut Links) {
        links.abandon(stream, Reset::Dropped);
        self.forget(token);
    }

    /// Forgets a request: its end does not matter any more.
    pub(super) fn forget(&mut self, token: RequestToken) {
        if let Some(request) = self.incoming.remove(token) {
            self.streams.remove(request.stream);
        }
    }
}

/// The answer as it travels.
fn message(answer: Result<Vec<u8>, Failure>) -> Vec<u8> {
    match answer {
        Ok(body) if body.len() > REQUEST_MAX => vec![REPLY_TOO_LARGE],
        Ok(mut body) => {
            body.insert(0, REPLY_BODY);
            body
        }
        Err(Failure { code, text }) => {
            let text = cut(&text, FAILURE_TEXT_MAX);
            [&[REPLY_FAILURE][..], &code.to_be_bytes(), text.as_bytes()].concat()
        }
    }
}

/// The longest prefix of whole characters within `max` bytes.
fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
