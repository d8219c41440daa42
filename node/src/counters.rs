//! What a node has done, in numbers.

use serde::{Deserialize, Serialize};

/// Totals since the start, except those that say "now". None ever stops the node: they are for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counters {
    /// UDP datagrams received.
    pub datagrams_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// UDP datagrams sent.
    pub datagrams_out: u64,
    /// Their payload bytes; 28 more each on the wire (IPv4 and UDP headers).
    pub bytes_out: u64,
    /// UDP datagrams that belong to no link and open none: junk, strays, empty ones.
    pub strays: u64,
    /// Dials started.
    pub dials: u64,
    /// Dials that came to nothing: no answer, wrong id, foreign or ended certificate.
    pub dials_failed: u64,
    /// Handshakes of others accepted.
    pub accepts: u64,
    /// Handshakes of others that came to nothing.
    pub accepts_failed: u64,
    /// Handshakes answered with Retry.
    pub retries: u64,
    /// Handshakes refused for lack of room.
    pub refusals: u64,
    /// Handshakes of others ended early because newcomers needed their room.
    pub accepts_displaced: u64,
    /// Links that are up now.
    pub links: u64,
    /// Links lost that were up.
    pub links_lost: u64,
    /// Links closed because the peer broke the framing.
    pub malformed: u64,
    /// Links dropped because the QUIC library panicked in them: please report these.
    pub panics: u64,
    /// Gossip frames received.
    pub frames_in: u64,
    /// Gossip frames sent.
    pub frames_out: u64,
    /// Times that a frame was refused by the core and kept.
    pub frames_deferred: u64,
    /// Pings and pongs received.
    pub pings_in: u64,
    /// Pings and pongs that reached the wire.
    pub pings_out: u64,
    /// Pings and pongs that did not reach the wire.
    pub pings_unsent: u64,
    /// Pings and pongs received and dropped because too many waited.
    pub pings_dropped: u64,
    /// Streams of peers turned away at their first byte: type unknown, sender not live, or too many.
    pub streams_refused: u64,
    /// Message streams opened to others.
    pub streams_out: u64,
    /// Message streams of others given to the application.
    pub streams_in: u64,
    /// Requests sent.
    pub requests_out: u64,
    /// Requests received and given to the application.
    pub requests_in: u64,
    /// Requests received and refused.
    pub requests_refused: u64,
    /// Broadcasts of others given to the application.
    pub broadcasts_in: u64,
    /// Times that a relay gave what is no broadcast, or has no valid signature.
    pub broadcast_garbage: u64,
    /// Bytes of requests, of gossip of the application and of the answers to either, received.
    pub request_bytes_in: u64,
    /// The same, sent.
    pub request_bytes_out: u64,
    /// Bytes of message streams received.
    pub stream_bytes_in: u64,
    /// The same, sent.
    pub stream_bytes_out: u64,
    /// Bytes of broadcasts and of asking for them, received.
    pub broadcast_bytes_in: u64,
    /// The same, sent.
    pub broadcast_bytes_out: u64,
}

/// Something that waits, and how much of it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// What.
    pub name: &'static str,
    /// How much of it there is.
    pub depth: usize,
    /// The most that there may be.
    pub limit: usize,
}
