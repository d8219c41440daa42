use super::{agent::AgentSettings, ca::CaSettings, *};
use clap::{Args, Command, FromArgMatches};
use std::{collections::BTreeMap, fs, path::PathBuf};

fn flags<S: Settings>(args: &[&str]) -> Flags<S> {
    let command = Flags::<S>::augment_args(Command::new("test"));
    let matches = command.try_get_matches_from([&["test"], args].concat()).expect("flags");
    Flags::from_arg_matches(&matches).expect("flags")
}

fn load(args: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Loaded<AgentSettings>> {
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Loaded::layer(&flags(args), &variables)
}

/// A directory with this `ifrit.toml`.
fn with_file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join(FILE);
    fs::write(&file, text).expect("writable");
    (dir, file)
}

fn value(loaded: &Loaded<AgentSettings>, key: &str) -> (Option<String>, Origin) {
    let place = AgentSettings::place(key).expect("a key");
    (loaded.settings.written()[place].clone(), loaded.origins[place].clone())
}

#[test]
fn each_layer_stands_over_those_before_it() {
    let (dir, file) = with_file("# mine\nlisten = \"127.0.0.1:1\"\nlog = \"warn\"\nleave_on_stop = true\n");
    let dir = dir.path().to_str().expect("UTF-8");
    let loaded = load(
        &["--dir", dir, "--leave-on-stop=false", "--seed-addr", "a:1", "--seed-addr", "b:2"],
        &[
            ("IFRIT_LISTEN", "127.0.0.1:2"),
            ("IFRIT_SEED_ADDR", "c:3"),
            ("IFRIT_ADVERTISE", "10.0.0.1:4, [::1]:5"),
        ],
    );
    let loaded = loaded.expect("all is right");
    let told = |key: &str| value(&loaded, key);
    assert_eq!(told("log"), (Some("\"warn\"".into()), Origin::File { path: file, line: 3 }));
    assert_eq!(told("listen"), (Some("\"127.0.0.1:2\"".into()), Origin::Variable("IFRIT_LISTEN".into())));
    assert_eq!(told("leave_on_stop"), (Some("false".into()), Origin::Flag("leave-on-stop".into())));
    assert_eq!(told("seed_addr"), (Some("[\"a:1\", \"b:2\"]".into()), Origin::Flag("seed-addr".into())));
    assert_eq!(told("advertise").0, Some("[\"10.0.0.1:4\", \"[::1]:5\"]".into()));
    assert_eq!(told("log_format"), (Some("\"text\"".into()), Origin::Default));
}

#[test]
fn the_file_is_the_named_one_or_that_of_the_directory_wherever_the_directory_is_said() {
    let (dir, file) = with_file("log = \"warn\"");
    let text = dir.path().to_str().expect("UTF-8");
    for (args, variables) in [
        (vec!["--dir", text], vec![]),
        (vec![], vec![("IFRIT_DIR", text)]),
        (vec!["--config", file.to_str().expect("UTF-8")], vec![]),
        (vec![], vec![("IFRIT_CONFIG", file.to_str().expect("UTF-8"))]),
    ] {
        let loaded = load(&args, &variables).expect("all is right");
        assert_eq!(loaded.file.as_deref(), Some(&*file), "{args:?} {variables:?}");
        assert_eq!(value(&loaded, "log").0, Some("\"warn\"".into()));
    }
    assert_eq!(load(&[], &[]).expect("defaults").file, None);
    let missing = load(&["--config", "nowhere.toml"], &[]).expect_err("a named file must be there");
    assert!(missing.to_string().contains("nowhere.toml: there is no such file"), "{missing}");
}

