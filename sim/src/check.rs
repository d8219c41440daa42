//! What must hold: helpers for tests.

use crate::world::{Observed, World};
use core::{fmt::Write as _, time::Duration};
use ifrit_core::{
    action::Notice,
    time::Mono,
    view::{MemberView, State},
};
use std::collections::BTreeSet;

impl World {
    /// Members whose process runs, or is paused.
    pub fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| !self.nodes[*node].is_dead()).collect()
    }

    /// Correct members that run.
    pub fn correct(&self) -> Vec<usize> {
        self.running().into_iter().filter(|node| self.nodes[*node].correct).collect()
    }

    /// How `observer` sees `subject`.
    pub fn sees(&self, observer: usize, subject: usize) -> Option<MemberView> {
        self.member(observer).view().member(&self.id(subject))
    }

    /// Whether `observer` holds `subject` live.
    pub fn sees_live(&self, observer: usize, subject: usize) -> bool {
        self.sees(observer, subject).is_some_and(|view| view.state.is_live())
    }

    /// Whether every correct member but `subject` holds it in `state`.
    pub fn all_see(&self, subject: usize, state: State) -> bool {
        let mut others = self.correct().into_iter().filter(|node| *node != subject);
        others.all(|observer| self.sees(observer, subject).is_some_and(|view| view.state == state))
    }

    /// Who is live in a view.
    pub fn live_view(&self, observer: usize) -> BTreeSet<usize> {
        let view = self.member(observer).view();
        view.members().filter(|member| member.state.is_live()).map(|member| self.index(&member.id)).collect()
    }

    /// Whether `group` is joined, agrees, and holds exactly `group` live.
    pub fn agree(&self, group: &[usize]) -> bool {
        let Some(first) = group.first() else { return true };
        let digest = self.member(*first).view().digest();
        let alike = |node: &usize| {
            let view = self.member(*node).view();
            view.joined() && view.live() == group.len() && view.digest() == digest
        };
        group.iter().all(alike) && self.live_view(*first) == group.iter().copied().collect()
    }

    /// Whether all correct running members agree and hold exactly the running ones live.
    pub fn settled(&self) -> bool {
        let running = self.running();
        let correct = self.correct();
        let Some(first) = correct.first() else { return true };
        let digest = self.member(*first).view().digest();
        let alike = |node: &usize| {
            let view = self.member(*node).view();
            view.joined() && view.live() == running.len() && view.digest() == digest
        };
        correct.iter().all(alike) && self.live_view(*first) == running.into_iter().collect()
    }

    /// Runs until all views are right and equal, then looks at each member by member.
    ///
    /// # Panics
    /// If that takes longer than `limit`; says who sees what.
    pub fn settles_within(&mut self, limit: Duration) -> Duration {
        let Some(took) = self.run_until_condition(limit, Self::settled) else {
            panic!("views are not right after {limit:?}:\n{}", self.explain())
        };
        let running: BTreeSet<_> = self.running().into_iter().collect();
        for node in self.correct() {
            assert_eq!(self.live_view(node), running, "live view of {node}");
        }
        took
    }

    /// Who sees what wrongly, a line per member.
    pub fn explain(&self) -> String {
        let running: BTreeSet<_> = self.running().into_iter().collect();
        let mut text = String::new();
        for node in self.correct() {
            let view = self.member(node).view();
            let live = self.live_view(node);
            let missing: Vec<_> = running.difference(&live).collect();
            let extra: Vec<_> = live.difference(&running).collect();
            let digest = &view.digest()[..4];
            let links = self.linked(node).len();
            writeln!(
                text,
                "{node:4} joined {} live {} digest {digest:02x?} links {links} missing {missing:?} extra {extra:?}",
                view.joined(),
                view.live(),
            )
            .expect("a string takes everything");
        }
        text
    }

    /// What was observed since `since`.
    pub fn since(&self, since: Mono) -> &[Observed] {
        let first = self.observed.partition_point(|seen| seen.at < since);
        &self.observed[first..]
    }

    /// (when, observer, subject): a correct member put a correct one Down after `since`, and both run still.
    pub fn removals(&self, since: Mono) -> Vec<(Mono, usize, usize)> {
        let correct: BTreeSet<_> = self.correct().into_iter().collect();
        let downs = self.since(since).iter().filter_map(|seen| match &seen.notice {
            Notice::Down { accusation } => Some((seen.at, seen.observer, self.index(&accusation.accused))),
            _ => None,
        });
        downs
            .filter(|(_, observer, subject)| correct.contains(observer) && correct.contains(subject))
            .collect()
    }
}
