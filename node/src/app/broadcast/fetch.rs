//! What one run still lacks here: who has it, whom it was asked of, what waits for earlier ones.

use super::peer::Peer;
use ifrit_core::{broadcast::Message, id::MemberId, time::Mono};
use std::{collections::BTreeMap, ops::Range, time::Duration};

/// What a neighbour has of the run.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) range: Range<u64>,
    /// Who came first is asked first.
    pub(super) order: u64,
}

/// One body asked of one neighbour. Streams lose nothing, so nobody is asked twice.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) peer: MemberId,
    at: Mono,
    /// Whether it is late, and that was counted.
    pub(super) blamed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Fetch {
    pub(super) offers: BTreeMap<MemberId, Offer>,
    pub(super) asks: BTreeMap<u64, Vec<Ask>>,
    /// Verified, and later than what comes next.
    pub(super) waiting: BTreeMap<u64, Message>,
    /// Since when nothing but a gap keeps these.
    pub(super) blocked: Option<Mono>,
    /// How often that gap was passed in part only, because somebody offered what lies in it.
    pub(super) islands: u8,
    /// When it goes on by itself.
    pub(super) timer: Option<Mono>,
}

impl Fetch {
    /// The lowest number from `from` on that somebody offers.
    pub(super) fn next_offered(&self, from: u64, of: impl Fn(&MemberId) -> bool) -> Option<u64> {
        let open = self.offers.iter().filter(|(peer, offer)| offer.range.end > from && of(peer));
        open.map(|(_, offer)| offer.range.start.max(from)).min()
    }

    pub(super) fn ask(&mut self, now: Mono, sequence: u64, peer: MemberId) {
        self.asks.entry(sequence).or_default().push(Ask { peer, at: now, blamed: false });
    }

    pub(super) fn was_asked(&self, sequence: u64, peer: &MemberId) -> bool {
        self.asks.get(&sequence).is_some_and(|asks| asks.iter().any(|ask| ask.peer == *peer))
    }

    /// Takes an ask back, if there was one.
    pub(super) fn unask(&mut self, sequence: u64, peer: &MemberId) -> Option<Ask> {
        let asks = self.asks.get_mut(&sequence)?;
        let at = asks.iter().position(|ask| ask.peer == *peer)?;
        let ask = asks.swap_remove(at);
        if asks.is_empty() {
            self.asks.remove(&sequence);
        }
        Some(ask)
    }

    /// Takes back all asks of a peer but those in `keep`.
    pub(super) fn unask_all(&mut self, peer: &MemberId, keep: &Range<u64>) -> Vec<Ask> {
        let mine: Vec<_> = self.asks.keys().copied().filter(|sequence| !keep.contains(sequence)).collect();
        mine.into_iter().filter_map(|sequence| self.unask(sequence, peer)).collect()
    }

    /// When the last one asked for `sequence` is late; `None` if nobody was asked. What comes next is late after
    /// `patience`; anything else only if its peer has given nothing for so long.
    pub(super) fn late_at(
        &self,
        sequence: u64,
        is_next: bool,
        patience: Duration,
        peers: &BTreeMap<MemberId, Peer>,
    ) -> Option<Mono> {
        let late = |ask: &Ask| {
            let gave = peers.get(&ask.peer).map_or(ask.at, |peer| peer.gave);
            (if is_next { ask.at } else { ask.at.max(gave) }) + patience
        };
        self.asks.get(&sequence)?.iter().map(late).max()
    }

    /// Who is late with `sequence` and was not blamed for it yet.
    pub(super) fn blame(&mut self, sequence: u64) -> Vec<MemberId> {
        let asks = self.asks.get_mut(&sequence).into_iter().flatten();
        asks.filter_map(|ask| (!std::mem::replace(&mut ask.blamed, true)).then_some(ask.peer)).collect()
    }
}
