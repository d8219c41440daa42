//! What follows from a network's parameters: `ifrit config show --effective`, `ifrit plan`. Every figure is the core's
//! ([`ifrit_core::params`]), or a bound that stands beside its reason in its `limits`.

use crate::output::span;
use ifrit_core::{
    limits::{MISSES_MAX, SERVED_MIN, SERVED_RATE},
    params::{NetworkParams, Params, Preset},
};
use serde_json::{Value, json};
use std::time::Duration;

/// One value, for people and for programs.
#[derive(Debug)]
pub(crate) struct Derived {
    /// For programs; spans of time end in `_ms`.
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    /// For people, with its unit.
    pub(crate) text: String,
    /// What it is.
    pub(crate) what: &'static str,
}

fn time(key: &'static str, time: Duration, what: &'static str) -> Derived {
    Derived { key, value: json!(time.as_millis() as u64), text: span(time), what }
}

fn number(key: &'static str, number: impl Into<Value>, what: &'static str) -> Derived {
    let value = number.into();
    Derived { key, text: value.to_string(), value, what }
}

fn share(key: &'static str, ppm: u32, what: &'static str) -> Derived {
    let share = f64::from(ppm) / 1e6;
    Derived { key, value: json!(share), text: format!("{} %", f64::from(ppm) / 1e4), what }
}

/// A preset as the command line names it.
pub(crate) fn preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Lan => "lan",
        Preset::Wan => "wan",
        Preset::Local => "local",
    }
}

/// What the CA fixed.
pub(crate) fn fixed(network: &NetworkParams) -> Vec<Derived> {
    let preset = preset(network.preset);
    vec![
        Derived {
            key: "network",
            value: json!(network.id.to_string()),
            text: network.id.to_string(),
            what: "the network",
        },
        Derived {
            key: "preset",
            value: json!(preset),
            text: preset.to_owned(),
            what: "where it runs: decides all time-outs",
        },
        number("members", network.members, "members expected"),
        share("byzantine", network.byzantine_ppm, "share of identities that may lie"),
        Derived {
            key: "epsilon",
            value: json!(f64::from(network.epsilon_ppm) / 1e6),
            text: (f64::from(network.epsilon_ppm) / 1e6).to_string(),
            what: "accepted probability that the promise does not hold",
        },
        number("rings", network.rings, "rings: so many monitors has a member at most"),
        time("delta_ms", ms(network.delta_ms), "Delta: within it a message reaches every correct member"),
        time(
            "lease_ms",
            Duration::from_secs(network.lease_s.into()),
            "who is not heard of for so long is forgotten",
        ),
        time("allowance_ms", Duration::from_secs(network.allowance_s.into()), "clocks may differ by so much"),
    ]
}

/// What follows from it, the same for every member.
pub(crate) fn all(network: &NetworkParams) -> Vec<Derived> {
    let params = Params::derive(network);
    vec![
        number(
            "tolerance",
            params.tolerance,
            "t: liars that a member bears among those before it on its rings",
        ),
        time(
            "ping_period_ms",
            params.ping_period,
            "each member is pinged so often, by all its monitors together",
        ),
        time("ping_interval_ms", params.ping_interval(), "each of its monitors pings it so often, per ring"),
        time("ping_timeout_ms", params.ping_timeout, "a ping not answered in this time is a miss"),
        number(
            "misses",
            params.misses(params.loss_ppm),
            "misses in a row that accuse, before loss is measured",
        ),
        number("misses_max", MISSES_MAX, "and at most, whatever is measured"),
        time("answer_time_ms", params.answer_time(), "2 Delta: an accused member has so long to answer"),
        time(
            "expected_detection_ms",
            params.expected_detection(network.members, params.loss_ppm),
            "a crash is usually known to all after this",
        ),
        time("detection_bound_ms", params.detection, "and at the latest after this"),
        time("slow_ms", params.slow(), "Delta / 2: round trips longer than this raise an alarm"),
        time("gather_ms", params.gather, "news of this long travel together"),
        number("fan_out", params.fan_out, "members that news are pushed to by each who hears them"),
        time("note_spacing_ms", params.delta / 2, "a member says something new of itself at most so often"),
        time("renewal_after_ms", params.lease / 2, "and at the earliest after this, if nothing changes"),
        number("contacts", params.contacts, "members that a newcomer must have synchronised with"),
        time("seed_wait_ms", params.seed_wait, "first wait between tries of a seed, doubling to 60 s"),
        time("heal_period_ms", params.heal_period, "members that are out are tried so often"),
        time(
            "gray_after_ms",
            params.gray_after,
            "own links must be bad for so long before a member says that it is gray",
        ),
        Derived {
            key: "served_bytes",
            value: json!(SERVED_MIN),
            text: format!("{} KiB", SERVED_MIN / 1024),
            what: "records served to one member per hour, or twice the whole view if that is more",
        },
        Derived {
            key: "served_bytes_per_s",
            value: json!(SERVED_RATE),
            text: format!("{} kB/s", SERVED_RATE / 1000),
            what: "and after that",
        },
    ]
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

/// An object of all of them.
pub(crate) fn json(derived: &[Derived]) -> Value {
    derived.iter().map(|it| (it.key.to_owned(), it.value.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// Rows of name, value and what it is.
pub(crate) fn rows(derived: &[Derived]) -> impl Iterator<Item = [String; 3]> + '_ {
    derived.iter().map(|it| {
        let name = it.key.trim_end_matches("_ms").to_owned();
        [name, it.text.clone(), it.what.to_owned()]
    })
}
