//! Windows of message streams: narrow at first, wider while their programs read.
//!
//! QUIC's own window is the same for all streams of a link and is fixed when the link is made: it is as wide as the widest
//! stream may become ([`STREAM_WINDOW`]). A stream that nobody reads must hold less, or a few of them would hold all that a
//! link takes; so whoever writes keeps to what the reader grants. One stream per link and direction carries the grants,
//! 16 bytes each: which stream (QUIC's number, u64, big-endian), and how many bytes may be written to it in all (the same).
//! A peer that writes more than it was granted stalls its own link and nothing else, and costs no more memory than one that
//! does not: the link's window is the sum of what was granted.

use super::{App, Owner, StreamId, tags};
use crate::{
    limits::*,
    link::{LinkKey, Links, Read, Reset, StreamKey},
    node::NodeEvent,
};
use ifrit_core::{id::MemberId, time::Now};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a grant.
const GRANT: usize = 16;

/// The window of one stream, in both directions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Bytes that the peer takes in all, and that were written.
    limit: u64,
    written: u64,
    /// Bytes that the peer may write in all, and that were read.
    granted: u64,
    read: u64,
    /// Bytes that it may be ahead of the reader.
    width: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { limit: STREAM_FIRST, written: 0, granted: STREAM_FIRST, read: 0, width: STREAM_FIRST }
    }
}

impl Window {
    /// How many of `bytes` may be written now.
    pub(super) fn room(&self, bytes: usize) -> usize {
        usize::try_from(self.limit - self.written).unwrap_or(usize::MAX).min(bytes)
    }

    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// What it takes of its peer's share, and whether it takes of the sender's.
    fn share(&self) -> (u64, bool) {
        (self.width - STREAM_FIRST, self.limit > STREAM_FIRST)
    }
}

/// What is granted over one link, and how that is told.
#[derive(Debug, Default)]
struct Share {
    /// Bytes that its streams have beyond [`STREAM_FIRST`].
    wide: u64,
    /// Streams of which the peer takes more than that.
    granted: u64,
    /// Streams with a grant to tell, the one that is being told, and on which stream.
    due: BTreeSet<StreamId>,
    grant: Vec<u8>,
    own: Option<StreamKey>,
    /// The peer's stream, and what has come of its next grant.
    theirs: Option<StreamKey>,
    arriving: Vec<u8>,
}

/// What is granted over all links.
#[derive(Debug, Default)]
pub(super) struct Credit {
    shares: BTreeMap<LinkKey, Share>,
    /// Bytes of all streams beyond [`STREAM_FIRST`] each.
    wide: u64,
}

impl Credit {
    /// How much wider a stream of this width may become.
    fn more(&self, link: LinkKey, width: u64) -> u64 {
        let of_peer = self.shares.get(&link).map_or(0, |share| share.wide);
        let left = (STREAM_WIDE_TOTAL - self.wide) as usize;
        let share = fair_share(STREAM_WIDE_PER_PEER as usize, left, 2) as u64;
        width.min(STREAM_WIDE - width).min(share.saturating_sub(of_peer))
    }

    /// The link is gone.
    pub(super) fn forget(&mut self, link: LinkKey) {
        if let Some(share) = self.shares.remove(&link) {
            self.wide -= share.wide;
        }
    }
}

impl App {
    /// The program has read so much of a stream: once it has read half of its window, the peer may write on, and further
    /// ahead than before.
    pub(super) fn grant(&mut self, now: Now, id: StreamId, read: usize, links: &mut Links) {
        let Some(stream) = self.messages.get_mut(id) else { return };
        let Some(key) = stream.key() else { return };
        let (peer, window) = (stream.peer(), stream.window());
        window.read += read as u64;
        if window.granted.saturating_sub(window.read) > window.width / 2 {
            return;
        }
        let more = self.credit.more(key.link, window.width);
        window.width += more;
        window.granted = window.read + window.width;
        // A stream of the link is there, so the link's end is still to come, and takes this with it.
        let share = self.credit.shares.entry(key.link).or_default();
        share.wide += more;
        self.credit.wide += more;
        share.due.insert(id);
        self.uses.widen(now, key.link, share.wide, links);
        self.tell_grants(peer, key.link, links);
    }

