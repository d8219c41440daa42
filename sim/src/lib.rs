//! A deterministic world for [`ifrit_core`]: virtual time, links that lose and delay, members that crash, pause, lie.
//!
//! ```text
//!   your test ──► World ── events, time ──► Member (ifrit-core) ── actions ──► World ── packets ──► Net
//!     ▲             │                                                            ▲                   │
//!     │             └── Tamper (a liar's filter) ────────────────────────────────┘◄── arrivals ── Queue
//!     └── story (lines), check (has anything been violated?)
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`world`] | [`World`]: make members, run time, crash, pause, partition, and look into any view |
//! | [`transport`], [`net`], [`queue`] | how links behave; latency, loss, cuts; what arrives when |
//! | [`network`], [`crypto`] | certificates as the CA issues them; real or ideal signatures |
//! | [`tamper`], [`lies`], [`brain`] | members that are not honest, or run other code |
//! | [`check`], [`story`] | what must hold of every run; a run told in lines |
//! | [`chronicle`], [`report`] | what a run leaves behind; its page and its summary |
//! | [`rng`] | fault decisions: hashes of what they decide, so that removing one thing moves no other |
//!
//! One thread, one [`Queue`](queue::Queue) ordered by (time, sequence): the same [`Setup`] gives the same run, bit for
//! bit, on every machine. The core's real bytes travel. Not here yet: scenario files, sweeps, a command, a report
//! (DESIGN section 7).
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
