//! What may be linked: licences, banned crates and sources, as `deny.toml` says, from `cargo metadata`.
//!
//! `cargo deny check bans licenses sources` reads the same file and knows more; it takes minutes to install, this does not.

use serde_json::Value as Json;
use std::{collections::BTreeMap, path::Path, process::Command};

/// One crate of the resolved graph, for every platform.
#[derive(Clone)]
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    /// `None`: a path in this repository.
    source: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// What cargo prints for `args`, run in the workspace.
fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(args).current_dir(root()).output().expect("cargo starts");
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn packages() -> Vec<Package> {
    let metadata: Json =
        serde_json::from_str(&cargo(&["metadata", "--locked", "--format-version", "1"])).expect("JSON");
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let package = |value: &Json| Package {
        name: text(&value["name"]).expect("a name"),
        version: text(&value["version"]).expect("a version"),
        licence: text(&value["license"]),
        source: text(&value["source"]),
    };
    metadata["packages"].as_array().expect("packages").iter().map(package).collect()
}

fn rules() -> toml::Table {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is there");
    text.parse().expect("deny.toml is TOML")
}

fn strings(rules: &toml::Table, section: &str, key: &str) -> Vec<String> {
    let list = rules[section][key].as_array().expect("a list");
    list.iter().map(|item| item.as_str().expect("a string").to_owned()).collect()
}

/// What is wrong with the graph; empty if nothing is.
fn faults(packages: &[Package], rules: &toml::Table) -> Vec<String> {
    let mut faults = licence_faults(packages, &strings(rules, "licenses", "allow"));
    faults.extend(source_faults(packages, &strings(rules, "sources", "allow-registry")));
    faults.extend(ban_faults(packages, rules));
    faults
}

fn licence_faults(packages: &[Package], allowed: &[String]) -> Vec<String> {
    let allowed: Vec<_> =
        allowed.iter().map(|l| spdx::Licensee::parse(l).expect("an SPDX licence")).collect();
    let is_free = |package: &&Package| {
        let Some(licence) = &package.licence else { return false };
        // Lax: old crates write `MIT/Apache-2.0`.
        spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX)
            .is_ok_and(|e| e.evaluate(|wanted| allowed.iter().any(|licensee| licensee.satisfies(wanted))))
    };
    let told = |p: &Package| format!("{} {}: licence {:?} is not allowed", p.name, p.version, p.licence);
    packages.iter().filter(|package| !is_free(package)).map(told).collect()
}

fn source_faults(packages: &[Package], allowed: &[String]) -> Vec<String> {
    let is_known = |source: &str| allowed.iter().any(|url| source.strip_prefix("registry+") == Some(url));
    let told = |p: &Package| {
        let source = p.source.as_deref().filter(|source| !is_known(source))?;
        Some(format!("{} {}: comes from {source}", p.name, p.version))
    };
    packages.iter().filter_map(told).collect()
}

fn ban_faults(packages: &[Package], rules: &toml::Table) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    packages.iter().for_each(|p| versions.entry(&p.name).or_default().push(&p.version));
    let judge = |rule: &toml::Value| {
        let found = versions.get(rule["crate"].as_str().expect("a name"))?;
        let once = rule.get("deny-multiple-versions").is_some();
        (!once || found.len() > 1).then(|| format!("{} {found:?}: {}", rule["crate"], rule["reason"]))
    };
    rules["bans"]["deny"].as_array().expect("a list").iter().filter_map(judge).collect()
}

#[test]
fn licences_bans_and_sources_are_as_deny_toml_says() {
    let packages = packages();
    assert!(packages.len() > 100, "cargo metadata told of {} crates only", packages.len());
    let faults = faults(&packages, &rules());
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_bad_graph_is_seen() {
    let package = |name: &str, version: &str, licence: Option<&str>, source: Option<&str>| Package {
        name: name.into(),
        version: version.into(),
        licence: licence.map(Into::into),
        source: source.map(Into::into),
    };
    let registry = Some("registry+https://github.com/rust-lang/crates.io-index");
    let good = [
        package("a", "1.0.0", Some("MIT/Apache-2.0"), registry),
        package("b", "1.0.0", Some("(MIT OR GPL-3.0-only) AND Unicode-3.0"), registry),
        package("rustls", "0.23.0", Some("Apache-2.0 OR ISC OR MIT"), registry),
        package("ours", "0.1.0", Some("MIT OR Apache-2.0"), None),
    ];
    assert_eq!(faults(&good, &rules()), [""; 0]);
    for bad in [
        package("a", "1.0.0", Some("GPL-3.0-only"), registry),
        package("a", "1.0.0", Some("MIT AND MPL-2.0"), registry),
        package("a", "1.0.0", None, registry),
        package("a", "1.0.0", Some("MIT"), Some("git+https://example.org/a")),
        package("a", "1.0.0", Some("MIT"), Some("registry+https://example.org/index")),
        package("openssl", "1.0.0", Some("MIT"), registry),
        package("rustls", "0.24.0", Some("MIT"), registry),
    ] {
        let graph: Vec<_> = good.iter().chain([&bad]).cloned().collect();
        assert_eq!(faults(&graph, &rules()).len(), 1, "{} {} {:?}", bad.name, bad.version, bad.licence);
    }
}

/// What users of one crate link, with its default features and nothing of the other crates'.
fn tree(package: &str) -> Vec<String> {
    let tree = cargo(&["tree", "--locked", "--package", package, "--edges", "normal", "--prefix", "none"]);
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn each_floor_links_only_what_lies_below() {
    for (package, never) in [
        // No clock, no socket, no randomness of the OS, no layer above.
        (
            "ifrit-core",
            &["getrandom", "rand", "tokio", "smol", "rustls", "quinn-proto", "ring", "ifrit-node"][..],
        ),
        // No runtime, and, without `drive`, no futures.
        ("ifrit-node", &["tokio", "smol", "async-io", "futures-util", "futures-channel", "ifrit-tokio"]),
        ("ifrit-sim", &["tokio", "smol", "async-io", "ifrit-tokio", "ifrit-smol"]),
        ("ifrit-tokio", &["smol", "async-io", "clap", "tokio-rustls", "ifrit-smol", "ifrit-sim"]),
        ("ifrit-smol", &["tokio", "clap", "tokio-rustls", "ifrit-tokio", "ifrit-sim"]),
    ] {
        let tree = tree(package);
        assert_eq!(tree.first().map(String::as_str), Some(package));
        let found: Vec<_> = never.iter().filter(|name| tree.iter().any(|line| line == *name)).collect();
        assert!(found.is_empty(), "{package} links {found:?}");
    }
}
