//! Links between a few members in virtual time: latency, loss by counter hash, addresses that swallow everything.

mod attack;
mod basic;
mod chaos;
mod liar;
mod stress;
pub(crate) mod world;
