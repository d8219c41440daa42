//! Every wire tag and signing domain, in one place. A number is never used again for something else.

/// Version byte of signed bodies. A body of a higher version is a refusal.
pub const BODY_VERSION: u8 = 1;
/// Of a revocation list that says that one root follows another: who cannot read that refuses it without blame.
pub const BODY_VERSION_SUCCESSION: u8 = 2;

/// Domain of a [note](crate::note): second byte of its body.
pub const BODY_NOTE: u8 = 1;
/// Domain of an [accusation](crate::accusation).
pub const BODY_ACCUSATION: u8 = 2;
/// Domain of a [revocation list](crate::revocation).
pub const BODY_REVOCATION: u8 = 3;
/// Domain of a [broadcast](crate::broadcast).
pub const BODY_BROADCAST: u8 = 4;
/// Domain of [what an application signs](crate::application).
pub const BODY_APPLICATION: u8 = 5;

/// Record kinds inside a `Records` frame.
pub const RECORD_CERTIFICATE: u8 = 1;
/// A note.
pub const RECORD_NOTE: u8 = 2;
/// An accusation.
pub const RECORD_ACCUSATION: u8 = 3;

/// Frames: first byte.
pub const FRAME_HELLO: u8 = 1;
/// Whole records.
pub const FRAME_RECORDS: u8 = 2;
/// Summaries of members that changed here.
pub const FRAME_ANNOUNCE: u8 = 3;
/// A request for records.
pub const FRAME_WANT: u8 = 4;
/// Hashes of trie nodes.
pub const FRAME_WALK_ASK: u8 = 5;
/// The answer: their children.
pub const FRAME_WALK_TELL: u8 = 6;
/// "You are no ring neighbour of mine; these are."
pub const FRAME_REDIRECT: u8 = 7;
/// "Your note is out of time here."
pub const FRAME_CLOCK: u8 = 8;

/// "What does your wall clock show?"
pub const FRAME_CLOCK_ASK: u8 = 9;

/// A frame of records, packed.
pub const FRAME_PACKED: u8 = 10;

/// "This is the revocation list that I hold."
pub const FRAME_HOLDS: u8 = 11;
/// A revocation list.
pub const FRAME_REVOCATIONS: u8 = 12;

/// Never a frame of any version: what a test sends as one that is not known yet.
pub const FRAME_LATER: u8 = 255;

/// Datagrams: first byte.
pub const DATAGRAM_PING: u8 = 1;
/// The answer to a ping.
pub const DATAGRAM_PONG: u8 = 2;

/// Hash domains, so that no hash of one kind can be shown as another.
pub const HASH_RING: &[u8] = b"ifrit ring 1";
/// Identity of a record.
pub const HASH_RECORD: &[u8] = b"ifrit record 1";
/// A leaf of the trie.
pub const HASH_LEAF: &[u8] = b"ifrit leaf 1";
/// A bucket of leaves.
pub const HASH_BUCKET: &[u8] = b"ifrit bucket 1";
/// An inner node of the trie.
pub const HASH_NODE: &[u8] = b"ifrit node 1";
/// A view with a revocation list: the trie's root and the list.
pub const HASH_VIEW: &[u8] = b"ifrit view 1";
/// What one member was shown of what is held against it.
pub const HASH_CHARGES: &[u8] = b"ifrit charges 1";
/// Memory of failed signatures: body and signature together.
pub const HASH_FAILED: &[u8] = b"ifrit failed 1";
/// The key of an [open network](crate::certificate::open_signer)'s root.
pub const HASH_OPEN: &[u8] = b"ifrit open 1";
/// Checksums of a [trace](crate::recorder)'s records.
pub const HASH_TRACE: &[u8] = b"ifrit trace 1";
