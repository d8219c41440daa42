//! Every metric that an agent has, in one list. METRICS.md is made from it, and a test compares both with what a running
//! agent tells; another test says that each can move.

use super::sample::Sample;
use crate::rows;
use ifrit_core::{counters::RoundTrips, view::State};
use std::fmt::Write;

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows; starts at 0 with the agent. Its name ends in `_total`.
    Counter,
    /// What is so now.
    Gauge,
    /// How many were how long.
    Histogram,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Without the prefix `ifrit_`, the unit, and `_total`.
    name: &'static str,
    pub(crate) kind: Kind,
    /// `bytes`, `seconds`, or nothing: a number of things.
    pub(crate) unit: &'static str,
    /// Its labels' names, with commas.
    pub(crate) labels: &'static str,
    pub(crate) help: &'static str,
    pub(crate) read: fn(&Sample) -> Vec<Point>,
}

impl Metric {
    /// Its name before the unit, without `ifrit_`.
    pub(crate) fn stem(&self) -> &'static str {
        self.name
    }

    /// Its name as Prometheus shows it.
    pub(crate) fn full_name(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!("_{}", self.unit) };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("ifrit_{}{unit}{total}", self.name)
    }
}

/// One value of a metric, with its labels' values in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) labels: Vec<String>,
    pub(crate) value: Value,
}

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Count(u64),
    Number(f64),
    /// The sum, and how many were not above each bound and above the one before.
    Spread(f64, Vec<(f64, u64)>),
}

fn count(value: u64) -> Vec<Point> {
    vec![Point { labels: Vec::new(), value: Value::Count(value) }]
}

fn number(value: f64) -> Vec<Point> {
    vec![Point { labels: Vec::new(), value: Value::Number(value) }]
}

fn each<'a>(values: impl IntoIterator<Item = (&'a str, u64)>) -> Vec<Point> {
    let point = |(label, value): (&str, u64)| Point {
        // Labels are one word each.
        labels: vec![label.replace(' ', "_")],
        value: Value::Count(value),
    };
    values.into_iter().map(point).collect()
}

fn spread(trips: &RoundTrips) -> Vec<Point> {
    let bounds = RoundTrips::BOUNDS.iter().map(|bound| bound.as_secs_f64()).chain([f64::INFINITY]);
    let buckets = bounds.zip(trips.counts).collect();
    vec![Point { labels: Vec::new(), value: Value::Spread(trips.total.as_secs_f64(), buckets) }]
}

const fn counter(
    name: &'static str,
    labels: &'static str,
    help: &'static str,
    read: fn(&Sample) -> Vec<Point>,
) -> Metric {
    Metric { name, kind: Kind::Counter, unit: "", labels, help, read }
}

const fn gauge(
    name: &'static str,
    labels: &'static str,
    help: &'static str,
    read: fn(&Sample) -> Vec<Point>,
) -> Metric {
    Metric { name, kind: Kind::Gauge, unit: "", labels, help, read }
}

impl Metric {
    const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }
}