    /// A stream is over: what it took goes to others.
    pub(super) fn take_back(&mut self, now: Now, link: LinkKey, window: &Window, links: &mut Links) {
        let Some(share) = self.credit.shares.get_mut(&link) else { return };
        let (wide, is_granted) = window.share();
        share.wide -= wide;
        self.credit.wide -= wide;
        share.granted -= u64::from(is_granted);
        links.widen_sender(link, share.granted);
        self.uses.widen(now, link, share.wide, links);
    }

    /// Tells what is due on a link, as far as it goes. A peer that wants no grants gets none.
    pub(super) fn tell_grants(&mut self, to: MemberId, link: LinkKey, links: &mut Links) {
        let Some(share) = self.credit.shares.get_mut(&link) else { return };
        loop {
            if share.grant.is_empty() {
                let Some(id) = share.due.pop_first() else { return };
                let Some(stream) = self.messages.get_mut(id) else { continue };
                let Some(key) = stream.key() else { continue };
                share.grant.extend(key.number().to_be_bytes());
                share.grant.extend(stream.window().granted.to_be_bytes());
            }
            if share.own.is_none() {
                share.own = self.streams.open(to, tags::CREDIT, Owner::Credit(to), links);
            }
            let Some(own) = share.own else { return };
            match self.streams.write(own, &share.grant, links) {
                Ok(0) => return,
                Ok(written) => drop(share.grant.drain(..written)),
                Err(_) => return share.due.clear(),
            }
        }
    }

    /// A peer has opened its stream of grants; a second one is not wanted.
    pub(super) fn credit_opened(&mut self, key: StreamKey, from: MemberId) -> Option<Owner> {
        let share = self.credit.shares.entry(key.link).or_default();
        if share.theirs.is_some() {
            return None;
        }
        share.theirs = Some(key);
        Some(Owner::Credit(from))
    }

    /// Reads grants of a peer.
    pub(super) fn read_credit(&mut self, key: StreamKey, budget: usize, links: &mut Links) -> usize {
        let Some(share) = self.credit.shares.get_mut(&key.link) else { return 0 };
        if share.theirs != Some(key) {
            return 0;
        }
        let read = match links.read(key, budget, &mut share.arriving) {
            Read::Bytes(read) => read,
            Read::Blocked => return 0,
            Read::Finished | Read::Reset(_) => {
                self.streams.remove(key);
                links.abandon(key, Reset::Dropped);
                return 0;
            }
        };
        let whole = share.arriving.len() / GRANT * GRANT;
        for grant in share.arriving.drain(..whole).collect::<Vec<_>>().chunks_exact(GRANT) {
            let word = |at: usize| u64::from_be_bytes(grant[at..at + 8].try_into().expect("eight bytes"));
            let stream = key.of_same_link(word(0)).and_then(|stream| self.streams.owner(stream));
            if let Some(Owner::Messages(id)) = stream {
                self.granted(id, key.link, word(8), links);
            }
        }
        read
    }

    /// The peer takes so many bytes of a stream in all.
    fn granted(&mut self, id: StreamId, link: LinkKey, limit: u64, links: &mut Links) {
        let Some(stream) = self.messages.get_mut(id) else { return };
        let window = stream.window();
        if limit <= window.limit {
            return;
        }
        let is_first = window.limit == STREAM_FIRST;
        window.limit = limit;
        if stream.unblock() {
            self.events.push_back(NodeEvent::StreamWritable { id });
        }
        if is_first && let Some(share) = self.credit.shares.get_mut(&link) {
            share.granted += 1;
            links.widen_sender(link, share.granted);
        }
    }
}

#[cfg(test)]
mod tests;
