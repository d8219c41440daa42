//! Runs in processes of their own, some at once, told in order.

use ifrit_sim::run::Outcome;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    collections::BTreeMap,
    io::IsTerminal,
    path::PathBuf,
    process::{Command, Output},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

/// One run.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) file: PathBuf,
    pub(super) seed: u64,
    pub(super) members: Option<usize>,
}

impl Job {
    /// The run's figures.
    pub(super) fn outcome(&self) -> Result<Outcome, String> {
        let output = self.output(&["--json"])?;
        serde_json::from_slice(&output.stdout).map_err(|_| self.complaint(&output))
    }

    /// The summary that the run prints, and whether it passed.
    pub(super) fn summary(&self) -> Result<(String, bool), String> {
        let output = self.output(&[])?;
        match output.status.code() {
            Some(code @ (0 | 1)) => Ok((String::from_utf8_lossy(&output.stdout).into(), code == 0)),
            _ => Err(self.complaint(&output)),
        }
    }

    fn output(&self, args: &[&str]) -> Result<Output, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.arg("run").arg(&self.file).args(["--seed", &self.seed.to_string()]).args(args);
        if let Some(members) = self.members {
            command.args(["--members", &members.to_string()]);
        }
        // With its colours: whoever prints it takes them out where nobody sees them.
        command.env("CLICOLOR_FORCE", "1").output().map_err(|error| error.to_string())
    }

    fn complaint(&self, output: &Output) -> String {
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.trim_start_matches("error: ").trim_end();
        match output.status.code() {
            Some(2) => told.into(),
            _ => format!("{} with seed {} broke down: {told}", self.file.display(), self.seed),
        }
    }
}

/// Runs all with `run`, `at_once` of them at a time, and tells of each in order. Shows progress on a terminal.
///
/// # Errors
/// The first complaint.
pub(super) fn run<T: Send>(
    jobs: &[Job],
    at_once: usize,
    run: fn(&Job) -> Result<T, String>,
    mut tell: impl FnMut(&Job, T),
) -> Result<(), String> {
    let bar = bar(jobs.len());
    let next = AtomicUsize::new(0);
    let at_once = at_once.clamp(1, jobs.len().max(1));
    thread::scope(|scope| {
        let (to, from) = mpsc::sync_channel(at_once);
        for _ in 0..at_once {
            let (to, next) = (to.clone(), &next);
            scope.spawn(move || {
                while let Some((i, job)) = take(next, jobs) {
                    if to.send((i, run(job))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(to);
        let mut early = BTreeMap::new();
        let mut turn = 0;
        for (i, outcome) in from {
            bar.inc(1);
            early.insert(i, outcome);
            while let Some(outcome) = early.remove(&turn) {
                let outcome = outcome.inspect_err(|_| bar.finish_and_clear())?;
                bar.suspend(|| tell(&jobs[turn], outcome));
                turn += 1;
            }
        }
        bar.finish_and_clear();
        Ok(())
    })
}

fn take<'a>(next: &AtomicUsize, jobs: &'a [Job]) -> Option<(usize, &'a Job)> {
    let i = next.fetch_add(1, Ordering::Relaxed);
    Some((i, jobs.get(i)?))
}

fn bar(jobs: usize) -> ProgressBar {
    if jobs < 2 || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {elapsed} passed, {eta} to go");
    ProgressBar::new(jobs as u64).with_style(style.expect("the template is right"))
}
