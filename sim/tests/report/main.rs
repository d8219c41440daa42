//! Chronicles, the page and the summary made from them.

mod browser;
mod made_up;
#[path = "../recorded/mod.rs"]
mod recorded;

use browser::{Browser, Scheme, WIDTH};
use ifrit_sim::{
    Setup, World,
    chronicle::{Chronicle, Collector, Unreadable, Was},
    report,
    run::{self, Options},
    scenario::Scenario,
};
use std::{fs, path::Path, time::Duration};

fn json(chronicle: &Chronicle) -> String {
    let mut text = Vec::new();
    chronicle.write(&mut text).expect("a vector takes everything");
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[test]
fn a_chronicle_survives_the_file() {
    let chronicle = made_up::chronicle();
    assert_eq!(Chronicle::read(&json(&chronicle)).unwrap(), chronicle);
}

#[test]
fn what_is_no_chronicle_is_refused_with_a_reason() {
    let good = json(&made_up::chronicle());
    let refused = |from: &str, to: &str| {
        assert_ne!(good.replacen(from, to, 1), good, "{from} is in the file");
        Chronicle::read(&good.replacen(from, to, 1)).unwrap_err().to_string()
    };
    assert!(matches!(Chronicle::read("ifrit tr"), Err(Unreadable::Json(_))));
    assert!(matches!(Chronicle::read(&good[..good.len() / 2]), Err(Unreadable::Json(_))));
    for (from, to, reason) in [
        (r#""format":1"#, r#""format":2"#, "format 2"),
        (r#""trace":"ifrit-sim""#, r#""trace":"other""#, "\"other\""),
        (r#""left_out":"#, r#""surplus":1,"left_out":"#, "unknown field `surplus`"),
        (r#""accuser":3"#, r#""accuser":10"#, "edges names member 10 of 10"),
        (r#""accuser":3"#, r#""accuser":-1"#, "invalid value: integer `-1`"),
        (r#""struck":1"#, r#""members":[],"struck":1"#, "duplicate field `members`"),
        (r#""at_s":2.0"#, r#""at_s":0.5"#, "order of time"),
        (r#""until_s":60.0"#, r#""until_s":0.0"#, "a run of 0 s"),
        (r#""members_per_row":1"#, r#""members_per_row":0"#, "observers has 10 rows of 0"),
        (r#""column_s":1.0"#, r#""column_s":-1.0"#, "columns of -1 s"),
        (r#""cells":[[0,"#, r#""cells":[["#, "rows of different length"),
    ] {
        let error = refused(from, to);
        assert!(error.contains(reason), "{from} → {to}: {error}");
    }
}

#[test]
fn the_summary_is_what_a_tired_person_reads() {
    let styled = report::summary(&made_up::chronicle());
    let text = anstream::adapter::strip_str(&styled).to_string();
    assert!(styled.contains("\u{1b}[1m\u{1b}[31m✗ FAIL"), "the verdict has a colour");
    assert!(!text.contains('\u{1b}'), "and no text of a file has");
    let long: Vec<_> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(long.is_empty(), "longer than 80 columns: {long:#?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/summary.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == golden, "not what {} says; UPDATE=1 rewrites it:\n{text}", path.display());
}

#[test]
fn the_page_says_all_and_runs_nothing_of_the_file() {
    let page = report::page(&made_up::chronicle());
    for text in [
        "✗ fail",
        "&lt;b&gt;made&lt;/b&gt; &amp; &quot;up&quot;",
        "Shows that &lt;script&gt;alert(1)&lt;/script&gt; is text. In two lines.",
        "ifrit-sim run 'my scenarios/made up.toml' --seed 7 --members 10",
        "1 pair &amp; &lt;i&gt;no&lt;/i&gt; more",
        "✗ healthy: wronged",
        "false-accuser, 10–40 s",
        "612 B",
    ] {
        assert!(page.contains(text), "the page lacks {text}");
    }
    for never in ["<script", "<b>", "http:", "https:", "<link", "<img", "@import", "url(h"] {
        assert!(!page.contains(never), "the page has {never}");
    }
}

/// Looks at a page in both schemes. `KEEP_REPORTS` names a directory for the pages and what was seen, for people.
fn look_at(browser: &Browser, name: &str, page: &str) {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir =
        std::env::var_os("KEEP_REPORTS").map_or_else(|| scratch.path().into(), std::path::PathBuf::from);
    for (scheme, paper) in [(Scheme::Light, [255, 255, 255]), (Scheme::Dark, [17, 22, 28])] {
        let file = dir.join(format!("{name}-{scheme:?}.html").to_lowercase());
        fs::write(&file, page).expect("room on the disk");
        let picture = browser.look(scheme, &file);
        assert_eq!((picture.width, picture.paper()), (WIDTH, paper), "{name} {scheme:?}");
        assert!(
            (0.02..0.6).contains(&picture.ink()),
            "{name} {scheme:?}: {} of it is not paper",
            picture.ink()
        );
        let measured = browser.measure(scheme, &file);
        let one = |kind: &str| measured.iter().find(|(of, _)| of == kind).map(|(_, what)| what.as_str());
        assert_eq!(one("dark"), Some(if scheme == Scheme::Dark { "true" } else { "false" }));
        assert_eq!(one("width"), Some(format!("{WIDTH} of {WIDTH}").as_str()), "{name}: it does not fit");
        assert!(one("texts").is_some_and(|count| count.parse::<usize>().is_ok_and(|count| count > 50)));
        let faults: Vec<_> = measured
            .iter()
            .filter(|(kind, _)| ["outside", "overlap", "faint", "nameless"].contains(&kind.as_str()))
            .collect();
        assert!(faults.is_empty(), "{name} {scheme:?}: {faults:#?}");
    }
}

#[test]
fn a_page_is_legible_light_and_dark() {
    let Some(browser) = Browser::find() else { return };
    look_at(&browser, "made-up", &report::page(&made_up::chronicle()));
}

#[test]
fn a_page_is_printed_as_wide_as_its_pictures_need() {
    let Some(browser) = Browser::find() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("page.html");
    fs::write(&file, report::page(&made_up::chronicle())).expect("room on the disk");
    let sheets = browser.sheets(&file);
    assert!((4..=12).contains(&sheets.len()), "{} sheets", sheets.len());
    assert!(sheets.iter().all(|(width, height)| width > height), "{sheets:?}");
}

const PARTITION: &str = r#"# Halves that part and meet again.
format = 1
name = "partition"
members = 100
until = "90s"
[[at]]
t = "20s"
do = { partition = { groups = [{ fraction = 0.5 }], for = "40s" } }
[expect]
false_removals = 0
converged_within = "10s"
"#;

/// Runs a scenario and reads back what it left.
fn chronicle_of(file: &str, text: &str, members: usize) -> Chronicle {
    let scenario = Scenario::parse(file, text, Some(members)).expect("a scenario");
    let mut collector = Collector::new(&scenario, text, 1, None);
    let outcome = run::run(&scenario, 1, Options { witness: Some(&mut collector) }).expect("it runs");
    let chronicle = collector.finish(outcome);
    assert_eq!(Chronicle::read(&json(&chronicle)).expect("what was written can be read"), chronicle);
    chronicle
}

#[test]
fn the_liar_is_drawn_as_it_was() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/liar.toml");
    let text = fs::read_to_string(file).expect("the scenario");
    let chronicle = chronicle_of("sim/scenarios/liar.toml", &text, 100);
    let liars: Vec<_> = chronicle.members.iter().filter(|tale| tale.lies.is_some()).collect();
    assert_eq!((liars.len(), chronicle.bands.len(), chronicle.samples.len()), (1, 2, 120));
    let by_liar = chronicle.edges.iter().filter(|edge| edge.accuser == liars[0].member);
    assert!(
        by_liar.clone().count() > 3 && by_liar.clone().all(|edge| edge.downs == 0),
        "accused, and all stay"
    );
    let crashed = chronicle.bands.iter().find(|band| band.kind == "crash").expect("a crash").members[0];
    assert!(chronicle.outs.iter().all(|out| (out.subject, out.was) == (crashed, Was::Gone)));
    assert_eq!(chronicle.outs[0].observers, 98);
    let wrong: Vec<_> =
        chronicle.samples.iter().filter(|sample| sample.wrong > 0).map(|sample| sample.at_s).collect();
    assert!(wrong.first() == Some(&60.0) && wrong.last() < Some(&68.0), "wrong from the crash on: {wrong:?}");
    let Some(browser) = Browser::find() else { return };
    look_at(&browser, "liar", &report::page(&chronicle));
}

#[test]
fn the_partition_is_drawn_as_it_was() {
    let chronicle = chronicle_of("partition.toml", PARTITION, 100);
    let at = |second: usize| &chronicle.samples[second - 1];
    assert_eq!((at(19).view.min, at(19).expected.max, at(19).wrong), (100, 100, 0));
    assert_eq!((at(20).expected.max, at(20).wrong), (50, 5000), "all hold the other half still");
    assert_eq!((at(50).view.max, at(50).wrong), (50, 0), "and later nobody does");
    assert!(
        chronicle.outs.len() == 100
            && chronicle.outs.iter().all(|out| (out.was, out.observers) == (Was::Apart, 50))
    );
    assert!(chronicle.observers.cells.iter().all(|row| row[19] == 506), "50 of 99 are wrong");
    let Some(browser) = Browser::find() else { return };
    look_at(&browser, "partition", &report::page(&chronicle));
}

#[test]
fn a_recorded_member_has_a_page() {
    let bear = recorded::recorded::<{ usize::MAX }>;
    let mut world = World::bootstrap(Setup { bear, ..Setup::new(8, 1) });
    world.run_for(Duration::from_secs(20));
    world.crash(5);
    world.run_for(Duration::from_secs(20));
    let verifier = world.network().verifier();
    drop(world);
    let traces = recorded::take_traces();
    let (_, trace) = traces.into_iter().find(|(index, _)| *index == 0).expect("it has ended");
    let page = report::member_page(&trace, verifier.clone()).expect("a recorded run");
    for text in [
        "✓ replays",
        "the run ended in good order",
        "it has joined",
        " is down: ",
        "members that went down",
        "links",
    ] {
        assert!(page.contains(text), "the page lacks {text}");
    }
    assert!(
        page.contains("<span class=\"when\">0 s</span> <span>it has joined")
            || page.contains("<span class=\"when\">0 s</span><span>it has joined")
    );
    let cut = report::member_page(&trace[..trace.len() / 2], verifier.clone()).expect("its first half");
    assert!(cut.contains("✓ replays") && cut.contains("then the record was cut"));
    let mut damaged = trace.clone();
    damaged[trace.len() / 2] ^= 1;
    let damaged = report::member_page(&damaged, verifier.clone()).expect("what came before the damage");
    assert!(damaged.contains("✗ does not replay") && damaged.contains("is damaged"));
    assert!(report::member_page(b"ifrit tr", verifier).is_err());
    let Some(browser) = Browser::find() else { return };
    look_at(&browser, "member", &page);
}
