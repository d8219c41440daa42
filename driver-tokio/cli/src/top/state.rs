//! What is on the screen.

use crate::rows::{EventRow, FigureRow, MemberRow};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

/// Events kept for the screen.
const EVENTS_KEPT: usize = 200;
/// States that are shown alone, one after the other.
const FILTERS: [Option<&str>; 6] =
    [None, Some("live"), Some("accused"), Some("down"), Some("gray"), Some("left")];

/// All that was told, and what of it is shown.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) members: Vec<MemberRow>,
    pub(super) events: VecDeque<EventRow>,
    figures: BTreeMap<String, f64>,
    before: BTreeMap<String, f64>,
    /// Seconds between the last two looks.
    span: f64,
    at: Option<Instant>,
    pub(super) first: usize,
    filter: usize,
}

/// A figure's name with its labels, as Prometheus writes it.
fn key(row: &FigureRow) -> String {
    let labels: Vec<_> = row.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{} {}", row.name, labels.join(","))
}

impl State {
    pub(super) fn seen(&mut self, members: Vec<MemberRow>, figures: Vec<FigureRow>, now: Instant) {
        self.members = members;
        let figures = figures.iter().map(|row| (key(row), row.value)).collect();
        self.before = std::mem::replace(&mut self.figures, figures);
        self.span = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.at = Some(now);
        self.scroll(0);
    }

    pub(super) fn happened(&mut self, row: EventRow) {
        self.events.push_front(row);
        self.events.truncate(EVENTS_KEPT);
    }

    /// Moves the list by so many rows, within its bounds.
    pub(super) fn scroll(&mut self, by: isize) {
        let last = self.shown().count().saturating_sub(1);
        self.first = self.first.saturating_add_signed(by).min(last);
    }

    pub(super) fn next_filter(&mut self) {
        self.filter = (self.filter + 1) % FILTERS.len();
        self.first = 0;
    }

    pub(super) fn filter(&self) -> Option<&'static str> {
        FILTERS[self.filter]
    }

    /// Members that are to be shown, those in trouble first.
    pub(super) fn shown(&self) -> impl Iterator<Item = &MemberRow> {
        let of = |good: bool| self.members.iter().filter(move |row| (row.state == "live") == good);
        of(false).chain(of(true)).filter(|row| self.filter().is_none_or(|state| row.state == state))
    }

    pub(super) fn count(&self, state: &str) -> usize {
        self.members.iter().filter(|row| row.state == state).count()
    }

    /// A figure as it stands: its name and its labels, as in `ifrit_members state=live`.
    pub(super) fn figure(&self, name: &str) -> f64 {
        self.figures.get(name).or_else(|| self.figures.get(&format!("{name} "))).copied().unwrap_or(0.0)
    }

    /// Growth per second of all figures whose name and labels begin so; 0 before the second look.
    pub(super) fn rate(&self, name: &str) -> f64 {
        let sum = |all: &BTreeMap<String, f64>| {
            let from = all.range(name.to_owned()..).take_while(|(key, _)| key.starts_with(name));
            from.map(|(_, value)| value).sum::<f64>()
        };
        if self.span > 0.0 && !self.before.is_empty() {
            (sum(&self.figures) - sum(&self.before)).max(0.0) / self.span
        } else {
            0.0
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Duration;

    pub(in crate::top) fn figure(name: &str, label: &str, value: f64) -> FigureRow {
        let labels = label.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        FigureRow { name: name.to_owned(), labels: labels.into_iter().collect(), value }
    }

    #[test]
    fn rates_come_from_two_looks_and_only_grow() {
        let (mut state, start) = (State::default(), Instant::now());
        let look =
            |sent: f64| vec![figure("sent", "purpose=pings", sent), figure("sent", "purpose=records", 1.0)];
        state.seen(Vec::new(), look(10.0), start);
        assert_eq!(state.rate("sent"), 0.0);
        state.seen(Vec::new(), look(30.0), start + Duration::from_secs(2));
        assert_eq!(
            (state.rate("sent"), state.rate("sent purpose=pings"), state.rate("no")),
            (10.0, 10.0, 0.0)
        );
        state.seen(Vec::new(), look(0.0), start + Duration::from_secs(3));
        assert_eq!(state.rate("sent"), 0.0, "an agent that was started anew counts from 0");
    }

    #[test]
    fn the_list_scrolls_within_its_bounds_and_shows_trouble_first() {
        let member =
            |id: &str, state: &str| MemberRow { id: id.into(), state: state.into(), ..MemberRow::default() };
        let mut state = State::default();
        state.seen(vec![member("a", "live"), member("b", "down")], Vec::new(), Instant::now());
        assert_eq!(state.shown().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        state.scroll(-5);
        assert_eq!(state.first, 0);
        state.scroll(50);
        assert_eq!(state.first, 1);
        state.next_filter();
        assert!(state.shown().all(|row| row.state == "live") && state.first == 0);
    }
}
