//! A view that is held once, however many members start from it or keep it.

use crate::{
    certificate::Certificate,
    config::Config,
    id::MemberId,
    note::Note,
    params::NetworkParams,
    state::State,
    time::{Mono, Now},
};
use alloc::{sync::Arc, vec::Vec};

/// Checked records of members, with rings and trie over them.
///
/// A real process has no use for it: it is for many members in one process, the simulator's, which else would hold and check
/// each record once per member. What a member changes later is its own; all else stays shared.
#[derive(Clone, Debug)]
pub struct Shared {
    network: NetworkParams,
    state: Arc<State>,
}

impl Shared {
    /// A view of these certificates and notes. Those that a member would refuse at `now` are left out.
    ///
    /// Its times are moments of one monotonic clock: whoever starts from it has the same. The members are taken to be known
    /// since `since`.
    pub fn new<'a>(
        config: &Config,
        records: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        now: Now,
        since: Mono,
    ) -> Self {
        let network = config.root.params;
        let mut state = State::new(&network, since);
        for (der, note) in records {
            if let Some((certificate, note)) = check(config, der, note)
                && certificate.is_current(now.wall, state.params.allowance)
                && state.judge_time(&note, now.wall).is_ok()
                && state.roster.ix(&note.id()).is_none()
            {
                state.found(certificate, note, now, since);
            }
        }
        state.enter(since);
        state.trie.settle(&state.roster);
        state.notices.clear();
        Self { network, state: Arc::new(state) }
    }

    /// What a running member holds.
    pub(crate) fn of(network: NetworkParams, state: &State) -> Self {
        Self { network, state: Arc::new(state.clone()) }
    }

    /// How many members are in it.
    pub fn len(&self) -> usize {
        self.state.roster.len()
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends what [`View::snapshot`](crate::view::View::snapshot) of the member `me` would have: the records of all others
    /// that are not out. O(N).
    pub fn snapshot(&self, me: &MemberId, out: &mut Vec<u8>) {
        self.state.snapshot(me, out);
    }

    /// The state of a member of `network` that starts from it, if it is of that network.
    pub(crate) fn state(&self, network: &NetworkParams, now: Mono) -> Option<State> {
        (self.network == *network).then(|| self.state.fork(now))
    }
}

/// What a newcomer's records have to pass: form, belonging together, both signatures.
fn check(config: &Config, der: &[u8], note: &[u8]) -> Option<(Arc<Certificate>, Arc<Note>)> {
    let certificate = Certificate::parse(der, &config.root).ok()?;
    let note = Note::parse(note, &config.root.params).ok()?;
    let good = certificate.id == note.id()
        && certificate.verify(&config.root, &*config.verifier)
        && note.signed().verify(&*config.verifier, &certificate.key());
    good.then(|| (Arc::new(certificate), Arc::new(note)))
}
