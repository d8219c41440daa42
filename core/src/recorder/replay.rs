//! The same member again, from a trace.

use super::{
    digest::{Running, Short},
    format::{Header, NoTrace, Record, Records, Stop, VERSION},
    words,
};
use crate::{
    action::Action,
    certificate::{Certificate, CertificateError, Root},
    config::{Config, ConfigError, LocalIdentity, Stored},
    crypto::{PublicKey, Signature, Signer, Verifier},
    event::{Event, Refused},
    id::MemberId,
    member::Member,
    time::Now,
    view::View,
};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
    sync::Arc,
    vec::{self, Vec},
};
use core::{
    fmt,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Actions of a [`Difference`] that are shown.
const SHOWN: usize = 32;

/// A run that this core repeats, as far as its trace goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Whose run it is.
    pub member: MemberId,
    /// The version of this crate that made the trace.
    pub version: String,
    /// Records read, the header included.
    pub records: u64,
    /// Events after which everything was equal.
    pub events: u64,
    /// Actions drained after them.
    pub actions: u64,
    /// The time of the last of them; of the start if there is none.
    pub end: Now,
    /// What ended it.
    pub ended: Ended,
}

/// What ends a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The run ended in good order.
    Whole,
    /// The recorder ran out of room: what came then is lost.
    Gap,
    /// The trace was cut, or its writer was killed. What the last event brought may be missing.
    Cut {
        /// Whether there is half a record at its end.
        half: bool,
    },
}

/// Why a trace does not replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Not a trace.
    #[error("this is no trace of a member: it does not begin like one")]
    NoTrace,
    /// Of another format.
    #[error("a trace of format {0}, and this version reads format {ours}: replay it with the version that recorded it", ours = VERSION)]
    OtherFormat(u8),
    /// Cut before its header ends: nothing of the run is in it.
    #[error("the trace ends within its header: nothing of the run is in it")]
    NoHeader,
    /// A record was changed, or makes no sense. All before it was equal.
    #[error("record {record} is damaged; the {events} events before it replay")]
    Damaged {
        /// Its number; the header's is 0.
        record: u64,
        /// Events before it.
        events: u64,
    },
    /// The header's root or certificate is none.
    #[error("the header's certificates do not hold: {0}")]
    Certificate(#[from] CertificateError),
    /// The member of the header cannot be made.
    #[error("the member of the header cannot be made: {0}")]
    Config(#[from] ConfigError),
    /// This core does something else than the one that was recorded.
    #[error(transparent)]
    Differs(Box<Difference>),
}

/// The first record at which this run is another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Difference {
    /// The event's number among the records; 0 if it was different from the start.
    pub record: u64,
    /// Events before it, all equal.
    pub events: u64,
    /// The event's time.
    pub at: Now,
    /// The event, in words.
    pub event: String,
    /// What differs.
    pub why: Why,
    /// What this run does after the event, in words; the first 32 actions.
    pub actions: Vec<String>,
    /// Actions that the recorded run drained before its next event; `None` if it was not reached.
    pub recorded: Option<u32>,
    /// The version of this crate that made the trace.
    pub version: String,
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Its actions, or the view.
    Actions,
    /// The event is refused; it was not.
    Refused(Refused),
    /// It signs something else, or more.
    SignsOther,
    /// It signs less.
    SignsLess,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "this core differs from the recorded one at record {}", self.record)?;
        writeln!(f, "  after {} equal events, at {} ns: {}", self.events, self.at.mono.0, self.event)?;
        match self.why {
            Why::Actions => writeln!(f, "  what it does, or its view, is not what was recorded")?,
            Why::Refused(refused) => writeln!(f, "  it refuses the event: {refused}")?,
            Why::SignsOther => writeln!(f, "  it signs something that was not signed then")?,
            Why::SignsLess => writeln!(f, "  it does not sign what was signed then")?,
        }
        if let Some(recorded) = self.recorded {
            writeln!(f, "  the recorded run had {recorded} actions here")?;
        }
        writeln!(f, "  this run's actions:")?;
        self.actions.iter().try_for_each(|action| writeln!(f, "    {action}"))?;
        write!(f, "  the trace was made by version {}, this is {}", self.version, env!("CARGO_PKG_VERSION"))
    }
}

