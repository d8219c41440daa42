//! Figures of runs whose truth is known beforehand, and every scenario at a small size.

use ifrit_sim::{
    run::{Options, Outcome, run},
    scenario::Scenario,
};

fn outcome(text: &str, seed: u64) -> Outcome {
    let head = "format = 1\nname = \"x\"\n";
    let scenario = Scenario::parse("x.toml", &format!("{head}{text}"), None);
    run(&scenario.unwrap_or_else(|error| panic!("{error}")), seed, Options::default()).unwrap()
}

#[test]
fn a_quiet_run_was_never_wrong() {
    let quiet = outcome("members = 6\nuntil = \"20s\"", 1);
    assert!(quiet.passed(), "{:?}", quiet.violations);
    assert_eq!((quiet.view.min, quiet.view.max, quiet.view.expected), (6, 6, 6));
    assert_eq!(quiet.converged_at_s, Some(0.0));
    assert_eq!(quiet.detection, Default::default());
    let rates = quiet.traffic.bytes_per_member_per_s;
    assert!(rates.mean > 50.0 && rates.mean <= rates.p99 && rates.p99 <= rates.max, "{rates:?}");
}

#[test]
fn a_crash_is_wrong_until_the_last_has_noticed() {
    let at = "[[at]]\nt = \"5s\"\ndo = { crash = { ids = [2] } }";
    let crash = outcome(&format!("members = 8\nuntil = \"40s\"\n{at}"), 1);
    assert!(crash.passed(), "{:?}", crash.violations);
    assert_eq!((crash.view.min, crash.view.expected), (7, 7));
    let found = crash.detection;
    let (first, all) = (found.first_s.unwrap(), found.all_s.unwrap());
    assert!(
        first > 0.0 && Some(first) <= found.p50_s && found.p50_s <= found.p99_s && found.p99_s <= Some(all)
    );
    assert!((crash.converged_at_s.unwrap() - 5.0 - all).abs() < 0.01, "{:?}", crash.converged_at_s);
    assert_eq!((crash.transitions.healthy, crash.false_removals.pairs), (0, 0));
}

#[test]
fn a_crash_that_nobody_has_time_to_notice_is_not_judged_and_a_wrong_view_is_null() {
    let at = "[[at]]\nt = \"5s\"\ndo = { crash = { count = 1 } }";
    let crash = outcome(&format!("members = 8\nuntil = \"5500ms\"\n{at}"), 1);
    assert_eq!((crash.converged_at_s, crash.detection.all_s), (None, None));
    assert!(crash.passed(), "{:?}", crash.violations);
    let expect = "[expect]\nconverged_within = \"1s\"\nview_max = 1.0";
    let crash = outcome(&format!("members = 8\nuntil = \"5500ms\"\n{at}\n{expect}"), 1);
    let missed: Vec<_> = crash.violations.iter().map(|broken| broken.invariant.as_str()).collect();
    assert_eq!(missed, ["expect.converged_within", "expect.view_max"]);
    assert!(!crash.passed());
}

#[test]
fn a_crash_is_noticed_too_late_if_its_time_is_over_before_the_run_is() {
    let judged = |limit: &str| {
        let at = "[[at]]\nt = \"5s\"\ndo = { crash = { count = 1 } }";
        let expect = format!("[expect]\ndetected_by_all = \"{limit}\"");
        outcome(&format!("members = 8\nuntil = \"5500ms\"\n{at}\n{expect}"), 1)
    };
    assert!(judged("600ms").passed(), "there was time left");
    let late = judged("400ms");
    let missed: Vec<_> = late.violations.iter().map(|broken| broken.detail.as_str()).collect();
    assert_eq!(missed, ["not by all after 0.5 s"]);
}

#[test]
fn a_paused_member_is_out_and_back_and_its_troubles_are_nobody_s_fault() {
    let at = "[[at]]\nt = \"5s\"\ndo = { pause = { members = { ids = [1] }, for = \"20s\" } }";
    let pause = outcome(&format!("members = 8\nuntil = \"60s\"\n{at}"), 1);
    assert!(pause.passed(), "{:?}", pause.violations);
    assert_eq!((pause.transitions.disturbed_max, pause.transitions.healthy), (2, 0));
    assert_eq!((pause.false_removals.pairs, pause.detection.all_s), (0, None));
    assert!(pause.converged_at_s.is_some_and(|at| at > 25.0), "{:?}", pause.converged_at_s);
}

#[test]
fn in_a_partition_each_side_should_hold_itself() {
    let at = "[[at]]\nt = \"5s\"\ndo = { partition = { groups = [{ ids = [0, 1, 2] }] } }";
    let cut = outcome(&format!("members = 9\nuntil = \"60s\"\n{at}"), 1);
    assert!(cut.passed(), "{:?}", cut.violations);
    assert_eq!((cut.view.min, cut.view.max, cut.view.expected), (3, 6, 6));
    assert!(cut.converged_at_s.is_some_and(|at| at > 5.0), "right again, on both sides");
}

#[test]
fn who_leaves_and_who_joins_changes_what_is_expected() {
    let at = "[[at]]\nt = \"5s\"\ndo = { leave = { count = 2 } }\n[[at]]\nt = \"10s\"\ndo = { join = { count = 3 } }";
    let moved = outcome(&format!("members = 9\nuntil = \"40s\"\n{at}"), 1);
    assert!(moved.passed(), "{:?}", moved.violations);
    assert_eq!((moved.view.min, moved.view.max, moved.view.expected), (10, 10, 10));
    assert_eq!((moved.transitions.healthy, moved.detection.all_s), (0, None));
}

#[test]
fn a_selector_that_finds_too_few_is_told_with_its_line() {
    let text = "format = 1\nname = \"x\"\nmembers = 4\nuntil = \"20s\"\n\
                [[at]]\nt = \"1s\"\ndo = { crash = { count = 3 } }\n\
                [[at]]\nt = \"2s\"\ndo = { crash = { count = 2 } }";
    let scenario = Scenario::parse("x.toml", text, None).unwrap();
    let error = run(&scenario, 1, Options::default()).unwrap_err().to_string();
    let reason = "asks for 2 members; 1 are left that no other selector took";
    assert_eq!(error, format!("x.toml:9: at[1].do.crash: {reason}"));
}

/// Every scenario runs at a small size. Expectations that name times or bytes are for the size in the file.
#[test]
fn every_scenario_holds_with_few_members() {
    let mut failed = Vec::new();
    for file in super::files() {
        let scenario = Scenario::read(&file, None).unwrap_or_else(|error| panic!("{error}"));
        let is_whole = scenario.stack == ifrit_sim::full::Stack::Node;
        let small = Scenario::read(&file, Some(scenario.members.min(16)));
        let Ok(mut small) = small else { continue }; // it names members by number, or more than that
        if is_whole || small.until.as_secs() > 400 || !small.adversary.is_empty() {
            continue;
        }
        small.expect.bytes_per_records = None;
        let outcome = run(&small, 1, Options::default()).unwrap_or_else(|error| panic!("{error}"));
        if !outcome.passed() {
            failed.push((small.name, outcome.violations));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
