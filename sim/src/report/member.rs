//! A page about one real member, from what `ifrit agent --record` has written: the member is made again, and watched.

use super::{
    curves::{area, key, powers, steps},
    document, number,
    scale::{Scale, nice},
    time::{self, LEFT, WIDTH},
};
use ifrit_core::{
    accusation::Accusation,
    action::{Action, Notice},
    crypto::Verifier,
    event::Event,
    id::MemberId,
    recorder::{Ended, ReplayError, Replayed, Watch, replay_watched},
    time::{Mono, Now},
    view::View,
};
use maud::{Markup, html};
use std::{collections::BTreeMap, sync::Arc};

/// What a recorded run begins with.
pub const MAGIC: &[u8] = b"ifrit tr";
/// Moments kept; beyond it, each becomes twice as long.
const MOMENTS: usize = 600;
/// Notices told one by one.
const NOTICES: usize = 200;
const PLOT: f64 = 150.0;

/// The page of a recorded member.
///
/// # Errors
/// Why it is no recorded run at all. One that is damaged, or differs from what this version does, gives a page that says so.
pub fn member_page(trace: &[u8], verifier: Arc<dyn Verifier>) -> Result<String, ReplayError> {
    let mut watched = Watched::default();
    let replayed = replay_watched(trace, verifier, &mut watched);
    if watched.moments.is_empty()
        && let Err(error) = replayed
    {
        return Err(error);
    }
    Ok(page(&watched, &replayed))
}

/// What was seen of the member.
#[derive(Debug, Default)]
struct Watched {
    me: Option<MemberId>,
    start: Mono,
    /// Seconds of a moment, a power of two; 0 before the first event.
    every: u64,
    moments: Vec<Moment>,
    notices: Vec<(f64, String)>,
    counts: BTreeMap<&'static str, u64>,
}

/// Some time of its run.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    live: usize,
    known: usize,
    links: usize,
    received: u64,
    sent: u64,
}

impl Watched {
    /// The moment of `now`; those before it that nothing happened in are as their predecessors were.
    fn moment(&mut self, now: Now) -> &mut Moment {
        if self.every == 0 {
            (self.start, self.every) = (now.mono, 1);
        }
        let second = now.mono.since(self.start).as_secs();
        while second / self.every >= MOMENTS as u64 {
            self.moments = self.moments.chunks(2).map(join).collect();
            self.every *= 2;
        }
        let at = (second / self.every) as usize;
        let quiet = Moment { received: 0, sent: 0, ..self.moments.last().copied().unwrap_or_default() };
        if self.moments.len() <= at {
            self.moments.resize(at + 1, quiet);
        }
        &mut self.moments[at]
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

fn join(pair: &[Moment]) -> Moment {
    let sum = |of: fn(&Moment) -> u64| pair.iter().map(of).sum();
    let last = pair.last().copied().unwrap_or_default();
    Moment { received: sum(|moment| moment.received), sent: sum(|moment| moment.sent), ..last }
}

impl Watch for Watched {
    fn event(&mut self, now: Now, event: &Event<'_>, view: View<'_>) {
        self.me = Some(view.me());
        let (live, known, links) = (view.live(), view.known(), view.links().count());
        let moment = self.moment(now);
        (moment.live, moment.known, moment.links) = (live, known, links);
        match event {
            Event::Datagram { bytes, .. } | Event::Frame { bytes, .. } => {
                moment.received += bytes.len() as u64
            }
            Event::LinkUp { .. } => self.count("links that came up"),
            Event::LinkDown { .. } => self.count("links that went down, dials that failed"),
            _ => {}
        }
    }

    fn action(&mut self, now: Now, action: &Action<'_>) {
        match action {
            Action::Datagram { bytes, .. } | Action::Frame { bytes, .. } => {
                self.moment(now).sent += bytes.len() as u64;
            }
            Action::Dial { .. } | Action::DialSeed { .. } => self.count("dials"),
            Action::HangUp { .. } => self.count("links that it closed"),
            Action::Notify(notice) => {
                // What it says at its start comes before any event.
                self.moment(now);
                let (kind, words) = words(notice);
                self.count(kind);
                let at = now.mono.since(self.start).as_secs_f64();
                if self.notices.len() < NOTICES {
                    self.notices.push((at, words));
                }
            }
            Action::Persist { .. } | Action::Wait { .. } => {}
        }
    }
}

/// What a notice counts as, and what it says.
fn words(notice: &Notice) -> (&'static str, String) {
    let charge = |accusation: &Accusation| {
        let (accuser, accused) = (accusation.accuser.short(), accusation.accused.short());
        format!("{accuser} accuses {accused} on ring {}, epoch {}", accusation.ring, accusation.epoch)
    };
    match notice {
        Notice::Joined { unconfirmed: false } => ("joins", "it has joined".into()),
        Notice::Joined { unconfirmed: true } => {
            ("joins", "it has joined, with fewer contacts than promised".into())
        }
        Notice::Up { member, .. } => ("members that came up", format!("{} is live", member.short())),
        Notice::Accused { accusation } => ("accusations held", charge(accusation)),
        Notice::AccusedMyself { accusation } => ("accusations of itself", charge(accusation)),
        Notice::Rebutted { member, .. } => ("rebuttals of others", format!("{} answers", member.short())),
        Notice::Down { accusation } => (
            "members that went down",
            format!("{} is down: {}", accusation.accused.short(), charge(accusation)),
        ),
        other => ("other notices", format!("{other:?}")),
    }
}

fn page(watched: &Watched, replayed: &Result<Replayed, ReplayError>) -> String {
    let me = watched.me.map_or_else(|| "a member".to_owned(), |me| me.short().to_string());
    let title = format!("{me}: a recorded run");
    let long = (watched.moments.len() as u64 * watched.every) as f64;
    let body = html! {
        header {
            @match replayed {
                Ok(replayed) => {
                    div.verdict.pass { "✓ replays" }
                    h1 { (title) }
                    p.soft {
                        (number::count(replayed.events)) " events and " (number::count(replayed.actions)) " actions are equal, bit for bit; "
                        (ended(replayed.ended)) " Recorded by version " (replayed.version) "."
                    }
                }
                Err(error) => {
                    div.verdict.fail { "✗ does not replay" }
                    h1 { (title) }
                    pre { (error) }
                }
            }
        }
        section { h2 { "Its view" } figure { (views(watched, long)) } }
        section { h2 { "Its traffic" } figure { (traffic(watched, long)) } p.soft { "Bytes of datagrams and frames, before QUIC, UDP and IP." } }
        section {
            h2 { "Counted" }
            table { tbody { @for (what, count) in &watched.counts { tr { th scope="row" { (what) } td.n { (number::count(*count)) } } } } }
        }
        section {
            h2 { "What its application was told" }
            @if watched.notices.is_empty() { p.calm { "Nothing." } }
            ol.story { @for (at, words) in &watched.notices { li { span.when { (number::seconds(*at)) } span { (words) } } } }
            @if watched.notices.len() == NOTICES { p.soft { "These are the first " (NOTICES) "." } }
        }
    };
    document(&title, &body)
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Whole => "the run ended in good order.",
        Ended::Gap => "then the recorder ran out of room.",
        Ended::Cut { .. } => "then the record was cut.",
    }
}

fn points(watched: &Watched, value: impl Fn(&Moment) -> f64) -> Vec<(f64, f64)> {
    let at = |(at, moment)| ((at as u64 * watched.every) as f64, value(moment));
    watched.moments.iter().enumerate().map(at).collect()
}

fn clock(long: f64) -> Scale {
    Scale { from: 0.0, to: long.max(1.0), start: LEFT, end: WIDTH - 18.0 }
}

fn views(watched: &Watched, long: f64) -> Markup {
    let (top, bottom) = (34.0, 34.0 + PLOT);
    let most = watched.moments.iter().map(|moment| moment.known.max(moment.links)).max().unwrap_or(1);
    let (time, scale) =
        (clock(long), Scale { from: 0.0, to: nice(most.max(1) as f64 * 1.02), start: bottom, end: top });
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (bottom + 42.0) } role="img" aria-label="Live members, known members and links over time" {
            (time::axis(time, top, bottom))
            (time::name(time, bottom, "seconds since its start"))
            (time::values(scale, time, "members", time::label))
            path.expected d=(steps(&points(watched, |moment| moment.known as f64), long, time, scale)) {}
            path.most d=(steps(&points(watched, |moment| moment.links as f64), long, time, scale)) {}
            path.mean d=(steps(&points(watched, |moment| moment.live as f64), long, time, scale)) {}
        }
        p.legend { (key("mean", "live in its view")) (key("expected", "known")) (key("most", "links")) }
    }
}

