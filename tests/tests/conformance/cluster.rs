//! A network of members on one machine.

use crate::driver::Driver;
use futures_util::future::join_all;
use ifrit_core::{
    crypto::{P256Signer, Signer},
    id::{MemberId, NetworkId},
    params::{Preset, Wish},
    revocation::{Entry, Fields},
    time::Wall,
    view::{State, View},
};
use ifrit_node::{
    ca::Authority,
    drive::{Builder, Client},
    identity::{Identity, generate_key},
};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

/// A CA, and a directory for each member.
pub(crate) struct Cluster {
    ca: Authority,
    pub(crate) dirs: Vec<TempDir>,
    pub(crate) members: Vec<Client>,
}

pub(crate) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Wall(u64::try_from(since.as_millis()).expect("before the year 500 million"))
}

/// Few rings and the shortest times: one machine.
pub(crate) fn wish() -> Wish {
    Wish { members: 8, rings: Some(5), preset: Preset::Local, ..Wish::default() }
}

impl Cluster {
    /// A network without members.
    pub(crate) fn new() -> Self {
        let (begin, end) = (Wall(wall().0 - HOUR.as_millis() as u64), wall() + 24 * HOUR);
        let network = NetworkId(generate_key().scalar());
        let ca = Authority::create(generate_key(), network, &wish(), begin, end).expect("a CA");
        Self { ca, dirs: Vec::new(), members: Vec::new() }
    }

    /// A network of `count` members that have all joined and see each other.
    pub(crate) async fn joined<D: Driver>(count: usize) -> Self {
        let mut cluster = Self::new();
        for _ in 0..count {
            cluster.add::<D>(|builder| builder).await;
        }
        cluster.complete::<D>().await;
        cluster
    }

    /// A new identity that holds for `span` from an hour ago.
    pub(crate) fn identity_for(&self, span: Duration) -> Identity {
        self.issue(MemberId(generate_key().scalar()), generate_key(), span)
    }

    /// An identity of this network.
    pub(crate) fn issue(&self, id: MemberId, key: P256Signer, span: Duration) -> Identity {
        let begin = Wall(wall().0 - HOUR.as_millis() as u64);
        let certificate = self.ca.issue(&key.public_key(), id, begin, begin + span, 2);
        Identity::new(self.ca.root().der(), &certificate, key).expect("the CA's own")
    }

    /// A revocation list of the CA's.
    pub(crate) fn revoke(&self, sequence: u64, who: &[MemberId]) -> Vec<u8> {
        let entries = who.iter().map(|id| Entry { id: *id, until: wall() + HOUR }).collect();
        let list = Fields { sequence, entries, succession: vec![] }
            .sign(&self.ca.root().params, &mut self.ca.key().clone());
        list.expect("few").signed().bytes().to_vec()
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity_for(24 * HOUR)
    }

    /// A new directory with an identity in it.
    pub(crate) fn enrol(&mut self) -> usize {
        let dir = tempfile::tempdir().expect("a directory");
        self.identity().save(dir.path()).expect("written");
        self.dirs.push(dir);
        self.dirs.len() - 1
    }

    /// A builder for the directory `index`, with everybody that runs as seeds.
    pub(crate) fn builder<D: Driver>(&self, index: usize) -> Builder<D::Runtime> {
        let seeds = self.members.iter().map(Client::local_addr);
        seeds.fold(D::builder().data_dir(self.dirs[index].path()), Builder::seed_addr)
    }

    /// Starts one more member.
    pub(crate) async fn add<D: Driver>(
        &mut self,
        with: impl FnOnce(Builder<D::Runtime>) -> Builder<D::Runtime>,
    ) -> Client {
        let index = self.enrol();
        let member = with(self.builder::<D>(index)).start().await.expect("started");
        self.members.push(member.clone());
        member
    }

    /// Everybody sees exactly those that run as live.
    pub(crate) async fn complete<D: Driver>(&self) {
        let mut ids: Vec<_> = self.members.iter().map(Client::id).collect();
        ids.sort();
        self.everywhere::<D>("views are complete", move |view| {
            view.joined() && live(view).eq(ids.iter().copied())
        })
        .await;
    }

    /// Waits until `condition` holds in every view.
    pub(crate) async fn everywhere<D: Driver>(
        &self,
        what: &str,
        condition: impl Fn(View<'_>) -> bool + Clone + Send + 'static,
    ) {
        let waits = self.members.iter().map(|member| member.wait_for(condition.clone()));
        for result in D::within(what, join_all(waits)).await {
            result.expect("the member runs");
        }
    }

    /// Stops everybody.
    pub(crate) async fn stop<D: Driver>(self) {
        let stops = self.members.iter().map(Client::stop);
        for result in D::within("stop", join_all(stops)).await {
            result.expect("it ran until now");
        }
    }
}

/// Who is live, by id.
fn live(view: View<'_>) -> impl Iterator<Item = MemberId> + '_ {
    #[expect(clippy::needless_collect, reason = "the iterator borrows the handle, not the view")]
    let members: Vec<_> =
        view.members().filter(|member| member.state.is_live()).map(|member| member.id).collect();
    members.into_iter()
}

pub(crate) fn state_of(view: &View<'_>, id: &MemberId) -> Option<State> {
    view.member(id).map(|member| member.state)
}
