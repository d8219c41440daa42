//! The last lines of the log, kept in memory for `ifrit debug bundle`.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes kept: some two thousand lines.
const KEPT: usize = 256 * 1024;

static LINES: Mutex<Lines> = Mutex::new(Lines { lines: VecDeque::new(), bytes: 0 });

#[derive(Debug)]
struct Lines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Lines {
    fn push(&mut self, line: &str) {
        self.bytes += line.len();
        self.lines.push_back(line.to_owned());
        while self.bytes > KEPT
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }
}

/// What was logged last, oldest first, without colours.
pub(crate) fn lines() -> Vec<String> {
    let kept = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let plain = |line: &String| anstream::adapter::strip_str(line).to_string().trim_end().to_owned();
    kept.lines.iter().map(plain).collect()
}

/// Keeps a copy of each line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent;

impl Write for Recent {
    /// The subscriber writes one event at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Recent {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go() {
        let mut kept = Lines { lines: VecDeque::new(), bytes: 0 };
        let line = "x".repeat(1000);
        (0..1000).for_each(|_| kept.push(&line));
        kept.push("last");
        assert!(kept.bytes <= KEPT && kept.bytes == kept.lines.iter().map(String::len).sum::<usize>());
        assert_eq!(kept.lines.back().map(String::as_str), Some("last"));
    }
}
