//! Ctrl-C and SIGTERM, and SIGHUP.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// From its making on, both signals are told here and do not end the process.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
        let terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        Ok(Self { interrupt, terminate })
    }

    /// Ends at the next of either.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// From its making on, SIGHUP is told here and does not end the process.
#[derive(Debug)]
pub(crate) struct Hangups(Signal);

impl Hangups {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?))
    }

    /// Ends at the next one; `false` if none will come any more.
    pub(crate) async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
