//! From TOML to a checked [`Scenario`].

use super::{Action, Adversary, At, Expect, Line, Links, NetworkParams, Scenario, Selector, Stack, Start};
use crate::{
    adversary::{self, STRATEGIES},
    net::Latency,
    network::Crypto,
};
use core::time::Duration;
use ifrit_core::{id::NetworkId, params::Preset};
use ifrit_node::document::{Result, Source, Table, Value};

const KEYS: &[&str] = &[
    "format",
    "name",
    "members",
    "seeds",
    "until",
    "start",
    "preset",
    "crypto",
    "stack",
    "network_params",
    "links",
    "adversary",
    "at",
    "expect",
];
const ACTIONS: &[&str] = &[
    "crash",
    "restart",
    "leave",
    "join",
    "heal",
    "pause",
    "latency",
    "skew",
    "loss",
    "partition",
    "certificate",
    "revoke",
];
/// More members than any run can hold.
const MEMBERS_MAX: u64 = 1 << 20;

pub(super) fn scenario(file: &str, text: &str, members: Option<usize>) -> Result<Scenario> {
    let source = Source { file, text };
    let document = source.parse()?;
    let root = Table::root(source, document.get_ref(), KEYS)?;
    let format = root.need("format")?;
    if format.number()? != 1 {
        return Err(format.error("this program reads format 1"));
    }
    let own_members = root.need("members")?;
    let members = match (own_members.up_to(MEMBERS_MAX)? as usize, members) {
        (0, _) | (_, Some(0)) => return Err(own_members.error("there must be at least one")),
        (own, over) => over.unwrap_or(own),
    };
    let scene = Scope { members, until: root.need("until")?.span()? };
    let plain: toml::Table = text.parse().expect("it was TOML a moment ago");
    let scenario = Scenario {
        file: file.into(),
        format: 1,
        name: root.need("name")?.text()?.into(),
        members,
        seeds: root.get("seeds").map_or_else(|| Ok(vec![1]), |value| seeds(&value))?,
        until: scene.until,
        start: word(&root, "start", &[("converged", Start::Converged), ("bootstrap", Start::Bootstrap)])?,
        preset: word(
            &root,
            "preset",
            &[("lan", Preset::Lan), ("wan", Preset::Wan), ("local", Preset::Local)],
        )?,
        crypto: word(&root, "crypto", &[("ideal", Crypto::Ideal), ("real", Crypto::Real)])?,
        stack: word(&root, "stack", &[("core", Stack::Core), ("node", Stack::Node)])?,
        network_params: root
            .get("network_params")
            .map_or_else(|| Ok(NetworkParams::default()), |v| network(&v))?,
        links: root.get("links").map_or_else(|| Ok(Links::default()), |value| links(&value))?,
        adversary: (root.list("adversary")?.iter().enumerate())
            .map(|(i, value)| scene.adversary(value, plain["adversary"][i].get("params")))
            .collect::<Result<_>>()?,
        at: root.list("at")?.iter().map(|value| scene.at(value)).collect::<Result<_>>()?,
        expect: root.get("expect").map_or_else(|| Ok(Expect::default()), |value| Expect::parse(&value))?,
    };
    let possible = ifrit_core::params::NetworkParams::new(NetworkId([0; 32]), &scenario.wish());
    match (possible, root.get("network_params")) {
        (Ok(_), _) => Ok(scenario),
        (Err(error), Some(value)) => Err(value.error(error.to_string())),
        (Err(error), None) => Err(own_members.error(error.to_string())),
    }
}

/// One of some words; the first is the usual one.
fn word<T: Copy>(table: &Table<'_>, key: &str, words: &[(&str, T)]) -> Result<T> {
    table.get(key).map_or(Ok(words[0].1), |value| value.word(words))
}

fn seeds(value: &Value<'_>) -> Result<Vec<u64>> {
    let seeds: Vec<u64> = match value.is_table() {
        true => {
            let table = value.table(&["from", "count"])?;
            let from = table.need("from")?.number()?;
            let count = table.need("count")?.up_to(1_000_000)?;
            let end = from.checked_add(count).ok_or_else(|| value.error("seeds end at 2⁶⁴ − 1"))?;
            (from..end).collect()
        }
        false => value.list()?.iter().map(Value::number).collect::<Result<_>>()?,
    };
    if seeds.is_empty() { Err(value.error("there must be at least one")) } else { Ok(seeds) }
}

