//! The house rules that no other tool checks (CONTRIBUTING.md gives the reasons). A rule that bites wrongly is changed here,
//! in a commit that says why; nothing is exempt by name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Beyond this a newcomer no longer finds the part that they look for.
const LINES_MAX: usize = 600;

/// DESIGN section 2, and what tools want at the top. Names that begin with a dot are free.
const TOP: [&str; 16] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "core",
    "deny.toml",
    "driver-smol",
    "driver-tokio",
    "node",
    "rustfmt.toml",
    "sim",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What git tracks or would track, that exists and is text, with its text.
fn files() -> Vec<(PathBuf, String)> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let output = git.output().expect("git is there: the rules are about what is tracked");
    assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    let paths: BTreeSet<_> =
        String::from_utf8(output.stdout).expect("UTF-8").split('\0').map(PathBuf::from).collect();
    let text = |path: PathBuf| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    let files: Vec<_> = paths.into_iter().filter_map(text).collect();
    assert!(files.len() > 20, "git told of {} files only", files.len());
    files
}

fn rust_files() -> impl Iterator<Item = (PathBuf, String)> {
    files().into_iter().filter(|(path, _)| path.extension().is_some_and(|ext| ext == "rs"))
}

/// Every line of every file in which `is_bad` finds something, as `path:line: text`.
fn lines(files: impl IntoIterator<Item = (PathBuf, String)>, is_bad: impl Fn(&str) -> bool) -> Vec<String> {
    let told = |(path, text): (PathBuf, String)| -> Vec<String> {
        let bad = text.lines().enumerate().filter(|(_, line)| is_bad(line));
        bad.map(|(at, line)| format!("{}:{}: {}", path.display(), at + 1, line.trim())).collect()
    };
    files.into_iter().flat_map(told).collect()
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// The packages of the workspace, as the root manifest lists them.
fn members() -> Vec<String> {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let list = manifest["workspace"]["members"].as_array().expect("a list").clone();
    list.iter().map(|member| member.as_str().expect("a path").to_owned()).collect()
}

#[test]
fn files_stay_readable() {
    let long = rust_files().filter_map(|(path, text)| {
        let count = text.lines().count();
        (count > LINES_MAX).then(|| format!("{}: {count} lines", path.display()))
    });
    assert_none(&long.collect::<Vec<_>>(), "a Rust file has at most 600 lines, its tests included");
}

#[test]
fn the_top_of_the_house_is_design_section_2() {
    let is_known = |name: &str| name.starts_with('.') || name == "tests" || TOP.contains(&name);
    let tops: BTreeSet<_> =
        files().iter().filter_map(|(path, _)| path.iter().next()?.to_str().map(str::to_owned)).collect();
    let strange: Vec<_> = tops.into_iter().filter(|name| !is_known(name)).collect();
    assert_none(&strange, "DESIGN section 2 does not name these top-level entries");
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    // Put together here, so that this file passes its own test.
    let homes = ["work", "farm", "home", "root", "Users"].map(|home| format!("/{home}/"));
    let names_one = |line: &str| {
        homes.iter().any(|home| {
            let mut before = line.match_indices(home.as_str()).map(|(at, _)| line[..at].chars().next_back());
            before.any(|c| c.is_none_or(|c| !(c.is_alphanumeric() || "_.-/$}".contains(c))))
        })
    };
    assert!(names_one(&format!("at \"{}x\"", homes[0])), "the rule can fail");
    assert_none(&lines(files(), names_one), "a path of one machine");
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    // `todo!` and its like are clippy's. Put together here, so that this file passes its own test.
    let marks = [concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK"), concat!("#[ign", "ore")];
    let is_marked = |line: &str| marks.iter().any(|mark| line.contains(mark));
    assert_none(&lines(rust_files(), is_marked), "unfinished or switched off");
}

#[test]
fn public_bounds_of_the_core_stand_in_limits() {
    let is_bound = |line: &str| {
        let name = line.trim_start().strip_prefix("pub const ").and_then(|rest| rest.split(':').next());
        name.is_some_and(|name| {
            name.ends_with("_MAX") || name.starts_with("MAX_") || name.ends_with("_LIMIT")
        })
    };
    assert!(is_bound("    pub const X_MAX: u8 = 1;"), "the rule can fail");
    let is_elsewhere = |path: &Path| path.starts_with("core/src") && !path.ends_with("limits.rs");
    let elsewhere = rust_files().filter(|(path, _)| is_elsewhere(path));
    assert_none(
        &lines(elsewhere, is_bound),
        "a public bound of the core belongs into core/src/limits.rs, with its reason",
    );
}

#[test]
fn each_crate_says_what_it_is_for() {
    for member in members() {
        let [lib, main] = ["lib", "main"].map(|name| format!("{member}/src/{name}.rs"));
        let path = if root().join(&lib).exists() { lib } else { main };
        assert!(read(&path).starts_with("//! "), "{path} does not begin with the crate's documentation");
    }
}

#[test]
fn core_and_node_forbid_unsafe_code_and_undocumented_items() {
    for path in ["core/src/lib.rs", "node/src/lib.rs"] {
        for line in ["#![forbid(unsafe_code)]", "#![deny(missing_docs)]"] {
            assert!(read(path).lines().any(|l| l == line), "{path} lacks {line}");
        }
    }
}

#[test]
fn versions_edition_and_lints_stand_in_one_place() {
    for member in members() {
        let manifest: toml::Table = read(format!("{member}/Cargo.toml")).parse().expect("TOML");
        let is_shared =
            |value: &toml::Value| value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        for key in ["version", "edition", "rust-version", "license"] {
            assert!(is_shared(&manifest["package"][key]), "{member}: {key} is not the workspace's");
        }
        assert!(is_shared(&manifest["lints"]), "{member}: the lints are not the workspace's");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(kind).and_then(toml::Value::as_table).into_iter().flatten() {
                assert!(is_shared(value), "{member}: the version of {name} is not the workspace's");
            }
        }
    }
}

/// The paths that a clippy.toml bans.
fn bans(path: &str) -> BTreeSet<String> {
    let table: toml::Table = read(path).parse().expect("TOML");
    let entries = table["disallowed-methods"].as_array().expect("a list").clone();
    entries
        .iter()
        .map(|entry| {
            assert!(entry.get("reason").is_some(), "{path}: a ban without a reason: {entry}");
            entry["path"].as_str().expect("a path").to_owned()
        })
        .collect()
}

#[test]
fn every_clippy_toml_repeats_the_bans_of_the_root() {
    let shared = bans("clippy.toml");
    for path in ["core/clippy.toml", "node/clippy.toml", "sim/clippy.toml"] {
        let own = bans(path);
        let missing: Vec<_> = shared.difference(&own).collect();
        assert!(missing.is_empty(), "{path} lacks {missing:?}: clippy reads only the nearest file");
    }
}
