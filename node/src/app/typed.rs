//! Streams by type: who has opened one, what it carries, whose it is.

use super::{App, Directory, RequestId, RequestToken, StreamId, tags};
use crate::{
    limits::{ECHO_MAX, GOSSIP_MAX, REQUEST_MAX},
    link::{LinkKey, Links, Read, Reset, StreamKey},
};
use ifrit_core::{id::MemberId, time::Now};
use std::collections::{BTreeMap, VecDeque};

/// What an exchange of one question and one answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The application asks.
    Request,
    /// Gossip of the application: nobody waits for its end.
    Gossip,
    /// Whether the other node is there: it gives the question back.
    Echo,
}

impl Purpose {
    /// The first byte of its stream.
    pub(super) fn tag(self) -> u8 {
        match self {
            Self::Request => tags::REQUEST,
            Self::Gossip => tags::GOSSIP,
            Self::Echo => tags::ECHO,
        }
    }

    /// Bytes of a question, and of the body of an answer.
    pub(super) fn max(self) -> usize {
        match self {
            Self::Request => REQUEST_MAX,
            Self::Gossip => GOSSIP_MAX,
            Self::Echo => ECHO_MAX,
        }
    }
}

/// Whose a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A peer has opened it; its first byte has not come.
    Unnamed(MemberId),
    Out(RequestId),
    In(RequestToken),
    Messages(StreamId),
    /// Of a neighbour, whoever has opened it.
    Relay(MemberId),
    /// Grants, to or from this peer.
    Credit(MemberId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    owner: Owner,
    /// Whether it is in the line of those to be read.
    queued: bool,
    /// Its type, while that byte is not written yet.
    tag: Option<u8>,
}

impl Stream {
    fn of(owner: Owner, tag: Option<u8>) -> Self {
        Self { owner, queued: false, tag }
    }
}

/// All streams of one node that have no end yet.
#[derive(Debug, Default)]
pub(super) struct Streams {
    all: BTreeMap<StreamKey, Stream>,
    /// Streams that may have something to read, each once.
    readable: VecDeque<StreamKey>,
}

impl Streams {
    /// Opens a stream on the link to a member and writes its first byte. `None` without a link, or without credit on it:
    /// `LinkEvent::Up` or `Available` tells when to try again.
    pub(super) fn open(
        &mut self,
        to: MemberId,
        tag: u8,
        owner: Owner,
        links: &mut Links,
    ) -> Option<StreamKey> {
        let key = links.open(to)?;
        self.all.insert(key, Stream::of(owner, Some(tag)));
        // An error shows at the next write.
        let _ = self.write(key, &[], links);
        Some(key)
    }

    /// Writes what the windows take, after the type. An error is the end of the sending half.
    pub(super) fn write(&mut self, key: StreamKey, bytes: &[u8], links: &mut Links) -> Result<usize, Reset> {
        let Some(stream) = self.all.get_mut(&key) else { return Err(Reset::Dropped) };
        if let Some(tag) = stream.tag {
            if links.write(key, &[tag])? == 0 {
                return Ok(0);
            }
            stream.tag = None;
        }
        let owner = stream.owner;
        let written = links.write(key, bytes)?;
        let sum = match owner {
            Owner::Out(_) | Owner::In(_) => &mut links.counters.request_bytes_out,
            Owner::Messages(_) => &mut links.counters.stream_bytes_out,
            Owner::Relay(_) => &mut links.counters.broadcast_bytes_out,
            // The one costs 16 bytes in 32 thousand; nobody writes to the other.
            Owner::Credit(_) | Owner::Unnamed(_) => return Ok(written),
        };
        *sum += written as u64;
        Ok(written)
    }

    /// Whether its first byte is written: before that it cannot be finished.
    pub(super) fn is_typed(&self, key: StreamKey) -> bool {
        self.all.get(&key).is_some_and(|stream| stream.tag.is_none())
    }

    pub(super) fn owner(&self, key: StreamKey) -> Option<Owner> {
        Some(self.all.get(&key)?.owner)
    }

    /// Puts a stream into the line of those that may have something to read.
    pub(super) fn queue(&mut self, key: StreamKey) {
        if let Some(stream) = self.all.get_mut(&key)
            && !std::mem::replace(&mut stream.queued, true)
        {
            self.readable.push_back(key);
        }
    }

    /// Whether that line is not empty.
    pub(super) fn has_readable(&self) -> bool {
        !self.readable.is_empty()
    }

    /// The next of that line; it may have ended meanwhile.
    pub(super) fn next_readable(&mut self) -> Option<(StreamKey, Option<Owner>)> {
        let key = self.readable.pop_front()?;
        let owner = self.all.get_mut(&key).map(|stream| {
            stream.queued = false;
            stream.owner
        });
        Some((key, owner))
    }

    /// A peer has opened a stream.
    pub(super) fn opened(&mut self, key: StreamKey, from: MemberId) {
        self.all.insert(key, Stream::of(Owner::Unnamed(from), None));
        // What has come with the opening is not told as readable.
        self.queue(key);
    }

    fn name(&mut self, key: StreamKey, owner: Owner) {
        self.all.insert(key, Stream::of(owner, None));
    }

    pub(super) fn remove(&mut self, key: StreamKey) {
        self.all.remove(&key);
    }

    /// Takes all streams of a link that is gone.
    pub(super) fn take_lost(&mut self, link: LinkKey) -> Vec<(StreamKey, Owner)> {
        let lost: Vec<_> =
            self.all.range(StreamKey::all_of(link)).map(|(key, stream)| (*key, stream.owner)).collect();
        lost.iter().for_each(|(key, _)| self.remove(*key));
        lost
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

impl App {
    /// Reads the first byte of a peer's stream: the one place that knows all types. How many bytes were read.
    pub(super) fn read_type(
        &mut self,
        now: Now,
        from: MemberId,
        key: StreamKey,
        links: &mut Links,
        view: &impl Directory,
    ) -> usize {
        let mut tag = Vec::new();
        let owner = match links.read(key, 1, &mut tag) {
            Read::Blocked => return 0,
            // Its opener gave it up before anybody knew what it was.
            Read::Reset(why) => {
                self.streams.remove(key);
                links.abandon(key, why);
                return 0;
            }
            Read::Bytes(_) => match tag[0] {
                tags::REQUEST => self.request_opened(key, from, Purpose::Request, links, view),
                tags::GOSSIP => self.request_opened(key, from, Purpose::Gossip, links, view),
                tags::ECHO => self.request_opened(key, from, Purpose::Echo, links, view),
                tags::MESSAGES => self.messages_opened(now, key, from, links, view),
                tags::RELAY => self.relay_opened(now, key, from, links, view),
                tags::CREDIT => self.credit_opened(key, from),
                _ => None,
            },
            Read::Finished => None,
        };
        if let Some(owner) = owner {
            links.give_credit(key.link);
            self.streams.name(key, owner);
        } else {
            links.counters.streams_refused += 1;
            self.streams.remove(key);
            links.abandon(key, Reset::Refused);
        }
        tag.len()
    }
}
