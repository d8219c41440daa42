//! Requests of others.

use super::{
    App, Directory, Failure, Owner, REPLY_BODY, REPLY_FAILURE, REPLY_TOO_LARGE, RequestToken, TYPE_REQUEST,
};
use crate::{
    limits::*,
    link::{Links, Read, StreamKey},
    node::NodeEvent,
};
use ifrit_core::id::MemberId;
use std::collections::BTreeMap;

/// How far a request is.
#[derive(Debug)]
enum State {
    /// It arrives: type and body so far.
    Arriving(Vec<u8>),
    /// The application works on it.
    Handled,
    /// The answer leaves.
    Answered { message: Vec<u8>, written: usize },
}

#[derive(Debug)]
struct Request {
    from: MemberId,
    stream: StreamKey,
    state: State,
    /// Bytes that it is charged with.
    bytes: usize,
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
}

impl Incoming {
    /// Bytes that a peer may still send, by its own and by the total quota.
    fn room(&self, from: &MemberId) -> usize {
        let own = self.shares.get(from).map_or(0, |share| share.bytes);
        (REQUEST_BYTES_PER_PEER - own).min(REQUEST_BYTES_TOTAL - self.bytes)
    }

    /// Whoever has requests here.
    #[cfg(test)]
    pub(super) fn shares(&self) -> impl Iterator<Item = &MemberId> {
        self.shares.keys()
    }

    fn charge(&mut self, token: RequestToken, more: usize) {
        let Some(request) = self.requests.get_mut(&token) else { return };
        request.bytes += more;
        self.bytes += more;
        self.shares.entry(request.from).or_default().bytes += more;
    }

    fn remove(&mut self, token: RequestToken) -> Option<Request> {
        let request = self.requests.remove(&token)?;
        self.bytes -= request.bytes;
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
    /// A peer has opened a stream.
    pub(super) fn opened(
        &mut self,
        stream: StreamKey,
        from: MemberId,
        links: &mut Links,
        view: &impl Directory,
    ) {
        let open = self.incoming.shares.get(&from).map_or(0, |share| share.requests);
        if open >= REQUESTS_PER_PEER || !view.admits(&from) {
            links.counters.requests_refused += 1;
            return links.abandon(stream, true);
        }
        links.give_credit(stream.link);
        let token = RequestToken(self.incoming.next);
        self.incoming.next += 1;
        self.incoming.shares.entry(from).or_default().requests += 1;
        let request = Request { from, stream, state: State::Arriving(Vec::new()), bytes: 0 };
        self.incoming.requests.insert(token, request);
        self.streams.insert(stream, Owner::In(token).into());
        // What has come with the opening is not told as readable.
        self.queue(stream);
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
        // At most so much is read: beyond it is one byte that shows that there is more.
        let room = self.incoming.room(&from);
        let Some(request) = self.incoming.requests.get_mut(&token) else { return 0 };
        let State::Arriving(message) = &mut request.state else { return 0 };
        let outcome = links.read(stream, budget.min(room + 1), message);
        let known = message.first().is_none_or(|&kind| kind == TYPE_REQUEST);
        let fits = message.len() <= 1 + REQUEST_MAX;
        match outcome {
            Read::Bytes(read) if known && fits && read <= room => {
                self.incoming.charge(token, read);
                return read;
            }
            Read::Finished if !message.is_empty() && view.admits(&from) => {
                let body = message.split_off(1);
                request.state = State::Handled;
                links.counters.requests_in += 1;
                self.events.push_back(NodeEvent::Request { token, from, body });
            }
            Read::Bytes(_) | Read::Finished => {
                links.counters.requests_refused += 1;
                links.abandon(stream, true);
                self.forget(token);
            }
            Read::Reset { .. } => {
                links.abandon(stream, false);
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
        if matches!(request.state, State::Handled) {
            request.state = State::Answered { message: message(answer), written: 0 };
            self.write_reply(token, links);
        }
    }

    /// Writes what the windows take. A requester that wants no more is forgotten.
    pub(super) fn write_reply(&mut self, token: RequestToken, links: &mut Links) {
        let Some(request) = self.incoming.requests.get_mut(&token) else { return };
        let stream = request.stream;
        let State::Answered { message, written } = &mut request.state else {
            // Nothing is to be written yet: the requester may have taken it back.
            if links.write(stream, &[]).is_none() {
                self.drop_request(token, stream, links);
            }
            return;
        };
        while *written < message.len() {
            match links.write(stream, &message[*written..]) {
                Some(0) => return,
                Some(more) => *written += more,
                None => return self.drop_request(token, stream, links),
            }
        }
        links.finish(stream);
        self.forget(token);
    }

    fn drop_request(&mut self, token: RequestToken, stream: StreamKey, links: &mut Links) {
        links.abandon(stream, false);
        self.forget(token);
    }

    /// Forgets a request: its end does not matter any more.
    pub(super) fn forget(&mut self, token: RequestToken) {
        if let Some(request) = self.incoming.remove(token) {
            self.streams.remove(&request.stream);
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
