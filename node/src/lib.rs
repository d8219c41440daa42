//! One Ifrit member, still sans-IO: UDP datagrams in and out, one deadline.
//!
//! ```text
//!   ifrit-tokio, ifrit-smol, or your own loop: one UDP socket, one timer, a disk
//!        │ Input: a UDP datagram, Wake, ...     ▲ Output: UDP datagrams, what to save, events, Wait
//! ┌──────▼──────────────────────────────────────┴──────────────────────────────┐
//! │ node::Node          one turn: links, then the core, then bytes of streams  │  you are here
//! │   app               requests, message streams, broadcast, signatures       │
//! │   link              QUIC and mutual TLS, one lane per kind of frame        │  the only place that knows quinn
//! │   history           the last 4,096 transitions with their evidence         │
//! │ ┌────────────────────────────────────────────────────────────────────────┐ │
//! │ │ ifrit-core        Member: who is alive, and why                        │ │
//! │ └────────────────────────────────────────────────────────────────────────┘ │
//! └─────────────────────────────────────────────────────────────────────────────┘
//!   beside it, all blocking: ca (issue, renew, invites), enrol (invite -> identity), store (a directory)
//!   above it, feature `drive`: the one generic loop and the Client that both drivers share
//! ```
//!
//! | module | what it holds | what it needs from you |
//! |---|---|---|
//! | [`node`] | [`Node`](node::Node): everything of one member behind two calls | a socket, a timer, both clocks |
//! | [`app`] | requests, message streams, broadcast: what each promises, and its errors | nothing: reached through `Node` |
//! | [`history`] | what `explain` tells: transitions and evidence | nothing |
//! | [`counters`], [`offenders`] | numbers for operators | nothing: reached through `Node` |
//! | [`identity`] | key, certificate, root; as files of mode 0600 | a directory |
//! | [`store`] | epochs and the last view, safe against half-written files; one process per directory | a directory |
//! | [`invite`], [`enrol`] | from one line of text to an identity, over HTTPS with a pinned root | a thread that may block |
//! | [`open`] | networks without a CA: whoever has the root is in, and nothing is promised | nothing |
//! | [`ca`] | the authority's rules, database and answers, without a socket | the HTTPS service: the `ifrit` command has one |
//! | `drive` (feature) | loop, `Client`, `Builder` for any async runtime | a `Runtime`: about 60 lines |
//! | `document` (feature) | TOML whose complaints name file, line and the nearest key | nothing |
//! | [`limits`] | every bound of this floor, each with its reason | |
//!
//! # A loop of your own
//! Whole and without any runtime; the bytes come from a plain [`std::net::UdpSocket`]. Saving before
//! [`Input::Persisted`](node::Input::Persisted) is the rule that keeps epochs from repeating (R15).
//!
//! ```no_run
#![doc = include_str!("../examples/embed.rs")]
//! ```
//!
//! Links and sizes: DESIGN section 5. Nothing that a peer sends makes [`Node::handle`](node::Node::handle) fail, panic,
//! block or grow beyond [`limits`].
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub use ifrit_core;

pub mod app;
pub mod ca;
pub mod counters;
pub mod crypto;
#[cfg(feature = "document")]
pub mod document;
#[cfg(feature = "drive")]
pub mod drive;
pub mod enrol;
pub mod history;
pub mod host;
pub mod identity;
pub mod invite;
pub mod limits;
pub mod node;
pub mod offenders;
pub mod open;
pub mod store;

mod file;
mod link;
