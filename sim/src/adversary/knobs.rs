//! Parameters of strategies, as a scenario gives them or by their defaults.

use super::Plan;
use core::time::Duration;
use ifrit_core::id::MemberId;

/// A parameter: its key, its default as it would stand in TOML (empty: none), and what it means.
pub type Knob = (&'static str, &'static str, &'static str);

impl Plan<'_> {
    fn knob(&self, knobs: &[Knob], key: &str) -> Option<toml::Value> {
        let default = || {
            let (_, text, _) = knobs.iter().find(|(name, ..)| *name == key)?;
            toml::from_str::<toml::Table>(&format!("x = {text}")).ok()?.remove("x")
        };
        self.params.get(key).cloned().or_else(default)
    }

    /// A time span: "500ms", "5s", "2m".
    pub(super) fn span(&self, knobs: &[Knob], key: &str) -> Result<Duration, String> {
        let value = self.knob(knobs, key);
        let span = value.as_ref().and_then(toml::Value::as_str).and_then(read_span);
        span.ok_or_else(|| format!("`{key}` must be a time span such as \"500ms\" or \"5s\""))
    }

    /// A whole number, 0 or more.
    pub(super) fn number(&self, knobs: &[Knob], key: &str) -> Result<u64, String> {
        let number = self.knob(knobs, key).and_then(|value| value.as_integer());
        number
            .and_then(|number| number.try_into().ok())
            .ok_or_else(|| format!("`{key}` must be a whole number"))
    }

    /// A rate from 0 to 1, in ppm.
    pub(super) fn rate(&self, knobs: &[Knob], key: &str) -> Result<u32, String> {
        let value = self.knob(knobs, key);
        let rate =
            value.and_then(|value| value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)));
        let rate = rate.filter(|rate| (0.0..=1.0).contains(rate));
        rate.map(|rate| (rate * 1e6) as u32).ok_or_else(|| format!("`{key}` must be a rate from 0 to 1"))
    }

    /// Yes or no.
    pub(super) fn flag(&self, knobs: &[Knob], key: &str) -> Result<bool, String> {
        let value = self.knob(knobs, key).and_then(|value| value.as_bool());
        value.ok_or_else(|| format!("`{key}` must be true or false"))
    }

    /// A member by its number; `None` if no number is given and there is no default.
    pub(super) fn member(&self, knobs: &[Knob], key: &str) -> Result<Option<MemberId>, String> {
        let Some(value) = self.knob(knobs, key) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
        let id = number.and_then(|number| self.ids.get(number));
        id.map(|id| Some(*id)).ok_or_else(|| format!("`{key}` must be the number of a member"))
    }

    /// The ids of all members of this entry.
    pub(super) fn gang(&self) -> Vec<MemberId> {
        self.colluders.iter().map(|number| self.ids[*number]).collect()
    }
}

fn read_span(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = (text[..at].parse::<u64>().ok()?, &text[at..]);
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversary::{Board, STRATEGIES};
    use ifrit_core::time::Mono;

    fn plan<'a>(params: &'a toml::Table, ids: &'a [MemberId]) -> Plan<'a> {
        let colluders = &[0];
        Plan {
            params,
            me: 0,
            ids,
            colluders,
            board: Board::default(),
            from: Mono(0),
            until: Mono::NEVER,
            chance: 7,
        }
    }

    #[test]
    fn every_strategy_has_a_name_a_word_and_defaults_that_it_takes() {
        let (none, ids) = (toml::Table::new(), [MemberId([1; 32]), MemberId([2; 32])]);
        for strategy in STRATEGIES {
            assert!(strategy.about.len() > 20, "{}", strategy.name);
            (strategy.make)(plan(&none, &ids)).unwrap_or_else(|error| panic!("{}: {error}", strategy.name));
        }
        assert!(STRATEGIES.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted, each once");
    }

    #[test]
    fn a_parameter_of_the_wrong_kind_is_refused_by_its_name() {
        let ids = [MemberId([1; 32])];
        for strategy in STRATEGIES {
            for (key, _, meaning) in strategy.params {
                let wrong: toml::Table = toml::from_str(&format!("{key} = [\"?\"]")).expect("TOML");
                let error = (strategy.make)(plan(&wrong, &ids)).expect_err(strategy.name);
                assert!(error.contains(key) && !meaning.is_empty(), "{}: {error}", strategy.name);
            }
        }
    }
}
