//! What the demo shows: a line per step, with what happened and how long it took.

use crate::output::{BAD, BOLD, DIM, GOOD, Out, paint, span};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

/// Pictures of the spinner per second.
const FRAMES: Duration = Duration::from_millis(80);

pub(super) struct Timeline {
    out: Out,
    started: Instant,
}

/// A step under way.
pub(super) struct Running {
    name: &'static str,
    started: Instant,
    /// Only if a person watches.
    spinner: Option<ProgressBar>,
}

#[derive(Serialize)]
struct StepLine<'a> {
    step: &'a str,
    ok: bool,
    ms: u64,
    detail: String,
}

#[derive(Serialize)]
struct LastLine {
    ok: bool,
    members: usize,
    ms: u64,
}

impl Timeline {
    pub(super) fn new(out: Out, members: usize) -> anyhow::Result<Self> {
        if !out.json() {
            let title = paint(BOLD, format!("Ifrit demo: {members} members on this machine"));
            out.text(format!("{title}, each with a UDP socket, a key and a certificate of its own.\n"))?;
        }
        Ok(Self { out, started: Instant::now() })
    }

    pub(super) fn begin(&self, name: &'static str, doing: &'static str) -> Running {
        let watched = !self.out.json() && std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        Running { name, started: Instant::now(), spinner: watched.then(|| spinner(name, doing)) }
    }

    /// Shows what came of a step: the first line says it all, the others are details.
    pub(super) fn end(&self, step: Running, result: &anyhow::Result<Vec<String>>) -> anyhow::Result<()> {
        let took = step.started.elapsed();
        if let Some(spinner) = &step.spinner {
            spinner.finish_and_clear();
        }
        let lines = match result {
            Ok(lines) => lines.clone(),
            Err(error) => vec![format!("{error:#}")],
        };
        let ok = result.is_ok();
        let line = StepLine { step: step.name, ok, ms: ms(took), detail: lines.join("; ") };
        self.out.print(&line, text(&step, ok, took, &lines))
    }

    /// The last line.
    pub(super) fn close(&self, ok: bool, members: usize) -> anyhow::Result<()> {
        let took = self.started.elapsed();
        let word = if ok { paint(GOOD, "all as promised") } else { paint(BAD, "failed") };
        let text = format!("\n  {word}: {members} members, {}", span(took));
        self.out.print(&LastLine { ok, members, ms: ms(took) }, text)
    }
}

fn spinner(name: &str, doing: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {spinner} {prefix:<17}{elapsed:>9}   {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner =
        ProgressBar::new_spinner().with_style(style).with_prefix(name.to_owned()).with_message(doing);
    spinner.enable_steady_tick(FRAMES);
    spinner
}

fn text(step: &Running, ok: bool, took: Duration, lines: &[String]) -> String {
    let mark = if ok { paint(GOOD, "✓") } else { paint(BAD, "✗") };
    let took = paint(DIM, format!("{:>6} ms", took.as_millis()));
    let (first, more) = lines.split_first().map_or(("", &[][..]), |(first, more)| (first.as_str(), more));
    let mut text = format!("  {mark} {:<17}{took}   {first}", step.name);
    for line in more {
        text += &format!("\n{:33}{}", "", paint(DIM, line));
    }
    text
}

fn ms(took: Duration) -> u64 {
    took.as_millis().try_into().unwrap_or(u64::MAX)
}