#[test]
fn complaints_name_file_line_and_what_is_meant() {
    let said = |text: &str| {
        let (dir, _) = with_file(text);
        let error = load(&["--dir", dir.path().to_str().expect("UTF-8")], &[]).expect_err(text);
        assert_eq!(crate::error::exit_code(&error), 2);
        error.to_string()
    };
    for (text, parts) in [
        ("\nlistne = \"a\"", vec!["ifrit.toml:2: listne: unknown key; did you mean `listen`?"]),
        ("[agent]", vec!["ifrit.toml:1: agent: unknown key; there are: dir, join"]),
        (
            "log = \"info\"\nlisten = \"here\"",
            vec!["ifrit.toml:2: listen: must be an address and a port", "`here`"],
        ),
        ("listen = [\"[::]:1\", \"[::]:2\"]", vec!["listen: must be one value, not a list"]),
        ("seed_addr = [{}]", vec!["ifrit.toml:1: seed_addr[0]: must be a text or a number, not a table"]),
        ("log_format = \"jsom\"", vec!["did you mean `json`?"]),
        ("leave_on_stop = 1", vec!["true or false, not `1`"]),
        ("log = ", vec!["ifrit.toml:1: "]),
        ("delta = \"1s\"", vec!["ifrit.toml:1: delta: is the network's", "ifrit ca init"]),
        ("ping_limit = 3", vec!["ping_limit: is no setting", "--preset"]),
        ("removal_timeout = 60", vec!["2 Delta"]),
        ("entry_addrs = []", vec!["is `seed_addr` here"]),
    ] {
        let said = said(text);
        parts.iter().for_each(|part| assert!(said.contains(part), "{text}: {said}"));
    }
    let flag = load(&["--listen", "here"], &[]).expect_err("no address").to_string();
    assert!(flag.starts_with("--listen: must be an address and a port"), "{flag}");
    let variable = load(&[], &[("IFRIT_LISTEN", "here")]).expect_err("no address").to_string();
    assert!(variable.starts_with("variable IFRIT_LISTEN: must be"), "{variable}");
}

#[test]
fn a_variable_that_is_nearly_a_setting_is_named_and_others_are_let_be() {
    let loaded = load(
        &[],
        &[
            ("IFRIT_LISTNE", "x"),
            // Of Kubernetes, for a service of this name, and of a CA in the same container.
            ("IFRIT_SERVICE_HOST", "10.0.0.1"),
            ("IFRIT_PORT", "udp://10.0.0.1:8301"),
            ("IFRIT_CA_DIR", "ca"),
            ("RUST_LOG", "debug"),
        ],
    );
    let loaded = loaded.expect("only names are strange");
    assert_eq!(loaded.strange, ["IFRIT_LISTNE is no setting; did you mean `IFRIT_LISTEN`?"]);
    assert_eq!(value(&loaded, "log"), (Some("\"debug\"".into()), Origin::Variable("RUST_LOG".into())));
}

/// Reads back what `--write-config` prints: as it is, with every default said, and with every example.
fn reads_back<S: Settings>() {
    let loaded = Loaded::<S>::layer(&flags(&[]), &BTreeMap::new()).expect("defaults");
    let text = write(&loaded);
    for spec in S::SPECS {
        assert!(text.contains(&format!("\n#{} = ", spec.key)), "{} is not in the file", spec.key);
        assert!(spec.doc_lines().all(|line| text.contains(line)), "{}", spec.key);
    }
    let is_value = |line: &str| S::SPECS.iter().any(|spec| line.starts_with(&format!("#{} = ", spec.key)));
    let said: String = text
        .lines()
        .map(|line| if is_value(line) { &line[1..] } else { line })
        .fold(String::new(), |text, line| text + line + "\n");
    let examples: String = S::SPECS.iter().map(|spec| format!("{} = {}\n", spec.key, spec.example)).collect();
    for (text, is_default) in [(text, true), (said, false), (examples, false)] {
        let (_dir, file) = with_file(&text);
        let file = file.to_str().expect("UTF-8");
        let read = Loaded::<S>::layer(&flags(&["--config", file]), &BTreeMap::new());
        let read = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let from_file = |origin: &Origin| matches!(origin, Origin::File { .. });
        assert!(read.origins.iter().all(|origin| from_file(origin) != is_default), "{text}");
        // A file of what is set says the same again.
        let again = with_file(&write(&read));
        let again =
            Loaded::<S>::layer(&flags(&["--config", again.1.to_str().expect("UTF-8")]), &BTreeMap::new());
        assert_eq!(again.expect("it reads").settings.written(), read.settings.written());
    }
}

#[test]
fn what_is_written_is_read_back_and_so_is_every_example() {
    reads_back::<AgentSettings>();
    reads_back::<CaSettings>();
}

