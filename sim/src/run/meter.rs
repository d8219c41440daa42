//! What a run costs: wall time, processor time and memory. The only figures that differ from run to run.

use std::{fs, time::Instant};

#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    cpu_ns: Option<u64>,
}

impl Meter {
    #[expect(clippy::disallowed_methods, reason = "the figure of wall time")]
    pub(super) fn start() -> Self {
        Self { began: Instant::now(), cpu_ns: thread_cpu_ns() }
    }

    pub(super) fn wall_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Processor time of this thread in µs; `None` where the system does not tell.
    pub(super) fn cpu_us(&self) -> Option<f64> {
        Some((thread_cpu_ns()? - self.cpu_ns?) as f64 / 1e3)
    }
}

/// Linux: nanoseconds on a processor are the first number.
fn thread_cpu_ns() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// The most memory that this process ever held, in bytes; `None` where the system does not tell.
pub(super) fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