/// All of them, in the order in which they are told.
pub(crate) const METRICS: &[Metric] = &[
    gauge("build", "version,id", "1; which version this is, and which member", |s| {
        let labels = vec![env!("CARGO_PKG_VERSION").to_owned(), s.me.to_string()];
        vec![Point { labels, value: Value::Number(1.0) }]
    }),
    gauge("uptime", "", "Time since the agent's clocks began", |s| number(s.now.mono.0 as f64 / 1e9))
        .in_unit("seconds"),
    gauge("joined", "", "1 if it has joined the network (R16), else 0", |s| number(f64::from(s.joined))),
    gauge("unconfirmed", "", "1 if it joined with fewer contacts than the promise asks for, else 0", |s| {
        number(f64::from(s.unconfirmed))
    }),
    gauge("members", "state", "Members in its view by state, itself included", |s| {
        each(State::ALL.map(rows::state).into_iter().zip(s.states.map(|count| count as u64)))
    }),
    gauge("view_digest_age", "", "Time since its view last changed", |s| number(s.digest_age.as_secs_f64()))
        .in_unit("seconds"),
    gauge("neighbours", "", "Ring neighbours, with whom it gossips", |s| number(s.neighbours as f64)),
    gauge(
        "neighbours_agreeing",
        "",
        "Of these, those whose last ping or pong showed the very same view",
        |s| number(s.agreeing as f64),
    ),
    gauge("watched", "", "Members that it watches", |s| number(s.watched.len() as f64)),
    gauge("certificate_end", "", "When its certificate ends, since 1970", |s| {
        number(s.certificate_end_s as f64)
    })
    .in_unit("seconds"),
    gauge("delta", "", "The network's delta: every message must arrive within it", |s| {
        number(s.delta.as_secs_f64())
    })
    .in_unit("seconds"),
    counter("accusations_made", "", "Accusations that it signed", |s| count(s.core.accusations)),
    counter(
        "accusations_received",
        "outcome",
        "Accusations received; all but `taken` and `of_me` were rejected, by reason",
        |s| each(s.core.charges.each()),
    ),
    counter("rebuttals_made", "", "Answers that it signed to accusations of itself", |s| {
        count(s.core.rebuttals)
    }),
    counter("rebuttals_seen", "", "Answers of others to accusations of them", |s| {
        count(s.core.told.rebutted)
    }),
    counter("removals", "reason", "Members that went out of its live view", |s| {
        let told = s.core.told;
        each([
            ("down", told.down),
            ("gray", told.gray),
            ("left", told.left),
            ("expired", told.expired),
            ("revoked", told.revoked),
        ])
    }),
    counter("notices", "kind", "What it told its application and its log, by kind", |s| {
        each(s.core.told.each())
    }),
    counter("shuns", "reason", "Links that it closed", |s| each(s.core.hung_up.each())),
    counter("grays", "", "Times that it found its own links bad and said so (R8)", |s| count(s.core.grays)),
    counter("misbehaviour", "peer,kind", "Broken rules by peer: the 32 worst, all others as `other`", |s| {
        let worst = s.offences.iter().map(|(peer, what, count)| (peer.to_string(), what.name(), *count));
        let others = (s.other_offences > 0).then(|| ("other".to_owned(), "any", s.other_offences));
        let point = |(peer, what, count): (String, &str, u64)| Point {
            labels: vec![peer, what.to_owned()],
            value: Value::Count(count),
        };
        worst.chain(others).map(point).collect()
    }),
    counter("pings_sent", "", "Pings sent", |s| count(s.core.pings)),
    counter("pings_missed", "", "Silences that were long enough to accuse", |s| count(s.core.misses)),
    Metric {
        kind: Kind::Histogram,
        ..gauge("round_trip", "", "From a ping to its pong", |s| spread(&s.core.round_trips))
    }
    .in_unit("seconds"),
    counter("signatures_verified", "result", "Signatures checked", |s| {
        each([("good", s.core.verified - s.core.failed), ("bad", s.core.failed)])
    }),
    counter("signatures_made", "", "Signatures made", |s| count(s.core.signed)),
    counter("records", "outcome", "Records received", |s| {
        each([("new", s.core.news), ("duplicate", s.core.duplicates), ("refused", s.core.refusals)])
    }),
    counter("walks", "", "Comparisons of views with neighbours (anti-entropy, R13)", |s| count(s.core.walks)),
    counter("late", "", "Times that its own loop was late: an overloaded machine (R4)", |s| {
        count(s.core.late)
    }),
    counter("sent", "purpose", "Bytes handed to links, by purpose", |s| {
        let application = [
            ("requests", s.node.request_bytes_out),
            ("streams", s.node.stream_bytes_out),
            ("broadcasts", s.node.broadcast_bytes_out),
        ];
        each(s.core.sent.each().into_iter().chain(application))
    })
    .in_unit("bytes"),
    counter("received", "purpose", "Bytes taken from links, by purpose", |s| {
        let application = [
            ("requests", s.node.request_bytes_in),
            ("streams", s.node.stream_bytes_in),
            ("broadcasts", s.node.broadcast_bytes_in),
        ];
        each(s.core.received.each().into_iter().chain(application))
    })
    .in_unit("bytes"),
    counter(
        "udp",
        "direction",
        "Payload of UDP datagrams: all of the above, with QUIC and TLS around it",
        |s| each([("sent", s.node.bytes_out), ("received", s.node.bytes_in)]),
    )
    .in_unit("bytes"),
    counter(
        "udp_datagrams",
        "direction",
        "UDP datagrams; IP and UDP headers add 28 or 48 bytes to each",
        |s| each([("sent", s.node.datagrams_out), ("received", s.node.datagrams_in)]),
    ),
    gauge("links", "", "Links that are up", |s| number(s.node.links as f64)),
    counter("links_lost", "", "Links lost that were up", |s| count(s.node.links_lost)),
    counter("handshakes", "outcome", "Dials to others, and handshakes of others", |s| {
        let n = &s.node;
        each([
            ("dialled", n.dials),
            ("dial_failed", n.dials_failed),
            ("accepted", n.accepts),
            ("accept_failed", n.accepts_failed),
        ])
    }),
    counter("inputs_refused", "reason", "What came in and was not taken", |s| {
        let n = &s.node;
        each([
            ("backpressure", s.core.refused),
            ("lane_full", s.core.dropped),
            ("unknown", s.core.unknown),
            ("rule_broken", s.core.misbehaved),
            ("framing_broken", n.malformed),
            ("stray_datagram", n.strays),
            ("ping_flood", n.pings_dropped),
            ("handshake_retry", n.retries),
            ("handshake_no_room", n.refusals),
            ("handshake_displaced", n.accepts_displaced),
            ("stream", n.streams_refused),
            ("request", n.requests_refused),
            ("broadcast_garbage", n.broadcast_garbage),
            ("quic_panic", n.panics),
        ])
    }),
    counter("requests", "direction", "Requests of the application", |s| {
        each([("sent", s.node.requests_out), ("received", s.node.requests_in)])
    }),
    counter("streams", "direction", "Message streams opened", |s| {
        each([("sent", s.node.streams_out), ("received", s.node.streams_in)])
    }),
    counter("broadcasts_received", "", "Broadcasts of others delivered", |s| count(s.node.broadcasts_in)),
    gauge("queue", "queue", "How much waits, or is held for others: the longest of its kind", |s| {
        each(s.queues.iter().map(|queue| (queue.name, queue.depth as u64)))
    }),
    gauge("queue_limit", "queue", "What each may be at most: what peers can cause ends there", |s| {
        each(s.queues.iter().map(|queue| (queue.name, queue.limit as u64)))
    }),
];

