//! Random small scenarios: from a seed, a legal file of a few members, faults and liars.
//!
//! Within what is promised: liars few enough for the rings, and no removal expected where Δ is not made for the packets' times.
//! So every run must pass, and a seed that fails is a fault of the protocol, of the model or of a check.

use crate::{
    adversary::STRATEGIES,
    rng,
    scenario::{Action, Scenario},
};
use core::time::Duration;
use ifrit_core::params::delta_for;
use std::fmt::Write as _;

/// How such a scenario is named where a file is asked for: `generated:SEED`.
pub fn name(seed: u64) -> String {
    format!("{NAME}{seed}")
}

/// The seed in such a name.
pub fn seed_of(name: &str) -> Option<u64> {
    name.strip_prefix(NAME)?.parse().ok()
}

const NAME: &str = "generated:";

/// The scenario of `seed`, as a file.
pub fn scenario(seed: u64) -> String {
    let mut dice = Dice(rng::mix(seed ^ 0x6966_7269_7400));
    let members = 3 + dice.below(10);
    let rings = dice.of(&[5, 7, 11, 23]);
    let mut text = format!(
        "format = 1\nname = \"generated-{seed}\"\nmembers = {members}\nseeds = [{seed}]\nuntil = \"80s\"\n\
         start = \"{}\"\npreset = \"{}\"\n\n[network_params]\nrings = {rings}\n",
        dice.of(&["converged", "converged", "bootstrap"]),
        dice.of(&["lan", "lan", "local"]),
    );
    links(&mut dice, &mut text);
    let lies = liars(&mut dice, &mut text, members, rings);
    let entries = dice.below(5);
    let mut gone = 0;
    (0..entries).for_each(|_| entry(&mut dice, &mut text, members, &mut gone));
    // What came to be drawn later has dice of its own: most scenarios stay what they were.
    let left = more(&mut Dice(rng::mix(seed ^ 0x6d6f_7265)), &mut text, lies);
    // All liars there may be, and one for whom there are more dice.
    let free = members.saturating_sub(gone + most_liars(members, rings) + 1);
    rare(&mut Dice(rng::mix(seed ^ 0x7261_7265)), &mut text, left, free);
    if keeps_delta(&Scenario::parse("generated", &text, None).expect("what is generated is legal")) {
        text += "\n[expect]\nfalse_removals = 0\n";
    }
    text
}

/// Whether messages arrive within Δ (R17's premise), with all delays at once: also one that is lost so often that only in one
/// case of a thousand (ε) both ways by which an accusation reaches the accused, the accuser's own and the push, take longer.
fn keeps_delta(scenario: &Scenario) -> bool {
    let added = scenario.at.iter().map(|at| match at.action {
        Action::Latency { add, .. } => add,
        _ => Duration::ZERO,
    });
    let latency = scenario.links.latency.plus(added.sum());
    let late = |losses: &i32| scenario.links.loss.powi(2 * (losses + 1));
    let losses = (0..).find(|losses| late(losses) <= 0.001).expect("no link loses all");
    let again = latency.probe_wait() * (2u32.pow(losses as u32) - 1);
    let members = u32::try_from(scenario.members).expect("a few");
    again + latency.most() <= delta_for(members, scenario.preset)
}

fn links(dice: &mut Dice, text: &mut String) {
    let latency = dice.of(&[
        "{ kind = \"uniform\", min = \"0.5ms\", max = \"5ms\" }",
        "{ kind = \"uniform\", min = \"1ms\", max = \"20ms\" }",
        "{ kind = \"exp\", min = \"0.2ms\", mean = \"3ms\", max = \"40ms\" }",
        "{ kind = \"fixed\", value = \"2ms\" }",
    ]);
    let loss = dice.of(&["0.0", "0.0", "0.0", "0.02", "0.1", "0.2"]);
    let reorder = dice.of(&["0.0", "0.0", "0.1"]);
    line(text, format_args!("\n[links]\nlatency = {latency}\nloss = {loss}\nreorder = {reorder}"));
}

/// Liars for whom no member pays with more than rebuttals: with few rings or members there are none. Gives how many more
/// there may be.
fn liars(dice: &mut Dice, text: &mut String, members: u64, rings: u64) -> u64 {
    let most = most_liars(members, rings);
    let many = dice.below(most + 2).min(most);
    for _ in 0..many {
        let names = STRATEGIES.iter().map(|strategy| strategy.name).filter(|name| !LATER.contains(name));
        let strategy = dice.of(&names.collect::<Vec<_>>());
        let from = dice.below(20);
        line(
            text,
            format_args!(
                "\n[[adversary]]\nstrategy = \"{strategy}\"\nmembers = {{ count = 1 }}\nfrom = \"{from}s\""
            ),
        );
        if dice.below(2) == 0 {
            line(text, format_args!("until = \"{}s\"", from + 5 + dice.below(30)));
        }
    }
    most - many
}