fn traffic(watched: &Watched, long: f64) -> Markup {
    let (top, bottom) = (34.0, 34.0 + PLOT);
    let rate = |bytes: u64| bytes as f64 / watched.every.max(1) as f64;
    let all: Vec<_> =
        watched.moments.iter().flat_map(|moment| [rate(moment.sent), rate(moment.received)]).collect();
    let most = all.iter().copied().fold(10.0, f64::max);
    let least = all.iter().copied().filter(|rate| *rate > 0.0).fold(most, f64::min);
    let (time, scale) = (clock(long), powers(least, most, bottom, top));
    let log = |bytes: u64| rate(bytes).max(1.0).log10();
    let received = points(watched, |moment| log(moment.received));
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (bottom + 42.0) } role="img" aria-label="Bytes sent and received per second, over time" {
            (time::axis(time, top, bottom))
            (time::name(time, bottom, "seconds since its start"))
            (time::values(scale, time, "bytes per second (logarithmic)", |power| number::bytes(10_f64.powf(power))))
            path.spread d=(area(&points(watched, |_| 0.0), &received, long, time, scale)) {}
            path.mean d=(steps(&points(watched, |moment| log(moment.sent)), long, time, scale)) {}
        }
        p.legend { (key("mean", "sent")) (key("spread", "received")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use ifrit_core::time::Wall;

    #[test]
    fn a_run_of_centuries_has_few_moments() {
        let mut watched = Watched::default();
        let at = |seconds: u64| Now { mono: Mono(0) + Duration::from_secs(seconds), wall: Wall(0) };
        watched.moment(at(0)).sent = 3;
        watched.moment(at(5)).sent += 4;
        assert_eq!((watched.moments.len(), watched.every), (6, 1));
        watched.moment(at(18_000_000_000)).live = 9;
        assert!(watched.moments.len() <= MOMENTS && watched.every >= 30_000_000);
        assert_eq!((watched.moments[0].sent, watched.moments[watched.moments.len() - 1].live), (7, 9));
    }
}
