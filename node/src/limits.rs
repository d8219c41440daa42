//! Every bound on what links and requests can cost, in one place, each with its reason.

use std::time::Duration;

/// Bytes of a request's or a reply's body. More belongs on a stream.
pub const REQUEST_MAX: usize = 1024 * 1024;
/// Requests of this member that wait for their end, in all: ten thousand at once, 300 bytes each. Their bodies are bounded
/// by [`REQUEST_BYTES_TOTAL`].
pub const REQUESTS_OUT_MAX: usize = 16 * 1024;
/// Requests of this member to one peer that are on their way at a time; more wait here for their turn.
pub const REQUESTS_PER_PEER: usize = 1024;
/// Requests that one peer may have open here: a quarter more, since the word that one was taken back may be late.
pub const REQUESTS_FROM_PEER: usize = REQUESTS_PER_PEER + REQUESTS_PER_PEER / 4;
/// Message streams of this member to one peer that are open at a time; more are refused here. With five quarters of
/// [`STREAM_FIRST`] each, 80 MiB that nobody reads, and of [`STREAM_WIDE_PER_PEER`], 20 MiB.
pub const STREAMS_PER_PEER: usize = 1024;
/// Message streams that one peer may have open here: see [`REQUESTS_FROM_PEER`]; and no more than half of what is left of
/// [`STREAMS_TOTAL`], else four peers that open them for good keep all others out.
pub const STREAMS_FROM_PEER: usize = STREAMS_PER_PEER + STREAMS_PER_PEER / 4;
/// Message streams in all, in each direction: 320 MiB if nobody reads any, and 80 MiB for [`STREAM_WIDE_TOTAL`].
pub const STREAMS_TOTAL: usize = 4096;
/// Bytes of one message on a stream.
pub const STREAM_MESSAGE_MAX: usize = 1024 * 1024;
/// Bytes of messages of one peer that have begun to arrive: 16 of the largest. Its other streams wait until one is whole.
pub const STREAM_BYTES_PER_PEER: usize = 16 * STREAM_MESSAGE_MAX;
/// The same of all peers. Beyond it the largest message of the peer that has most is given up.
pub const STREAM_BYTES_TOTAL: usize = 128 * STREAM_MESSAGE_MAX;
/// Bytes of unfinished or unanswered requests that one peer may have here.
pub const REQUEST_BYTES_PER_PEER: usize = 4 * 1024 * 1024;
/// Bytes of answers that one peer may leave untaken here; further ones are refused.
pub const ANSWER_BYTES_PER_PEER: usize = 16 * 1024 * 1024;
/// Bytes of unfinished or unanswered requests in all, in each direction.
pub const REQUEST_BYTES_TOTAL: usize = 64 * 1024 * 1024;
/// Bytes of answers of one peer that have begun to arrive here: what it may leave untaken there, and one that is on its way
/// beside it. Whoever keeps to its own limit stays below.
pub const ANSWERS_FROM_PEER: usize = ANSWER_BYTES_PER_PEER + REQUEST_MAX;
/// The same of all peers. Beyond it the largest of the peer that has most is given up.
pub const ANSWERS_TOTAL: usize = 128 * REQUEST_MAX;
/// Bytes of a failure's text. Longer ones are cut.
pub const FAILURE_TEXT_MAX: usize = 1024;
/// After a member could not be reached, requests to it fail at once for this long.
pub const REDIAL_WAIT: Duration = Duration::from_secs(1);
/// Members remembered as not reached.
pub const DEAD_MAX: usize = 1024;
/// Longest deadline of a request: a longer one is taken as this.
pub const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// Transitions that the history keeps: an hour of heavy trouble in a network of 1000.
pub const HISTORY_MAX: usize = 4096;

