//! What agents tell about members: the JSON that travels over the control socket and that `--json` prints.

mod look;

pub(crate) use look::*;

use crate::{ca_lists::when, tags};
use ifrit_core::{
    accusation::Accusation,
    action::{Misbehaviour, Notice},
    id::MemberId,
    revocation::{Entry, Revocations},
    time::Mono,
    view::{Charge, MemberView, State},
};
use ifrit_node::history::Transition;
use ifrit_tokio::Explained;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write, net::SocketAddr};

/// A member as the agent sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct MemberRow {
    pub(crate) id: String,
    /// Whether it is the agent itself.
    pub(crate) me: bool,
    pub(crate) state: String,
    /// For how long it has stood so.
    pub(crate) since_ms: u64,
    /// Of its note.
    pub(crate) epoch: u64,
    /// Rings of the network on which it lets nobody accuse it.
    pub(crate) disabled_rings: Vec<u8>,
    pub(crate) addrs: Vec<SocketAddr>,
    /// Its bytes, those that are not printable ASCII escaped.
    pub(crate) tags: String,
    /// What it calls itself, if it says so as agents do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Its tags, if it says them so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    /// The mean of the last round trips, if the agent watches it.
    #[serde(default)]
    pub(crate) rtt_ms: Option<f64>,
}

impl MemberRow {
    pub(crate) fn new(view: &MemberView, me: MemberId, rings: u8, now: Mono) -> Self {
        let (name, labels) = tags::decode(&view.tags).unwrap_or_default();
        Self {
            id: view.id.to_string(),
            me: view.id == me,
            state: state(view.state).to_owned(),
            since_ms: ms(now, view.since),
            epoch: view.epoch,
            disabled_rings: (0..rings).filter(|ring| !view.mask.enabled(*ring)).collect(),
            addrs: view.addrs.clone(),
            tags: view.tags.escape_ascii().to_string(),
            name,
            labels,
            rtt_ms: None,
        }
    }

    /// One whose note is no longer in lease.
    fn forgotten(id: MemberId) -> Self {
        Self { id: id.to_string(), state: "forgotten".to_owned(), ..Self::default() }
    }
}

/// The CA's list of those that are revoked, as somebody holds it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RevocationsRow {
    /// The list's number; 0 if there is none.
    pub(crate) sequence: u64,
    /// Who.
    pub(crate) members: Vec<RevokedRow>,
}

/// A member that is revoked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RevokedRow {
    pub(crate) id: String,
    /// When its last certificate ends: later lists need not name it.
    pub(crate) until_ms: u64,
}

impl RevocationsRow {
    pub(crate) fn new(list: &Revocations) -> Self {
        let row = |entry: Entry| RevokedRow { id: entry.id.to_string(), until_ms: entry.until.0 };
        Self { sequence: list.sequence(), members: list.entries().map(row).collect() }
    }
}

/// The name of a state in JSON and in tables.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::Live => "live",
        State::Accused => "accused",
        State::Down => "down",
        State::Gray => "gray",
        State::Left => "left",
        State::Expired => "expired",
        State::Revoked => "revoked",
    }
}

fn ms(later: Mono, earlier: Mono) -> u64 {
    later.since(earlier).as_millis().try_into().unwrap_or(u64::MAX)
}

/// Why a member stands as it does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ExplainRow {
    #[serde(flatten)]
    pub(crate) member: MemberRow,
    /// Rings of the network.
    pub(crate) rings: u8,
    /// For how long a hold still keeps it out (R6).
    pub(crate) held_for_ms: Option<u64>,
    /// When it goes down if it does not answer.
    pub(crate) down_in_ms: Option<u64>,
    /// Who watches it.
    pub(crate) watchers: Vec<WatcherRow>,
    /// Every accusation held of its epoch.
    pub(crate) accusations: Vec<AccusationRow>,
    /// Its last transitions, oldest first.
    pub(crate) history: Vec<PastRow>,
    /// The minor version of the wire that it speaks, if there is a link to it.
    #[serde(default)]
    pub(crate) minor: Option<u16>,
}

impl ExplainRow {
    pub(crate) fn new(id: MemberId, why: &Explained, me: MemberId, rings: u8, now: Mono) -> Self {
        let history = why.history.iter().map(|seen| PastRow::new(seen, now)).collect();
        let Some(why) = &why.now else {
            let member = MemberRow::forgotten(id);
            return Self { member, rings, history, ..Self::default() };
        };
        let watcher = |(ring, id): &(u8, MemberId)| WatcherRow { ring: *ring, id: id.to_string() };
        Self {
            member: MemberRow::new(&why.member, me, rings, now),
            rings,
            held_for_ms: why.held_until.map(|until| ms(until, now)),
            down_in_ms: why.deadline.map(|deadline| ms(deadline, now)),
            watchers: why.watchers.iter().map(watcher).collect(),
            accusations: why.accusations.iter().map(|charge| AccusationRow::new(charge, now)).collect(),
            history,
            minor: why.minor,
        }
    }
}

impl ExplainRow {
    /// The same of one that is revoked.
    pub(crate) fn revoked(mut self) -> Self {
        state(State::Revoked).clone_into(&mut self.member.state);
        self
    }
}

/// A monitor of a member, on one ring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WatcherRow {
    pub(crate) ring: u8,
    pub(crate) id: String,
}

/// An accusation as the agent holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccusationRow {
    #[serde(flatten)]
    pub(crate) evidence: Evidence,
    /// Valid by R1; else it waits to become so.
    pub(crate) valid: bool,
    /// For how long it has been valid.
    pub(crate) age_ms: Option<u64>,
}

