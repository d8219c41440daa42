//! Scenarios that once failed, made small by `ifrit-sim shrink`: each file says what was wrong. They pass now, and do so for ever.

use ifrit_sim::{
    run::{self, Options},
    scenario::Scenario,
};
use std::{fs, path::Path};

#[test]
fn what_once_failed_passes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let files = fs::read_dir(&folder)
        .expect("tests/regressions is there")
        .map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    files.sort();
    assert!(!files.is_empty(), "no regressions in {}", folder.display());
    for file in files {
        let scenario = Scenario::read(&file, None).unwrap_or_else(|error| panic!("{error}"));
        for seed in scenario.seeds.iter().copied() {
            let outcome =
                run::run(&scenario, seed, Options::default()).unwrap_or_else(|error| panic!("{error}"));
            assert!(outcome.passed(), "{} with seed {seed}: {:#?}", file.display(), outcome.violations);
        }
    }
}
