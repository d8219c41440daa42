//! The table of findings (`sim/src/checks.md`): each finding of both reviews is held by a scenario, a golden or a planted bug, and
//! whatever the table names exists. That planted bugs are caught is shown by `sim/tests/bugs`.

use ifrit_sim::adversary;
use std::{fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).expect("a file of this repository")
}

/// All Rust files below, as one text.
fn sources(dir: impl AsRef<Path>) -> String {
    let entries = fs::read_dir(root().join(dir)).expect("a folder");
    let texts = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return sources(path);
        }
        let is_rust = path.extension().is_some_and(|name| name == "rs");
        if is_rust { read(path) } else { String::new() }
    });
    texts.collect()
}

/// (finding, what holds it: kind and name)
fn table() -> Vec<(String, Vec<(String, String)>)> {
    let text = read("sim/src/checks.md");
    let (_, table) = text.split_once("| finding |").expect("the table of findings");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let held = cells[2].split(';').flat_map(|held| {
            let kind = held.split_whitespace().next().expect("a kind").to_owned();
            let names = held.split('`').skip(1).step_by(2);
            names
                .map(move |name| (kind.trim_end_matches('s').to_owned(), name.to_owned()))
                .collect::<Vec<_>>()
        });
        (cells[0].to_owned(), held.collect())
    })
    .collect()
}

#[test]
fn every_finding_is_held_by_a_scenario_a_golden_or_a_planted_bug() {
    let findings = (1..=22).map(|n| n.to_string()).chain((1..=15).map(|n| format!("second {n}")));
    let table = table();
    assert_eq!(
        table.iter().map(|(finding, _)| finding.clone()).collect::<Vec<_>>(),
        findings.collect::<Vec<_>>()
    );
    for (finding, held) in table {
        let shows = |(kind, _): &(String, String)| ["bug", "scenario", "golden"].contains(&kind.as_str());
        assert!(held.iter().any(shows), "finding {finding}: {held:?}");
    }
}

#[test]
fn whatever_the_table_names_exists() {
    let planted = read("core/src/planted.rs");
    let (bugs, marks) = planted.split_once("A place that a sweep must reach").expect("bugs, then marks");
    let (core, rules, invariants) =
        (sources("core/src"), sources("sim/tests/rules"), sources("sim/src/invariant"));
    let is_listed = |list: &str, name: &str| list.contains(&format!("            {name}: \""));
    let is_test = |text: &str, name: &str| text.contains(&format!("fn {name}("));
    for (finding, held) in table() {
        for (kind, name) in held {
            let exists = match kind.as_str() {
                "bug" => is_listed(bugs, &name),
                "mark" => is_listed(marks, &name),
                "scenario" => root().join("sim/scenarios").join(&name).with_extension("toml").is_file(),
                "golden" => root().join("tests/golden").join(&name).with_extension("txt").is_file(),
                "invariant" => invariants.contains(&format!("\"{name}\"")),
                "strategy" => adversary::strategy(&name).is_some(),
                "test" => is_test(&rules, &name),
                "core" => is_test(&core, &name),
                _ => false,
            };
            assert!(exists, "finding {finding}: there is no {kind} {name}");
        }
    }
}

#[test]
fn every_invariant_is_in_the_table() {
    let text = read("sim/src/checks.md");
    for invariant in ifrit_sim::invariant::all() {
        let name = invariant.name();
        assert!(text.contains(&format!("| `{name}` |")), "{name} is not in sim/src/checks.md");
    }
}
