//! The commands that look into a running agent.

mod bundle;
mod look;
mod offline;
mod snapshot;

use crate::{
    args::{
        DebugCommand, ExplainArgs, LeaveArgs, LookCommand, MembersArgs, MetricsArgs, MonitorArgs, SendArgs,
    },
    control::{
        Ask, Tell,
        client::{ANSWER_TIMEOUT, ask},
    },
    observe::list,
    output::{GOOD, Out, harmless, paint, span},
    render,
    rows::{EventRow, MemberRow},
    tags,
};
use anyhow::bail;
use serde_json::json;
use std::time::Duration;

/// An agent that leaves may take this long; the driver's own limits are far below.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn members(args: &MembersArgs, out: Out) -> anyhow::Result<()> {
    let mut answers = ask(args.agent.dir(), &Ask::Members, Some(ANSWER_TIMEOUT))?;
    let mut rows = Vec::new();
    let wanted = |row: &MemberRow| {
        let state = args.state.is_empty() || args.state.iter().any(|state| state.name() == row.state);
        state && args.tag.iter().all(|tag| tags::matches(&row.labels, tag))
    };
    while let Some(tell) = answers.next()? {
        match tell {
            Tell::Member(row) if !wanted(&row) => {}
            Tell::Member(row) if out.json() => out.json_line(&row)?,
            Tell::Member(row) => rows.push(row),
            _ => return unexpected(),
        }
    }
    if out.json() { Ok(()) } else { out.text(render::members(&rows, args.full)) }
}

pub(crate) fn explain(args: &ExplainArgs, out: Out) -> anyhow::Result<()> {
    let question = Ask::Explain { member: args.member.clone() };
    match ask(args.agent.dir(), &question, Some(ANSWER_TIMEOUT))?.next()? {
        Some(Tell::Explained(row)) => out.print(&row, render::explain(&row)),
        _ => unexpected(),
    }
}

pub(crate) fn monitor(args: &MonitorArgs, out: Out) -> anyhow::Result<()> {
    let mut answers = ask(args.agent.dir(), &Ask::Monitor, None)?;
    // The first says that from now on nothing is missed; one that says what was missed must never be left out.
    let always = ["watching", "lagged"];
    let is_wanted = |row: &EventRow| {
        args.event.is_empty() || always.contains(&row.event.as_str()) || args.event.contains(&row.event)
    };
    loop {
        match answers.next()? {
            Some(Tell::Event(row)) if !is_wanted(&row) => {}
            Some(Tell::Event(row)) => out.print(&row, render::event(&row))?,
            None => bail!("the agent has stopped"),
            Some(_) => return unexpected(),
        }
    }
}

/// The commands of [`LookCommand`].
pub(crate) fn look(command: &LookCommand, out: Out) -> anyhow::Result<()> {
    match command {
        LookCommand::Rtt(args) => look::rtt(args, out),
        LookCommand::Ping(args) => look::ping(args, out),
        LookCommand::Rings(args) => look::rings(args, out),
        LookCommand::Top(args) => crate::top::run(args, out),
        LookCommand::Metrics(args) => metrics(args, out),
        LookCommand::Web(args) => look::web(args, out),
        LookCommand::Snapshot(command) => snapshot::run(command, out),
        LookCommand::Keygen(args) => offline::keygen(args, out),
        LookCommand::Debug(DebugCommand::Bundle(args)) => bundle::run(args, out),
        LookCommand::Completions(args) => offline::completions(args),
        LookCommand::Man(args) => offline::man(args, out),
    }
}

fn metrics(args: &MetricsArgs, out: Out) -> anyhow::Result<()> {
    let Some(dir) = &args.dir else { return list_metrics(args, out) };
    let mut answers = ask(dir, &Ask::Metrics, Some(ANSWER_TIMEOUT))?;
    while let Some(tell) = answers.next()? {
        match tell {
            Tell::Figure(row) => out.print(&row, render::figure(&row))?,
            _ => return unexpected(),
        }
    }
    Ok(())
}

fn list_metrics(args: &MetricsArgs, out: Out) -> anyhow::Result<()> {
    if args.markdown {
        return out.text(list::page().trim_end());
    }
    for metric in list::METRICS {
        let (name, kind, unit) = (metric.full_name(), metric.kind.name(), metric.unit);
        let line =
            json!({ "name": name, "type": kind, "unit": unit, "labels": metric.labels, "help": metric.help });
        out.print(&line, render::metric(metric))?;
    }
    Ok(())
}

pub(crate) fn send(args: &SendArgs, out: Out) -> anyhow::Result<()> {
    let question = Ask::Send {
        member: args.member.clone(),
        text: args.text.clone(),
        timeout_ms: args.timeout.as_millis().try_into().unwrap_or(u64::MAX),
    };
    let patience = args.timeout.saturating_add(ANSWER_TIMEOUT);
    match ask(args.agent.dir(), &question, Some(patience))?.next()? {
        Some(Tell::Reply(reply)) => out.print(&reply, harmless(&reply.text)),
        _ => unexpected(),
    }
}

pub(crate) fn leave(args: &LeaveArgs, out: Out) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    let mut answers = ask(args.agent.dir(), &Ask::Leave, Some(LEAVE_TIMEOUT))?;
    if answers.next()?.is_some() {
        return unexpected();
    }
    let took = started.elapsed();
    out.print(
        &json!({ "left": true, "ms": took.as_millis() as u64 }),
        format!("{} the network in {}; the agent has stopped", paint(GOOD, "left"), span(took)),
    )
}

fn unexpected() -> anyhow::Result<()> {
    bail!("the agent gave an answer to another question: is it another version of ifrit?")
}