/// Requests answered at a time; more are refused at once as busy. A task that waits costs about
/// 1 kB.
pub const HANDLERS_MAX: usize = 8192;
/// Of these for one member, so that no single one takes them all: as many as one asks at a time, so that only what it gave
/// up and what is still being worked on can make it too many. Nor more than half of those that are left, so that a few
/// members whose requests take long keep nobody out.
pub const HANDLERS_PER_MEMBER: usize = REQUESTS_PER_PEER;
/// Time for one answer; then the caller is told that it took too long, and the handler's future is dropped.
pub const HANDLER_LIMIT: Duration = Duration::from_secs(30);
/// Events kept for one subscriber that does not read. The oldest are dropped beyond it: 10³ members may go up at once.
pub const EVENTS_MAX: usize = 4_096;
/// Bytes of broadcasts kept for one subscriber that does not read: what a member takes of one author at once, four times.
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of an application's gossip, and of an answer to it: it goes out twice per Δ.
pub const GOSSIP_MAX: usize = 64 * 1024;
/// Bytes that one broadcast is taken for beside its own, when they are counted: what keeping it, checking it and telling
/// it to the neighbours cost.
pub const BROADCAST_OVERHEAD: usize = 512;
/// Bytes per second that a member takes of one author: so much, at every member, is what a flooding author can cause.
pub const BROADCAST_RATE: u64 = 1024 * 1024;
/// Bytes that it takes of one author at once: half of what is kept, so that whoever keeps to its quota is always pulled
/// before it is dropped.
pub const BROADCAST_BURST: u64 = BROADCAST_KEPT_PER_AUTHOR as u64 / 2;
/// Bytes of one author's broadcasts that are kept for others. The oldest go first.
pub const BROADCAST_KEPT_PER_AUTHOR: usize = 4 * 1024 * 1024;
/// Bytes of broadcasts kept in all. Whoever has most of them loses its oldest.
pub const BROADCAST_KEPT_BYTES: usize = 64 * 1024 * 1024;
/// For how long a broadcast is kept: longer than a restart or a short partition takes.
pub const BROADCAST_KEPT_TIME: Duration = Duration::from_secs(600);
/// Runs of one author that are followed at once: it restarts, and some of the others have not caught up.
pub const BROADCAST_RUNS_MAX: usize = 4;
/// Broadcasts of one run that are asked for, or wait for earlier ones, at once.
pub const BROADCAST_WINDOW: usize = 32;
/// Bytes of broadcasts that wait for earlier ones, in all. Beyond, only the next of each run is asked for.
pub const BROADCAST_WAITING_BYTES: usize = 16 * 1024 * 1024;
/// Broadcasts that are asked for at once, in all.
pub const BROADCAST_PULLS_MAX: usize = 512;
/// Of these from one neighbour, and as many as it may ask for here.
pub const BROADCAST_PULLS_PER_PEER: usize = 64;
/// Runs of which one neighbour may have told more than is here. It is asked again for what there was no room for.
pub const BROADCAST_OFFERS_PER_PEER: usize = 512;
/// Bytes of a turn's budget that one broadcast is taken for beside its own: its signature check takes as long as reading
/// them.
pub const BROADCAST_CHECK_COST: usize = 4 * 1024;
/// Broadcasts asked of one neighbour over its link's life only to see whether an author has signed two for one number.
pub const BROADCAST_DOUBTS_MAX: u32 = 8;
/// Bytes of broadcasts given to one neighbour per second, and at once: twice all that is kept.
pub const BROADCAST_GIVEN_RATE: u64 = 4 * 1024 * 1024;
/// See [`BROADCAST_GIVEN_RATE`].
pub const BROADCAST_GIVEN_BURST: u64 = 2 * BROADCAST_KEPT_BYTES as u64;
/// For how long a neighbour that gave a body with a wrong signature is not listened to, doubling up to
/// [`BROADCAST_DEAF_MAX`].
pub const BROADCAST_DEAF: Duration = Duration::from_secs(1);
/// See [`BROADCAST_DEAF`].
pub const BROADCAST_DEAF_MAX: Duration = Duration::from_secs(60);

