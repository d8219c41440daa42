//! Proof that the checks bite (DESIGN section 7): every planted bug is caught, and a sweep reaches every mark.
//!
//! Only with `--cfg ifrit_bug`, which `.ci/bug-rustc` sets: `RUSTC_WORKSPACE_WRAPPER=$PWD/.ci/bug-rustc cargo test -p ifrit-sim
//! --test bugs -- --nocapture`. Debug oracles are off in that build: it is invariants and expectations that must catch.
//! What no scenario shows by chance is in `scripts`. With `EXPLORE=N` the first test tries N generated seeds for each bug that its list does not settle.
#![cfg(ifrit_bug)]

mod list;
mod revoked;
mod scripts;
mod talk;
mod told;

use ifrit_core::planted::{Bug, Mark, plant, take_count};
use ifrit_sim::{
    generate,
    run::{self, Options, Outcome},
    scenario::Scenario,
};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, MutexGuard},
};

/// The bug that is on, and the counts of marks, are the whole process's.
static PROCESS: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    PROCESS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs `generated:SEED`, or a file beside this one with all its seeds.
fn outcomes(name: &str) -> Vec<Outcome> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bugs").join(name);
    let is_file = generate::seed_of(name).is_none();
    let scenario = Scenario::read(if is_file { &path } else { Path::new(name) }, None).expect("a scenario");
    let run = |seed: &u64| run::run(&scenario, *seed, Options::default()).expect("it can be run");
    scenario.seeds.iter().map(run).collect()
}

/// What was violated first.
fn caught_by(outcomes: &[Outcome]) -> Option<String> {
    let broken =
        outcomes.iter().filter(|outcome| !outcome.passed()).find_map(|outcome| outcome.violations.first());
    broken.map(|broken| format!("{}: {}", broken.invariant, broken.detail))
}

fn with_bug<T>(bug: Bug, run: impl FnOnce() -> T) -> T {
    plant(Some(bug));
    let seen = run();
    plant(None);
    seen
}

/// With `ONLY=A,B` no other bugs are planted.
fn is_asked_for(bug: Bug) -> bool {
    let only = std::env::var("ONLY");
    only.map_or(true, |only| only.split(',').any(|name| name == format!("{bug:?}")))
}

#[test]
fn every_planted_bug_is_caught() {
    let _alone = alone();
    let more: u64 = std::env::var("EXPLORE").map_or(0, |many| many.parse().expect("a number"));
    let (mut missed, mut used) = (Vec::new(), BTreeSet::new());
    println!("{:20} {:22} caught by", "bug", "scenario or script");
    for bug in Bug::ALL.iter().copied().filter(|bug| is_asked_for(*bug)) {
        if let Some((_, name, script)) = scripts::SCRIPTS
            .iter()
            .chain(talk::SCRIPTS)
            .chain(revoked::SCRIPTS)
            .find(|(scripted, ..)| *scripted == bug)
        {
            match with_bug(bug, script) {
                Err(how) => println!("{:20} {name:22} {how}", format!("{bug:?}")),
                Ok(()) => {
                    println!("{:20} {name:22} NOT CAUGHT: {}", format!("{bug:?}"), bug.about());
                    missed.push(bug);
                }
            }
            assert_eq!(script(), Ok(()), "{name} passes without a bug");
            continue;
        }
        let listed =
            list::SCENARIOS.iter().filter(|(listed, _)| *listed == bug).flat_map(|(_, names)| names.iter());
        let names = listed.map(|name| (*name).to_owned()).chain((0..more).map(generate::name));
        match names.into_iter().find_map(|name| Some((with_bug(bug, || caught_by(&outcomes(&name)))?, name)))
        {
            Some((how, name)) => {
                println!("{:20} {name:22} {}", format!("{bug:?}"), how.chars().take(110).collect::<String>());
                used.insert(name);
            }
            None => {
                println!("{:20} NOT CAUGHT: {}", format!("{bug:?}"), bug.about());
                missed.push(bug);
            }
        }
    }
    for name in used {
        assert_eq!(caught_by(&outcomes(&name)), None, "{name} passes without a bug");
    }
    assert_eq!(missed, [], "not caught");
}

/// The sweep is long enough to reach everything that the rules say: the seeds that CI's own sweep takes too. A mark that comes
/// in few of them asks for dice in `generate`.
#[test]
fn a_sweep_of_256_seeds_reaches_every_mark() {
    const SEEDS: u64 = 256;
    let _alone = alone();
    Mark::ALL.iter().for_each(|mark| _ = take_count(*mark));
    let (mut seeds, mut failed) = (vec![0; Mark::ALL.len()], Vec::new());
    for seed in 0..SEEDS {
        if let Some(how) = caught_by(&outcomes(&generate::name(seed))) {
            println!("seed {seed}: {how}");
            failed.push(seed);
        }
        Mark::ALL.iter().zip(&mut seeds).for_each(|(mark, seeds)| *seeds += u64::from(take_count(*mark) > 0));
    }
    let mut marks: Vec<_> = Mark::ALL.iter().zip(seeds).map(|(mark, seeds)| (seeds, *mark)).collect();
    marks.sort();
    println!("the rarest of {} marks, by how many of {SEEDS} seeds reach them:", marks.len());
    marks.iter().take(12).for_each(|(seeds, mark)| println!("{seeds:5} {mark:?}: {}", mark.about()));
    assert_eq!(failed, Vec::<u64>::new(), "they fail with no bug on");
    let never: Vec<_> = marks.iter().filter(|(seeds, _)| *seeds == 0).map(|(_, mark)| *mark).collect();
    assert_eq!(never, [], "no seed reaches them");
}
