//! The demo's network: a CA, the members, and who plays which part.

use super::peer::Peer;
use crate::ca_service::{self, CaService};
use anyhow::{Context, anyhow};
use ifrit_core::{
    id::MemberId,
    params::{Preset, Wish},
    seed::{Rng, Seed},
    view::View,
};
use ifrit_node::ca::{CONTACTS_MAX, Ca};
use ifrit_tokio::{Client, Event, Events};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::JoinSet;

/// A demo takes seconds.
const INVITE_HOLDS: Duration = Duration::from_secs(600);

pub(super) struct Network {
    dir: PathBuf,
    choices: Rng,
    peers: Vec<Peer>,
    ca: Option<CaService>,
    invite: String,
    crashed: Option<Crashed>,
}

/// Who crashed, and what the others last knew of it.
#[derive(Clone, Copy)]
struct Crashed {
    index: usize,
    id: MemberId,
    epoch: u64,
}

impl Network {
    pub(super) fn new(dir: &Path, members: usize, seed: Option<u64>) -> Self {
        let peers = (0..members).map(|n| Peer::new(dir.join(format!("member-{n:02}")))).collect();
        Self {
            dir: dir.into(),
            choices: choices(seed),
            peers,
            ca: None,
            invite: String::new(),
            crashed: None,
        }
    }

    /// Makes the CA, and lets newcomers in over HTTPS.
    pub(super) async fn open_ca(&mut self) -> anyhow::Result<Vec<String>> {
        let members = u32::try_from(self.peers.len())?;
        let (dir, wish) = (self.dir.join("ca"), Wish { members, preset: Preset::Local, ..Wish::default() });
        let made = dir.clone();
        let params = tokio::task::spawn_blocking(move || {
            Ca::init(&made, &wish, ca_service::wall()).map(|ca| ca.root().params)
        });
        let params = params.await??;
        let service = CaService::start(&dir, ([127, 0, 0, 1], 0).into(), None, CONTACTS_MAX).await?;
        self.invite = service.invite(members, INVITE_HOLDS).await?.to_string();
        let what = format!(
            "network {} with {} rings: a member bears {} liars before it; messages arrive within {} ms",
            params.id,
            params.rings,
            params.tolerance(),
            params.delta_ms
        );
        let how =
            format!("newcomers enrol at https://{} with one invite for {members}", service.local_addr());
        self.ca = Some(service);
        Ok(vec![what, how])
    }

    /// Members that run.
    pub(super) fn alive(&self) -> usize {
        self.clients().count()
    }

    fn clients(&self) -> impl Iterator<Item = &Client> {
        self.peers.iter().filter_map(Peer::client)
    }

    /// The members that run.
    pub(super) fn ids(&self) -> Vec<MemberId> {
        self.clients().map(Client::id).collect()
    }

    /// The client of a member that runs.
    pub(super) fn client(&self, index: usize) -> anyhow::Result<&Client> {
        self.peers[index].client().ok_or_else(|| anyhow!("member {index} does not run"))
    }

