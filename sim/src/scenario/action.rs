//! What happens in a scenario, to whom, and when.

use super::{Line, write};
use core::time::Duration;
use serde::Serialize;

/// An entry of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct At {
    /// When, or when at the earliest.
    #[serde(serialize_with = "write::span")]
    pub t: Duration,
    /// It happens again and again, so far apart on average.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::some_span")]
    pub every: Option<Duration>,
    /// When it stops happening again; `None`: at the end.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::some_span")]
    pub until: Option<Duration>,
    /// What.
    #[serde(rename = "do")]
    pub action: Action,
    /// Where it stands.
    #[serde(skip)]
    pub line: Line,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Processes end without a word.
    Crash(Selector),
    /// Crashed ones start again.
    Restart(Selector),
    /// Members say goodbye.
    Leave(Selector),
    /// Newcomers start.
    Join {
        /// How many.
        count: usize,
    },
    /// Partitions end.
    Heal {},
    /// Processes stop for a while.
    Pause {
        /// Whose.
        members: Selector,
        /// How long.
        #[serde(rename = "for", serialize_with = "write::span")]
        span: Duration,
    },
    /// Packets take longer.
    Latency {
        /// Whose; `None`: all.
        #[serde(skip_serializing_if = "Option::is_none")]
        members: Option<Selector>,
        /// How much.
        #[serde(serialize_with = "write::span")]
        add: Duration,
        /// How long that lasts.
        #[serde(
            rename = "for",
            skip_serializing_if = "Option::is_none",
            serialize_with = "write::some_span"
        )]
        span: Option<Duration>,
    },
    /// Wall clocks are set.
    Skew {
        /// Whose.
        members: Selector,
        /// How far ahead, in ms.
        #[serde(rename = "by", serialize_with = "write::signed_ms")]
        by_ms: i64,
    },
    /// Packets are lost.
    Loss {
        /// Whose; `None`: all.
        #[serde(skip_serializing_if = "Option::is_none")]
        members: Option<Selector>,
        /// How often.
        rate: f64,
        /// How long that lasts.
        #[serde(
            rename = "for",
            skip_serializing_if = "Option::is_none",
            serialize_with = "write::some_span"
        )]
        span: Option<Duration>,
    },
    /// The network is cut into groups.
    Partition {
        /// Who is in which; all others form one more.
        groups: Vec<Selector>,
        /// Packets pass from a group to later ones.
        oneway: bool,
        /// How long that lasts.
        #[serde(
            rename = "for",
            skip_serializing_if = "Option::is_none",
            serialize_with = "write::some_span"
        )]
        span: Option<Duration>,
    },
    /// Members get certificates that end soon.
    Certificate {
        /// Who.
        members: Selector,
        /// How soon.
        #[serde(serialize_with = "write::span")]
        valid: Duration,
    },
    /// The CA revokes members, and an operator hands its new list to somebody (R14).
    Revoke {
        /// Who is a member no more.
        members: Selector,
        /// To whom the list is handed; `None`: one that is drawn.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<Selector>,
    },
}

impl Action {
    /// Its word in scenario files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash(_) => "crash",
            Self::Restart(_) => "restart",
            Self::Leave(_) => "leave",
            Self::Join { .. } => "join",
            Self::Heal {} => "heal",
            Self::Pause { .. } => "pause",
            Self::Latency { .. } => "latency",
            Self::Skew { .. } => "skew",
            Self::Loss { .. } => "loss",
            Self::Partition { .. } => "partition",
            Self::Certificate { .. } => "certificate",
            Self::Revoke { .. } => "revoke",
        }
    }

    /// How long it lasts, if it ends by itself.
    pub fn span(&self) -> Option<Duration> {
        match self {
            Self::Pause { span, .. } => Some(*span),
            Self::Latency { span, .. } | Self::Loss { span, .. } | Self::Partition { span, .. } => *span,
            Self::Certificate { valid, .. } => Some(*valid),
            _ => None,
        }
    }
}

/// Chooses members.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Selector {
    /// So many.
    Count(usize),
    /// Such a share of all that run.
    Fraction(f64),
    /// These.
    Ids(Vec<usize>),
}
