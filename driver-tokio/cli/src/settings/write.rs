//! The documented file.

use super::{Loaded, Origin, Settings, Spec, When};
use std::fmt::Write;

/// The whole file: every setting with its documentation; commented out where the default holds.
pub(crate) fn write<S: Settings>(loaded: &Loaded<S>) -> String {
    let mut text = String::new();
    for line in S::ABOUT.lines() {
        text += format!("# {line}").trim_end();
        text.push('\n');
    }
    let mut section = "";
    let values = loaded.settings.written();
    for ((spec, value), origin) in S::SPECS.iter().zip(values).zip(&loaded.origins) {
        if spec.section != section {
            section = spec.section;
            let _ = write!(text, "\n# ---- {section} {}\n", "-".repeat(100 - section.len()));
        }
        setting::<S>(&mut text, spec, value.as_deref(), origin);
    }
    text
}

fn setting<S: Settings>(text: &mut String, spec: &Spec, value: Option<&str>, origin: &Origin) {
    text.push('\n');
    for line in spec.doc_lines() {
        *text += format!("# {line}").trim_end();
        text.push('\n');
    }
    let when = match spec.when {
        When::Live => "changes on SIGHUP",
        When::Restart => "changes with a restart",
    };
    let flag = spec.flag();
    let _ = writeln!(text, "# ({when}; {}; --{flag})", spec.variable::<S>());
    let comment = if *origin == Origin::Default { "#" } else { "" };
    match value {
        Some(value) => drop(writeln!(text, "{comment}{} = {value}", spec.key)),
        None => drop(writeln!(text, "#{} = {}  # not set; an example", spec.key, spec.example)),
    }
}
