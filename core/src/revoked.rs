//! How the CA's revocation list travels, and what it does (R14).
//!
//! **The way of a list.** Whoever gets a list that is new pushes it whole to as many as it would push a note to, and tells all others
//! to whom it has a link which one it holds: 26 bytes. Whoever holds an older one says so, and is given it. The same is said
//! first on a new link, and with every walk, in whose digest the list is: so a member that was away, or cut off, has it
//! with the first peer that has it. A member that holds none says nothing. A list proves itself, so it is taken from
//! anybody; the signature is checked last, once, and only of one that would count.
//!
//! **What it does.** Whoever is in it is forgotten, as if its certificate had ended: its note, its accusations, and those of it;
//! its links are cut, and none of its words is looked at any more. Who stands between an accuser and an accused is
//! judged without it, so for the moments in which some have the list and others do not, accusations over the revoked
//! member are refused by the latter, and come again with the digests.
//!
//! **The root's successor.** While one root follows another, the list says so, and the new root signs it: whoever holds the old
//! one believes the new one from then on, as the old one signed for it (`certificate::succession`). The certificates that it
//! knows then are the old root's, and hold no longer than that is believed.

use crate::{
    action::{HangUp, Misbehaviour, Notice},
    certificate::Root,
    config::Config,
    event::{Lane, Refused},
    gossip::ring_of,
    id::MemberId,
    member::Member,
    outbox::Out,
    revocation::{Revocations, RevocationsError},
    time::{Mono, Now},
    wire::{Frame, HeldList},
};
use alloc::{sync::Arc, vec::Vec};

/// What a link's ends know of each other's lists.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// The latest that the peer is known to hold.
    theirs: HeldList,
    /// The last that was sent to it, and when.
    sent: Option<(HeldList, Mono)>,
}

impl Member {
    /// Tells a peer which list this member holds, if the peer may hold an older one.
    pub(crate) fn show_list(&mut self, peer: MemberId) {
        let mine = self.state.held_list();
        if self.links.get(&peer).is_some_and(|link| link.list.theirs < mine) {
            self.send(peer, Lane::Urgent, Frame::Holds(mine).encode());
        }
    }

    /// A peer says which one it holds. The older one's holder gets the other: one that asks says what it has.
    pub(crate) fn on_holds(&mut self, from: MemberId, theirs: HeldList, now: Mono) {
        let mine = self.state.held_list();
        let Some(link) = self.links.get_mut(&from) else { return };
        link.list.theirs = link.list.theirs.max(theirs);
        link.charge(1, now);
        match theirs.cmp(&mine) {
            core::cmp::Ordering::Less => self.send_list(from, now),
            core::cmp::Ordering::Equal => {}
            core::cmp::Ordering::Greater => {
                self.send(from, Lane::Urgent, Frame::Holds(mine).encode());
            }
        }
    }

    /// At most once per Δ the same, and within what one identity is served (R13).
    fn send_list(&mut self, to: MemberId, now: Mono) {
        let Some(list) = self.state.revoked.clone() else { return };
        let (held, delta, state) = (list.held(), self.state.params.delta, self.state_bytes());
        let Some(link) = self.links.get_mut(&to) else { return };
        if link.list.sent.is_some_and(|(sent, at)| sent == held && now.since(at) < delta) {
            return;
        }
        let frame = Frame::Revocations(list.signed().bytes()).encode();
        if self.served.admit(to, frame.len(), state, now) {
            link.list.sent = Some((held, now));
            self.send(to, Lane::Urgent, frame);
        }
    }

    /// A peer brings a list.
    pub(crate) fn on_list(&mut self, from: MemberId, bytes: &[u8], now: Now) {
        let list = match Revocations::parse(bytes, &self.network) {
            Ok(list) => list,
            Err(RevocationsError::NewerVersion | RevocationsError::OtherNetwork) => {
                self.counters.refusals += 1;
                return self.charge(from, now.mono);
            }
            Err(RevocationsError::Malformed) => {
                return self.misbehaved(from, Misbehaviour::Malformed, now.mono);
            }
        };
        let held = list.held();
        if held <= self.state.held_list() && !planted!(OlderList) {
            self.counters.duplicates += 1;
            return self.charge(from, now.mono);
        }
        let mut root = None;
        let good = self.check(list.signed().bytes(), |config| {
            root = root_by(&list, config);
            root.is_some() || is_former_s(&list, config)
        });
        let root = match root {
            Some(root) => root,
            None if planted!(ForgedList) => self.config.root.clone(),
            // Only the new root speaks now, but the peer need not know of it yet: no blame.
            None if good => {
                self.counters.refusals += 1;
                return self.charge(from, now.mono);
            }
            None => return self.misbehaved(from, Misbehaviour::BadSignature, now.mono),
        };
        if let Some(link) = self.links.get_mut(&from) {
            link.list.theirs = link.list.theirs.max(held);
            link.useful = now.mono;
        }
        self.take_list(list, root, Some(from), now);
    }

