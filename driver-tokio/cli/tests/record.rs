//! `ifrit agent --record FILE`.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, World};
use ifrit_core::recorder::{Ended, Replayed, replay};
use ifrit_node::crypto::RingVerifier;
use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};

fn recording(world: &World, name: &str, file: &Path, others: &[&str]) -> Agent {
    let mut args = vec!["--record", file.to_str().unwrap()];
    args.extend(others);
    world.agent(name, &args).started()
}

fn replayed(file: &Path) -> Replayed {
    let trace = std::fs::read(file).unwrap();
    replay(&trace, Arc::new(RingVerifier)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn agents_record_runs_that_replay_even_after_kill_9() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ["one", "two"].iter().for_each(|name| ca.issue(&world, name));
    let files = [world.path("one.trace"), world.path("two.trace")];
    let mut one = recording(&world, "one", &files[0], &[]);
    let mut two = recording(&world, "two", &files[1], &["--seed-addr", &one.addr]);
    [&one, &two].iter().for_each(|agent| agent.sees_live(&world, 2));

    two.process.kill();
    one.sees(&world, &two.id, "down");
    let cut = replayed(&files[1]);
    assert!(matches!(cut.ended, Ended::Cut { .. }) && cut.events > 5, "{cut:?}");
    assert_eq!(cut.member.to_string(), two.id);

    one.process.signal("-TERM");
    assert_eq!(one.process.wait(), Some(0));
    let whole = replayed(&files[0]);
    assert!(whole.ended == Ended::Whole && whole.events > cut.events, "{whole:?}");
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);

    // What is there stays there.
    let before = std::fs::read(&files[0]).unwrap();
    let mut again = world.agent("one", &["--record", files[0].to_str().unwrap()]);
    again.process.fails(2, &["one.trace", "is there already", "name another file"]);
    assert_eq!(std::fs::read(&files[0]).unwrap(), before);
}
