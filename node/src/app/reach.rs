//! From a member's id, or from an address, to a stream on a link: dials, and whoever waits for one.

use super::{App, Directory, RequestError, RequestId, StreamError, StreamId};
use crate::{
    limits::{DEAD_MAX, LINK_WINDOW, REDIAL_WAIT, REQUESTS_PER_PEER, STREAM_FIRST},
    link::{LinkKey, Links},
};
use ifrit_core::{
    id::MemberId,
    time::{Mono, Now},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

/// What waits for a link to a member, or for credit on it. The smallest number came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    Request(RequestId),
    Stream(StreamId),
}

/// Those that wait for one member.
#[derive(Debug, Default)]
struct Waiting {
    requests: BTreeSet<RequestId>,
    streams: BTreeSet<StreamId>,
    /// Where else the member may be; `None` if no address was looked up yet, because there was a link.
    addrs: Option<VecDeque<SocketAddr>>,
}

/// Why there is no use in waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutOfReach {
    Unknown,
    Unreachable,
}

/// Tells dials of addresses from those of the node's seeds, which use the keys below.
const PLACES: u32 = 1 << 31;

/// An address of which nobody knows whose it is, and those that wait for its owner.
#[derive(Debug)]
struct Place {
    addr: SocketAddr,
    requests: BTreeSet<RequestId>,
}

/// Everybody that something waits for.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// By the key under which links know the dial.
    places: BTreeMap<u32, Place>,
    next_place: u32,
    waiting: BTreeMap<MemberId, Waiting>,
    /// Members that could not be reached lately, and until when no new dial is worth it.
    dead: BTreeMap<MemberId, Mono>,
}

impl Reach {
    /// Whether a member is worth a try: the addresses to dial, or `None` if the link is there or on its way.
    pub(super) fn admit(
        &mut self,
        now: Now,
        to: MemberId,
        links: &Links,
        view: &impl Directory,
    ) -> Result<Option<VecDeque<SocketAddr>>, OutOfReach> {
        if links.is_up(&to) || self.waiting.contains_key(&to) {
            return Ok(None);
        }
        let addrs = view.addrs(&to).ok_or(OutOfReach::Unknown)?;
        self.dead.retain(|_, until| *until > now.mono);
        if addrs.is_empty() || to == links.me() || self.dead.contains_key(&to) {
            return Err(OutOfReach::Unreachable);
        }
        Ok(Some(addrs.into()))
    }

    fn add(&mut self, to: MemberId, want: Want) -> &mut Waiting {
        let waiting = self.waiting.entry(to).or_default();
        match want {
            Want::Request(id) => waiting.requests.insert(id),
            Want::Stream(id) => waiting.streams.insert(id),
        };
        waiting
    }

    /// Something waits no more.
    pub(super) fn forget(&mut self, to: &MemberId, want: Want) {
        let Some(waiting) = self.waiting.get_mut(to) else { return };
        match want {
            Want::Request(id) => waiting.requests.remove(&id),
            Want::Stream(id) => waiting.streams.remove(&id),
        };
        if waiting.requests.is_empty() && waiting.streams.is_empty() {
            self.waiting.remove(to);
        }
    }

    /// A request that waits for the owner of an address waits no more.
    pub(super) fn forget_at(&mut self, addr: SocketAddr, id: RequestId) {
        let places = self.places.values_mut().filter(|place| place.addr == addr);
        places.for_each(|place| _ = place.requests.remove(&id));
    }

    /// The next that may have a stream on the link to `to`.
    fn next(&self, to: &MemberId, requests: bool) -> Option<Want> {
        let waiting = self.waiting.get(to)?;
        let request = waiting.requests.first().filter(|_| requests).map(|id| Want::Request(*id));
        request.or_else(|| waiting.streams.first().map(|id| Want::Stream(*id)))
    }
}

/// What a link is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A request of this member.
    Request,
    /// A message stream that this member has opened.
    Own,
    /// A message stream that the peer has opened.
    Theirs,
}

/// How much each link is used for each, and how many bytes its message streams were granted beyond [`STREAM_FIRST`] each.
#[derive(Debug, Default)]
pub(super) struct Uses(BTreeMap<LinkKey, ([usize; 3], u64)>);

impl Uses {
    fn of(&self, link: LinkKey, what: Use) -> usize {
        self.0.get(&link).map_or(0, |(uses, _)| uses[what as usize])
    }

    pub(super) fn begin(&mut self, now: Now, link: LinkKey, what: Use, links: &mut Links) {
        self.0.entry(link).or_default().0[what as usize] += 1;
        self.apply(now, link, what, links);
    }

    pub(super) fn end(&mut self, now: Now, link: LinkKey, what: Use, links: &mut Links) {
        // It is gone with its link if that is gone.
        let Some((uses, _)) = self.0.get_mut(&link) else { return };
        uses[what as usize] -= 1;
        self.apply(now, link, what, links);
        if self.0.get(&link).is_some_and(|(uses, _)| *uses == [0; 3]) {
            self.0.remove(&link);
        }
    }

