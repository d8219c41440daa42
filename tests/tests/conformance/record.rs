//! Runs over real sockets, recorded and replayed.

use crate::{
    cluster::{Cluster, state_of},
    driver::Driver,
};
use ifrit_core::{
    crypto::P256Verifier,
    recorder::{Ended, ReplayError, replay},
    view::State,
};
use ifrit_node::{crypto::RingVerifier, drive::StartError, identity::Identity};
use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};
use tempfile::TempDir;

const MEMBERS: usize = 3;

pub(crate) async fn a_recorded_run_replays_record_by_record<D: Driver>() {
    let mut cluster = Cluster::new();
    let traces = tempfile::tempdir().expect("a directory");
    let paths: Vec<PathBuf> = (0..=MEMBERS).map(|n| traces.path().join(format!("{n}.trace"))).collect();
    for path in &paths[..MEMBERS] {
        cluster.add::<D>(|builder| builder.record(path)).await;
    }
    cluster.complete::<D>().await;
    let identity = |dir: &TempDir| Identity::load(dir.path()).expect("an identity");
    let keys: Vec<_> = cluster.dirs.iter().map(|dir| identity(dir).signer.scalar()).collect();
    let crashed = cluster.members.pop().expect("several");
    let (id, index) = (crashed.id(), MEMBERS - 1);
    crashed.abort().await.expect("it ran");
    cluster.everywhere::<D>("down everywhere", move |view| state_of(&view, &id) == Some(State::Down)).await;
    // With what it has stored: that is in the trace too.
    let again = cluster.builder::<D>(index).record(&paths[MEMBERS]).start().await.expect("started");
    cluster.members.push(again);
    cluster.complete::<D>().await;
    cluster.members[0].leave().await.expect("it ran");
    cluster.members.remove(0);
    cluster.stop::<D>().await;

    for (n, path) in paths.iter().enumerate() {
        let trace = std::fs::read(path).expect("it was recorded");
        let replayed = replay(&trace, Arc::new(RingVerifier)).unwrap_or_else(|error| panic!("{n}: {error}"));
        assert_eq!(replayed.ended, Ended::Whole, "{n}");
        assert!(replayed.events > 10 && replayed.actions > 10, "{n}: {replayed:?}");
        assert_eq!(replay(&trace, Arc::new(P256Verifier)), Ok(replayed), "whatever checks signatures");
        let key = keys[n.min(MEMBERS - 1)];
        assert!(!trace.windows(key.len()).any(|bytes| bytes == key), "the key is in the trace");
        let mode = std::fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        is_cut_anywhere(&trace);
        changes_are_found(&trace);
    }
}

/// Every cut replays up to it.
fn is_cut_anywhere(trace: &[u8]) {
    let mut events = 0;
    for cut in (0..trace.len()).step_by(1 + trace.len() / 24) {
        match replay(&trace[..cut], Arc::new(RingVerifier)) {
            Err(ReplayError::NoHeader) => assert!(events == 0, "no header in {cut} bytes"),
            Err(error) => panic!("cut at {cut}: {error}"),
            Ok(replayed) => {
                assert!(matches!(replayed.ended, Ended::Cut { .. }) && replayed.events >= events);
                events = replayed.events;
            }
        }
    }
    assert!(events > 10);
}

/// No changed byte goes unnoticed.
fn changes_are_found(trace: &[u8]) {
    for place in (0..trace.len()).step_by(1 + trace.len() / 24) {
        let mut changed = trace.to_vec();
        changed[place] ^= 4;
        // A changed length looks like a cut.
        let result = replay(&changed, Arc::new(RingVerifier));
        assert!(!matches!(result, Ok(replayed) if replayed.ended == Ended::Whole), "byte {place}");
    }
}

pub(crate) async fn a_record_overwrites_nothing<D: Driver>() {
    let mut cluster = Cluster::new();
    let index = cluster.enrol();
    let full = cluster.dirs[index].path().join("key.pem");
    let before = std::fs::read(&full).expect("a key");
    let refused = cluster.builder::<D>(index).record(&full).start().await;
    assert!(matches!(refused, Err(StartError::RecordExists(path)) if path == full));
    assert_eq!(std::fs::read(&full).expect("a key"), before);
    let nowhere = cluster.dirs[index].path().join("no/such/directory");
    let refused = cluster.builder::<D>(index).record(&nowhere).start().await;
    assert!(matches!(refused, Err(StartError::Record { path, .. }) if path == nowhere));
    // Nothing is locked or bound.
    let empty = cluster.dirs[index].path().join("empty");
    std::fs::write(&empty, []).expect("written");
    let client = cluster.builder::<D>(index).record(&empty).start().await.expect("an empty file is taken");
    client.stop().await.expect("it ran");
    let trace = std::fs::read(&empty).expect("it was recorded");
    assert_eq!(replay(&trace, Arc::new(RingVerifier)).expect("equal").ended, Ended::Whole);
}