fn most_liars(members: u64, rings: u64) -> u64 {
    if rings < 11 || members < 7 { 0 } else { members / 7 }
}

/// Strategies that are not among those of the first dice.
const LATER: &[&str] = &["late-answerer", "outcast"];

/// Of six scenarios one has something more: new certificates, or a clock that jumps and is believed; and of those with room for
/// a liar every second has one that the first dice do not know. Gives how many more liars there may be.
fn more(dice: &mut Dice, text: &mut String, lies: u64) -> u64 {
    let at = 1 + dice.below(30);
    match dice.below(12) {
        0 => entry_at(text, at, "{ certificate = { members = { count = 1 }, valid = \"24h\" } }"),
        1 => {
            let by = dice.of(&["-400s", "400s"]);
            entry_at(text, at, &format!("{{ skew = {{ members = {{ count = 1 }}, by = \"{by}\" }} }}"));
        }
        _ => {}
    }
    if lies == 0 || dice.below(2) > 0 {
        return lies;
    }
    liar(text, "late-answerer", at);
    lies - 1
}

/// What else is reached too seldom, though the rules speak of it. Of ten scenarios with members to spare (`free` are not taken) one
/// has a clock that is ahead by more than a lease, so that all notes have run out by it, one a revocation, and of boots two a
/// seed that soon crashes; and whenever there is room for one more liar it is one of few kinds.
fn rare(dice: &mut Dice, text: &mut String, lies: u64, free: u64) {
    let at = 1 + dice.below(30);
    match dice.below(10) {
        0 if free > 2 => entry_at(text, at, "{ skew = { members = { count = 1 }, by = \"90000s\" } }"),
        1 if free > 3 => entry_at(text, at, "{ revoke = { members = { count = 1 } } }"),
        2 | 3 if free > 2 && text.contains("bootstrap") => {
            line(text, format_args!("\n[[at]]\nt = \"300ms\"\ndo = {{ crash = {{ ids = [0] }} }}"));
        }
        _ => {}
    }
    if lies > 0 {
        liar(
            text,
            dice.of(&["chain-accuser", "chain-accuser", "heal-drainer", "outcast", "sybil", "sybil"]),
            at,
        );
    }
}

/// One that lies from then on.
fn liar(text: &mut String, strategy: &str, from: u64) {
    let who = format_args!("strategy = \"{strategy}\"\nmembers = {{ count = 1 }}\nfrom = \"{from}s\"");
    line(text, format_args!("\n[[adversary]]\n{who}"));
}

/// One entry of the timeline; `gone` counts those that crashed or left: at least two stay.
fn entry(dice: &mut Dice, text: &mut String, members: u64, gone: &mut u64) {
    let spare = members.saturating_sub(*gone + 4);
    let some = |dice: &mut Dice, most: u64| format!("{{ count = {} }}", 1 + dice.below(most.clamp(1, 4)));
    let at = 1 + dice.below(30);
    let span = 1 + dice.below(12);
    let what = match dice.below(10) {
        0 | 1 if spare > 0 => {
            let many = 1 + dice.below(spare);
            *gone += many;
            let back = at + 1 + dice.below(15);
            if dice.below(2) == 0 {
                entry_at(text, back, &format!("{{ restart = {{ count = {} }} }}", 1 + dice.below(many)));
            }
            format!("{{ crash = {{ count = {many} }} }}")
        }
        2 if spare > 0 => {
            *gone += 1;
            "{ leave = { count = 1 } }".into()
        }
        3 => format!("{{ join = {{ count = {} }} }}", 1 + dice.below(3)),
        4 if spare > 0 => {
            *gone += 1;
            format!("{{ pause = {{ members = {{ count = 1 }}, for = \"{span}s\" }} }}")
        }
        5 if spare > 0 => {
            *gone += 1;
            let rate = dice.of(&["0.5", "0.8", "1.0"]);
            format!("{{ loss = {{ members = {{ count = 1 }}, rate = {rate}, for = \"{span}s\" }} }}")
        }
        6 | 7 if spare > 1 => {
            let group = some(dice, spare);
            *gone += 4.min(spare);
            let oneway = dice.below(4) == 0;
            format!("{{ partition = {{ groups = [{group}], oneway = {oneway}, for = \"{span}s\" }} }}")
        }
        8 if spare > 0 => {
            *gone += 1;
            let by = dice.of(&["-30s", "20s", "-3600s", "3600s"]);
            format!("{{ skew = {{ members = {{ count = 1 }}, by = \"{by}\" }} }}")
        }
        _ => format!("{{ latency = {{ add = \"{}ms\", for = \"{span}s\" }} }}", dice.below(30)),
    };
    entry_at(text, at, &what);
}

fn entry_at(text: &mut String, at: u64, what: &str) {
    line(text, format_args!("\n[[at]]\nt = \"{at}s\"\ndo = {what}"));
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a string takes everything");
}

/// Chance of one scenario.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = rng::mix(self.0);
        rng::below(self.0, bound)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).expect("an index")]
    }
}
