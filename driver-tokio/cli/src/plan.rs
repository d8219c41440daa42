//! `ifrit plan`: what a network would cost and bear. Figures are the core's ([`ifrit_core::params`]); what is measured names
//! its measurement.

use crate::{
    args::PlanArgs,
    derived,
    error::bad_input,
    output::{BOLD, DIM, Out, paint, span},
    render,
};
use ifrit_core::{
    id::NetworkId,
    limits::MISSES_MAX,
    params::{NetworkParams, Params, Wish},
};
use serde_json::{Value, json};

/// Bytes with IPv4 and UDP headers, acknowledgements included, that a member sends per ping and per answer while nothing
/// happens. `cargo bench -p ifrit --bench measure`, preset local, 4 of each per second: 930 B/s of 8, 901 of 32 members.
const PING_BYTES: f64 = 115.0;
/// Bytes kept per known member whatever the rings, certificate and note included.
/// `cargo bench -p ifrit-sim --bench member 10000 memory rings=K`: 1019, 1184, 1431 and 1844 B with 3, 23, 51 and 101 rings.
const MEMBER_BYTES: f64 = 990.0;
/// Bytes kept per known member and ring: the same.
const RING_BYTES: f64 = 8.4;
/// Bytes of a process before it knows anybody: `cargo bench -p ifrit-tests --bench restarts` (9.5 MB on tokio).
const PROCESS_BYTES: u64 = 10_000_000;
/// Bytes per link, of which a member has one to each neighbour on a ring: measured with the QUIC library, as
/// [`LINKS_MAX`](ifrit_node::limits::LINKS_MAX) counts.
const LINK_BYTES: u64 = 20_000;

/// Bytes kept per known member.
fn member_bytes(rings: u8) -> u64 {
    (MEMBER_BYTES + RING_BYTES * f64::from(rings)).round() as u64
}

/// Of `others`, how many different ones are met in so many draws.
fn different(others: u32, draws: u32) -> f64 {
    let others = f64::from(others);
    if others < 1.0 { 0.0 } else { others * (1.0 - (1.0 - 1.0 / others).powf(f64::from(draws))) }
}

/// What a network comes to.
#[derive(Debug)]
struct Plan {
    network: NetworkParams,
    params: Params,
    members: u32,
    loss_ppm: u32,
}

pub(crate) fn run(args: &PlanArgs, out: Out) -> anyhow::Result<()> {
    let plan = Plan::new(args)?;
    out.print(&plan.json(), plan.text())
}

impl Plan {
    fn new(args: &PlanArgs) -> anyhow::Result<Self> {
        let wish = Wish {
            members: args.members,
            byzantine_ppm: args.byzantine.0,
            epsilon_ppm: args.epsilon.0,
            preset: args.preset.into(),
            delta: args.delta,
            ..Wish::default()
        };
        let network =
            NetworkParams::new(NetworkId([0; 32]), &wish).map_err(|error| bad_input(error.to_string()))?;
        let params = Params::derive(&network);
        let loss_ppm = args.loss.map_or(params.loss_ppm, |loss| loss.0);
        if loss_ppm >= 1_000_000 {
            return Err(bad_input("--loss must be below 1: with no pings at all nobody can be watched"));
        }
        Ok(Self { members: args.members, loss_ppm, network, params })
    }

    /// Different members that watch one, and that are watched by one.
    fn monitors(&self) -> f64 {
        different(self.members - 1, self.params.rings.into())
    }

    /// Members that one has a link to: its neighbours on both sides of its rings.
    fn links(&self) -> f64 {
        different(self.members - 1, 2 * u32::from(self.params.rings))
    }

    /// Bytes per second that a member sends while nothing happens: each is pinged once per period, so each pings and answers
    /// as often.
    fn idle_bytes(&self) -> f64 {
        2.0 / self.params.ping_period.as_secs_f64() * PING_BYTES
    }

