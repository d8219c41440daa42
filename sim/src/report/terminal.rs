//! The summary for the terminal: at most 80 columns, the verdict first, the command to run it again last.

use super::{number, words};
use crate::chronicle::{Band, Chronicle, Expectation, Sample, Tale, Was};
use crate::run::Broken;
use anstyle::{AnsiColor, Style};
use std::fmt::Display;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const FAULT: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// Columns of the terminal.
const WIDTH: usize = 80;
/// Columns left of the time line.
const LEFT: usize = 10;
/// Columns of the time line.
const LINE: usize = 66;
/// Lines of events, of violations, of members.
const EVENTS: usize = 6;
const VIOLATIONS: usize = 5;
const WORST: usize = 3;
/// Members of an event that are named.
const NAMED: usize = 3;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The run in a few lines, with colours: print it with `anstream`, which takes them out where nobody sees them.
pub fn summary(chronicle: &Chronicle) -> String {
    let mut lines = vec![verdict(chronicle), String::new()];
    lines.extend(chronicle.expectations.iter().map(expectation));
    if !chronicle.expectations.is_empty() {
        lines.push(String::new());
    }
    lines.extend(time_line(chronicle));
    lines.push(String::new());
    lines.extend(violations(&chronicle.outcome.violations));
    lines.extend(worst(chronicle));
    lines.push(figures(chronicle));
    lines.push(format!("{}  {}", paint(DIM, "again"), plain(&words::command(chronicle))));
    lines.join("\n") + "\n"
}

fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Text from a file: it could steer the terminal otherwise.
fn plain(text: &str) -> String {
    let safe = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(safe).collect()
}