/// Links at most, of all kinds: at 20 kB each 40 MB. The core asks for far fewer and hangs up what it does not need.
pub const LINKS_MAX: usize = 2048;
/// Handshakes of others in progress, above which newcomers must prove their address first (Retry): a handshake costs
/// 140 µs and 28 kB, a Retry 5 µs and nothing.
pub const HALF_OPEN_RETRY: usize = 16;
/// Handshakes of others in progress at most; more are refused.
pub const HALF_OPEN_MAX: usize = 64;
/// While there is no room, the oldest handshake of the host that has the most of them gives way to one of a host
/// that has fewer; to one of its own only after this time: an honest one takes two round trips and the work of its ends.
/// Else a stranger without a certificate who begins 64 handshakes per [`HANDSHAKE_TIMEOUT`] keeps all others out.
pub const HALF_OPEN_PATIENCE: Duration = Duration::from_secs(1);
/// Time for a handshake, from either side, and for the peer's first byte after it.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Dials in flight: more at once overflow the receive buffers of a whole cluster that starts.
pub const DIALS_MAX: usize = 4;
/// A dial that heard nothing for this long no longer counts as in flight: black holes must not hold up the others.
pub const DIAL_PATIENCE: Duration = Duration::from_secs(1);
/// Dials at most, those that heard nothing included.
pub const DIALS_SILENT_MAX: usize = 64;
/// Dials that wait for their turn. More fail at once.
pub const DIALS_WAITING_MAX: usize = 1024;
/// A second link to a linked member waits this long for a sign of life of the first one, then takes its place.
pub const SPARE_WAIT: Duration = Duration::from_secs(2);
/// Silence after which a link ends by itself: at least three ping intervals.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A link with open requests is kept alive at this interval: a third of [`IDLE_TIMEOUT`].
pub const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Least spacing of stateless resets, against loops.
pub const RESET_INTERVAL: Duration = Duration::from_millis(20);
/// The congestion window never falls below this: under 40 % loss it halves the delay of gossip.
pub const WINDOW_FLOOR: u64 = 16 * 1024;
/// Bytes of one stream in flight towards here, by QUIC's own count, which is one for all streams of a link: a quarter more
/// than [`STREAM_WIDE`], because quinn tells the sender of room only when that is an eighth of the whole.
pub const STREAM_WINDOW: u32 = 1280 * 1024;
/// Bytes of a message stream that its sender may be ahead of its reader at first: a stream that nobody reads holds no more.
pub const STREAM_FIRST: u64 = 64 * 1024;
/// The same at most, once its program has read as much: 10 MB/s at a round trip of 100 ms.
pub const STREAM_WIDE: u64 = 1024 * 1024;
/// Bytes that all message streams of one peer may have beyond [`STREAM_FIRST`] each.
pub const STREAM_WIDE_PER_PEER: u64 = 16 * STREAM_WIDE;
/// The same of all peers. Streams that find none left stay as narrow as they are.
pub const STREAM_WIDE_TOTAL: u64 = 64 * STREAM_WIDE;
/// Lanes of all links that have a [`STREAM_WINDOW`] for themselves while the core refuses their frames: 80 MiB. Without it
/// one that stalls holds up the others of its link.
pub const LANES_WIDE_MAX: usize = 64;
/// Bytes of all streams of a link in flight towards here, without [`LANES_WIDE_MAX`] and what message streams are granted.
/// More than [`SEND_WINDOW`] and three times [`LANE_RESERVE`]: less important lanes do not fill it.
pub const LINK_WINDOW: u32 = 512 * 1024;
/// Bytes of a link's streams that are written and not acknowledged.
pub const SEND_WINDOW: u64 = 256 * 1024;
/// Of the same, what message streams may have beyond it of which the peer takes more than [`STREAM_FIRST`].
pub const SEND_WIDE: u64 = 4 * STREAM_WIDE;
/// Of the same, what each lane may have beyond it and beyond all that are less important: neither requests and message
/// streams that fill [`SEND_WINDOW`] nor other lanes ever keep an accusation waiting.
pub const LANE_RESERVE: u64 = 64 * 1024;
/// Streams of lanes that a peer may open: three, and room for lanes of later versions, which are turned away.
pub const LANE_STREAMS_MAX: u32 = 8;
/// Streams that a peer may open before it has used any: each of them costs 100 bytes, open or not. Whoever uses half of
/// what it has gets twice as many, up to [`PEER_STREAMS_MAX`].
pub const STREAMS_IDLE: u32 = 8;
/// Streams that a peer may open which has opened [`STREAMS_TURNS`] times as many as it may have open, however few at once:
/// it is told of new ones an eighth of this at a time.
pub const STREAMS_BUSY: u64 = 64;
/// See [`STREAMS_BUSY`].
pub const STREAMS_TURNS: u64 = 4;
/// Streams of all types that a peer may have open: the sum of what each type allows, so that none takes another's.
pub const PEER_STREAMS_MAX: usize = REQUESTS_FROM_PEER + STREAMS_FROM_PEER + PLUMBING_STREAMS;
/// Streams of gossip and broadcast, which open one or two each, and room for those whose type is not known yet.
pub const PLUMBING_STREAMS: usize = 64;
/// Bytes queued on one lane towards one peer. The core stops far below, at its own `LANE_QUEUE_MAX`; a link on which it
/// does not is closed.
pub const LANE_BYTES_MAX: usize = 2 * ifrit_core::limits::LANE_QUEUE_MAX;
/// Pings received that wait for the core; more are dropped, as a network may.
pub const PINGS_WAITING_MAX: usize = 4096;
/// Pings and pongs of one link taken at once, and per second after that: a monitor that probes sends 10 per second, as
/// many come for an answer. One UDP packet can carry 40 pings, and each asks for a packet of its own.
pub const PINGS_BURST: u32 = 128;
/// See [`PINGS_BURST`].
pub const PINGS_PER_SECOND: u32 = 64;
/// UDP datagrams that wait to be sent, above which answers to strangers are dropped.
pub const PACKETS_WAITING_MAX: usize = 1024;
/// UDP datagrams sent for one link before the next link has its turn.
pub const BATCHES_PER_SERVICE: usize = 16;
/// UDP datagrams in one batch: what generic segmentation offload takes on every system.
pub const BATCH_SEGMENTS: usize = 10;