    /// The member with this id, if it runs.
    pub(super) fn peer(&self, id: MemberId) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.client().is_some_and(|client| client.id() == id))
    }

    /// A number below `bound`.
    pub(super) fn choose(&mut self, bound: usize) -> usize {
        self.choices.below(bound as u64) as usize
    }

    /// A member that runs.
    pub(super) fn pick_one(&mut self) -> usize {
        let running: Vec<_> = (0..self.peers.len()).filter(|n| self.peers[*n].client().is_some()).collect();
        running[self.choose(running.len())]
    }

    /// Two different members that run.
    pub(super) fn pick_two(&mut self) -> [usize; 2] {
        let first = self.pick_one();
        loop {
            let second = self.pick_one();
            if second != first {
                return [first, second];
            }
        }
    }

    /// Starts all members: the first alone, so that the others are told of it, then those at once.
    pub(super) async fn start_all(&mut self) -> anyhow::Result<()> {
        self.start(0).await?;
        let mut starts = JoinSet::new();
        for mut peer in self.peers.drain(1..) {
            let invite = self.invite.clone();
            starts.spawn(async move {
                let started = peer.start(&invite).await;
                (peer, started)
            });
        }
        let (peers, started): (Vec<_>, Vec<_>) = starts.join_all().await.into_iter().unzip();
        self.peers.extend(peers);
        self.peers.sort_by(|a, b| a.dir().cmp(b.dir()));
        started.into_iter().collect()
    }

    /// Starts one.
    pub(super) async fn start(&mut self, index: usize) -> anyhow::Result<()> {
        self.peers[index].start(&self.invite).await
    }

    /// Ends when the condition holds in the view of every member that runs.
    pub(super) async fn when(
        &self,
        condition: impl Fn(View<'_>) -> bool + Clone + Send + 'static,
    ) -> anyhow::Result<()> {
        let mut waits = JoinSet::new();
        for client in self.clients() {
            let (client, condition) = (client.clone(), condition.clone());
            waits.spawn(async move { client.wait_for(condition).await });
        }
        while let Some(met) = waits.join_next().await {
            met??;
        }
        Ok(())
    }

    /// What all members but one see from now on.
    pub(super) fn watch(&self, but: MemberId) -> Vec<Watch> {
        let others = self.clients().filter(|client| client.id() != but);
        others.map(|client| Watch { events: client.events() }).collect()
    }

    /// Kills one, without a word.
    pub(super) async fn crash(&mut self, index: usize) -> anyhow::Result<()> {
        let client = self.client(index)?;
        let id = client.id();
        let epoch = client.member(id).await?.context("it does not know itself")?.epoch;
        self.crashed = Some(Crashed { index, id, epoch });
        self.peers[index].kill().await;
        Ok(())
    }

    /// On which rings and by whom `id` is accused, all views together.
    pub(super) async fn accusations_of(&self, id: MemberId) -> anyhow::Result<BTreeSet<(u8, MemberId)>> {
        let mut held = BTreeSet::new();
        for client in self.clients() {
            let why = client.explain(id).await?.and_then(|why| why.now);
            let charges = why.into_iter().flat_map(|why| why.accusations);
            held.extend(charges.map(|charge| (charge.accusation.ring, charge.accusation.accuser)));
        }
        Ok(held)
    }

    /// Starts the one that crashed; who it was, and its epoch then.
    pub(super) async fn restart_crashed(&mut self) -> anyhow::Result<(MemberId, MemberId, u64)> {
        let Crashed { index, id, epoch } = self.crashed.take().context("nobody has crashed")?;
        self.start(index).await?;
        Ok((id, self.client(index)?.id(), epoch))
    }

    /// One says goodbye.
    pub(super) async fn leave(&mut self, index: usize) -> anyhow::Result<()> {
        self.peers[index].leave().await
    }

    /// Kills all that run.
    pub(super) async fn tear_down(self) {
        let mut ends = JoinSet::new();
        for mut peer in self.peers {
            ends.spawn(async move { peer.kill().await });
        }
        ends.join_all().await;
        if let Some(ca) = self.ca {
            ca.stop().await;
        }
    }
}

fn choices(seed: Option<u64>) -> Rng {
    let mut bytes = [0; 32];
    // The hasher of the standard library is seeded by the operating system: good enough for who speaks first.
    let drawn = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ());
    bytes[..8].copy_from_slice(&seed.unwrap_or_else(drawn).to_le_bytes());
    Seed(bytes).child("demo").rng()
}

/// What one member sees.
pub(super) struct Watch {
    pub(super) events: Events,
}

impl Watch {
    /// All that it has seen so far.
    pub(super) fn so_far(&mut self) -> Vec<ifrit_core::action::Notice> {
        let mut seen = Vec::new();
        while let Some(event) = self.events.try_next() {
            if let Event::Notice(notice) = event {
                seen.push(notice);
            }
        }
        seen
    }
}
