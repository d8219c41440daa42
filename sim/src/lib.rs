//! The simulator: Ifrit's real core, or whole members, in a deterministic world with liars, loss, crashes and partitions.
//!
//! ```text
//!   ifrit-sim run FILE ──► scenario ──► run ──► Outcome (the JSON line), chronicle ──► report, replay
//!                                        │
//!        ┌── what happens, what is so ───┴── what is told ──► views, figures, invariants
//!        ▼                                                ▲
//!      World ── events, time ──► Member (ifrit-core) ── actions ──► World ── packets ──► Net
//!        ▲             │                                                            ▲       │
//!        │             └── Tamper (a liar's filter) ────────────────────────────────┘◄── arrivals ── Queue
//!        └── or, with `stack = "node"`: UDP packets ──► Node (ifrit-node: QUIC, TLS, core)
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`scenario`] | the format of scenario files |
//! | [`run`] | one run: the timeline, the truth, the figures, what was expected |
//! | [`adversary`] | how members lie, one strategy per file |
//! | [`invariant`] | what must hold of every run, one per file |
//! | [`chronicle`], [`report`] | what a run leaves behind; its page and its summary |
//! | [`replay`](mod@replay), [`shrink`](mod@shrink), [`generate`] | a run again; a failing one made small; small ones drawn from a seed |
//! | [`world`] | [`World`]: make members, run time, crash, pause, partition, and look into any view |
//! | [`full`] | whole members over a virtual UDP |
//! | [`transport`], [`net`], [`queue`] | how links behave; latency, loss, cuts; what arrives when |
//! | [`network`], [`crypto`] | certificates as the CA issues them; real or ideal signatures |
//! | [`tamper`], [`lies`], [`brain`] | members that are not honest, or run other code |
//! | [`check`], [`story`], [`views`] | helpers for tests; a run told in lines; who holds whom live |
//! | [`rng`] | fault decisions: hashes of what they decide, so that removing one thing moves no other |
//!
//! One thread, one [`Queue`](queue::Queue) ordered by (time, sequence): the same scenario and seed give the same run, bit for
//! bit, in every process. The core's real bytes travel.
//!
//! # Write a scenario
//! A TOML file; [`scenario`] has every key. Those in `sim/scenarios/` say in their first lines what they show. The smallest:
//!
//! ```
//! # use ifrit_sim::{run, scenario::Scenario};
//! let text = r#"
//! format = 1
//! name = "two-crashes"
//! members = 8
//! until = "30s"
//! [[at]]
//! t = "5s"
//! do = { crash = { count = 2 } }
//! [expect]
//! false_removals = 0
//! detected_by_all = "8s"
//! "#;
//! // As `ifrit-sim run two-crashes.toml --seed 1` does it.
//! let scenario = Scenario::parse("two-crashes.toml", text, None)?;
//! let outcome = run::run(&scenario, 1, run::Options::default())?;
//! assert!(outcome.passed(), "{:?}", outcome.violations);
//! # Ok::<(), ifrit_sim::scenario::Error>(())
//! ```
//!
//! A run fails if an expectation or any invariant does not hold, and prints the one command that shows it again.
//! `ifrit-sim shrink FILE --seed N` then writes a small scenario that fails in the same way. Keep it in `tests/regressions/`.
//!
//! # Add a way to lie
//! A file in `src/adversary/` with a `STRATEGY`, and its line in [`STRATEGIES`](adversary::STRATEGIES). A strategy makes a
//! [`Tamper`](tamper::Tamper): a filter over what an honest member sends and hears, which may also wake by itself and
//! say things of its own through its [`Hand`](tamper::Hand). It has one key. Say in the file's first lines what an attacker
//! would gain and which rule stops it, and test that it does its deed: a liar that does nothing proves nothing.
//!
//! # Add an invariant
//! A file in `src/invariant/` with a type that implements [`Invariant`](invariant::Invariant), and its line in
//! [`all`](invariant::all). It sees the world, the truth and the views as one [`Scene`](run::Scene), whenever an application
//! is told something, every virtual second, and in the end. Let its work follow what changed: runs have up to 10⁴ members.
//! Plant a bug that it catches (`core/src/planted.rs`): a check that never fails checks nothing.
//!
//! # Test an application
//! An application on top of Ifrit is a state machine fed with notices. Let it be a [`Witness`](run::Witness) of any
//! scenario: `examples/shards.rs` gives shards to members and counts those owned wrongly while members crash and lie.
//! Or drive a [`World`] by hand:
//!
//! ```
//! use ifrit_sim::{Setup, World};
//! use std::time::Duration;
//!
//! let mut world = World::converged(Setup::new(8, 1));
//! world.crash(3);
//! world.run_for(Duration::from_secs(20));
//! for survivor in (0..8).filter(|member| *member != 3) {
//!     assert_eq!(world.member(survivor).view().live(), 7);
//! }
//! ```

mod act;
pub mod adversary;
pub mod brain;
pub mod check;
#[doc = include_str!("checks.md")]
pub mod checks {}
pub mod chronicle;
pub mod control;
pub mod crypto;
mod dial;
pub mod full;
pub mod generate;
mod happen;
pub mod invariant;
pub mod lies;
pub mod net;
pub mod network;
mod node;
pub mod queue;
pub mod replay;
pub mod report;
pub mod rings;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod shrink;
mod store;
pub mod story;
pub mod tamper;
pub mod transport;
pub mod views;
mod warm;
pub mod wire;
pub mod world;

pub use world::{Setup, World};