    fn memory(&self) -> u64 {
        let view = u64::from(self.members) * member_bytes(self.params.rings);
        PROCESS_BYTES + view + self.links().round() as u64 * LINK_BYTES
    }

    /// The wished size and smaller ones, with the liars that each bears.
    fn borne(&self) -> Vec<(u32, u32)> {
        let mut sizes: Vec<u32> = [1, 2, 5, 10, 20, 50, 100].iter().map(|part| self.members / part).collect();
        sizes.extend([10, 7, 6]);
        sizes.retain(|size| (3..=self.members).contains(size));
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes.dedup();
        sizes.into_iter().map(|size| (size, self.network.liars_borne(size))).collect()
    }

    /// How probable it is that a ping is missed so often in a row that a correct member is accused (which it answers).
    fn mistake(&self) -> f64 {
        (f64::from(self.loss_ppm) / 1e6).powf(f64::from(self.misses()))
    }

    fn misses(&self) -> u32 {
        self.params.misses(self.loss_ppm)
    }

    fn json(&self) -> Value {
        let mut plan = json!({
            "members": self.members,
            "byzantine": f64::from(self.network.byzantine_ppm) / 1e6,
            "epsilon": f64::from(self.network.epsilon_ppm) / 1e6,
            "preset": derived::preset(self.network.preset),
            "loss": f64::from(self.loss_ppm) / 1e6,
            "rings": self.params.rings,
            "delta_ms": self.params.delta.as_millis() as u64,
            "lease_ms": self.params.lease.as_millis() as u64,
            "monitors": round(self.monitors()),
            "links": round(self.links()),
            "accused_by_mistake": self.mistake(),
            "idle_bytes_per_s": self.idle_bytes().round() as u64,
            "bytes_per_member": member_bytes(self.params.rings),
            "memory_bytes": self.memory(),
            "liars_borne": self.borne().iter().map(|(members, liars)| json!({ "members": members, "liars": liars })).collect::<Vec<_>>(),
        });
        for it in derived::all(&self.network) {
            plan[it.key] = it.value;
        }
        plan["misses"] = json!(self.misses());
        plan["expected_detection_ms"] = json!(self.expected().as_millis() as u64);
        plan
    }

    fn expected(&self) -> std::time::Duration {
        self.params.expected_detection(self.members, self.loss_ppm)
    }

