//! How what is not TOML's own is written.

use crate::{net::Latency, network::Crypto};
use core::time::Duration;
use ifrit_core::params::Preset;
use serde::{Serialize, Serializer};

fn words(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

pub(super) fn span<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&words(*span))
}

pub(super) fn some_span<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(words).serialize(to)
}

pub(super) fn signed_ms<S: Serializer>(ms: &i64, to: S) -> Result<S::Ok, S::Error> {
    let sign = if *ms < 0 { "-" } else { "" };
    to.serialize_str(&format!("{sign}{}", words(Duration::from_millis(ms.unsigned_abs()))))
}

pub(super) fn preset<S: Serializer>(preset: &Preset, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match preset {
        Preset::Lan => "lan",
        Preset::Wan => "wan",
        Preset::Local => "local",
    })
}

pub(super) fn crypto<S: Serializer>(crypto: &Crypto, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(match crypto {
        Crypto::Ideal => "ideal",
        Crypto::Real => "real",
    })
}

/// As a list, or as a range if it is a long one.
pub(super) fn seeds<S: Serializer>(seeds: &[u64], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Range {
        from: u64,
        count: usize,
    }
    match seeds {
        [from, .., last] if seeds.len() > 8 && last - from == seeds.len() as u64 - 1 => {
            Range { from: *from, count: seeds.len() }.serialize(to)
        }
        _ => seeds.serialize(to),
    }
}

pub(super) fn latency<S: Serializer>(latency: &Latency, to: S) -> Result<S::Ok, S::Error> {
    let entries: Vec<(&str, String)> = match *latency {
        Latency::Fixed(value) => vec![("kind", "fixed".into()), ("value", words(value))],
        Latency::Uniform(min, max) => {
            vec![("kind", "uniform".into()), ("min", words(min)), ("max", words(max))]
        }
        Latency::Exponential { min, mean, max } => {
            vec![("kind", "exp".into()), ("min", words(min)), ("mean", words(mean)), ("max", words(max))]
        }
    };
    to.collect_map(entries)
}
