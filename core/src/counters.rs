//! Numbers for operators.

/// What happened so far, for operators. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Signatures checked.
    pub verified: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Signatures made.
    pub signed: u64,
    /// Records that were new.
    pub news: u64,
    /// Records that were held already.
    pub duplicates: u64,
    /// Records refused for time or view.
    pub refusals: u64,
    /// Frames and datagrams with unknown tags, skipped.
    pub unknown: u64,
    /// Frames and datagrams that broke the rules.
    pub misbehaved: u64,
    /// Pings sent.
    pub pings: u64,
    /// Pings missed.
    pub misses: u64,
    /// Accusations signed.
    pub accusations: u64,
    /// Times that it said that it is gray (R8).
    pub grays: u64,
    /// Rebuttals signed.
    pub rebuttals: u64,
    /// Walks begun.
    pub walks: u64,
    /// Events refused for back-pressure.
    pub refused: u64,
    /// Frames dropped because a lane was full; anti-entropy brings their records.
    pub dropped: u64,
    /// Times that the own loop was late (R4).
    pub late: u64,
}
