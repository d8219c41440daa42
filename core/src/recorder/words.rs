//! Events and actions in words, for people who look for a difference.

use crate::{
    action::{Action, Persist},
    event::{Command, Event},
    tags,
};
use alloc::{format, string::String};
use data_encoding::HEXLOWER;

/// Bytes shown of a packet.
const SHOWN: usize = 24;

pub(super) fn event(event: &Event<'_>) -> String {
    match event {
        Event::Datagram { from, bytes } => format!("{} from {}", datagram(bytes), from.short()),
        Event::Frame { from, lane, bytes } => {
            format!("{} on lane {lane:?} from {}", frame(bytes), from.short())
        }
        Event::LinkUp { member, .. } => format!("the link to {} is up", member.short()),
        Event::LinkDown { member } => format!("the link to {} is down", member.short()),
        Event::SeedUp { seed, member } => format!("seed {seed} is {}", member.short()),
        Event::SeedDown { seed } => format!("seed {seed} cannot be reached"),
        Event::Unsent { token } => format!("datagram {token} was never sent"),
        Event::Acked { member } => format!("{} acknowledged something", member.short()),
        Event::Written { member, lane, bytes } => {
            format!("{bytes} bytes were written to {} on lane {lane:?}", member.short())
        }
        Event::Persisted { seq } => format!("save {seq} is on disk"),
        Event::Wake => String::from("a timer"),
        Event::Command(command) => format!("the command {}", self::command(command)),
    }
}

fn command(command: &Command) -> String {
    match command {
        Command::Leave => String::from("to leave"),
        Command::SetTags(tags) => format!("to set {} bytes of tags", tags.len()),
        Command::SetAddrs(addrs) => format!("to set the addresses {addrs:?}"),
        Command::SetCertificate(der) => format!("to set a certificate of {} bytes", der.len()),
        Command::SetSeeds(seeds) => format!("to take {seeds} seeds"),
        Command::SetRevocations(list) => format!("to take a revocation list of {} bytes", list.len()),
        Command::SetRoot(bundle) => {
            format!("to believe another root, of {} bytes with its proof", bundle.len())
        }
        Command::SpeakMinor(minor) => format!("to speak minor version {minor}"),
    }
}

pub(super) fn action(action: &Action<'_>) -> String {
    match action {
        Action::Datagram { to, token, bytes } => {
            format!("send {} with token {token} to {}", datagram(bytes), to.short())
        }
        Action::Frame { to, lane, bytes } => {
            format!("send {} on lane {lane:?} to {}", frame(bytes), to.short())
        }
        Action::Dial { member, addr } => format!("dial {} at {addr}", member.short()),
        Action::DialSeed { seed } => format!("dial seed {seed}"),
        Action::HangUp { member, why } => format!("hang up on {}: {why:?}", member.short()),
        Action::Persist { seq, what: Persist::EpochCeiling(ceiling) } => {
            format!("save {seq}: epochs below {ceiling}")
        }
        Action::Persist { seq, what: Persist::Records } => format!("save {seq}: the view"),
        Action::Notify(notice) => format!("tell {notice:?}"),
        Action::Wait { until: Some(until), why } => format!("wait until {} ns for {why:?}", until.0),
        Action::Wait { until: None, why } => format!("wait for an event, {why:?}"),
    }
}

fn datagram(bytes: &[u8]) -> String {
    let name = match bytes.first() {
        Some(&tags::DATAGRAM_PING) => "a ping",
        Some(&tags::DATAGRAM_PONG) => "a pong",
        _ => "an unknown datagram",
    };
    with_bytes(name, bytes)
}

fn frame(bytes: &[u8]) -> String {
    let name = match bytes.first() {
        Some(&tags::FRAME_HELLO) => "a hello",
        Some(&tags::FRAME_RECORDS) => "records",
        Some(&tags::FRAME_ANNOUNCE) => "an announcement",
        Some(&tags::FRAME_WANT) => "a request for records",
        Some(&tags::FRAME_WALK_ASK) => "a question of a walk",
        Some(&tags::FRAME_WALK_TELL) => "an answer of a walk",
        Some(&tags::FRAME_REDIRECT) => "a redirect",
        Some(&tags::FRAME_CLOCK) => "a word on the clock",
        Some(&tags::FRAME_HOLDS) => "a word on the revocation list",
        Some(&tags::FRAME_REVOCATIONS) => "a revocation list",
        _ => "an unknown frame",
    };
    with_bytes(name, bytes)
}

fn with_bytes(name: &str, bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    format!("{name} ({} bytes: {}{more})", bytes.len(), HEXLOWER.encode(shown))
}