/// Bytes of streams read in one turn, besides the Urgent lane: bulk must not delay pings.
pub const TURN_BYTES: usize = 256 * 1024;
/// What the core refused is offered again after this time, or with the next input.
pub const REFUSED_RETRY: Duration = Duration::from_millis(5);
/// Addresses of one seed that are tried.
pub const SEED_ADDRS_MAX: usize = 8;
/// A line that others can cause at will is logged once in this time, with how many were not: a flood must not fill a disk.
pub const LOG_EVERY: Duration = Duration::from_secs(10);
/// Bytes of a question whether somebody is there: enough to tell one from the next.
pub const ECHO_MAX: usize = 64;
/// Peers whose offences are counted one by one: as many lines as a person reads, and as many series as a store of metrics
/// bears of every member.
pub const OFFENDERS_MAX: usize = 32;
/// Bytes of a recorded run that wait to be taken: a disk that stalls for seconds under full traffic. More is a gap.
pub const RECORD_WAITING_MAX: usize = 4 * 1024 * 1024;

/// What one of several peers may have of what they share: its own limit, and no more than a part of what is left. So a few
/// that take all they may never take all there is.
pub(crate) fn fair_share(own: usize, left: usize, parts: usize) -> usize {
    own.min(left.div_ceil(parts))
}

/// Those bounds that are a member's own affair: no other member counts on them, so each may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests of this member that wait for their end, in all: [`REQUESTS_OUT_MAX`]. One more is
    /// [`Busy`](crate::app::RequestError::Busy).
    pub requests: usize,
    /// Transitions that the history keeps: [`HISTORY_MAX`].
    pub history: usize,
    /// Bytes of broadcasts kept for others: [`BROADCAST_KEPT_BYTES`].
    pub broadcast_kept: usize,
    /// Requests answered at a time: [`HANDLERS_MAX`]. None are answered if it is 0.
    pub handlers: usize,
    /// Of these for one member: [`HANDLERS_PER_MEMBER`].
    pub handlers_per_member: usize,
    /// Time for one answer: [`HANDLER_LIMIT`].
    pub handler_time: Duration,
    /// Events, and broadcasts, kept for one subscriber that does not read: [`EVENTS_MAX`]. At least one is.
    pub events: usize,
    /// Bytes of broadcasts kept for one subscriber that does not read: [`EVENT_BYTES_MAX`].
    pub event_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: REQUESTS_OUT_MAX,
            history: HISTORY_MAX,
            broadcast_kept: BROADCAST_KEPT_BYTES,
            handlers: HANDLERS_MAX,
            handlers_per_member: HANDLERS_PER_MEMBER,
            handler_time: HANDLER_LIMIT,
            events: EVENTS_MAX,
            event_bytes: EVENT_BYTES_MAX,
        }
    }
}
