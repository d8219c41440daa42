//! The command: exit codes, lines of JSON, and the same digest in every process.

use ifrit_sim::{
    run::{Options, Outcome, run},
    scenario::Scenario,
};
use std::{
    path::PathBuf,
    process::{Command, Output},
};

fn ifrit_sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ifrit-sim")).args(args).output().unwrap()
}

fn scenario(name: &str) -> String {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    dir.join(name).display().to_string()
}

fn lines(output: &Output) -> Vec<Outcome> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_seed_gives_one_digest_in_every_process() {
    let file = scenario("liar.toml");
    let args = ["run", &file, "--members", "12", "--json", "--jobs", "2"];
    let (one, two) = (ifrit_sim(&args), ifrit_sim(&args));
    let digests = |output| lines(output).into_iter().map(|line| (line.seed, line.digest)).collect::<Vec<_>>();
    assert_eq!(digests(&one), digests(&two));
    assert_eq!(digests(&one).iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [1, 2, 3], "in order");
    assert_ne!(digests(&one)[0].1, digests(&one)[1].1, "another seed is another run");
    let here = Scenario::read(file.as_ref(), Some(12)).unwrap();
    let here = run(&here, 1, Options::default()).unwrap();
    assert_eq!(here.digest, digests(&one)[0].1);
}

#[test]
fn exit_codes_tell_a_failure_from_bad_input() {
    let file = scenario("crash.toml");
    let passes = ifrit_sim(&["run", &file, "--members", "10", "--seed", "1"]);
    assert_eq!(passes.status.code(), Some(0), "{}", String::from_utf8_lossy(&passes.stdout));
    let dir = std::env::temp_dir().join(format!("ifrit-sim-command-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let strict = dir.join("strict.toml");
    let text = "format = 1\nname = \"x\"\nmembers = 4\nuntil = \"2s\"\n[expect]\nfalse_removals_min = 1\n";
    std::fs::write(&strict, text).unwrap();
    let fails = ifrit_sim(&["run", strict.to_str().unwrap(), "--seed", "7"]);
    assert_eq!(fails.status.code(), Some(1));
    let again = format!("ifrit-sim run {} --seed 7", strict.display());
    assert!(String::from_utf8_lossy(&fails.stdout).contains(&again), "the command that shows it again");
    std::fs::write(&strict, text.replace("members = 4", "members = 4\nseeds = [7, 8]")).unwrap();
    let both = ifrit_sim(&["run", strict.to_str().unwrap()]);
    assert_eq!(both.status.code(), Some(1));
    let shown = |output: &Output| {
        // All but what the machine was like.
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        text.lines().filter(|line| !line.contains("seed 7 ·")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(shown(&both)[..shown(&fails).len()], shown(&fails), "several seeds are told of like one");
    std::fs::write(&strict, text.replace("4", "four")).unwrap();
    for command in ["run", "sweep"] {
        let bad = ifrit_sim(&[command, strict.to_str().unwrap()]);
        assert_eq!(bad.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&bad.stderr).contains("strict.toml:3: "), "{:?}", bad.stderr);
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_sweep_tells_every_run_and_compare_finds_what_is_worse() {
    let dir = std::env::temp_dir().join(format!("ifrit-sim-compare-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let swept = ifrit_sim(&["sweep", &scenario("leave.toml"), "--seeds", "5..8", "--members", "6", "--json"]);
    let outcomes = lines(&swept);
    assert_eq!(outcomes.iter().map(|outcome| outcome.seed).collect::<Vec<_>>(), [5, 6, 7]);
    let (before, after) = (dir.join("before"), dir.join("after"));
    std::fs::write(&before, &swept.stdout).unwrap();
    let mut worse = outcomes;
    worse[1].false_removals.pairs += 1;
    std::fs::write(&after, worse.iter().map(|outcome| outcome.line() + "\n").collect::<String>()).unwrap();
    let compare = |a: &PathBuf, b: &PathBuf| {
        ifrit_sim(&["compare", a.to_str().unwrap(), b.to_str().unwrap()]).status.code()
    };
    assert_eq!(compare(&before, &before), Some(0));
    assert_eq!(compare(&before, &after), Some(1));
    assert_eq!(compare(&after, &before), Some(0), "better is not worse");
    assert_eq!(compare(&before, &dir.join("nothing")), Some(2));
    std::fs::write(&after, worse[1..].iter().map(|outcome| outcome.line() + "\n").collect::<String>())
        .unwrap();
    assert_eq!(compare(&after, &before), Some(0), "more runs are not worse");
    worse[1].false_removals.pairs -= 1;
    std::fs::write(&after, worse[1..].iter().map(|outcome| outcome.line() + "\n").collect::<String>())
        .unwrap();
    assert_eq!(compare(&before, &after), Some(1), "a run is gone");
    std::fs::write(&after, "").unwrap();
    assert_eq!(compare(&before, &after), Some(2), "there is nothing to compare");
    std::fs::remove_dir_all(&dir).unwrap();
}
