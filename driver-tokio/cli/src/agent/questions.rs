//! What tools ask about a running member.

use crate::{
    error::bad_input,
    rows::{ExplainRow, MemberRow, in_ms},
    tags,
};
use ifrit_core::{
    id::MemberId,
    revocation::Revocations,
    view::{MemberView, State, View},
};
use ifrit_node::node::Node;
use ifrit_tokio::{Client, Explained, RequestError};
use std::time::Duration;

/// Characters of a member id that one must give at least: fewer fit too many members by chance.
const PREFIX_MIN: usize = 4;
/// Candidates that are named when a beginning fits several members.
const NAMED_MAX: usize = 5;

pub(crate) async fn members(client: &Client) -> anyhow::Result<Vec<MemberRow>> {
    let (me, rings, now) = (client.id(), client.network().rings, client.now().mono);
    let look = |node: &Node| {
        let view = node.view();
        (view.members().collect::<Vec<_>>(), view.watched().collect::<Vec<_>>(), revoked(&view))
    };
    let (members, watched, revoked) = client.query(look).await?;
    // Both are in the order of ids.
    let mut watched = watched.into_iter().peekable();
    let row = |member: &MemberView| {
        while watched.next_if(|watched| watched.id < member.id).is_some() {}
        let trip = watched.next_if(|watched| watched.id == member.id).map(|watched| watched.round_trip);
        let trip = trip.filter(|trip| trip.count > 0).map(|trip| in_ms(trip.mean));
        MemberRow { rtt_ms: trip, ..MemberRow::new(member, me, rings, now) }
    };
    let revoked = revoked.iter().map(|member| MemberRow::new(member, me, rings, now));
    Ok(members.iter().map(row).chain(revoked).collect())
}

pub(crate) async fn explain(client: &Client, member: &str) -> anyhow::Result<ExplainRow> {
    let id = resolve(client, member).await?;
    let why = client.explain(id).await?;
    if client.query(move |node| node.view().state_of(&id) == Some(State::Revoked)).await? {
        let why = why.unwrap_or(Explained { now: None, history: Vec::new() });
        let row = ExplainRow::new(id, &why, client.id(), client.network().rings, client.now().mono);
        return Ok(row.revoked());
    }
    let why = why.ok_or_else(|| unknown(member))?;
    Ok(ExplainRow::new(id, &why, client.id(), client.network().rings, client.now().mono))
}

pub(crate) async fn send(
    client: &Client,
    member: &str,
    text: String,
    patience: Duration,
) -> anyhow::Result<(MemberId, Vec<u8>)> {
    let to = resolve(client, member).await?;
    if to == client.id() {
        return Err(bad_input(format!("{member} is this agent itself: send to another member")));
    }
    match client.request_with(to, text, patience).await {
        Ok(reply) => Ok((to, reply)),
        Err(error) => Err(explain_failure(error, member, patience)),
    }
}

pub(crate) fn explain_failure(error: RequestError, member: &str, patience: Duration) -> anyhow::Error {
    match error {
        RequestError::TooLarge { limit } => bad_input(format!("the text is too long: at most {limit} bytes")),
        RequestError::UnknownMember => unknown(member),
        RequestError::Timeout => anyhow::anyhow!(
            "no reply from {member} within {}: see `ifrit explain` for how it stands",
            humantime::format_duration(patience)
        ),
        RequestError::Unreachable => anyhow::anyhow!(
            "{member} cannot be reached: see `ifrit explain` for its addresses and how it stands"
        ),
        RequestError::Refused => anyhow::anyhow!(
            "{member} refused the request: this agent is not live in its view, or asks too much"
        ),
        other => anyhow::anyhow!("{member}: {other}"),
    }
}

/// Those that are revoked, and not known as members any more.
fn revoked(view: &View<'_>) -> Vec<MemberView> {
    let listed = view.revocations().into_iter().flat_map(Revocations::entries);
    listed.filter(|entry| entry.id != view.me()).filter_map(|entry| view.member(&entry.id)).collect()
}