#[test]
fn a_secret_is_not_shown() {
    let loaded = load(&["--join", "ifrit1/secret"], &[]).expect("all is right");
    let place = AgentSettings::place("join").expect("a key");
    assert_eq!(loaded.settings.shown()[place].as_deref(), Some("\"(set, secret)\""));
    assert!(!format!("{loaded:?}").contains("ifrit1/secret"));
}

#[test]
fn a_change_is_carried_out_once_and_one_that_needs_a_restart_not_at_all() {
    let (dir, file) = with_file("");
    let read = || load(&["--dir", dir.path().to_str().expect("UTF-8")], &[]).expect("all is right");
    let mut reload = Reload::new(flags::<AgentSettings>(&[]), &read().settings);
    assert!(reload.changed(read()).1.is_empty(), "nothing has changed");
    fs::write(&file, "name = \"one\"\nhandlers = 7\nleave_on_stop = true\n").expect("writable");
    assert_eq!(reload.changed(read()).1, ["name", "leave_on_stop"]);
    assert!(reload.changed(read()).1.is_empty(), "they hold already");
    fs::write(&file, "leave_on_stop = true\n").expect("writable");
    assert_eq!(reload.changed(read()).1, ["name"], "it has none any more");
}

#[test]
fn sizes_spans_and_addresses_are_written_as_they_are_read() {
    use super::kinds::{Bytes, Count, HostPort, Word};
    for (text, size) in
        [("64 KiB", 65_536), ("64KiB", 65_536), ("1 MB", 1_000_000), ("0", 0), ("1500 B", 1_500)]
    {
        let bytes = Bytes::parse(text).expect(text);
        assert_eq!(bytes, Bytes(size));
        assert_eq!(Bytes::parse(bytes.toml().trim_matches('"')), Ok(bytes), "{}", bytes.toml());
    }
    assert_eq!(Bytes(65_536).toml(), "\"64 KiB\"");
    ["-1", "KiB", "64 kilos", ""].iter().for_each(|bad| assert!(Bytes::parse(bad).is_err(), "{bad}"));
    assert_eq!(Count::<1, 9>::parse("9").map(|count| count.0), Ok(9));
    ["0", "10", "x", "-1"].iter().for_each(|bad| assert!(Count::<1, 9>::parse(bad).is_err(), "{bad}"));
    assert_eq!(std::time::Duration::parse("500ms").map(|span| span.toml()), Ok("\"500ms\"".to_owned()));
    ["a.example:1", "[::1]:8301", "10.0.0.1:8301"].iter().for_each(|good| {
        assert_eq!(HostPort::parse(good), Ok(HostPort((*good).to_owned())));
    });
    ["a.example", ":80", "::1:80", "a:0", "a:x", "a:65536"].iter().for_each(|bad| {
        assert!(HostPort::parse(bad).is_err(), "{bad}");
    });
}

#[test]
fn what_is_served_is_on_loopback_unless_an_address_is_said() {
    let told =
        |word: &str| load(&["--dir", "d", "--metrics", word], &[]).map(|loaded| value(&loaded, "metrics").0);
    assert_eq!(told("8390").expect("a port"), Some("\"127.0.0.1:8390\"".into()));
    assert_eq!(told("[::]:1").expect("an address"), Some("\"[::]:1\"".into()));
    assert!(told("65536").expect_err("no port").to_string().contains("metrics"));
}

#[test]
fn every_limit_takes_its_setting() {
    let args =
        ["--handlers=11", "--handlers-per-member=12", "--handler-time=13s", "--requests=14", "--events=15"];
    let more = ["--event-size=16KiB", "--broadcast-size=17MiB", "--history=18", "--probation=19s"];
    let all = [&args[..], &more, &["--probation-longest=20s"]].concat();
    let settings = load(&all, &[]).expect("all is right").settings;
    let (limits, probation) = (settings.limits(), settings.probation());
    assert_eq!((limits.handlers, limits.handlers_per_member, limits.requests), (11, 12, 14));
    assert_eq!((limits.events, limits.event_bytes, limits.broadcast_kept), (15, 16 << 10, 17 << 20));
    assert_eq!(limits.history, 18);
    let times = [limits.handler_time, probation.first, probation.longest];
    assert_eq!(times.map(|time| time.as_secs()), [13, 19, 20]);
    assert_eq!(AgentSettings::default().limits(), ifrit_node::limits::Limits::default());
}