/// Makes the member of a trace again and gives it the same events, comparing all that comes of them.
///
/// `verifier` must accept what the recorded member's did; every verifier does.
///
/// # Errors
/// [`ReplayError`]: at the first difference, or if the trace is damaged. One that was cut is none: see [`Ended`].
pub fn replay(bytes: &[u8], verifier: Arc<dyn Verifier>) -> Result<Replayed, ReplayError> {
    match Run::new(bytes, Arc::clone(&verifier), None, false)?.run() {
        // Nothing is put in words before there is need: the same again, up to the difference.
        Err(ReplayError::Differs(_)) => Run::new(bytes, verifier, None, true)?.run(),
        result => result,
    }
}

/// [`replay`], with somebody who watches the member that is made again.
///
/// # Errors
/// Those of [`replay`]; what was watched until then was equal, but for the last event.
pub fn replay_watched(
    bytes: &[u8],
    verifier: Arc<dyn Verifier>,
    watch: &mut dyn Watch,
) -> Result<Replayed, ReplayError> {
    match Run::new(bytes, Arc::clone(&verifier), Some(watch), false)?.run() {
        Err(ReplayError::Differs(_)) => Run::new(bytes, verifier, None, true)?.run(),
        result => result,
    }
}

/// Watches a replay.
pub trait Watch {
    /// The member has handled an event, and sees this now.
    fn event(&mut self, _now: Now, _event: &Event<'_>, _view: View<'_>) {}

    /// It then did something.
    fn action(&mut self, _now: Now, _action: &Action<'_>) {}
}

struct Run<'a, 'w> {
    records: Records<'a>,
    header: Header<'a>,
    member: Member,
    told: Arc<Told>,
    digest: Running,
    /// Signature records read.
    signatures: usize,
    /// The last event, for people, and whether it waits for its check.
    last: Option<(u64, Now, Event<'a>)>,
    is_open: bool,
    result: Replayed,
    /// Whether differences are put in words.
    shows: bool,
    watch: Option<&'w mut dyn Watch>,
}

impl<'a, 'w> Run<'a, 'w> {
    fn new(
        bytes: &'a [u8],
        verifier: Arc<dyn Verifier>,
        watch: Option<&'w mut dyn Watch>,
        shows: bool,
    ) -> Result<Self, ReplayError> {
        let (header, records) = Records::open(bytes)?;
        let root = Root::from_bundle(&header.root, &*verifier)?;
        let certificate = Certificate::parse(header.certificate, &root)?;
        let told = Arc::new(Told::default());
        let signer = Replaying {
            key: certificate.key(),
            signatures: signatures(records.clone()).into_iter(),
            verifier: Arc::clone(&verifier),
            told: Arc::clone(&told),
        };
        let (addrs, tags) = (header.addrs.clone(), header.tags.to_vec());
        let config = Config { root, addrs, tags, seeds: header.seeds, probation: header.probation, verifier };
        let me = LocalIdentity { certificate: header.certificate.to_vec(), signer: Box::new(signer) };
        let stored = Stored { epoch_ceiling: header.epoch_ceiling, records: header.records.to_vec() };
        let member = Member::new(config, me, stored, header.seed, header.now)?;
        let result = Replayed {
            member: certificate.id,
            version: header.version.to_owned(),
            records: 1,
            events: 0,
            actions: 0,
            end: header.now,
            ended: Ended::Cut { half: false },
        };
        let mut run = Self {
            records,
            header,
            member,
            told,
            digest: Running::default(),
            signatures: 0,
            last: None,
            is_open: true,
            result,
            shows,
            watch,
        };
        run.digest.root(&run.member.view().digest());
        Ok(run)
    }

    fn run(mut self) -> Result<Replayed, ReplayError> {
        loop {
            let next = self.records.next();
            self.result.records += u64::from(matches!(next, Ok(Some(_))));
            self.result.ended = match next {
                Ok(Some(Record::Event(now, event))) => {
                    self.feed(now, event)?;
                    continue;
                }
                Ok(Some(Record::Signature(_))) => {
                    self.signatures += 1;
                    continue;
                }
                Ok(Some(Record::Check { drained, digest })) => {
                    self.compare(drained, &digest)?;
                    continue;
                }
                Ok(Some(Record::Gap)) => Ended::Gap,
                Ok(Some(Record::End)) => Ended::Whole,
                Ok(None) => Ended::Cut { half: false },
                Err(Stop::Half) => Ended::Cut { half: true },
                Err(Stop::Damaged) => return Err(self.damaged()),
            };
            return Ok(self.result);
        }
    }

