//! What each entry of the timeline does to the world and to the truth.

use super::{AT, Effect, GROUPS, Lasts, Runner, Stage, Step};
use crate::{
    run::timeline::Turn,
    scenario::{Action, Error, Selector},
};
use core::time::Duration;
use ifrit_core::{event::Command, limits::REVOKED_MAX, time::Mono};

impl Runner<'_> {
    /// Correct members that run and that nobody took; and how many run at all.
    pub(super) fn pool(&self) -> (Vec<usize>, usize) {
        let facts = &self.stage.truth.facts;
        let runs = |member: &usize| facts[*member].runs() && facts[*member].left.is_none();
        let all: Vec<_> = (0..facts.len()).filter(runs).collect();
        let free = |member: &usize| facts[*member].correct && !self.chooser.is_taken(*member);
        (all.iter().copied().filter(free).collect(), all.len())
    }

    fn choose(&mut self, selector: &Selector, turn: Turn, group: usize) -> Result<Vec<usize>, Error> {
        let place = (AT + turn.entry * GROUPS + group, turn.turn);
        let entry = &self.scenario.at[turn.entry];
        let (pool, all) = match entry.action {
            Action::Restart(_) => {
                let facts = &self.stage.truth.facts;
                let crashed = |member: &usize| facts[*member].crashed.is_some();
                let pool: Vec<_> = (0..facts.len()).filter(crashed).collect();
                let all = pool.len();
                (pool, all)
            }
            _ => self.pool(),
        };
        let key = format!("at[{}].do.{}", turn.entry, entry.action.name());
        let chosen = self.chooser.choose(selector, place, &pool, all);
        chosen.map_err(|reason| self.scenario.error(entry.line, &key, reason))
    }

    pub(super) fn turn(&mut self, turn: Turn) -> Result<(), Error> {
        let scenario = self.scenario;
        let action = &scenario.at[turn.entry].action;
        let members = match action {
            Action::Crash(selector) => self.each(selector, turn, Self::crash)?,
            Action::Restart(selector) => self.each(selector, turn, Self::restart)?,
            Action::Leave(selector) => self.each(selector, turn, Self::leave)?,
            Action::Join { count } => self.join(*count, turn),
            Action::Heal {} => self.heal(),
            Action::Pause { members, span } => {
                let members = self.choose(members, turn, 0)?;
                members.iter().for_each(|member| self.stage.world.pause(*member, *span));
                self.lasts(Some(members), Lasts::Pause, Some(*span))
            }
            Action::Latency { members, add, span } => {
                let members = members.as_ref().map(|members| self.choose(members, turn, 0)).transpose()?;
                self.lasts(members, Lasts::Delay(*add), *span)
            }
            Action::Loss { members, rate, span } => {
                let members = members.as_ref().map(|members| self.choose(members, turn, 0)).transpose()?;
                self.lasts(members, Lasts::Loss(*rate), *span)
            }
            Action::Skew { members, by_ms } => {
                let members = self.choose(members, turn, 0)?;
                self.skew(members, *by_ms)
            }
            Action::Partition { groups, oneway, span } => {
                let groups = groups.iter().enumerate().map(|(i, group)| self.choose(group, turn, i));
                let groups = groups.collect::<Result<Vec<_>, _>>()?;
                let members = groups.concat();
                self.lasts(Some(members), Lasts::Partition { groups, oneway: *oneway }, *span)
            }
            Action::Certificate { members, valid } => {
                let members = self.choose(members, turn, 0)?;
                members.iter().for_each(|member| self.certify(*member, *valid));
                members
            }
            Action::Revoke { members, to } => {
                let members = self.choose(members, turn, 0)?;
                let to = self.choose(to.as_ref().unwrap_or(&Selector::Count(1)), turn, 1)?;
                let handed = self.revoke(&members, &to);
                handed.map_err(|reason| {
                    self.scenario.error(scenario.at[turn.entry].line, "do.revoke", reason)
                })?;
                members
            }
        };
        if let Some(witness) = &mut self.options.witness {
            witness.happens(&self.stage.scene(), action, &members);
        }
        Ok(())
    }

    fn each(
        &mut self,
        selector: &Selector,
        turn: Turn,
        happens: fn(&mut Self, usize, Mono),
    ) -> Result<Vec<usize>, Error> {
        let members = self.choose(selector, turn, 0)?;
        let now = self.stage.world.now();
        members.iter().for_each(|member| happens(self, *member, now));
        Ok(members)
    }

    pub(super) fn crash(&mut self, member: usize, now: Mono) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        if !truth.facts[member].runs() {
            return;
        }
        truth.facts[member].crashed = Some(now);
        self.figures.ends(member, true, truth, views, now);
        views.clear(member, now);
        world.crash(member);
    }

    fn restart(&mut self, member: usize, now: Mono) {
        if self.stage.truth.facts[member].crashed.is_some() {
            self.chooser.release(member);
            self.start(member, now);
        }
    }

    fn start(&mut self, member: usize, now: Mono) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        world.start(member);
        if world.running_member(member).is_none() {
            return; // Revoked, and its disk says so.
        }
        (truth.facts[member].started, truth.facts[member].crashed) = (Some(now), None);
        self.figures.starts(member, views, now);
        views.clear(member, now);
        views.set(member, member, true, now);
        if let Some(real) = world.running_member(member) {
            self.figures.speaks(member, real.view().epoch());
        }
    }

    fn leave(&mut self, member: usize, now: Mono) {
        let Stage { world, truth, views, .. } = &mut self.stage;
        truth.facts[member].left = Some(now);
        self.figures.ends(member, false, truth, views, now);
        world.depart(member);
    }

    fn join(&mut self, count: usize, turn: Turn) -> Vec<usize> {
        let now = self.stage.world.now();
        let members: Vec<_> = (self.next_newcomer..self.next_newcomer + count).collect();
        self.next_newcomer += count;
        let facts = &self.stage.truth.facts;
        let invites =
            |member: &usize| facts[*member].correct && facts[*member].runs() && facts[*member].left.is_none();
        let pool: Vec<_> = (0..facts.len()).filter(invites).collect();
        for (i, member) in members.iter().enumerate() {
            let place = (AT + turn.entry * GROUPS + i, turn.turn);
            let contacts = self.chooser.draw(place, &pool, self.stage.params.contacts);
            self.stage.world.set_seeds(*member, contacts);
            self.start(*member, now);
        }
        members
    }

    fn heal(&mut self) -> Vec<usize> {
        let now = self.stage.world.now();
        let partitions = self.effects.lasting(None, |what| matches!(what, Lasts::Partition { .. }));
        let ended = partitions.into_iter().filter_map(|number| self.effects.end(number, now));
        ended.flat_map(|effect| effect.members.unwrap_or_default()).collect()
    }

    fn lasts(&mut self, members: Option<Vec<usize>>, what: Lasts, span: Option<Duration>) -> Vec<usize> {
        let until = span.map_or(Mono::NEVER, |span| self.stage.world.now() + span);
        let number = self.effects.begin(Effect { members: members.clone(), what, until });
        if until != Mono::NEVER {
            self.steps.push(until, Step::End(number));
        }
        members.unwrap_or_default()
    }

    fn skew(&mut self, members: Vec<usize>, by_ms: i64) -> Vec<usize> {
        let now = self.stage.world.now();
        for member in members.iter().copied() {
            self.stage.world.skew(member, by_ms);
            for number in self.effects.lasting(Some(member), |what| matches!(what, Lasts::Skew { .. })) {
                self.effects.end(number, now);
            }
            if by_ms != 0 {
                let far = u128::from(by_ms.unsigned_abs()) > self.stage.params.allowance.as_millis();
                let what = Lasts::Skew { far };
                self.effects.begin(Effect { members: Some(vec![member]), what, until: Mono::NEVER });
            }
        }
        members
    }

    fn certify(&mut self, member: usize, valid: Duration) {
        let now = self.stage.world.now();
        self.stage.world.certify(member, valid);
        self.certificates[member] += 1;
        let nth = self.certificates[member];
        self.steps.push(now + valid, Step::Expires(member, nth));
        self.steps.push(now + valid + self.stage.params.allowance * 2, Step::Forgotten(member, nth));
    }

    /// The CA's next list: all that are revoked by now. An operator hands it to `to`.
    fn revoke(&mut self, members: &[usize], to: &[usize]) -> Result<(), String> {
        let Stage { world, truth, views, .. } = &mut self.stage;
        let (now, next) =
            (world.now(), truth.facts.iter().filter_map(|fact| fact.revoked).max().unwrap_or(0) + 1);
        for member in members.iter().copied() {
            let fact = &mut truth.facts[member];
            fact.revoked.get_or_insert(next);
            fact.left.get_or_insert(now);
            if fact.runs() {
                self.figures.ends(member, false, truth, views, now);
            }
        }
        let revoked = (0..truth.facts.len()).filter(|member| truth.facts[*member].revoked.is_some());
        let ids: Vec<_> = revoked.map(|member| world.id(member)).collect();
        if ids.len() > REVOKED_MAX {
            return Err(format!("{} members would be revoked; a list holds {REVOKED_MAX}", ids.len()));
        }
        let list = world.network().revoke(next, &ids);
        for member in to.iter().copied() {
            if !truth.facts[member].runs() {
                return Err(format!("member {member} does not run, and cannot be handed a list"));
            }
            // One that was put out itself takes nothing any more; others will miss the list.
            let handed = world.command(member, Command::SetRevocations(list.signed().bytes().to_vec()));
            if handed.is_ok() {
                truth.facts[member].list = next;
            }
        }
        Ok(())
    }
}
