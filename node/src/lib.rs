//! One Ifrit member, still sans-IO: UDP bytes in and out, one deadline.
//!
//! ```text
//! your socket and timer
//!        │ Input              ▲ Output
//! ┌──────▼────────────────────┴──────┐
//! │ node::Node                       │
//! │  app    requests and their ends  │
//! │  link   QUIC, mutual TLS, lanes  │  the only place that knows quinn
//! │  ┌────────────────────────────┐  │
//! │  │ ifrit_core::member::Member │  │
//! │  └────────────────────────────┘  │
//! └──────────────────────────────────┘
//! ```
//!
//! [`node::Node`] is for those who have an event loop of their own; the drivers wrap it (feature `drive`: the one
//! generic loop and the `Client` that they share).
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod app;
pub mod ca;
pub mod counters;
pub mod crypto;
#[cfg(feature = "drive")]
pub mod drive;
pub mod enrol;
pub mod history;
pub mod identity;
pub mod invite;
pub mod limits;
pub mod node;
pub mod store;

mod file;
mod link;
