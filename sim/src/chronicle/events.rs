//! The timeline of a scenario in short words.

use crate::scenario::Action;

/// What an entry is called in pictures.
pub(super) fn label(action: &Action, members: usize) -> String {
    let of =
        |what: &str| if members == 0 { format!("{what}, everybody") } else { format!("{what} of {members}") };
    match action {
        Action::Crash(_) => of("crash"),
        Action::Restart(_) => of("restart"),
        Action::Leave(_) => of("leaving"),
        Action::Join { count } => format!("{count} join"),
        Action::Heal {} => "healed".into(),
        Action::Pause { .. } => of("pause"),
        Action::Latency { add, .. } => of(&format!("latency +{add:?}")),
        Action::Skew { by_ms: 0, .. } => of("clock set right"),
        Action::Skew { by_ms, .. } => of(&format!("clock {:+} s", *by_ms as f64 / 1e3)),
        Action::Loss { rate, .. } => of(&format!("loss {} %", (rate * 1e5).round() / 1e3)),
        Action::Partition { groups, oneway, .. } => {
            let way = if *oneway { "one-way partition" } else { "partition" };
            match groups.len() {
                1 => format!("{way}: {members} and the rest"),
                groups => format!("{way}: {members} in {groups} groups, and the rest"),
            }
        }
        Action::Certificate { .. } => of("short certificate"),
        Action::Revoke { .. } => of("revocation"),
    }
}

/// Whether it lasts, though it says no end: until the end of the run, or until something else ends it.
pub(super) fn lasts(action: &Action) -> bool {
    match action {
        Action::Skew { by_ms, .. } => *by_ms != 0,
        Action::Pause { .. }
        | Action::Latency { .. }
        | Action::Loss { .. }
        | Action::Partition { .. }
        | Action::Certificate { .. } => true,
        Action::Crash(_)
        | Action::Restart(_)
        | Action::Leave(_)
        | Action::Join { .. }
        | Action::Heal {}
        | Action::Revoke { .. } => false,
    }
}
