//! `ifrit demo`: a whole network in one process, over real sockets, with real enrolment.

mod crash;
mod lie;
mod network;
mod peer;
mod steps;
mod timeline;

use crate::{args::DemoArgs, output::Out, signals::Signals};
use anyhow::{Context, anyhow, bail};
use network::Network;
use std::{path::Path, time::Duration};
use steps::Step;
use timeline::Timeline;
use tokio::time::timeout;

/// No step of a demo that works takes this long, on the slowest machine.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// Time for what blocks (an enrolment under way) to end once nobody answers it any more.
const END_LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &DemoArgs, out: Out) -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("ifrit-demo-").tempdir();
    let dir = dir.context("cannot make a temporary directory: is TMPDIR writable?")?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let result = runtime.block_on(demonstrate(dir.path(), args, out));
    // Only then does nobody write into the directory any more.
    runtime.shutdown_timeout(END_LIMIT);
    let removed = dir.close().context("cannot remove the temporary directory");
    result.and(removed)
}

async fn demonstrate(dir: &Path, args: &DemoArgs, out: Out) -> anyhow::Result<()> {
    let members = usize::from(args.members);
    let mut stop = Signals::new()?;
    let timeline = Timeline::new(out, members)?;
    let mut network = Network::new(dir, members, args.seed);
    let result = tokio::select! {
        result = play(&timeline, &mut network) => result,
        () = stop.next() => Err(anyhow!("interrupted")),
    };
    network.tear_down().await;
    timeline.close(result.is_ok(), members)?;
    result
}

async fn play(timeline: &Timeline, network: &mut Network) -> anyhow::Result<()> {
    for step in Step::ALL {
        let running = timeline.begin(step.name(), step.doing());
        let result = timeout(STEP_LIMIT, step.run(network)).await;
        let result = result.unwrap_or_else(|_| Err(anyhow!("not done within {} s", STEP_LIMIT.as_secs())));
        timeline.end(running, &result)?;
        if result.is_err() {
            bail!("the step `{}` failed; run again with RUST_LOG=debug to see more", step.name());
        }
    }
    Ok(())
}
