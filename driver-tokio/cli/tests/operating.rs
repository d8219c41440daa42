//! The operator's guide and what lies in `deploy/` are true: commands, flags, settings, metrics and figures named there exist.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{World, ifrit, json_lines};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn guide() -> String {
    fs::read_to_string(here().join("../OPERATING.md")).unwrap()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The guide, and each file of `deploy/`, with a name.
fn pages() -> Vec<(String, String)> {
    let files = files_below(&here().join("deploy"));
    assert!(files.len() >= 6, "{files:?}");
    let named = files.iter().map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap()));
    named.chain([("OPERATING.md".to_owned(), guide())]).collect()
}

/// Every word in a text that begins so.
fn words<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(begin).map(move |(at, _)| {
        let word = &text[at..];
        &word[..word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len())]
    })
}

/// What `--help` says, asked once.
#[derive(Default)]
struct Helps(BTreeMap<Vec<String>, String>);

impl Helps {
    fn of(&mut self, path: &[String]) -> &str {
        self.0.entry(path.to_vec()).or_insert_with(|| {
            let output = ifrit().args(path).arg("--help").output().unwrap();
            assert!(output.status.success(), "ifrit {path:?} --help");
            String::from_utf8(output.stdout).unwrap()
        })
    }

    /// Whether the commands below `path` include this one.
    fn has(&mut self, path: &[String], command: &str) -> bool {
        let commands = self.of(path).split_once("Commands:").map(|(_, rest)| rest.to_owned());
        let lines = commands.unwrap_or_default();
        lines
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty())
            .any(|line| line.starts_with("  ") && line.split_whitespace().next() == Some(command))
    }
}

/// What is wrong with a command line as it is written down; `None` if it is no command line.
fn fault(line: &str, helps: &mut Helps) -> Option<String> {
    let mut path = Vec::new();
    let mut words = line.split_whitespace().peekable();
    let is_name =
        |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    while let Some(word) = words.peek().copied().filter(|word| is_name(word)) {
        if !helps.has(&path, word) {
            break;
        }
        path.push(word.to_owned());
        words.next();
    }
    let needs_more = helps.of(&path).contains("\nCommands:");
    if needs_more {
        let word = words.peek().copied().unwrap_or("-");
        return is_name(word).then(|| format!("ifrit {line}: no command {word:?}"));
    }
    let flags = words.filter_map(|word| word.strip_prefix("--")).map(|flag| flag.split('=').next().unwrap());
    let help = helps.of(&path);
    let known = |flag: &&str| {
        help.split([' ', ',', '\n', '=', '[']).any(|word| word.strip_prefix("--") == Some(*flag))
    };
    let unknown: Vec<_> = flags.filter(|flag| !flag.is_empty()).filter(|flag| !known(flag)).collect();
    (!unknown.is_empty()).then(|| format!("ifrit {line}: no flags {unknown:?}"))
}

/// The command lines of a text: what follows `ifrit ` up to what ends a command or a quotation.
fn command_lines(text: &str) -> Vec<&str> {
    let begins = text.match_indices("ifrit ").filter(|(at, _)| {
        // Neither a part of another word nor a value like `-t ifrit .`.
        !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    });
    let ends = |c: char| "`|#);&\"\n".contains(c);
    begins
        .map(|(at, begin)| &text[at + begin.len()..])
        .map(|rest| &rest[..rest.find(ends).unwrap_or(rest.len())])
        .collect()
}

#[test]
fn every_command_that_is_written_down_exists_with_its_flags() {
    let mut helps = Helps::default();
    let (mut seen, mut faults) = (0, Vec::new());
    for (name, text) in pages() {
        for line in command_lines(&text) {
            seen += 1;
            faults.extend(fault(line, &mut helps).map(|fault| format!("{name}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(seen > 30, "only {seen} commands were found");
    for wrong in ["membres --dir x", "ca wrong", "agent --dri x"] {
        assert!(fault(wrong, &mut helps).is_some(), "{wrong} is taken");
    }
}

#[test]
fn every_variable_and_every_metric_that_is_written_down_exists() {
    let mut helps = Helps::default();
    let agent = helps.of(&["agent".to_owned()]).to_owned();
    let ca = helps.of(&["ca".to_owned(), "serve".to_owned()]).to_owned();
    let known: BTreeSet<&str> = words(&agent, "IFRIT_").chain(words(&ca, "IFRIT_")).collect();
    let metrics = fs::read_to_string(here().join("METRICS.md")).unwrap();
    let metrics: BTreeSet<&str> = words(&metrics, "ifrit_").collect();
    let mut seen = 0;
    for (name, text) in pages() {
        for variable in words(&text, "IFRIT_").filter(|word| *word != "IFRIT_") {
            seen += 1;
            assert!(known.contains(variable), "{name}: {variable}");
        }
        for metric in words(&text, "ifrit_") {
            let metric = metric.strip_suffix("_bucket").unwrap_or(metric);
            assert!(metrics.contains(metric), "{name}: {metric}");
        }
    }
    assert!(seen > 10, "only {seen} variables were found");
}

#[test]
fn the_sizing_table_is_what_plan_says() {
    let (world, guide) = (World::new(), guide());
    let rows: Vec<Vec<&str>> = guide
        .lines()
        .filter(|line| line.contains("| lan |") || line.contains("| wan |"))
        .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert!(rows.len() >= 8, "{rows:?}");
    for row in rows {
        let plan = &json_lines(&world.ok(&["--json", "plan", "--members", row[0], "--preset", row[1]]))[0];
        let seconds = |key: &str| format!("{:.1} s", plan[key].as_f64().unwrap() / 1000.0);
        let borne = plan["liars_borne"].as_array().unwrap().iter();
        let mut liars =
            borne.filter(|borne| borne["members"] == plan["members"]).map(|borne| borne["liars"].to_string());
        let expected = [
            plan["rings"].to_string(),
            liars.next_back().unwrap(),
            seconds("delta_ms"),
            seconds("expected_detection_ms"),
            seconds("detection_bound_ms"),
            format!("{} B/s", plan["idle_bytes_per_s"]),
            format!("{:.0} MB", plan["memory_bytes"].as_f64().unwrap() / 1e6),
        ];
        assert_eq!(row[2..], expected, "{row:?}");
    }
}

#[test]
fn the_units_are_well_formed() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no systemd-analyze here: the units are NOT VERIFIED");
        return;
    }
    let world = World::new();
    for unit in ["ifrit-agent.service", "ifrit-ca.service"] {
        let text = fs::read_to_string(here().join("deploy/systemd").join(unit)).unwrap();
        // It looks whether the program is there.
        let text = text
            .replace("ExecStart=/usr/local/bin/ifrit", concat!("ExecStart=", env!("CARGO_BIN_EXE_ifrit")));
        fs::write(world.path(unit), text).unwrap();
        let output = Command::new("systemd-analyze").arg("verify").arg(world.path(unit)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains(unit), "{said}");
    }
}