    fn charge(&mut self, from: MemberId, now: Mono) {
        if let Some(link) = self.links.get_mut(&from) {
            link.charge(1, now);
        }
    }

    /// A list of the operator's, checked, and the root that it leaves.
    pub(crate) fn list_of(&self, bytes: &[u8]) -> Result<(Revocations, Root), Refused> {
        let list = Revocations::parse(bytes, &self.network).map_err(|_| Refused::WrongRevocations)?;
        let root = root_by(&list, &self.config).ok_or(Refused::WrongRevocations)?;
        Ok((list, root))
    }

    /// Takes in a list that verified, unless it is not newer: those in it are out, here and at once; all others are told.
    pub(crate) fn take_list(&mut self, list: Revocations, root: Root, from: Option<MemberId>, now: Now) {
        if list.held() <= self.state.held_list() && !planted!(OlderList) {
            return;
        }
        if root != self.config.root {
            self.succeed(root, now);
        }
        self.news += 1;
        self.counters.news += 1;
        let list = Arc::new(list);
        self.state.revoke(Arc::clone(&list), self.my_ix, now.mono);
        // A crash at this moment must not let anybody in again.
        self.next_snapshot = now.mono;
        let cut: Vec<MemberId> = self.links.keys().filter(|id| list.contains(id)).copied().collect();
        for member in cut {
            self.send_list(member, now.mono); // it may well be the last that it hears
            self.hang_up(member, HangUp::Expired);
        }
        self.spread_list(&list, from, now.mono);
        if list.contains(&self.me) && !self.own.leaving {
            // Nobody hears this member any more, so it is silent: as one that has left.
            self.own.leaving = true;
            self.leaves = Some(now.mono);
            self.out.push(Out::Notify(Notice::Revoked { member: self.me }));
        }
    }

    /// From now on another root is believed. What is held is the former one's, unless that was only not known until now.
    pub(crate) fn succeed(&mut self, root: Root, now: Now) {
        let Some(until) = root.former().map(|former| former.until) else { return };
        // Of the same root only another end is news.
        let is_next = root.der() != self.config.root.der();
        if is_next || self.config.root.former().is_some() {
            self.state.succeed(until, is_next, now);
            let allowance = self.state.params.allowance;
            for link in self.links.values_mut().filter(|link| is_next || link.certificate.is_of_former()) {
                link.certificate = self.store.certificate(link.certificate.of_former(until));
                link.until = now.mono + (link.certificate.not_after + allowance).since(now.wall);
            }
        }
        self.config.root = root;
        self.out.push(Out::Notify(Notice::Succeeded { until }));
    }

    /// R7: pushed whole to some, told of to all others.
    fn spread_list(&mut self, list: &Revocations, from: Option<MemberId>, now: Mono) {
        let relays = self.relays(ring_of(list.hash(), self.network.rings), from);
        let linked: Vec<MemberId> = self.links.keys().copied().collect();
        for peer in linked {
            if relays.contains(&peer) {
                self.send_list(peer, now);
            } else {
                self.show_list(peer);
            }
        }
    }
}

/// The root that is to be believed after a list, if the network's CA signed it. In an open network everybody can sign, so nobody is
/// revoked there.
pub(crate) fn root_by(list: &Revocations, config: &Config) -> Option<Root> {
    let root = match list.succession() {
        [] => config.root.clone(),
        bundle => config.root.after(bundle, &*config.verifier)?,
    };
    (!root.is_open() && list.signed().verify(&*config.verifier, &root.key)).then_some(root)
}

/// Whether the former root signed it, which says nothing new any more.
pub(crate) fn is_former_s(list: &Revocations, config: &Config) -> bool {
    let former = config.root.former();
    former.is_some_and(|former| list.signed().verify(&*config.verifier, &former.root.key))
}