impl AccusationRow {
    fn new(charge: &Charge, now: Mono) -> Self {
        Self {
            evidence: Evidence::new(&charge.accusation),
            valid: charge.valid,
            age_ms: charge.since.map(|since| ms(now, since)),
        }
    }
}

/// A signed accusation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) accused: String,
    pub(crate) accuser: String,
    pub(crate) ring: u8,
    pub(crate) epoch: u64,
    /// Body and signature as they travel, in hex: anybody with the accuser's certificate can check them.
    pub(crate) signed: String,
}

impl Evidence {
    pub(crate) fn new(accusation: &Accusation) -> Self {
        Self {
            accused: accusation.accused.to_string(),
            accuser: accusation.accuser.to_string(),
            ring: accusation.ring,
            epoch: accusation.epoch,
            signed: hex(accusation.signed().bytes()),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One value of a metric: see METRICS.md.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FigureRow {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Something that happened to a member some time ago.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PastRow {
    pub(crate) ago_ms: u64,
    #[serde(flatten)]
    pub(crate) event: EventRow,
}

impl PastRow {
    pub(crate) fn new(seen: &Transition, now: Mono) -> Self {
        let event = EventRow { at_ms: Some(seen.wall.0), ..EventRow::from(&seen.notice) };
        Self { ago_ms: ms(now, seen.at), event }
    }
}

/// Something that happened.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct EventRow {
    /// When the agent saw it: milliseconds since 1970 by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_ms: Option<u64>,
    pub(crate) event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) member: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<u64>,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evidence: Option<Evidence>,
    /// What else there is to say, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl EventRow {
    fn of(event: &str, member: Option<MemberId>) -> Self {
        Self { event: event.to_owned(), member: member.map(|id| id.to_string()), ..Self::default() }
    }

    fn epoch(self, epoch: u64) -> Self {
        Self { epoch: Some(epoch), ..self }
    }

    fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    fn accusation(event: &str, accusation: &Accusation) -> Self {
        Self { evidence: Some(Evidence::new(accusation)), ..Self::of(event, Some(accusation.accused)) }
            .epoch(accusation.epoch)
    }

    /// The first that a monitor sees: from now on it misses nothing.
    pub(crate) fn watching(me: MemberId, live: usize) -> Self {
        Self::of("watching", Some(me))
            .detail(format!("sees {live} live members; events follow as they happen"))
    }

    /// The reader was too slow: this many events are missing here.
    pub(crate) fn lagged(missed: u64) -> Self {
        Self::of("lagged", None).detail(format!("{missed} events are missing here: the reader was too slow"))
    }
}

impl From<&Notice> for EventRow {
    fn from(notice: &Notice) -> Self {
        match notice {
            Notice::Joined { unconfirmed: false } => Self::of("joined", None),
            Notice::Joined { unconfirmed: true } => Self::of("joined", None)
                .detail("with fewer independent contacts than the promise asks for; it goes on trying"),
            Notice::Up { member, epoch } => Self::of("up", Some(*member)).epoch(*epoch),
            Notice::Accused { accusation } => Self::accusation("accused", accusation),
            Notice::Rebutted { member, epoch } => Self::of("rebutted", Some(*member)).epoch(*epoch),
            Notice::Down { accusation } => Self::accusation("down", accusation),
            Notice::Gray { member } => Self::of("gray", Some(*member)),
            Notice::Left { member } => Self::of("left", Some(*member)),
            Notice::Expired { member } => Self::of("expired", Some(*member)),
            Notice::Revoked { member } => Self::of("revoked", Some(*member))
                .detail("the CA has revoked it: it is out for good"),
            Notice::Succeeded { until } => Self::of("succeeded", None).detail(format!(
                "another root has followed the network's; certificates of the former one hold until {} at most",
                when(until.0)
            )),
            Notice::Updated { member, epoch } => Self::of("updated", Some(*member)).epoch(*epoch),
            Notice::AccusedMyself { accusation } => Self::accusation("accused-myself", accusation),
            Notice::Equivocation { member, epoch } => Self::of("equivocation", Some(*member))
                .epoch(*epoch)
                .detail("two different notes with one epoch: a liar, or a restored backup"),
            Notice::IdentityInUse { epoch } => Self::of("identity-in-use", None)
                .epoch(*epoch)
                .detail("another process uses this member's key: stop one of the two"),
            Notice::Misbehaviour { peer, kind } => {
                Self::of("misbehaviour", Some(*peer)).detail(misbehaviour(*kind))
            }
            Notice::ClockWrong { ahead_ms, peer } => Self::of("clock-wrong", Some(*peer)).detail(format!(
                "it refuses our notes for their time: its clock is {ahead_ms} ms ahead of ours; check the clock"
            )),
            Notice::Slow { peer, rtt_ms } => Self::of("slow", Some(*peer)).detail(format!(
                "the round trip takes {rtt_ms} ms, too long for this network's delta: make the network with a longer one"
            )),
            Notice::EpochOverrun { epoch } => Self::of("epoch-overrun", None)
                .epoch(*epoch)
                .detail("the disk is too slow to reserve epochs in time"),
            Notice::SeedsUnreachable => {
                Self::of("seeds-unreachable", None).detail("no seed answers; it keeps trying")
            }
            other => Self::of("other", None).detail(format!("{other:?}")),
        }
    }
}

fn misbehaviour(kind: Misbehaviour) -> &'static str {
    match kind {
        Misbehaviour::Malformed => "sent something malformed",
        Misbehaviour::BadSignature => "sent a signature that does not hold",
        Misbehaviour::IllegalMask => "sent a note with an illegal ring mask",
        Misbehaviour::TooLarge => "sent something over its limits",
        Misbehaviour::ForeignCertificate => "sent a certificate of another network",
        _ => "misbehaved",
    }
}