    /// The link's message streams were granted so much more.
    pub(super) fn widen(&mut self, now: Now, link: LinkKey, wide: u64, links: &mut Links) {
        if let Some(uses) = self.0.get_mut(&link) {
            uses.1 = wide;
            self.apply(now, link, Use::Own, links);
        }
    }

    /// The link is gone.
    pub(super) fn forget(&mut self, link: LinkKey) {
        self.0.remove(&link);
    }

    /// Keeps the link alive for what this member has begun, and makes room on it: each message stream has a window that
    /// nobody else needs, so that one that is not read stalls nothing but itself. A quarter more, because quinn tells the
    /// sender of room only when that is an eighth of the whole.
    fn apply(&self, now: Now, link: LinkKey, changed: Use, links: &mut Links) {
        let of = |what| self.of(link, what);
        links.keep_alive(now, link, of(Use::Request) + of(Use::Own) > 0);
        if changed != Use::Request {
            let streams = (of(Use::Own) + of(Use::Theirs)) as u64;
            let wide = self.0.get(&link).map_or(0, |(_, wide)| *wide);
            links.widen(link, u64::from(LINK_WINDOW) + (streams * STREAM_FIRST + wide) * 5 / 4);
        }
    }
}

impl App {
    /// Lets something wait for a stream to `to`, and does what brings it nearer.
    pub(super) fn reach(
        &mut self,
        now: Now,
        to: MemberId,
        want: Want,
        addrs: Option<VecDeque<SocketAddr>>,
        links: &mut Links,
    ) {
        let waiting = self.reach.add(to, want);
        if addrs.is_some() {
            waiting.addrs = addrs;
            self.dial(now, to, links);
        } else {
            self.open(now, to, links);
        }
    }

    /// Lets a request wait for the owner of an address.
    pub(super) fn reach_at(&mut self, now: Now, addr: SocketAddr, id: RequestId, links: &mut Links) {
        if let Some(place) = self.reach.places.values_mut().find(|place| place.addr == addr) {
            place.requests.insert(id);
            return;
        }
        let key = PLACES | self.reach.next_place;
        self.reach.next_place = self.reach.next_place.wrapping_add(1) & !PLACES;
        self.reach.places.insert(key, Place { addr, requests: BTreeSet::from([id]) });
        links.dial_seed(now, key, addr);
    }

    /// The owner of an address is known, and there is a link to it.
    pub(super) fn found(&mut self, now: Now, key: u32, owner: MemberId, links: &mut Links) {
        let Some(place) = self.reach.places.remove(&key) else { return };
        for id in place.requests {
            self.address(id, owner);
            self.reach(now, owner, Want::Request(id), None, links);
        }
    }

    /// Nobody of this network answers at an address.
    pub(super) fn not_found(&mut self, now: Now, key: u32, links: &mut Links) {
        let Some(place) = self.reach.places.remove(&key) else { return };
        for id in place.requests {
            self.end(now, id, Err(RequestError::Unreachable), links);
        }
    }

    /// Tries the next address of a member; without one it is out of reach.
    fn dial(&mut self, now: Now, to: MemberId, links: &mut Links) {
        let Some(waiting) = self.reach.waiting.get_mut(&to) else { return };
        if let Some(addr) = waiting.addrs.as_mut().and_then(VecDeque::pop_front) {
            return links.dial(now, to, addr);
        }
        let Waiting { requests, streams, .. } = std::mem::take(waiting);
        self.reach.waiting.remove(&to);
        if self.reach.dead.len() < DEAD_MAX {
            self.reach.dead.insert(to, now.mono + REDIAL_WAIT);
        }
        for id in requests {
            self.end(now, id, Err(RequestError::Unreachable), links);
        }
        for id in streams {
            self.not_opened(id, StreamError::Unreachable);
        }
    }

    /// A link or a dial is gone. What waited for credit on the link has not been sent: it dials.
    pub(super) fn unreachable(&mut self, now: Now, to: MemberId, links: &mut Links, view: &impl Directory) {
        let Some(waiting) = self.reach.waiting.get_mut(&to) else { return };
        if !links.is_up(&to) && !links.is_dialing(&to) {
            waiting.addrs.get_or_insert_with(|| view.addrs(&to).unwrap_or_default().into());
            self.dial(now, to, links);
        }
    }

    /// Gives streams to what waits for this member, as far as its credit goes.
    pub(super) fn open(&mut self, now: Now, to: MemberId, links: &mut Links) {
        while let Some(link) = links.link_to(&to) {
            // Beyond that the next end of a request lets one go.
            let requests = self.uses.of(link, Use::Request) < REQUESTS_PER_PEER;
            let opened = match self.reach.next(&to, requests) {
                Some(Want::Request(id)) => self.open_request(now, id, to, links),
                Some(Want::Stream(id)) => self.open_messages(now, id, to, links),
                None => return,
            };
            if !opened {
                return;
            }
            self.reach.dead.remove(&to);
        }
    }

    /// Whether this member's requests, or message streams of either, need the link to `member`.
    pub(crate) fn needs(&self, member: &MemberId, links: &Links) -> bool {
        links.link_to(member).is_some_and(|link| self.uses.0.contains_key(&link))
    }
}
