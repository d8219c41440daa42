//! A view that is held once, however many members start from it or keep it.

use crate::{
    accusation::Accusation,
    certificate::{Certificate, Root},
    crypto::Verifier,
    id::MemberId,
    note::Note,
    params::NetworkParams,
    revocation::Revocations,
    state::{Ix, Roster, State},
    time::{Mono, Now},
    wire::{Bundle, Frame},
};
use alloc::{sync::Arc, vec::Vec};

/// Where the members of one process look for a record that they have checked, before each keeps an own copy.
///
/// Each method gives what is kept of an equal record, or keeps this one.
pub trait Store: core::fmt::Debug + Send + Sync {
    /// A certificate.
    fn certificate(&self, new: Certificate) -> Arc<Certificate>;
    /// A note.
    fn note(&self, new: Note) -> Arc<Note>;
    /// An accusation.
    fn accusation(&self, new: Accusation) -> Arc<Accusation>;
}

/// Keeps nothing: each member has its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart;

impl Store for Apart {
    fn certificate(&self, new: Certificate) -> Arc<Certificate> {
        Arc::new(new)
    }

    fn note(&self, new: Note) -> Arc<Note> {
        Arc::new(new)
    }

    fn accusation(&self, new: Accusation) -> Arc<Accusation> {
        Arc::new(new)
    }
}

/// Checked records of members, with rings and trie over them.
///
/// A real process has no use for it: it is for many members in one process, the simulator's, which else would hold and check
/// each record once per member. What a member changes later is its own; all else stays shared.
#[derive(Clone, Debug)]
pub struct Shared {
    network: NetworkParams,
    state: Arc<State>,
    store: Arc<dyn Store>,
}

impl Shared {
    /// A view of nobody: whoever starts from it looks records up in `store`.
    pub fn nobody(network: NetworkParams, store: Arc<dyn Store>) -> Self {
        Self { network, state: Arc::new(State::new(&network, Mono(0))), store }
    }

    /// This view and these certificates and notes. Those that a member would refuse at `now` are left out.
    ///
    /// Its times are moments of one monotonic clock: whoever starts from it has the same. The members are taken to be known
    /// since `since`.
    pub fn with<'a>(
        &self,
        root: &Root,
        verifier: &dyn Verifier,
        records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        now: Now,
        since: Mono,
    ) -> Self {
        let mut state = State::clone(&self.state);
        for (der, note) in records {
            if let Some((certificate, note)) = check(root, verifier, der, note)
                && certificate.is_current(now.wall, state.params.allowance)
                && state.judge_time(&note, now.wall).is_ok()
                && state.roster.ix(&note.id()).is_none()
            {
                state.found(self.store.certificate(certificate), self.store.note(note), now, since);
            }
        }
        state.enter(since);
        state.settle_trie();
        state.notices.clear();
        Self { state: Arc::new(state), ..self.clone() }
    }

    /// How many members are in it.
    pub fn len(&self) -> usize {
        self.state.roster.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a member that starts from it has to save.
    pub fn saved(&self) -> Saved {
        Saved::of(&self.state)
    }

    /// The state of a member of `network` that starts from it, if it is of that network.
    pub(crate) fn state(&self, network: &NetworkParams, now: Mono) -> Option<State> {
        (self.network == *network).then(|| self.state.fork(now))
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }
}

/// What is worth keeping of a view over a restart, as it was at one moment.
///
/// It shares with the view what does not change meanwhile: the records only, not what is held against anybody, nor what
/// follows from that.
#[derive(Clone, Debug)]
pub struct Saved {
    roster: Roster,
    revoked: Option<Arc<Revocations>>,
}

impl Saved {
    pub(crate) fn of(state: &State) -> Self {
        Self { roster: state.roster.clone(), revoked: state.revoked.clone() }
    }

    /// Appends it for [`Stored`](crate::config::Stored): the revocation list, if there is one, and the records of all that
    /// are not out, but for `me`'s. O(N).
    pub fn snapshot(&self, me: &MemberId, out: &mut Vec<u8>) {
        if let Some(list) = &self.revoked {
            out.extend(Frame::Revocations(list.signed().bytes()).encode());
        }
        let roster = &self.roster;
        let live = roster.iter().filter(|(id, ix)| *id != me && !roster[*ix].standing.is_out());
        let bundle = |(id, ix): (&MemberId, Ix)| Bundle {
            id: *id,
            certificate: Some(roster[ix].certificate.der()),
            note: Some(roster[ix].note.signed().bytes()),
            accusations: Vec::new(),
        };
        out.extend(Frame::Records(live.map(bundle).collect()).encode());
    }
}

/// What a newcomer's records have to pass: form, belonging together, both signatures.
fn check(root: &Root, verifier: &dyn Verifier, der: &[u8], note: &[u8]) -> Option<(Certificate, Note)> {
    let certificate = Certificate::parse(der, root).ok()?;
    let note = Note::parse(note, &root.params).ok()?;
    let good = certificate.id == note.id()
        && certificate.verify(root, verifier)
        && note.signed().verify(verifier, &certificate.key());
    good.then_some((certificate, note))
}
