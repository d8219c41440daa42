//! Complaints name file, line and key, and what could be meant.

use ifrit_sim::scenario::{Action, Scenario, Selector};

const HEAD: &str = "format = 1\nname = \"x\"\nmembers = 10\nuntil = \"60s\"\n";

/// What is said of a scenario that goes on like this after its first four lines.
fn complaint(rest: &str) -> String {
    Scenario::parse("x.toml", &format!("{HEAD}{rest}"), None).unwrap_err().to_string()
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    assert_eq!(complaint("sart = \"converged\""), "x.toml:5: sart: unknown key; did you mean `start`?");
    assert_eq!(complaint("[links]\nlos = 0.1"), "x.toml:6: links.los: unknown key; did you mean `loss`?");
    assert_eq!(
        complaint("[[at]]\nt = \"1s\"\ndo = { crahs = { count = 1 } }"),
        "x.toml:7: at[0].do.crahs: unknown key; did you mean `crash`?"
    );
    assert_eq!(
        complaint("[[at]]\nt = \"1s\"\ndo = { crash = { everybody = true } }"),
        "x.toml:7: at[0].do.crash.everybody: unknown key; there are: count, fraction, ids"
    );
    assert_eq!(
        complaint("[expect]\nfalse_removal = 0"),
        "x.toml:6: expect.false_removal: unknown key; did you mean `false_removals`?"
    );
}

#[test]
fn wrong_values_are_shown() {
    assert_eq!(
        complaint("start = \"convergd\""),
        "x.toml:5: start: no `convergd`; did you mean `converged`?"
    );
    assert_eq!(complaint("[links]\nloss = 2"), "x.toml:6: links.loss: must be a number from 0 to 1, not 2");
    assert_eq!(
        complaint("[[at]]\nt = 5\ndo = { heal = {} }"),
        "x.toml:6: at[0].t: must be a span of time in quotes, like \"500ms\", \"5s\" or \"2m\", not 5"
    );
    assert_eq!(
        complaint("[[at]]\nt = \"2m\"\ndo = { heal = {} }"),
        "x.toml:6: at[0].t: is after the scenario's end"
    );
    assert_eq!(
        complaint("[[at]]\nt = \"5s\"\ndo = { crash = { count = 11 } }"),
        "x.toml:7: at[0].do.crash.count: 11 is too many: at most 10"
    );
    assert_eq!(
        complaint("[[at]]\nt = \"5s\"\ndo = { crash = { ids = [3, 12] } }"),
        "x.toml:7: at[0].do.crash.ids[1]: there is no member 12: they are numbered 0 to 9"
    );
    assert_eq!(
        complaint("[[at]]\nt = \"5s\"\ndo = { crash = { count = 1 }, heal = {} }"),
        "x.toml:7: at[0].do: one key only; `heal` is one too many"
    );
    assert_eq!(
        complaint("[links]\nlatency = { kind = \"uniform\", min = \"5ms\", max = \"1ms\" }"),
        "x.toml:6: links.latency: min, mean and max must rise"
    );
    assert_eq!(
        complaint("[network_params]\nrings = 4"),
        "x.toml:5: network_params: the number of rings must be odd and between 1 and 255"
    );
    assert_eq!(
        complaint("[expect]\nviolations = [\"legal-mask\"]"),
        "x.toml:6: expect.violations[0]: no `legal-mask`; did you mean `legal-masks`?"
    );
}

#[test]
fn what_is_missing_is_named() {
    let missing = |text| Scenario::parse("x.toml", text, None).unwrap_err().to_string();
    assert_eq!(missing("format = 1\nname = \"x\"\nuntil = \"5s\""), "x.toml:1: members: is missing");
    assert_eq!(complaint("[[at]]\ndo = { heal = {} }"), "x.toml:6: at[0].t: is missing");
    assert_eq!(missing("format = 2"), "x.toml:1: format: this program reads format 1");
    assert_eq!(
        complaint("[[adversary]]\nstrategy = \"false-acuser\"\nmembers = { count = 1 }"),
        "x.toml:6: adversary[0].strategy: no `false-acuser`; did you mean `false-accuser`?"
    );
    assert_eq!(
        complaint(
            "[[adversary]]\nstrategy = \"false-accuser\"\nmembers = { count = 1 }\nparams = { zeal = 3 }"
        )
        .split(';')
        .next(),
        Some("x.toml:8: adversary[0].params.zeal: unknown key")
    );
}

#[test]
fn text_that_is_no_toml_names_its_line() {
    assert!(complaint("x = [1,").starts_with("x.toml:5: "), "{}", complaint("x = [1,"));
}

#[test]
fn every_scenario_reads_and_reads_the_same_when_written() {
    for file in super::files() {
        let scenario = Scenario::read(&file, None).unwrap_or_else(|error| panic!("{error}"));
        let written = scenario.to_toml();
        let again = Scenario::parse(&scenario.file, &written, None);
        assert_eq!(again.unwrap_or_else(|error| panic!("{error}\n{written}")), scenario);
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(scenario.name == name, "{name} calls itself {}", scenario.name);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# "), "{name} should say what it shows");
    }
}

#[test]
fn members_given_on_the_command_line_override_the_file() {
    let text = format!("{HEAD}[[at]]\nt = \"1s\"\ndo = {{ crash = {{ fraction = 0.5 }} }}");
    let scenario = Scenario::parse("x.toml", &text, Some(4)).unwrap();
    assert_eq!(scenario.members, 4);
    assert_eq!(scenario.wish().members, 4, "the CA expects as many");
    assert_eq!(scenario.at[0].action, Action::Crash(Selector::Fraction(0.5)));
    let too_many = "[[at]]\nt = \"1s\"\ndo = { crash = { count = 5 } }";
    assert!(Scenario::parse("x.toml", &format!("{HEAD}{too_many}"), Some(4)).is_err());
}
