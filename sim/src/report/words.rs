//! What happened, in words.

use super::number;
use crate::chronicle::{Band, Chronicle, Was};

/// Events told one by one.
const EVENTS: usize = 12;

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// When, or nothing if it is about the whole run.
    pub(crate) when: String,
    pub(crate) what: String,
}

fn of_all(what: String) -> Sentence {
    Sentence { when: String::new(), what }
}

/// The run in sentences: what was done, what came of it, how it ended.
pub(crate) fn story(chronicle: &Chronicle) -> Vec<Sentence> {
    let mut story = vec![of_all(setting(chronicle))];
    let end = chronicle.header.until_s;
    story.extend(chronicle.bands.iter().take(EVENTS).map(|band| event(band, end)));
    if chronicle.bands.len() > EVENTS {
        story.push(of_all(format!(
            "{} more of the kind.",
            number::plural(chronicle.bands.len() - EVENTS, "event")
        )));
    }
    story.push(of_all(accused(chronicle)));
    story.extend(
        [Was::Healthy, Was::Gone, Was::Apart, Was::Disturbed, Was::Liar]
            .into_iter()
            .filter_map(|was| put_out(chronicle, was)),
    );
    story.push(of_all(views(chronicle)));
    story
}

fn setting(chronicle: &Chronicle) -> String {
    let header = &chronicle.header;
    let liars = chronicle.members.iter().filter(|tale| tale.lies.is_some()).count();
    let lying = match liars {
        0 => "All keep to the protocol.".to_owned(),
        1 => "One of them lies.".to_owned(),
        liars => format!("{liars} of them lie."),
    };
    format!(
        "{} on {} rings, so that {} among anybody's {} predecessors can do no harm; Δ is {}, and a crashed member is to be down everywhere within {}. {lying}",
        number::members(header.members),
        header.rings,
        number::plural(header.tolerance.into(), "liar"),
        header.rings,
        number::seconds(header.delta_s),
        number::seconds(header.detection_s),
    )
}

fn event(band: &Band, end: f64) -> Sentence {
    let until = band.until_s.unwrap_or(end);
    let whom = match band.struck {
        0 => String::new(),
        struck => format!(": {}", number::named(&band.members, struck)),
    };
    let what = if band.kind == "lie" { format!("{} at work", band.label) } else { band.label.clone() };
    Sentence { when: number::stretch(band.from_s, until), what: format!("{what}{whom}.") }
}

fn accused(chronicle: &Chronicle) -> String {
    let sum = |of: fn(&crate::chronicle::Edge) -> u32| {
        chronicle.edges.iter().map(|edge| u64::from(of(edge))).sum::<u64>()
    };
    let (count, rebutted) = (sum(|edge| edge.count), sum(|edge| edge.rebutted));
    if count == 0 {
        return "Nobody was accused.".into();
    }
    let fatal = chronicle.edges.iter().filter(|edge| edge.downs > 0).count();
    let out = match fatal {
        0 => "and nobody was put out for any".to_owned(),
        fatal => format!(
            "and {} of {} put somebody out",
            number::count(fatal as u64),
            number::plural(chronicle.edges.len(), "pair")
        ),
    };
    format!(
        "{} had to be taken seriously; a newer note answered {}, {out}.",
        number::plural(count as usize, "accusation"),
        number::count(rebutted)
    )
}

fn put_out(chronicle: &Chronicle, was: Was) -> Option<Sentence> {
    let outs: Vec<_> = chronicle.outs.iter().filter(|out| out.was == was).collect();
    let first = outs.iter().map(|out| out.first_s).min()?;
    let last = outs.iter().map(|out| out.last_s).max()?;
    let members: Vec<_> = outs.iter().map(|out| out.subject).collect();
    let who = number::named(&members, members.len());
    let by = match (outs.iter().map(|out| out.observers).min()?, outs.iter().map(|out| out.observers).max()?)
    {
        (least, most) if least == most => number::members(most),
        (least, most) => format!("{least} to {} each", number::members(most)),
    };
    let why = match was {
        Was::Healthy => "WRONGLY: correct, running and reachable",
        Was::Apart => "cut off from who put them out",
        Was::Disturbed => "while something was done to them or to who put them out",
        Was::Liar => "liars that stayed silent",
        Was::Gone => "crashed or gone",
    };
    Some(Sentence {
        when: number::stretch(first.into(), last.into()),
        what: format!("Put out ({why}): {who}, by {by}."),
    })
}

fn views(chronicle: &Chronicle) -> String {
    let outcome = &chronicle.outcome;
    let view = &outcome.view;
    let sizes = match (view.min, view.max) {
        (min, max) if min == max => format!("every correct view holds {}", number::members(max as usize)),
        (min, max) => format!("correct views hold {min} to {}", number::members(max as usize)),
    };
    let last = chronicle
        .bands
        .iter()
        .map(|band| band.until_s.unwrap_or(chronicle.header.until_s))
        .fold(0.0, f64::max);
    let right = match outcome.converged_at_s {
        None => "some view is still wrong".to_owned(),
        Some(0.0) => "no view was ever wrong".to_owned(),
        Some(at) if at >= last && last > 0.0 => {
            format!(
                "all views are right since {}, {} after the last event ended",
                number::seconds(at),
                number::seconds(at - last)
            )
        }
        Some(at) => format!("all views are right since {}", number::seconds(at)),
    };
    format!("In the end {sizes}, expected {}; {right}.", view.expected)
}

/// The command that runs this again.
pub(crate) fn command(chronicle: &Chronicle) -> String {
    let header = &chronicle.header;
    let members = header.members_override.map_or(String::new(), |members| format!(" --members {members}"));
    format!("ifrit-sim run {} --seed {}{members}", shell(&header.path), header.seed)
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_the_shell() {
        assert_eq!(shell("sim/scenarios/liar.toml"), "sim/scenarios/liar.toml");
        assert_eq!(shell("my 'own'; rm -r.toml"), r"'my '\''own'\''; rm -r.toml'");
        assert_eq!(shell(""), "''");
    }
}