/// The member whose id is `text`, or begins so; else the one that calls itself so. A name proves nothing, so it must be the
/// only one.
pub(crate) async fn resolve(client: &Client, text: &str) -> anyhow::Result<MemberId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let (prefix, name) = (Prefix::parse(text), text.to_owned());
    let look = move |node: &Node| {
        let (mut begin, mut named) = (Vec::new(), Vec::new());
        for member in node.view().members() {
            let begins = prefix.as_ref().is_ok_and(|prefix| prefix.fits(&member.id));
            let list = if begins {
                &mut begin
            } else if tags::decode(&member.tags).is_some_and(|(own, _)| own.as_deref() == Some(name.as_str()))
            {
                &mut named
            } else {
                continue;
            };
            if list.len() <= NAMED_MAX {
                list.push(member.id);
            }
        }
        (prefix, begin, named)
    };
    let (prefix, begin, named) = client.query(look).await?;
    match (begin.is_empty(), named.is_empty()) {
        (true, false) => pick(text, &named),
        (true, true) => prefix.and_then(|_| pick(text, &[])),
        (false, _) => pick(text, &begin),
    }
}

fn pick(text: &str, found: &[MemberId]) -> anyhow::Result<MemberId> {
    match found {
        [] => Err(unknown(text)),
        [one] => Ok(*one),
        several => {
            let mut names: Vec<_> = several.iter().take(NAMED_MAX).map(MemberId::to_string).collect();
            if several.len() > NAMED_MAX {
                names.push("...".to_owned());
            }
            Err(bad_input(format!(
                "{text} fits several members, give more of an id:\n  {}",
                names.join("\n  ")
            )))
        }
    }
}

fn unknown(text: &str) -> anyhow::Error {
    bad_input(format!("there is no member {text} in this agent's view: `ifrit members` lists them"))
}

/// A member id or the beginning of one, without `m-`, in lower case.
struct Prefix(String);

impl Prefix {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let lower = text.to_ascii_lowercase();
        let rest = lower.strip_prefix("m-").unwrap_or(&lower);
        if rest.len() < PREFIX_MIN {
            return Err(bad_input(format!(
                "{text:?} is too short: give at least {PREFIX_MIN} characters of a member id"
            )));
        }
        if !rest.bytes().all(|c| c.is_ascii_lowercase() || (b'2'..=b'7').contains(&c)) {
            return Err(bad_input(format!(
                "{text:?} is not a member id: expected `m-`, letters and digits 2 to 7"
            )));
        }
        Ok(Self(rest.to_owned()))
    }

    fn fits(&self, id: &MemberId) -> bool {
        id.base32().starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::exit_code;

    #[test]
    fn a_member_is_named_by_its_id_or_a_beginning_with_or_without_prefix() {
        let id = MemberId([0xa7; 32]);
        let full = id.to_string();
        for text in [&full, &full[2..], &full[..6], &full[2..6], &full.to_uppercase()] {
            assert!(Prefix::parse(text).expect(text).fits(&id), "{text}");
        }
        assert!(!Prefix::parse("aaaa").expect("well-formed").fits(&id));
    }

    #[test]
    fn wrong_names_are_bad_input_and_say_why() {
        for (text, why) in
            [("m-abc", "too short"), ("", "too short"), ("m-ab1d", "not a member id"), ("hélloo", "not a")]
        {
            let Err(error) = Prefix::parse(text) else { panic!("{text} is accepted") };
            assert_eq!(exit_code(&error), 2);
            assert!(error.to_string().contains(why), "{error}");
        }
        let [a, b] = [MemberId([1; 32]), MemberId([2; 32])];
        assert_eq!(exit_code(&pick("abcd", &[]).expect_err("none")), 2);
        assert_eq!(pick("abcd", &[a]).expect("one"), a);
        let several = pick("abcd", &[a, b]).expect_err("two");
        assert!(exit_code(&several) == 2 && several.to_string().contains(&b.to_string()));
    }
}
