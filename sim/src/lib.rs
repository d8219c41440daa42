//! A deterministic world for [`ifrit_core`]: virtual time, links that lose and delay, members that crash, pause, lie.
//!
//! ```text
//!   test ──► World ── events, time ──► Member (ifrit-core) ── actions ──► World ── packets ──► Net
//!              │                                                            ▲                   │
//!              └── Tamper (a liar's filter) ────────────────────────────────┘◄── arrivals ── Queue
//! ```
//!
//! One thread, one [`Queue`](queue::Queue) ordered by (time, sequence), and fault decisions that are hashes of what they
//! decide ([`rng`]): the same [`Setup`] gives the same run, bit for bit. The core's real bytes travel.
//! How a link behaves is said in [`transport`].

mod act;
pub mod brain;
pub mod check;
pub mod control;
pub mod crypto;
mod dial;
mod happen;
pub mod lies;
pub mod net;
pub mod network;
mod node;
pub mod queue;
pub mod rings;
pub mod rng;
pub mod story;
pub mod tamper;
pub mod transport;
pub mod wire;
pub mod world;

pub use world::{Setup, World};
