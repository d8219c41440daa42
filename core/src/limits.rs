//! Every bound on what a peer can cost, in one place, each with its reason.

use core::time::Duration;

/// Addresses in a note: one per family, inside and outside of a NAT.
pub const ADDRS_MAX: usize = 4;
/// Bytes of tags in a note: what memberlist and serf allow; more would make every push heavier.
pub const TAGS_MAX: usize = 512;
/// Bytes of a broadcast: every member keeps it for a while and hands it on, so more belongs on streams.
pub const BROADCAST_MAX: usize = 64 * 1024;
/// Bytes of a certificate: the CA's own are about 450; a member cannot make them longer.
pub const CERTIFICATE_MAX: usize = 1024;
/// Bytes of a root with the one that it follows and what that one signed for it: three certificates.
pub const BUNDLE_MAX: usize = 3 * CERTIFICATE_MAX;
/// Bytes of any one record: what waits to be checked is counted in records, so each must be small. Twice what this
/// version makes, for those of later versions, which are refused without blame.
pub const RECORD_MAX: usize = 2048;
/// Members in a revocation list: those revoked within the life of a certificate. 41 kB, which fits a frame; every member holds it.
pub const REVOKED_MAX: usize = 1024;
/// Bytes of a whole gossip frame. Larger answers are paged.
pub const FRAME_MAX: usize = 64 * 1024;
/// Bytes of payload after which a page of records is closed: small enough that eight links' pages do not fill a
/// connection window.
pub const PAGE: usize = 16 * 1024;
/// Bytes of a gossip datagram: it must fit the smallest QUIC packet beside its headers.
pub const DATAGRAM_MAX: usize = 256;
/// Summaries in one `Announce` frame.
pub const ANNOUNCE_MAX: usize = 256;
/// How far a push looks round a ring for somebody who seems well (R7): with half of all out, one push in 65,000 finds nobody there,
/// and goes to others by chance.
pub const BESIDE_MAX: usize = 16;
/// Members announced at once from which on news come in bulk: they are gathered for longer (R7), and whoever follows on the rings is not
/// dialled before they have come (R16).
pub const BULK: usize = 16;
/// Requests in one `Want` frame.
pub const WANT_MAX: usize = 256;
/// Trie nodes in one `WalkAsk` or `WalkTell` frame.
pub const WALK_MAX: usize = 32;
/// Bytes queued towards one peer on one lane before pushes to it stop and anti-entropy takes over.
pub const LANE_QUEUE_MAX: usize = 256 * 1024;
/// Bytes of actions not yet drained before packets and commands are refused.
pub const OUTBOX_HIGH_WATER: usize = 4 * 1024 * 1024;
/// Signature checks that one event may cost before the rest waits for the next call.
pub const VERIFIES_PER_EVENT: u32 = 64;
/// Signatures that one event may make before the rest waits; rebuttals come first.
pub const SIGNS_PER_EVENT: u32 = 16;
/// Records that wait for the verification budget, per link. More: the lane is refused.
pub const QUEUE_PER_LINK: usize = 1024;
/// Bytes of these, per link: what a QUIC connection's window lets under way, and seven times what is asked of one peer at a time
/// ([`ASKED_MAX`]). More: the lane is refused.
pub const INBOX_BYTES_MAX: usize = 256 * 1024;
/// Failed (body, signature) pairs remembered. Older ones fall out: a repeat then costs one check, charged to its link.
pub const FAILED_MEMORY: usize = 1024;
/// A first dial has so many pings' time (R5): a handshake takes more round trips, and both ends' work.
pub const FIRST_DIAL_PINGS: u32 = 4;
/// Consecutive misses never needed more than (R5): else a liar trains a monitor into patience.
pub const MISSES_MAX: u32 = 16;
/// Other members that one must monitor before the median of their losses counts (R5).
pub const MEDIAN_OTHERS_MIN: usize = 3;
/// Ring neighbours that must have reported their strain before its median counts (R8): fewer bear no liar.
pub const STRAIN_REPORTS_MIN: usize = 3;
/// A median from here on is trouble that all share, in percent (R8): twice it is half, so from here on it is the median, not the
/// half, that decides who is gray.
pub const STRAIN_SHARED_MIN: u8 = 25;
/// How old a report may be (R8): six times what a full round of pings takes on a LAN.
pub const STRAIN_REPORT_MAX_AGE: Duration = Duration::from_secs(60);
/// Linked ring neighbours that a member must have to find itself deaf (R8): of fewer, too few answer by chance under loss.
pub const EAR_NEIGHBOURS_MIN: usize = 8;
/// A member is deaf for at most so many times what gray takes (R8): then it speaks, whoever hears it.
pub const DEAF_ROUNDS: u32 = 3;
/// First wait between dials of one member (R12), doubling up to [`DIAL_WAIT_MAX`].
pub const DIAL_WAIT_MIN: Duration = Duration::from_secs(5);
/// Longest wait between dials of one member (R12).
pub const DIAL_WAIT_MAX: Duration = Duration::from_secs(60);
/// Longest memory of a refusal per peer (R10), and longest spacing of charged walks (R13).
pub const REFUSAL_MEMORY_MAX: Duration = Duration::from_secs(60);
/// Useless walks that cost nothing (R13).
pub const WALKS_FREE: u8 = 3;
/// Peers that showed a difference and wait for their walk (R13): what others show meanwhile, the next pings show again, one peer's
/// per 1/R.
pub const WALKS_WAITING: usize = 3;
/// Spacing of walks after that, doubling up to [`REFUSAL_MEMORY_MAX`] (R13).
pub const WALK_SPACING_MIN: Duration = Duration::from_secs(1);
/// Least bytes that one identity is served in an hour (R13).
pub const SERVED_MIN: u64 = 1024 * 1024;
/// Bytes per second that it is served after that (R13).
pub const SERVED_RATE: u64 = 10_000;
/// Least bytes served per Δ to all together before walks are put off and others are named (R16); twice the view, if that is more.
pub const BULK_MIN: u64 = 256 * 1024;
/// Members that one contact names in its place (R16).
pub const INTRODUCED_MAX: usize = 3;
/// Members named by all contacts that are remembered (R16).
pub const INTRODUCED_ALL_MAX: usize = 16;
/// Notes of one member forwarded in a burst (R12).
pub const NOTE_BUCKET: u8 = 4;
/// Of its own four the owner keeps these for rebuttals (R12).
pub const NOTE_BUCKET_REBUTTALS: u8 = 2;
/// A ring accused twice within this time without a valid accusation is disabled too (R3).
pub const RING_MEMORY: Duration = Duration::from_secs(600);
/// A disabled ring comes back after this time, doubling up to [`RING_BACK_MAX`] (R3).
pub const RING_BACK_MIN: Duration = Duration::from_secs(600);
/// Longest wait before a disabled ring comes back (R3).
pub const RING_BACK_MAX: Duration = Duration::from_secs(24 * 3600);
/// Renewals at once for one peer that holds us out, before they are spaced (R3): should the first be lost in a heal's storm, there
/// is a second.
pub const RENEWALS_AT_ONCE: u8 = 2;
/// After two renewals at once for one peer that holds us out, one per this time and peer (R3).
pub const RENEW_FOR_PEER: Duration = Duration::from_secs(600);
/// Epochs reserved at a time (R15): at most one note per Δ/2, so a block lasts minutes even under attack.
pub const EPOCH_BLOCK: u64 = 1024;
/// Seeds tried.
pub const SEEDS_MAX: usize = 64;
/// Links in all, beyond those of ring neighbours.
pub const STRANGER_LINKS_MAX: usize = 256;
/// Useless inputs that a link may owe before it is served last and refused early (R11).
pub const CHARGE_MAX: u32 = 512;
/// Useless inputs that it is forgiven per second.
pub const CHARGE_PER_SECOND: u32 = 64;
/// Records asked of one peer and not yet here: about two pages.
pub const ASKED_MAX: u32 = 64;
/// Records that a walk found and that wait to be asked for, per link; beyond, the next walk finds them.
pub const WANTS_WAITING: usize = 8192;
/// Records asked for in all, with their announcers.
pub const PULLS_MAX: usize = 16_384;
/// Announcers remembered per record.
pub const ANNOUNCERS_MAX: usize = 4;
/// Notes that wait for their owner's bucket (R12): more owners than that do not empty theirs within Δ.
pub const WAITING_NOTES_MAX: usize = 4096;
/// Time before the first snapshot of the view, and between the first and the second; then it doubles.
pub const SNAPSHOT_FIRST: Duration = Duration::from_secs(2);
/// Longest time between snapshots of a view that changes.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(60);
/// A certificate is pushed along with a note to peers that may not have it yet, this long after it came.
pub const CERTIFICATE_NEWS: Duration = Duration::from_secs(30);
/// Of the time, the share in which heals may hold ages back is one part in this (R4): else members that come and go
/// keep crashed ones in.
pub const FREEZE_SHARE: u32 = 4;
/// Longest wait between two attempts to reach someone who is out: half of what a heal may take. A dial into nowhere costs six
/// padded packets, 7.4 kB.
pub const HEAL_WAIT_MAX: Duration = Duration::from_secs(5);
