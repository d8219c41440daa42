//! `ifrit ca revoke | revocations`, and `ifrit revocations`: who is a member no more.

use crate::{
    args::RevocationsArgs,
    ca_admin::{self, Told},
    ca_args::{CaRevocationsArgs, CaRevokeArgs},
    ca_lists::when,
    control::{
        self, Tell,
        client::{ANSWER_TIMEOUT, ask},
    },
    error::bad_input,
    output::{BAD, BOLD, DIM, Out, paint},
    rows::{RevocationsRow, RevokedRow},
};
use anyhow::{Context, bail};
use ifrit_node::ca::list_from_pem;
use serde_json::json;
use std::{fs, path::Path};

pub(crate) fn revoke(args: &CaRevokeArgs, out: Out) -> anyhow::Result<()> {
    let (member, unknown) = (args.member.clone(), args.unknown);
    let reason = args.reason.clone().unwrap_or_default();
    let question = ca_admin::Ask::Revoke { member, reason, unknown };
    let Told::Revoked { member, list, sequence } = ca_admin::ask(&args.dir, &question)? else {
        return unexpected();
    };
    if let Some(file) = &args.out {
        write(file, &list)?;
    }
    let told = args.tell.as_ref().map(|dir| import(dir, list)).transpose();
    let told = told.with_context(|| format!("{member} is revoked, but the agent was not told of it"))?;
    let next = match (&args.tell, &args.out) {
        (Some(_), _) => "The agent was told, and tells the others.".to_owned(),
        (None, Some(file)) => format!(
            "Give the list to any agent: ifrit revocations --dir NODE_DIR --import {}",
            file.display()
        ),
        (None, None) => format!(
            "Agents that reach `ifrit ca serve` ask for the list within a minute; to tell them at once:\n  \
             ifrit ca revocations --dir {} --out revoked.pem\n  ifrit revocations --dir NODE_DIR --import revoked.pem",
            args.dir.display()
        ),
    };
    out.print(
        &json!({ "revoked": member, "sequence": sequence, "told": told.is_some() }),
        format!("Member {} is revoked.\n{}", paint(BOLD, &member), paint(DIM, next)),
    )
}

pub(crate) fn revocations(args: &CaRevocationsArgs, out: Out) -> anyhow::Result<()> {
    let Told::Revocations { list, row } = ca_admin::ask(&args.dir, &ca_admin::Ask::Revocations)? else {
        return unexpected();
    };
    match (&args.out, list) {
        (Some(file), Some(list)) => write(file, &list)?,
        (Some(_), None) => return Err(bad_input("nobody was ever revoked: there is no list to write")),
        (None, _) => {}
    }
    print(&row, out)
}

/// Asks a running agent what it holds, and gives it a list.
pub(crate) fn of_agent(args: &RevocationsArgs, out: Out) -> anyhow::Result<()> {
    let list = args.import.as_ref().map(|file| {
        fs::read_to_string(file)
            .map_err(|error| bad_input(format!("cannot read {}: {error}", file.display())))
    });
    let row = match list.transpose()? {
        Some(list) => import(args.agent.dir(), list)?,
        None => question(args.agent.dir(), None)?,
    };
    print(&row, out)
}

pub(crate) fn import(dir: &Path, list: String) -> anyhow::Result<RevocationsRow> {
    if list_from_pem(&list).is_none() {
        return Err(bad_input(
            "the file holds no revocation list: `ifrit ca revocations --out FILE` writes one",
        ));
    }
    question(dir, Some(list))
}

fn question(dir: &Path, import: Option<String>) -> anyhow::Result<RevocationsRow> {
    match ask(dir, &control::Ask::Revocations { import }, Some(ANSWER_TIMEOUT))?.next()? {
        Some(Tell::Revocations(row)) => Ok(row),
        _ => bail!("the agent gave an answer to another question: is it another version of ifrit?"),
    }
}

fn print(row: &RevocationsRow, out: Out) -> anyhow::Result<()> {
    if row.sequence == 0 {
        return out.print(row, "nobody is revoked");
    }
    let line = |entry: &RevokedRow| {
        let until = paint(DIM, format!("listed until {}", when(entry.until_ms)));
        format!("{}  {until}", paint(BAD, &entry.id))
    };
    let lines: Vec<String> = row.members.iter().map(line).collect();
    let s = if row.members.len() == 1 { "" } else { "s" };
    let head = format!("list {}: {} member{s}", row.sequence, row.members.len());
    out.print(row, [&[head][..], &lines[..]].concat().join("\n"))
}

pub(crate) fn write(file: &Path, list: &str) -> anyhow::Result<()> {
    fs::write(file, list).with_context(|| format!("cannot write {}", file.display()))
}

pub(crate) fn unexpected<T>() -> anyhow::Result<T> {
    bail!("the CA gave an answer to another question: is it another version of ifrit?")
}
