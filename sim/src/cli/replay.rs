//! `replay TRACE`: a recorded run, again.

use super::Done;
use ifrit_core::recorder::{self, Ended, ReplayError, Replayed};
use ifrit_node::crypto::RingVerifier;
use ifrit_sim::{
    chronicle::Chronicle,
    replay::{self, Repeated},
};
use std::{path::PathBuf, sync::Arc};

/// How the trace of a real member begins.
const MEMBER: &[u8] = b"ifrit tr";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What `ifrit agent --record` or `ifrit-sim run --trace` wrote.
    trace: PathBuf,
    /// What came of it, as one JSON line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Done {
    let file = args.trace.display();
    let bytes = std::fs::read(&args.trace).map_err(|error| format!("{file}: {error}"))?;
    if bytes.starts_with(MEMBER) {
        let replayed = recorder::replay(&bytes, Arc::new(RingVerifier));
        return member(args, replayed).map_err(|error| format!("{file}: {error}"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        format!("{file}: neither a member's trace (`ifrit agent --record`) nor a simulated run's (`ifrit-sim run --trace`)")
    })?;
    let trace = Chronicle::read(text).map_err(|error| format!("{file}: {error}"))?;
    let repeated = replay::repeat(&trace).map_err(|error| error.to_string())?;
    Ok(simulated(args, &trace, &repeated))
}

/// Tells what came of a member's trace; an error only if the file is none.
fn member(args: &Args, replayed: Result<Replayed, ReplayError>) -> Result<bool, String> {
    let (equal, words) = match &replayed {
        Ok(replayed) => (true, in_words(replayed)),
        Err(differs @ ReplayError::Differs(_)) => (false, format!("differs: {differs}")),
        Err(error) => return Err(error.to_string()),
    };
    if !args.json {
        anstream::println!("{words}");
        return Ok(equal);
    }
    let line = match &replayed {
        Ok(replayed) => serde_json::json!({
            "format": 1, "equal": true, "member": replayed.member.to_string(), "version": replayed.version,
            "records": replayed.records, "events": replayed.events, "actions": replayed.actions,
            "ended": ended(replayed.ended),
        }),
        Err(_) => serde_json::json!({ "format": 1, "equal": false, "detail": words }),
    };
    anstream::println!("{line}");
    Ok(equal)
}

fn in_words(replayed: &Replayed) -> String {
    format!(
        "equal: {} records of {}, made by version {}\n  {} events, {} actions, each as it was recorded\n  {}",
        replayed.records,
        replayed.member,
        replayed.version,
        replayed.events,
        replayed.actions,
        match replayed.ended {
            Ended::Whole => "the run ended in good order",
            Ended::Gap => "the recorder ran out of room there: what came then is lost",
            Ended::Cut { half: false } => "the trace was cut there, between two records",
            Ended::Cut { half: true } => "the trace was cut there, within a record",
        }
    )
}

fn ended(ended: Ended) -> &'static str {
    match ended {
        Ended::Whole => "whole",
        Ended::Gap => "gap",
        Ended::Cut { .. } => "cut",
    }
}

fn simulated(args: &Args, trace: &Chronicle, repeated: &Repeated) -> bool {
    let equal = repeated.differs.is_none();
    if args.json {
        let detail = repeated.differs.as_ref().map(ToString::to_string);
        let line =
            serde_json::json!({ "format": 1, "equal": equal, "moments": repeated.equal, "detail": detail });
        anstream::println!("{line}");
        return equal;
    }
    let header = &trace.header;
    match &repeated.differs {
        None => anstream::println!(
            "equal: {} with seed {} did the same again at all {} moments of the trace",
            header.name,
            header.seed,
            repeated.equal
        ),
        Some(difference) => anstream::println!("differs: {difference}"),
    }
    equal
}