    fn text(&self) -> String {
        let (network, params) = (&self.network, &self.params);
        let row = |name: &str, value: String, what: String| [name.to_owned(), value, what];
        let wish = paint(
            BOLD,
            format!(
                "{} members, {} % of them may lie, preset {}, {} % of pings lost",
                self.members,
                f64::from(network.byzantine_ppm) / 1e4,
                derived::preset(network.preset),
                f64::from(self.loss_ppm) / 1e4,
            ),
        );
        let bears = format!("a member bears {} liars among those before it on its rings", params.tolerance);
        let risk = format!(
            "with any {} of all members lying: failure probability {}",
            self.borne().first().map_or(0, |(_, liars)| *liars),
            f64::from(network.epsilon_ppm) / 1e6
        );
        let mistake = match self.mistake() {
            never if never <= 0.0 => "without loss never by mistake".to_owned(),
            mistake => format!("by mistake once in {:.0e} pings, and then it answers", 1.0 / mistake),
        };
        let rows = [
            row("rings", params.rings.to_string(), bears),
            row("", String::new(), risk),
            row("monitors", format!("{:.1}", self.monitors()), "different members that watch one".to_owned()),
            row(
                "Delta",
                span(params.delta),
                "within it a message must reach every correct member".to_owned(),
            ),
            row(
                "pinged every",
                span(params.ping_period),
                format!(
                    "by one monitor after the other; each pings it every {}",
                    span(params.ping_interval())
                ),
            ),
            row(
                "misses",
                self.misses().to_string(),
                format!("in a row accuse, at most {MISSES_MAX}; {mistake}"),
            ),
            row("crash known", span(self.expected()), "to all, usually".to_owned()),
            row("", span(params.detection), "at the latest: the bound".to_owned()),
            row(
                "idle traffic",
                format!("{:.0} B/s", self.idle_bytes()),
                "sent per member, headers included, whatever the size".to_owned(),
            ),
            row(
                "memory",
                megabytes(self.memory()),
                format!(
                    "per member: {} B per known member, {:.0} links, the process itself",
                    member_bytes(params.rings),
                    self.links()
                ),
            ),
        ];
        let borne = self.borne().into_iter().map(|(members, liars)| {
            let share = f64::from(liars) * 100.0 / f64::from(members);
            [
                members.to_string(),
                "members bear".to_owned(),
                liars.to_string(),
                format!("liars ({share:.1} %)"),
            ]
        });
        [
            wish,
            render::columns(rows.into_iter()),
            paint(BOLD, "While fewer are alive these rings bear"),
            render::columns(borne),
            paint(DIM, "Detection follows from the protocol's parameters; traffic and memory from measurements on Linux, x86-64: the README's table."),
        ]
        .join("\n\n")
    }
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Ppm, Preset};

    fn plan(members: u32, byzantine: u32, loss: Option<u32>, preset: Preset) -> anyhow::Result<Plan> {
        let loss = loss.map(Ppm);
        Plan::new(&PlanArgs {
            members,
            byzantine: Ppm(byzantine),
            epsilon: Ppm(1_000),
            loss,
            preset,
            delta: None,
        })
    }

    #[test]
    fn a_plan_is_what_the_ca_would_make() {
        let plan = plan(1000, 100_000, None, Preset::Lan).expect("possible");
        let json = plan.json();
        assert_eq!((&json["rings"], &json["tolerance"]), (&json!(23), &json!(11)));
        assert_eq!(json["liars_borne"][0], json!({ "members": 1000, "liars": 107 }));
        // Fewer bear less: what the README says of 23 rings.
        let borne = plan.borne();
        [(100, 13), (50, 6), (10, 1), (7, 1), (6, 0)]
            .iter()
            .for_each(|few| assert!(borne.contains(few), "{borne:?}"));
        assert_eq!(json["detection_bound_ms"], json!(plan.params.detection.as_millis() as u64));
        assert!(json["expected_detection_ms"].as_u64() < json["detection_bound_ms"].as_u64());
        // What the README's table has: measured, not computed.
        assert!((1_150..1_200).contains(&member_bytes(23)), "{}", member_bytes(23));
    }

    #[test]
    fn more_loss_takes_more_misses_and_longer() {
        let calm = plan(100, 100_000, Some(0), Preset::Lan).expect("possible");
        let lossy = plan(100, 100_000, Some(300_000), Preset::Lan).expect("possible");
        assert_eq!((calm.misses(), lossy.misses()), (3, 12));
        assert!(lossy.expected() > calm.expected());
        assert!(lossy.mistake() <= 1e-6);
        assert!(plan(100, 100_000, Some(1_000_000), Preset::Lan).is_err());
    }

    #[test]
    fn small_networks_have_fewer_monitors_than_rings_and_one_alone_has_none() {
        let monitors = |members| plan(members, 100_000, None, Preset::Lan).expect("possible").monitors();
        assert_eq!(monitors(1), 0.0);
        assert_eq!(monitors(2), 1.0);
        assert!(monitors(5) > 3.0 && monitors(5) <= 4.0);
        assert!(monitors(100_000) > 30.9 && monitors(100_000) <= 31.0);
        // Links go both ways round the rings.
        let links = |members| plan(members, 100_000, None, Preset::Lan).expect("possible").links();
        assert_eq!((links(1), links(2)), (0.0, 1.0));
        assert!(links(100_000) > 61.9 && links(100_000) <= 62.0);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(plan(100, 500_000, None, Preset::Lan).is_err());
        assert!(plan(100, 0, None, Preset::Lan).is_err());
    }
}