/// At most `width` characters.
fn short(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn verdict(chronicle: &Chronicle) -> String {
    let (header, outcome) = (&chronicle.header, &chronicle.outcome);
    let verdict = if outcome.passed() { paint(GOOD, "✓ PASS") } else { paint(BAD, "✗ FAIL") };
    let took = format!("{} in {}", number::seconds(header.until_s), number::seconds(outcome.wall_s));
    let rest = format!("seed {} · {} · {took}", header.seed, number::members(header.members));
    let name = short(&header.name, WIDTH.saturating_sub(12 + rest.chars().count()));
    format!("{verdict}  {}  {rest}", paint(BOLD, name))
}

fn expectation(expectation: &Expectation) -> String {
    let sign = if expectation.holds { paint(GOOD, "✓") } else { paint(BAD, "✗") };
    let name = short(&expectation.name.replace('_', " "), 26);
    let limit = short(&expectation.limit, 12);
    let seen = short(&expectation.seen, 36);
    let seen = if expectation.holds { seen } else { paint(BAD, seen) };
    format!("  {sign} {name:<26} {limit:<12} {seen}")
}

/// The views over time, and what was done meanwhile.
fn time_line(chronicle: &Chronicle) -> Vec<String> {
    let columns = columns(chronicle);
    let most = chronicle.samples.iter().map(|sample| sample.wrong).max().unwrap_or(0);
    let mut lines: Vec<_> = chronicle.bands.iter().take(EVENTS).map(|band| event(chronicle, band)).collect();
    if chronicle.bands.len() > EVENTS {
        let more = number::plural(chronicle.bands.len() - EVENTS, "event");
        lines.push(paint(DIM, format!("{:LEFT$}… and {more} more", "")));
    }
    lines.push(format!("{:<LEFT$}{}", "view", views(&columns)));
    lines.push(format!("{:<LEFT$}{}", "wrong", wrong(&columns, most)));
    let end = number::seconds(chronicle.header.until_s);
    let room = LINE - 1;
    lines.push(paint(DIM, format!("{:LEFT$}0{end:>room$}", "")));
    let sizes = chronicle.outcome.view;
    let size = if sizes.min == sizes.max {
        sizes.min.to_string()
    } else {
        format!("{} to {}", sizes.min, sizes.max)
    };
    let at_worst = if most == 0 {
        "never wrong".into()
    } else {
        format!("at worst {}", number::plural(most as usize, "wrong pair"))
    };
    lines.push(format!("{:LEFT$}views in the end: {size}, expected {}; {at_worst}", "", sizes.expected));
    lines
}

/// The worst sample of each column; none where the run has not come.
fn columns(chronicle: &Chronicle) -> Vec<Option<&Sample>> {
    let end = chronicle.header.until_s;
    let mut columns = vec![None; LINE];
    for (at, sample) in chronicle.samples.iter().enumerate() {
        let from = if at == 0 { 0.0 } else { sample.at_s };
        let until = chronicle.samples.get(at + 1).map_or(sample.at_s, |next| next.at_s - 1e-9);
        for place in &mut columns[column(from, end)..=column(until, end)] {
            let is_worse = place.is_none_or(|held: &Sample| sample.wrong > held.wrong);
            *place = if is_worse { Some(sample) } else { *place };
        }
    }
    columns
}

fn column(at: f64, end: f64) -> usize {
    ((at / end * LINE as f64) as usize).min(LINE - 1)
}

/// The smallest view of each column against what it should be.
fn views(columns: &[Option<&Sample>]) -> String {
    let mut text = String::new();
    for sample in columns {
        let Some(sample) = sample else {
            text.push(' ');
            continue;
        };
        let (least, should) = (f64::from(sample.view.min), f64::from(sample.expected.max.max(1)));
        let is_right = sample.wrong == 0;
        let level = ((least / should * 7.0) as usize).min(if is_right { 7 } else { 6 });
        let level = if is_right { 7 } else { level };
        text += &paint(if is_right { GOOD } else { FAULT }, BARS[level]);
    }
    text
}

fn wrong(columns: &[Option<&Sample>], most: u64) -> String {
    let level = |wrong: u64| ((wrong as f64 / most as f64).sqrt() * 7.0).ceil() as usize;
    columns
        .iter()
        .map(|sample| match sample {
            None => " ".into(),
            Some(sample) if sample.wrong == 0 => paint(DIM, '·'),
            Some(sample) => paint(BAD, BARS[level(sample.wrong).min(7)]),
        })
        .collect()
}

/// One event on the time line, its words beside it where there is room.
fn event(chronicle: &Chronicle, band: &Band) -> String {
    let end = chronicle.header.until_s;
    let until = band.until_s.unwrap_or(end);
    let (from, to) = (column(band.from_s, end), column(until, end));
    let is_moment = until <= band.from_s;
    let marks = if is_moment { "▼".to_owned() } else { "━".repeat(to - from + 1) };
    let whom = if band.struck == 0 || band.struck > NAMED {
        String::new()
    } else {
        format!(" ({})", number::named(&band.members, band.struck))
    };
    let words = plain(&format!("{} {}{whom}", band.label, number::stretch(band.from_s, until)));
    let style = if band.kind == "lie" { BAD } else { FAULT };
    let last = if is_moment { from } else { to };
    let (left, right) = (LEFT + from, WIDTH - (LEFT + last) - 2);
    let marks = paint(style, marks);
    if words.chars().count() <= right {
        format!("{:left$}{marks} {words}", "")
    } else if words.chars().count() < left {
        let room = left - 1;
        format!("{words:>room$} {marks}")
    } else {
        format!("{:left$}{marks}\n{:LEFT$}{}", "", "", short(&words, WIDTH - LEFT))
    }
}

fn violations(violations: &[Broken]) -> Vec<String> {
    if violations.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![paint(BAD, format!("✗ {}", number::plural(violations.len(), "violation")))];
    for violation in violations.iter().take(VIOLATIONS) {
        let about = violation.member.map_or(String::new(), |member| format!("member {member}: "));
        let text = format!(
            "{} {}: {about}{}",
            number::seconds(violation.at_s),
            violation.invariant,
            violation.detail
        );
        lines.push(format!("  {}", short(&text, WIDTH - 2)));
    }
    if violations.len() > VIOLATIONS {
        lines.push(paint(DIM, format!("  … and {} more", violations.len() - VIOLATIONS)));
    }
    lines.push(String::new());
    lines
}

/// Those who were wronged, then those whose views were wrong for longer than is usual here.
fn worst(chronicle: &Chronicle) -> Vec<String> {
    let wronged = chronicle.outs.iter().filter(|out| out.was == Was::Healthy).map(|out| {
        let (by, first) = (number::members(out.observers), number::seconds(out.first_s.into()));
        let why = format!("accused by {} on ring {}", out.accuser, out.ring);
        format!("  member {}: wrongly put out by {by}, first at {first}, {why}", out.subject)
    });
    let mut spans: Vec<_> = chronicle.members.iter().map(|tale| tale.wrong_s).collect();
    spans.sort_unstable();
    let usual = spans.get(spans.len() / 2).copied().unwrap_or(0);
    let mut blind: Vec<_> = chronicle.members.iter().filter(|tale| tale.wrong_s > usual).collect();
    blind.sort_by_key(|tale| std::cmp::Reverse(tale.wrong_s));
    let view = |tale: &&Tale| {
        format!("  member {}: its view was wrong for {} s, usual are {usual} s", tale.member, tale.wrong_s)
    };
    let lines: Vec<_> =
        wronged.chain(blind.iter().map(view)).take(WORST).map(|line| short(&line, WIDTH)).collect();
    if lines.is_empty() {
        return lines;
    }
    [paint(DIM, "worst off")].into_iter().chain(lines).chain([String::new()]).collect()
}

fn figures(chronicle: &Chronicle) -> String {
    let outcome = &chronicle.outcome;
    let bytes = outcome.traffic.bytes_per_member_per_s;
    let detection = match outcome.detection.all_s {
        Some(all) => format!(" · crash known to all after {}", number::seconds(all)),
        None => String::new(),
    };
    let sent =
        format!("{}/s sent per member, at most {}/s", number::bytes(bytes.mean), number::bytes(bytes.max));
    format!("{}{detection}", sent)
}
