//! Traffic of the last half hour.

use ifrit_core::time::Mono;
use ifrit_tokio::Client;
use maud::{Markup, html};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);
/// Looks kept: half an hour.
const KEPT: usize = 360;
/// The picture, and the margins of its axes.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 78.0;
const BOTTOM: f64 = 30.0;
const TOP: f64 = 22.0;

/// What had been sent and received until some moment.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Mono,
    sent: u64,
    received: u64,
}

/// The last looks, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(VecDeque<Look>);

impl Log {
    fn push(&mut self, look: Look) {
        self.0.push_back(look);
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }
}

/// Looks until the member stops. A look costs the same however many members there are.
pub(super) async fn keep(log: &Mutex<Log>, client: Client) {
    while let Some(look) = look(&client).await {
        log.lock().unwrap_or_else(PoisonError::into_inner).push(look);
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(client: &Client) -> Option<Look> {
    let counters = client.query(ifrit_node::node::Node::counters).await.ok()?;
    Some(Look { at: client.now().mono, sent: counters.bytes_out, received: counters.bytes_in })
}

/// Bytes per second between two looks, and when: seconds before the last look.
fn rates(log: &Log, of: impl Fn(&Look) -> u64) -> Vec<(f64, f64)> {
    let Some(last) = log.0.back() else { return Vec::new() };
    let pairs = log.0.iter().zip(log.0.iter().skip(1));
    let rate = |(a, b): (&Look, &Look)| {
        let span = b.at.since(a.at).as_secs_f64();
        let ago = last.at.since(b.at).as_secs_f64();
        (span > 0.0).then(|| (ago, of(b).saturating_sub(of(a)) as f64 / span))
    };
    pairs.filter_map(rate).collect()
}

/// Both curves.
pub(super) fn picture(log: &Log) -> Markup {
    let (sent, received) = (rates(log, |look| look.sent), rates(log, |look| look.received));
    if sent.len() < 2 {
        return html! { p.calm { "The first curves are there in " (EVERY.as_secs() * 3) " seconds." } };
    }
    let most = sent.iter().chain(&received).map(|(_, rate)| *rate).fold(1.0, f64::max);
    let top = ceiling(most);
    let span = sent.first().map_or(1.0, |(ago, _)| *ago).max(1.0);
    let x = |ago: f64| LEFT + (WIDTH - LEFT - 10.0) * (1.0 - ago / span);
    let y = |rate: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - rate / top);
    let line = |rates: &[(f64, f64)]| {
        let points: Vec<_> =
            rates.iter().map(|(ago, rate)| format!("{:.1},{:.1}", x(*ago), y(*rate))).collect();
        points.join(" ")
    };
    let told = format!("UDP payload: up to {most:.0} bytes per second in the last {}", span_text(span));
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(told) {
            @for part in [0.0, 0.5, 1.0] {
                line.grid x1=(LEFT) y1=(y(top * part)) x2=(WIDTH - 10.0) y2=(y(top * part)) {}
                text.tick x=(LEFT - 8.0) y=(y(top * part)) text-anchor="end" dominant-baseline="central" { (per_second(top * part)) }
            }
            text.tick x=(LEFT) y=(HEIGHT - 8.0) { (span_text(span)) " ago" }
            text.tick x=(WIDTH - 10.0) y=(HEIGHT - 8.0) text-anchor="end" { "now" }
            polyline.sent points=(line(&sent)) {}
            polyline.received points=(line(&received)) {}
        }
        p.legend {
            span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { path.sent d="M0 7h26" {} } "sent" }
            span.key { svg.swatch viewBox="0 0 26 14" aria-hidden="true" { path.received d="M0 7h26" {} } "received" }
        }
    }
}

/// The next of 1, 2, 5, 10, 20, …
fn ceiling(most: f64) -> f64 {
    let mut step = 1.0;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if step * factor >= most {
                return step * factor;
            }
        }
        step *= 10.0;
    }
}

fn per_second(rate: f64) -> String {
    super::page::bytes(rate) + "/s"
}

fn span_text(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A log with a look every five seconds.
    pub(in crate::web) fn log(looks: usize) -> Log {
        let look = |n: usize| Look {
            at: Mono(0) + EVERY * n as u32,
            sent: (n * n * 100) as u64,
            received: (n * 5_000) as u64,
        };
        Log((0..looks).map(look).collect())
    }

    #[test]
    fn rates_are_between_looks() {
        assert_eq!(rates(&log(3), |look| look.received), [(5.0, 1_000.0), (0.0, 1_000.0)]);
        assert_eq!(rates(&log(1), |look| look.sent), []);
        let text = picture(&log(100)).into_string();
        assert!(text.contains("<polyline") && !text.contains("NaN"), "{text}");
        assert!(picture(&log(0)).into_string().contains("15 seconds"));
    }

    #[test]
    fn scales_are_round() {
        for (most, top) in [(1.0, 1.0), (3.0, 5.0), (10.0, 10.0), (11.0, 20.0), (640.0, 1_000.0)] {
            assert_eq!(ceiling(most), top);
        }
    }
}
