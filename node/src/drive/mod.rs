//! One generic event loop and one [`Client`] for every runtime.
//!
//! ```text
//!   your code ── Client ──┐ commands (bounded)        ┌── handler tasks (bounded, timed)
//!                         ▼                           │
//!   UDP socket ◄──► the loop: owns the Node ──────────┼── save: one at a time, newest wins
//!   (Runtime)        one timer, a budget per turn     └── name look-ups
//! ```
//!
//! The loop names no runtime: a driver gives it a [`Runtime`], which is all that differs between tokio and smol. The
//! loop never waits for a peer: what a peer causes is either done at once, queued within a named bound, or dropped.
//!
//! What a [`Client`] sends on a [`MessageStream`] is a length (u32, big-endian) and its bytes; a
//! [`Node`](crate::node::Node) without this module sends the same to talk to one.

mod broadcasts;
mod builder;
mod client;
mod clock;
mod error;
mod events;
mod flows;
mod handler;
mod keeper;
mod pause;
mod record;
mod run;
mod runtime;
mod saver;
mod service;
mod stream;
#[cfg(test)]
mod testing;
mod waits;
mod wire;
mod work;

pub use broadcasts::{Broadcast, Broadcasts};
pub use builder::Builder;
pub use client::{CALLS_MAX, Client, Explained, REQUEST_TIMEOUT};
pub use error::{ClientError, StartError, Stopped};
pub use events::{Event, Events};
pub use handler::{CODE_BUSY, CODE_NO_HANDLER, CODE_PANIC, CODE_TIMEOUT};
pub use quinn_udp::UdpSockRef;
pub use run::{LEAVE_MARGIN, STOP_LIMIT};
pub use runtime::{Runtime, Socket};
pub use service::Service;
pub use stream::{
    CODE_DROPPED, CODE_TOO_LARGE, MessageStream, STREAM_OPEN_TIMEOUT, StreamReceiver, StreamSender,
};
