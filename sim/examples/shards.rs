//! An application tested in the simulator: 1,024 shards, each owned by one live member, moved when members come and go.
//!
//! ```text
//! cargo run -p ifrit-sim --example shards                                  # the liar scenario
//! cargo run -p ifrit-sim --example shards -- sim/scenarios/crash.toml 7    # another one, another seed
//! ```
//!
//! The application is a state machine per member, fed with what its member tells it ([`Witness::told`]), as it would be by a
//! driver's events. The scenario does the rest: crashes, losses, liars. What an application wants to know of itself is counted
//! while the run goes on, and checked in the end.

use ifrit_core::action::Notice;
use ifrit_sim::{
    rng::mix,
    run::{self, Expected, Options, Scene, Witness},
    scenario::Scenario,
    world::Observed,
};
use std::{collections::BTreeSet, path::Path, process::ExitCode};

const SHARDS: usize = 1024;

/// What one member believes: who lives, and so who owns what.
#[derive(Clone, Debug, Default)]
struct Shards {
    live: BTreeSet<usize>,
    owners: Vec<Option<usize>>,
    moved: usize,
}

impl Shards {
    fn new(live: BTreeSet<usize>) -> Self {
        let mut shards = Self { live, owners: vec![None; SHARDS], moved: 0 };
        shards.settle();
        shards.moved = 0;
        shards
    }

    /// The application's one input.
    fn told(&mut self, notice: &Notice, subject: usize) {
        let changed = match notice {
            Notice::Up { .. } => self.live.insert(subject),
            Notice::Down { .. }
            | Notice::Left { .. }
            | Notice::Gray { .. }
            | Notice::Expired { .. }
            | Notice::Revoked { .. } => self.live.remove(&subject),
            _ => false,
        };
        if changed {
            self.settle();
        }
    }

    /// Each shard goes to the live member with the highest hash of both: so a member's end moves its own shards only.
    fn settle(&mut self) {
        for shard in 0..SHARDS {
            let weight = |member: &&usize| mix(**member as u64 ^ mix(shard as u64));
            let owner = self.live.iter().max_by_key(weight).copied();
            self.moved += usize::from(owner != self.owners[shard]);
            self.owners[shard] = owner;
        }
    }
}

/// All of them, and what is to be said of them.
#[derive(Debug, Default)]
struct Fleet {
    members: Vec<Shards>,
    /// Shards that some correct member thinks owned by one that does not run, or not as another thinks.
    wrong: usize,
    /// The same at the worst second.
    worst: usize,
}

impl Fleet {
    fn count_wrong(&self, scene: &Scene<'_>) -> usize {
        let facts = &scene.truth.facts;
        let correct: Vec<_> =
            (0..facts.len()).filter(|member| facts[*member].correct && facts[*member].runs()).collect();
        let is_wrong = |shard: &usize| {
            let owners: BTreeSet<_> =
                correct.iter().map(|member| self.members[*member].owners[*shard]).collect();
            owners.len() != 1 || owners.iter().flatten().any(|owner| !facts[*owner].runs())
        };
        (0..SHARDS).filter(is_wrong).count()
    }
}

impl Witness for Fleet {
    fn begins(&mut self, scene: &Scene<'_>) {
        let all = 0..scene.truth.facts.len();
        let view = |observer| all.clone().filter(|subject| scene.views.live(observer, *subject)).collect();
        self.members = all.clone().map(|observer| Shards::new(view(observer))).collect();
    }

    fn told(&mut self, scene: &Scene<'_>, what: &Observed) {
        if let Some(subject) = what.notice.subject() {
            self.members[what.observer].told(&what.notice, scene.world.index(&subject));
        }
    }

    fn look(&mut self, scene: &Scene<'_>, _: &Expected) {
        self.wrong = self.count_wrong(scene);
        self.worst = self.worst.max(self.wrong);
    }
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/liar.toml");
    let file = args.next().unwrap_or_else(|| usual.into());
    let seed = args.next().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut fleet = Fleet::default();
    let done = Scenario::read(Path::new(&file), None)
        .and_then(|scenario| run::run(&scenario, seed, Options { witness: Some(&mut fleet) }));
    let outcome = match done {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let moved = fleet.members.iter().map(|shards| shards.moved).max().unwrap_or(0);
    println!("{} with seed {seed}: {:?}", outcome.scenario, outcome.verdict);
    println!(
        "  shards owned wrongly: {} in the end, {} at the worst second, of {SHARDS}",
        fleet.wrong, fleet.worst
    );
    println!("  shards that one member saw move: {moved} at most");
    ExitCode::from(u8::from(!outcome.passed() || fleet.wrong > 0))
}