fn network(value: &Value<'_>) -> Result<NetworkParams> {
    let table = value.table(&["p_byz", "epsilon", "rings", "members", "delta", "lease"])?;
    let rate = |key| table.get(key).map(|value| value.rate()).transpose();
    let number = |key, most| table.get(key).map(|value| value.up_to(most)).transpose();
    let span = |key| table.get(key).map(|value| value.span()).transpose();
    Ok(NetworkParams {
        p_byz: rate("p_byz")?,
        epsilon: rate("epsilon")?,
        rings: number("rings", 255)?.map(|rings| rings as u8),
        members: number("members", u32::MAX.into())?.map(|members| members as u32),
        delta: span("delta")?,
        lease: span("lease")?,
    })
}

fn links(value: &Value<'_>) -> Result<Links> {
    let table = value.table(&["latency", "loss", "duplicate", "reorder", "bandwidth"])?;
    let rate = |key| table.get(key).map_or(Ok(0.0), |value| value.rate());
    Ok(Links {
        latency: table
            .get("latency")
            .map_or_else(|| Ok(Links::default().latency), |value| latency(&value))?,
        loss: rate("loss")?,
        duplicate: rate("duplicate")?,
        reorder: rate("reorder")?,
        bandwidth: table.get("bandwidth").map(|value| value.number()).transpose()?,
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Uniform,
    Exponential,
    Fixed,
}

fn latency(value: &Value<'_>) -> Result<Latency> {
    let table = value.table(&["kind", "min", "mean", "max", "value"])?;
    let kinds = [("uniform", Kind::Uniform), ("exp", Kind::Exponential), ("fixed", Kind::Fixed)];
    let kind = table.need("kind")?.word(&kinds)?;
    let keys: &[&str] = match kind {
        Kind::Uniform => &["kind", "min", "max"],
        Kind::Exponential => &["kind", "min", "mean", "max"],
        Kind::Fixed => &["kind", "value"],
    };
    let table = value.table(keys)?;
    let span = |key| table.need(key)?.span();
    let latency = match kind {
        Kind::Uniform => Latency::Uniform(span("min")?, span("max")?),
        Kind::Exponential => {
            Latency::Exponential { min: span("min")?, mean: span("mean")?, max: span("max")? }
        }
        Kind::Fixed => Latency::Fixed(span("value")?),
    };
    let ordered = match latency {
        Latency::Fixed(_) => true,
        Latency::Uniform(min, max) => min <= max,
        Latency::Exponential { min, mean, max } => min <= mean && mean <= max,
    };
    if ordered { Ok(latency) } else { Err(value.error("min, mean and max must rise")) }
}

/// What entries are checked against.
struct Scope {
    members: usize,
    until: Duration,
}

impl Scope {
    /// A moment of the run.
    fn moment(&self, value: &Value<'_>) -> Result<Duration> {
        match value.span()? {
            at if at <= self.until => Ok(at),
            _ => Err(value.error("is after the scenario's end")),
        }
    }

    /// A second moment, after the first.
    fn end(&self, table: &Table<'_>, from: Duration) -> Result<Option<Duration>> {
        let Some(value) = table.get("until") else { return Ok(None) };
        match self.moment(&value)? {
            until if until > from => Ok(Some(until)),
            _ => Err(value.error("is not after its begin")),
        }
    }

    fn adversary(&self, value: &Value<'_>, params: Option<&toml::Value>) -> Result<Adversary> {
        let table = value.table(&["strategy", "members", "from", "until", "params"])?;
        let name = table.need("strategy")?;
        let names: Vec<_> = STRATEGIES.iter().map(|strategy| (strategy.name, strategy.name)).collect();
        let strategy = adversary::strategy(name.word(&names)?).expect("it is in the list");
        if let Some(value) = table.get("params") {
            let known: Vec<_> = strategy.params.iter().map(|(name, ..)| *name).collect();
            value.table(&known)?;
        }
        let from = table.get("from").map_or(Ok(Duration::ZERO), |value| self.moment(&value))?;
        Ok(Adversary {
            strategy: strategy.name.into(),
            members: self.selector(&table.need("members")?)?,
            from,
            until: self.end(&table, from)?,
            params: params.and_then(toml::Value::as_table).cloned().unwrap_or_default(),
            line: Line(table.line()),
        })
    }

    fn at(&self, value: &Value<'_>) -> Result<At> {
        let table = value.table(&["t", "every", "until", "do"])?;
        let t = self.moment(&table.need("t")?)?;
        let every = table.get("every").map(|value| (value.span(), value));
        let every = match every {
            Some((span, value)) if span.as_ref().is_ok_and(Duration::is_zero) => {
                return Err(value.error("must be above 0"));
            }
            Some((span, _)) => Some(span?),
            None => None,
        };
        let until = self.end(&table, t)?;
        if let (None, Some(value)) = (every, table.get("until")) {
            return Err(value.error("means nothing without `every`; to end something, give it a `for`"));
        }
        Ok(At { t, every, until, action: self.action(&table.need("do")?)?, line: Line(table.line()) })
    }

    fn action(&self, value: &Value<'_>) -> Result<Action> {
        let (name, value) = value.table(ACTIONS)?.only()?;
        let span = |table: &Table<'_>| table.get("for").map(|value| value.span()).transpose();
        Ok(match name {
            "crash" => Action::Crash(self.selector(&value)?),
            "restart" => Action::Restart(self.selector(&value)?),
            "leave" => Action::Leave(self.selector(&value)?),
            "join" => {
                let count = value.table(&["count"])?.need("count")?;
                Action::Join { count: count.up_to(MEMBERS_MAX)? as usize }
            }
            "heal" => value.table(&[]).map(|_| Action::Heal {})?,
            "pause" => {
                let table = value.table(&["members", "for"])?;
                Action::Pause { members: self.need(&table)?, span: table.need("for")?.span()? }
            }
            "latency" => {
                let table = value.table(&["members", "add", "for"])?;
                let add = table.need("add")?.span()?;
                Action::Latency { members: self.some(&table)?, add, span: span(&table)? }
            }
            "skew" => {
                let table = value.table(&["members", "by"])?;
                Action::Skew { members: self.need(&table)?, by_ms: table.need("by")?.signed_ms()? }
            }
            "loss" => {
                let table = value.table(&["members", "rate", "for"])?;
                let rate = table.need("rate")?.rate()?;
                Action::Loss { members: self.some(&table)?, rate, span: span(&table)? }
            }
            "partition" => {
                let table = value.table(&["groups", "oneway", "for"])?;
                let groups = table.need("groups")?.list()?;
                let groups = groups.iter().map(|value| self.selector(value)).collect::<Result<_>>()?;
                let oneway = table.get("oneway").map_or(Ok(false), |value| value.flag())?;
                Action::Partition { groups, oneway, span: span(&table)? }
            }
            "certificate" => {
                let table = value.table(&["members", "valid"])?;
                Action::Certificate { members: self.need(&table)?, valid: table.need("valid")?.span()? }
            }
            _ => {
                let table = value.table(&["members", "to"])?;
                let to = table.get("to").map(|value| self.selector(&value)).transpose()?;
                Action::Revoke { members: self.need(&table)?, to }
            }
        })
    }

    fn need(&self, table: &Table<'_>) -> Result<Selector> {
        self.selector(&table.need("members")?)
    }

    fn some(&self, table: &Table<'_>) -> Result<Option<Selector>> {
        table.get("members").map(|value| self.selector(&value)).transpose()
    }

    fn selector(&self, value: &Value<'_>) -> Result<Selector> {
        let (name, value) = value.table(&["count", "fraction", "ids"])?.only()?;
        Ok(match name {
            "count" => Selector::Count(value.up_to(self.members as u64)? as usize),
            "fraction" => Selector::Fraction(value.rate()?),
            _ => Selector::Ids(value.list()?.iter().map(|id| self.id(id)).collect::<Result<_>>()?),
        })
    }

    fn id(&self, value: &Value<'_>) -> Result<usize> {
        match value.number()? as usize {
            id if id < self.members => Ok(id),
            id => {
                Err(value
                    .error(format!("there is no member {id}: they are numbered 0 to {}", self.members - 1)))
            }
        }
    }
}
