//! What crosses crates: nothing to link, only tests to run.
//!
//! ```text
//!   conformance   one body per scenario, over real sockets, on ifrit-tokio and on ifrit-smol
//!   golden        one small network per rule, told in lines: tests/golden/*.txt are worth reading
//!   vectors       certificates as the CA issues them, byte for byte
//!   docs          the README's program is the example, its links lead somewhere, the table of rules names tests that exist
//!   supply        licences, banned crates, sources, and which crate links what (deny.toml)
//!   tidy          the house rules that no other tool checks (CONTRIBUTING.md)
//!        │ all of them
//! ┌──────▼──────────────────────────────────────────────────────────────┐
//! │ ifrit-tokio, ifrit-smol ──► ifrit-node ──► ifrit-core ◄── ifrit-sim │
//! └─────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! `nostd/` beside it is a workspace of its own: ifrit-core without std, and the proof that the check can fail.