/// The page METRICS.md.
pub(crate) fn page() -> String {
    let mut page = "\
# Metrics of `ifrit agent`

`ifrit agent --metrics 8390` serves them on loopback as OpenMetrics text at `/metrics`; `ifrit metrics` asks a running agent for
them over its control socket. `/healthz` says whether the agent answers, `/readyz` whether it has joined. Made by
`ifrit metrics --list --markdown`; a test holds this page, that list and a running agent together.

| name | type | unit | labels | |
|---|---|---|---|---|
"
    .to_owned();
    for metric in METRICS {
        let labels: Vec<_> =
            metric.labels.split(',').filter(|l| !l.is_empty()).map(|l| format!("`{l}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            metric.full_name(),
            metric.kind.name(),
            metric.unit,
            labels.join(", "),
            metric.help
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_page_of_metrics_is_made_from_the_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, page()).expect("room on the disk");
        }
        let held = std::fs::read_to_string(path).unwrap_or_default();
        assert!(held == page(), "METRICS.md is not what the list says: UPDATE=1 rewrites it");
    }

    #[test]
    fn names_are_prometheus_names_and_each_is_there_once() {
        let names: BTreeSet<_> = METRICS.iter().map(Metric::full_name).collect();
        assert_eq!(names.len(), METRICS.len());
        let is_name = |text: &str| text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
        for metric in METRICS {
            assert!(is_name(metric.name) && metric.labels.split(',').all(is_name), "{}", metric.name);
            assert!(["", "bytes", "seconds"].contains(&metric.unit), "{}: a base unit", metric.name);
        }
    }
}
