//! Recorded runs: what a driver writes and [`replay`] reads.
//!
//! ```text
//!   driver ──► Recorder::handle(member, now, event) ──► Member::handle
//!                 │ the event, the signatures made, a digest of what came of it
//!                 ▼
//!              bytes ──► a file ──► replay() ──► the same Member again, record by record
//! ```
//!
//! The private key is never in a trace: each signature made is an input of the replay, which checks it with the
//! certificate's key and gives it to the member. All else of a trace is what a member's peers and disk have told it; the
//! seed is used for nothing secret.
//!
//! # Format
//!
//! `"ifrit tr"`, version `u8`, then records: kind `u8`, length `u32`, checksum `[8]` (the first bytes of SHA-256 over kind,
//! length and payload), payload. Integers are big-endian; payloads marked * are postcard.
//!
//! | kind | payload |
//! |---|---|
//! | 1 header * | version of this crate, root, addresses, tags, seeds, probation, certificate, what was stored, seed, start |
//! | 2 event * | time, [`Event`] |
//! | 3 signature | 64 bytes; follows the event that made it |
//! | 4 check | actions drained since the last check `u32`, running digest `[16]` |
//! | 5 gap | nothing; what follows was lost, and the replay ends here |
//! | 6 end | nothing; the run ended in good order |
//!
//! The header comes first, once, and the first check follows it: what the member did when it was made. Each event has its
//! check, after its signatures; the digest goes over all actions drained so far, each in the fixed encoding of
//! `recorder::digest`, and over the root of the view after each event. Refused events have changed nothing and are not
//! recorded.
//!
//! A trace may be cut anywhere: it replays up to there, and what is missing is told.

mod digest;
mod format;
mod replay;
mod words;

pub use replay::{Difference, Ended, ReplayError, Replayed, Watch, Why, replay, replay_watched};

use self::{
    digest::Running,
    format::{Header, Record},
};
use crate::{
    action::Action,
    config::{Config, ConfigError, LocalIdentity, Stored},
    crypto::{PublicKey, Signature, Signer},
    event::{Event, Refused},
    member::Member,
    seed::Seed,
    time::Now,
};
use alloc::{boxed::Box, vec::Vec};
use core::mem;

/// Records one member's run. From [`Recorder::start`] on, every call to the member goes through it.
///
/// It costs one hash of what goes in and out, and one copy of what comes in.
#[derive(Debug)]
pub struct Recorder {
    out: Vec<u8>,
    waiting_max: usize,
    /// Bytes of the header that were not taken yet: it is as long as the stored view, and no limit holds for it.
    header: usize,
    digest: Running,
    /// Actions drained since the last check.
    drained: u32,
    /// Whether the next event's check is due first.
    unchecked: bool,
    /// Whether the member has said that it waits: saying so again is nothing new.
    waits: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Gap,
    Ended,
}

impl Recorder {
    /// Makes a member, as [`Member::new`] does, and records it from its first moment on. Of bytes that were recorded and
    /// not taken, at most `waiting_max` are kept: beyond, the record has a gap, and ends.
    ///
    /// # Errors
    /// Those of [`Member::new`]. Nothing was made.
    pub fn start(
        config: Config,
        me: LocalIdentity,
        stored: Stored,
        seed: Seed,
        now: Now,
        waiting_max: usize,
    ) -> Result<(Member, Self), ConfigError> {
        let out = format::begin(&Header::of(&config, &me.certificate, &stored, seed, now));
        let signer = Box::new(Logging { signer: me.signer, made: Vec::new() });
        let me = LocalIdentity { certificate: me.certificate, signer };
        let mut member = Member::new(config, me, stored, seed, now)?;
        let mut recorder = Self {
            header: out.len(),
            out,
            waiting_max,
            digest: Running::default(),
            drained: 0,
            unchecked: false,
            waits: false,
            state: State::Running,
        };
        recorder.after(&mut member);
        Ok((member, recorder))
    }

    /// [`Member::handle`], recorded. The event is in the record before the member sees it.
    ///
    /// # Errors
    /// Those of [`Member::handle`]; such an event is not recorded.
    pub fn handle(&mut self, member: &mut Member, now: Now, event: Event<'_>) -> Result<(), Refused> {
        self.check();
        let mark = self.out.len();
        self.write(&Record::Event(now, event.clone()));
        let result = member.handle(now, event);
        match result {
            Ok(()) => self.after(member),
            Err(_) if self.is_running() => self.out.truncate(mark),
            Err(_) => {}
        }
        result
    }

    /// [`Member::poll_action`], recorded.
    pub fn poll_action<'m>(&mut self, member: &'m mut Member) -> Action<'m> {
        let action = member.poll_action();
        let waits = matches!(action, Action::Wait { .. });
        if self.is_running() && !(waits && self.waits) {
            self.waits = waits;
            self.digest.action(&action);
            self.drained += 1;
            self.unchecked = true;
        }
        action
    }

    /// Ends the record in good order.
    pub fn finish(&mut self) {
        self.check();
        self.write(&Record::End);
        if self.is_running() {
            self.state = State::Ended;
        }
    }

    /// What was recorded since the last call: write it after what came before. May end within a record.
    pub fn take(&mut self) -> Vec<u8> {
        self.header = 0;
        mem::take(&mut self.out)
    }

    /// Whether more waited than there was room for. Nothing is recorded any more.
    pub fn has_gap(&self) -> bool {
        self.state == State::Gap
    }

    fn is_running(&self) -> bool {
        self.state == State::Running
    }

    /// What the event made, beside actions.
    fn after(&mut self, member: &mut Member) {
        for signature in member.signer.take_log() {
            self.write(&Record::Signature(signature));
        }
        self.digest.root(&member.view().digest());
        (self.unchecked, self.waits) = (true, false);
    }

    fn check(&mut self) {
        if mem::take(&mut self.unchecked) {
            self.write(&Record::Check { drained: self.drained, digest: self.digest.value() });
            self.drained = 0;
        }
    }

    fn write(&mut self, record: &Record<'_>) {
        if !self.is_running() {
            return;
        }
        let mark = self.out.len();
        format::write(record, &mut self.out);
        if self.out.len() - self.header > self.waiting_max {
            self.out.truncate(mark);
            format::write(&Record::Gap, &mut self.out);
            self.state = State::Gap;
        }
    }
}

/// Signs, and remembers what it signed until it is recorded.
#[derive(Debug)]
struct Logging {
    signer: Box<dyn Signer>,
    made: Vec<Signature>,
}

impl Signer for Logging {
    fn sign(&mut self, message: &[u8]) -> Signature {
        let signature = self.signer.sign(message);
        self.made.push(signature);
        signature
    }

    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    fn take_log(&mut self) -> Vec<Signature> {
        mem::take(&mut self.made)
    }
}
