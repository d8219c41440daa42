//! A chronicle that no run has left, with one of everything.

use ifrit_sim::{
    chronicle::{
        Band, Chronicle, Edge, Expectation, FORMAT, Fate, Header, Heat, Out, Ring, Sample, Seconds, Spread,
        TRACE, Tale, Was,
    },
    run::{Broken, Detection, FalseRemovals, Outcome, Rates, Traffic, Transitions, Verdict, ViewSizes},
};

/// Ten members for a minute: 3 lies, 5 crashes and is seen late, 7 is wronged.
pub(crate) fn chronicle() -> Chronicle {
    Chronicle {
        trace: TRACE.into(),
        format: FORMAT,
        header: header(),
        expectations: vec![
            expectation("false_removals", "≤ 0", "1 pair, 1 member", false),
            expectation("detected_by_all", "≤ 8.0 s", "after 5.2 s", true),
        ],
        outcome: outcome(),
        bands: vec![
            band("lie", "false-accuser", 10.0, Some(40.0), &[3]),
            band("crash", "crash", 20.0, Some(20.0), &[5]),
            band(
                "loss",
                "loss of 80 % \u{1b}[2J of everything that is sent anywhere at all",
                25.0,
                None,
                &[],
            ),
        ],
        samples: (1..=60).map(sample).collect(),
        edges: vec![edge(3, 7, 40, 38, 1), edge(2, 5, 1, 0, 8), edge(3, 8, 12, 12, 0)],
        outs: vec![out(7, Was::Healthy, 1, 3), out(5, Was::Gone, 8, 2)],
        observers: heat(5),
        subjects: heat(7),
        rings: (0..2)
            .map(|ring| Ring { ring, order: (0..10).map(|at| (at * 3 + usize::from(ring)) % 10).collect() })
            .collect(),
        members: (0..10).map(tale).collect(),
        left_out: vec!["single members".into()],
    }
}

fn header() -> Header {
    Header {
        name: "<b>made</b> & \"up\"".into(),
        path: "my scenarios/made up.toml".into(),
        scenario: "# Shows that <script>alert(1)</script> is text.\n# In two lines.\nformat = 1\n".into(),
        seed: 7,
        members_override: Some(10),
        version: "0.1.0".into(),
        members: 10,
        rings: 5,
        tolerance: 2,
        delta_s: 0.6,
        detection_s: 8.0,
        until_s: 60.0,
    }
}

fn expectation(name: &str, limit: &str, seen: &str, holds: bool) -> Expectation {
    Expectation { name: name.into(), limit: limit.into(), seen: seen.into(), holds }
}

fn band(kind: &str, label: &str, from_s: f64, until_s: Option<f64>, members: &[usize]) -> Band {
    let (kind, label) = (kind.into(), label.into());
    Band { kind, label, from_s, until_s, members: members.to_vec(), struck: members.len() }
}

fn sample(second: u32) -> Sample {
    let expected = if second > 20 { 9 } else { 10 };
    let wrong = match second {
        21..=25 => 8,
        30..=33 => 1,
        _ => 0,
    };
    let view = if (30..=33).contains(&second) {
        8
    } else if (21..=25).contains(&second) {
        10
    } else {
        expected
    };
    Sample {
        at_s: second.into(),
        view: Spread { min: view, mean: f64::from(view), max: expected.max(view) },
        expected: Spread { min: expected, mean: expected.into(), max: expected },
        wrong,
        bytes: Rates { mean: 600.0, p99: 900.0, max: if wrong > 0 { 20_000.0 } else { 1_000.0 } },
        digest: format!("{second:016x}"),
    }
}

fn edge(accuser: usize, accused: usize, count: u32, rebutted: u32, downs: u32) -> Edge {
    Edge {
        accuser,
        accused,
        count,
        rebutted,
        downs,
        first_s: Seconds(10_250),
        last_s: Seconds(31_000),
        rings: vec![0, 3],
    }
}

fn out(subject: usize, was: Was, observers: usize, accuser: usize) -> Out {
    Out {
        subject,
        was,
        observers,
        first_s: Seconds(24_000),
        last_s: Seconds(25_200),
        observer: 1,
        accuser,
        ring: 0,
        epoch: 12,
    }
}

fn heat(row: usize) -> Heat {
    let cell = |at: usize, column: usize| if at == row && (20..25).contains(&column) { 1000 } else { 0 };
    let cells = (0..10).map(|at| (0..60).map(|column| cell(at, column)).collect()).collect();
    Heat { members_per_row: 1, column_s: 1.0, cells }
}

fn tale(member: usize) -> Tale {
    Tale {
        member,
        lies: (member == 3).then(|| "false-accuser".into()),
        fate: if member == 5 { Fate::Crashed } else { Fate::Runs },
        gray: member == 9,
        disturbed: member == 8,
        wrong_s: if member == 1 { 9 } else { 5 },
        wronged_s: 0,
        sent: 60_000,
    }
}

fn outcome() -> Outcome {
    let violation = |invariant: &str, at_s, member, detail: &str| Broken {
        invariant: invariant.into(),
        at_s,
        member,
        detail: detail.into(),
    };
    Outcome {
        format: 1,
        scenario: "made-up".into(),
        seed: 7,
        members: 10,
        verdict: Verdict::Fail,
        violations: vec![
            violation(
                "correct-stays-in",
                30.0,
                Some(7),
                "member 1 holds 7 out for the accusation by 3 on ring 0, which is longer than the bound allows",
            ),
            violation("expect.false_removals", 60.0, None, "1 pair & <i>no</i> more"),
        ],
        view: ViewSizes { min: 9, mean: 9.0, max: 9, expected: 9 },
        converged_at_s: Some(33.5),
        false_removals: FalseRemovals { pairs: 1, members: 1 },
        transitions: Transitions { healthy: 2, disturbed_max: 0 },
        detection: Detection { first_s: Some(4.0), p50_s: Some(4.5), p99_s: Some(5.2), all_s: Some(5.2) },
        traffic: Traffic { bytes_per_member_per_s: Rates { mean: 612.4, p99: 900.0, max: 20_000.0 } },
        cpu_us_per_member_per_s: Some(41.5),
        events: 123_456,
        wall_s: 0.8,
        peak_rss_bytes: Some(34_000_000),
        digest: "00000000000000ab".into(),
    }
}