    fn feed(&mut self, now: Now, event: Event<'a>) -> Result<(), ReplayError> {
        if self.is_open {
            // Each event's check comes before the next one.
            return Err(self.damaged());
        }
        self.last = Some((self.records.number, now, event.clone()));
        self.is_open = true;
        if let Err(refused) = self.member.handle(now, event) {
            return Err(self.differs(Why::Refused(refused), None, Vec::new()));
        }
        self.digest.root(&self.member.view().digest());
        if let (Some(watch), Some((_, now, event))) = (&mut self.watch, &self.last) {
            watch.event(*now, event, self.member.view());
        }
        Ok(())
    }

    fn compare(&mut self, drained: u32, digest: &Short) -> Result<(), ReplayError> {
        let (actions, shown) = self.drain(drained);
        let made = self.told.made.load(Ordering::Relaxed);
        let why = if self.told.is_wrong.load(Ordering::Relaxed) || made > self.signatures {
            Why::SignsOther
        } else if made < self.signatures {
            Why::SignsLess
        } else if self.digest.value() != *digest {
            Why::Actions
        } else {
            self.result.actions += u64::from(actions);
            if let Some((_, now, _)) = self.last.as_ref().filter(|_| self.is_open) {
                self.result.events += 1;
                self.result.end = *now;
            }
            self.is_open = false;
            return Ok(());
        };
        Err(self.differs(why, Some(drained), shown))
    }

    /// Drains as many actions as were drained then, or all that there are; how many, and in words if wanted.
    fn drain(&mut self, wanted: u32) -> (u32, Vec<String>) {
        let mut shown = Vec::new();
        for drained in 0..wanted {
            let action = self.member.poll_action();
            self.digest.action(&action);
            if let Some(watch) = &mut self.watch {
                let now = self.last.as_ref().map_or(self.header.now, |(_, now, _)| *now);
                watch.action(now, &action);
            }
            if self.shows && shown.len() < SHOWN {
                shown.push(words::action(&action));
            }
            if matches!(action, Action::Wait { .. }) {
                return (drained + 1, shown);
            }
        }
        (wanted, shown)
    }

    fn damaged(&self) -> ReplayError {
        ReplayError::Damaged { record: self.records.number, events: self.result.events }
    }

    fn differs(&self, why: Why, recorded: Option<u32>, actions: Vec<String>) -> ReplayError {
        let start = || String::from("the start");
        let (record, at, event) = match &self.last {
            Some((record, now, event)) => (*record, *now, words::event(event)),
            None => (0, self.header.now, start()),
        };
        let version = self.result.version.to_string();
        let events = self.result.events;
        ReplayError::Differs(Box::new(Difference {
            record,
            events,
            at,
            event,
            why,
            actions,
            recorded,
            version,
        }))
    }
}

impl From<NoTrace> for ReplayError {
    fn from(error: NoTrace) -> Self {
        match error {
            NoTrace::Magic => Self::NoTrace,
            NoTrace::Version(version) => Self::OtherFormat(version),
            NoTrace::Header(Stop::Half) => Self::NoHeader,
            NoTrace::Header(Stop::Damaged) => Self::Damaged { record: 0, events: 0 },
        }
    }
}

/// All signatures of a trace, in their order; what ends it is told later.
fn signatures(mut records: Records<'_>) -> Vec<Signature> {
    let mut all = Vec::new();
    while let Ok(Some(record)) = records.next() {
        if let Record::Signature(signature) = record {
            all.push(signature);
        }
    }
    all
}

/// Gives back recorded signatures: without the key, and only for what they sign.
#[derive(Debug)]
struct Replaying {
    key: PublicKey,
    signatures: vec::IntoIter<Signature>,
    verifier: Arc<dyn Verifier>,
    told: Arc<Told>,
}

/// What the signer has to say to the replay, which does not own it.
#[derive(Debug, Default)]
struct Told {
    made: AtomicUsize,
    is_wrong: AtomicBool,
}

impl Signer for Replaying {
    fn sign(&mut self, message: &[u8]) -> Signature {
        self.told.made.fetch_add(1, Ordering::Relaxed);
        // Beyond the last one the trace was cut, or the run differs; the comparison says which.
        let Some(signature) = self.signatures.next() else { return Signature([0; 64]) };
        if !self.verifier.verify(&self.key, message, &signature) {
            self.told.is_wrong.store(true, Ordering::Relaxed);
        }
        signature
    }

    fn public_key(&self) -> PublicKey {
        self.key
    }
}
