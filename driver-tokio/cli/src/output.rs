//! What is printed, and how: text with colours on a terminal, or JSON lines.

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::{fmt, io::Write, time::Duration};

/// Something good.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something to look at.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// Something bad.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// Something less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Something more important.
pub(crate) const BOLD: Style = Style::new().bold();

/// Where a command prints to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    pub(crate) fn json(self) -> bool {
        self.json
    }

    /// Prints `value` as one JSON line, or `text`. Flushed, so that a pipe sees it at once.
    pub(crate) fn print(self, value: &impl Serialize, text: impl fmt::Display) -> anyhow::Result<()> {
        if self.json { self.json_line(value) } else { self.text(text) }
    }

    /// Prints one JSON line.
    pub(crate) fn json_line(self, value: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&line)?;
        Ok(stdout.flush()?)
    }

    /// Prints a line of text; colours are stripped unless stdout is a terminal that wants them.
    pub(crate) fn text(self, text: impl fmt::Display) -> anyhow::Result<()> {
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Prints an error on stderr. Errors of printing it are nobody's to hear.
    pub(crate) fn error(self, error: &anyhow::Error, exit: u8) {
        let _ = if self.json {
            writeln!(
                std::io::stderr(),
                "{}",
                serde_json::json!({ "error": format!("{error:#}"), "exit": exit })
            )
        } else {
            writeln!(anstream::stderr(), "{}: {}", paint(BAD.bold(), "error"), in_words(error))
        };
    }
}

/// An error and what led to it, on one line. It may quote what another member said, of its handler's failure say.
fn in_words(error: &anyhow::Error) -> String {
    harmless(&format!("{error:#}"))
}

/// `text` in a style.
pub(crate) fn paint(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A span of time, in two units at most: `1.3 s`, `12 min 5 s`, `3 h 12 min`.
pub(crate) fn span(span: Duration) -> String {
    let (ms, s) = (span.as_millis(), span.as_secs());
    match s {
        0 => format!("{ms} ms"),
        1..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3600 % 24),
    }
}

/// [`span`] of milliseconds.
pub(crate) fn span_ms(ms: u64) -> String {
    span(Duration::from_millis(ms))
}

/// Text of a peer, safe to show: it could steer the terminal otherwise.
pub(crate) fn harmless(text: &str) -> String {
    let escape = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.chars()
        .flat_map(|c| if escape(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_and_readable() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_300, "1.3 s"),
            (725_000, "12 min 5 s"),
            (11_520_000, "3 h 12 min"),
            (200_000_000, "2 d 7 h"),
        ] {
            assert_eq!(span_ms(ms), text);
        }
    }

    #[test]
    fn text_of_a_peer_cannot_steer_the_terminal() {
        let failure = anyhow::anyhow!("the member's handler failed: \u{1b}]0;owned\u{7}");
        assert_eq!(in_words(&failure), "the member's handler failed: \\u{1b}]0;owned\\u{7}");
        assert_eq!(harmless("hi\n\u{1b}[2Jthere\u{9b}"), "hi\n\\u{1b}[2Jthere\\u{9b}");
    }
}
