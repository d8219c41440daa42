//! Start and stop of one member: nothing here needs a second one.

use crate::{cluster::Cluster, driver::Driver};
use futures_util::{
    FutureExt,
    future::{join, join_all, join4},
};
use ifrit_core::{event::Refused, view::View};
use ifrit_node::{
    app::RequestError,
    drive::{CALLS_MAX, Client, ClientError, Event, StartError, Stopped},
    identity::{Identity, IdentityError, generate_key},
};
use std::{net::UdpSocket, sync::Arc, time::Duration};

async fn alone<D: Driver>(cluster: &Cluster) -> Client {
    D::builder().identity(cluster.identity()).start().await.expect("started")
}

pub(crate) async fn a_member_knows_itself_and_stops<D: Driver>() {
    let cluster = Cluster::new();
    let identity = cluster.identity();
    let member = D::builder().identity(identity.clone()).start().await.expect("started");
    assert_eq!(member.id(), identity.id());
    assert!(member.local_addr().ip().is_loopback() && member.local_addr().port() != 0);
    assert_eq!(member.query(|node| node.view().me()).await, Ok(identity.id()));
    assert_eq!(D::within("stop", member.stop()).await, Ok(()));
}

pub(crate) async fn dropping_the_last_client_stops_the_member<D: Driver>() {
    let member = alone::<D>(&Cluster::new()).await;
    let mut events = member.events();
    let second = member.clone();
    drop(member);
    assert!(second.digest().await.is_ok(), "one client is left");
    drop(second);
    D::within("the end", async { while events.next().await.is_some() {} }).await;
}

pub(crate) async fn every_call_after_the_stop_says_so<D: Driver>() {
    let member = alone::<D>(&Cluster::new()).await;
    let nobody = member.id();
    let forever = member.wait_for(|_| false);
    let stop = async {
        // Asked after the wait: calls are carried out in order.
        member.digest().await?;
        member.stop().await
    };
    let (waited, stopped) = D::within("stop", join(forever, stop)).await;
    assert_eq!((waited, stopped), (Err(Stopped), Ok(())));
    assert_eq!(member.members().await, Err(Stopped));
    assert_eq!(member.stop().await, Err(Stopped));
    assert!(member.set_tags("new").await.is_err());
    assert_eq!(member.request(nobody, "hello").await, Err(RequestError::Cancelled));
}

pub(crate) async fn calls_caught_by_the_stop_end_too<D: Driver>() {
    let member = alone::<D>(&Cluster::new()).await;
    // The loop is held until all calls wait for it, more than it takes in the turn in which it stops.
    let (open, gate) = std::sync::mpsc::sync_channel(1);
    let held = member.query(move |_| gate.recv().is_ok());
    let calls = (0..CALLS_MAX - 2).map(|_| member.digest());
    let release = async { open.send(()).is_ok() };
    let all = join4(held, member.stop(), join_all(calls), release);
    let (held, stopped, ends, _) = D::within("all calls", all).await;
    assert_eq!((held, stopped), (Ok(true), Ok(())));
    assert!(ends.contains(&Err(Stopped)), "the stop came first");
}

pub(crate) async fn events_end_with_the_member<D: Driver>() {
    let member = alone::<D>(&Cluster::new()).await;
    let mut events = member.events();
    member.stop().await.expect("it ran");
    let rest = async { while let Some(Event::Notice(_)) = events.next().await {} };
    D::within("the end", rest).await;
    assert_eq!(member.events().next().await, None);
}

pub(crate) async fn a_port_in_use_is_named<D: Driver>() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("bound");
    let builder = D::builder().identity(Cluster::new().identity()).bind(addr);
    let error = builder.start().await.expect_err("the port is taken");
    assert!(matches!(error, StartError::PortInUse(at) if at == addr), "{error}");
    assert!(error.to_string().contains(&addr.to_string()));
}

pub(crate) async fn a_wildcard_needs_an_advertised_address<D: Driver>() {
    let cluster = Cluster::new();
    let every = "0.0.0.0:0".parse().expect("an address");
    let builder = || D::builder().identity(cluster.identity()).bind(every);
    let error = builder().start().await.expect_err("nobody could reach it");
    assert!(matches!(error, StartError::NoAdvertised(_)), "{error}");
    let member = builder().advertise("127.0.0.1:0".parse().expect("an address")).start().await;
    member.expect("started").stop().await.expect("it ran");
}

pub(crate) async fn an_expired_certificate_is_refused<D: Driver>() {
    let identity = Cluster::new().identity_for(Duration::from_secs(60));
    let error = D::builder().identity(identity).start().await.expect_err("it ended an hour ago");
    assert!(matches!(error, StartError::Identity(IdentityError::Expired { .. })), "{error}");
}

pub(crate) async fn a_directory_without_identity_says_what_to_do<D: Driver>() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = D::builder().data_dir(dir.path()).start().await.expect_err("it is empty");
    assert!(matches!(error, StartError::Identity(IdentityError::Missing(_))), "{error}");
    let error = D::builder().start().await.expect_err("nothing was said");
    assert!(matches!(error, StartError::NoIdentity), "{error}");
}

pub(crate) async fn a_second_agent_on_a_directory_is_refused<D: Driver>() {
    let mut cluster = Cluster::new();
    let first = cluster.add::<D>(|builder| builder).await;
    let error = cluster.builder::<D>(0).start().await.expect_err("the first one has it");
    assert!(matches!(error, StartError::Store(_)), "{error}");
    assert!(first.digest().await.is_ok(), "the first one goes on");
    cluster.stop::<D>().await;
}

pub(crate) async fn a_stop_frees_port_and_directory<D: Driver>() {
    let mut cluster = Cluster::new();
    let first = cluster.add::<D>(|builder| builder).await;
    for _ in 0..3 {
        let addr = first.local_addr();
        let running = cluster.members.pop().expect("one");
        running.stop().await.expect("it ran");
        let again = cluster.builder::<D>(0).bind(addr).start().await.expect("port and directory are free");
        assert_eq!((again.id(), again.local_addr()), (first.id(), addr));
        cluster.members.push(again);
    }
    cluster.stop::<D>().await;
}

pub(crate) async fn a_panic_in_a_query_is_no_hang<D: Driver>() {
    let member = alone::<D>(&Cluster::new()).await;
    let mut events = member.events();
    let broken: Result<(), _> = D::within("query", member.query(|_| panic!("the caller's own fault"))).await;
    assert_eq!(broken, Err(Stopped));
    D::within("the end", async { while events.next().await.is_some() {} }).await;
    assert_eq!(D::within("request", member.request(member.id(), "x")).await, Err(RequestError::Cancelled));
}

pub(crate) async fn a_dropped_wait_leaves_nothing_behind<D: Driver>() {
    let member = alone::<D>(&Cluster::new()).await;
    let held = Arc::new(());
    let inside = Arc::clone(&held);
    let forever = member.wait_for(move |_| Arc::strong_count(&inside) == 0);
    assert!(forever.now_or_never().is_none(), "dropped after its call was made");
    let forgotten = move |_: View<'_>| Arc::strong_count(&held) == 1;
    D::within("the other wait is forgotten", member.wait_for(forgotten)).await.expect("it runs");
    member.stop().await.expect("it ran");
}

pub(crate) async fn junk_is_counted_and_keeps_nobody_waiting<D: Driver>() {
    const JUNK: usize = 20_000;
    let member = alone::<D>(&Cluster::new()).await;
    let to = member.local_addr();
    let flood = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        for n in 0..JUNK {
            // Short, long, empty, and some that look like QUIC; a full buffer may refuse them.
            let _ = socket.send_to(&vec![n as u8; n % 3_000], to);
        }
    });
    while !flood.is_finished() {
        D::within("an answer in the flood", member.digest()).await.expect("it runs");
    }
    flood.join().expect("it only sends");
    let counters = member.query(|node| node.counters()).await.expect("it runs");
    assert!(counters.datagrams_in > 0 && counters.strays > 0 && counters.panics == 0, "{counters:?}");
    assert_eq!(counters.links, 0);
    member.stop().await.expect("it ran");
}

pub(crate) async fn only_a_renewal_of_the_own_certificate_is_taken<D: Driver>() {
    let cluster = Cluster::new();
    let identity = cluster.identity();
    let (id, key) = (identity.id(), identity.signer.clone());
    let member = D::builder().identity(identity).start().await.expect("started");
    let set = async |other: Identity| member.set_certificate(other.certificate.der()).await;
    let long = Duration::from_secs(30 * 24 * 3600);
    assert_eq!(set(cluster.issue(id, key.clone(), long)).await, Ok(()));
    let wrong = Err(ClientError::Refused(Refused::WrongCertificate));
    assert_eq!(set(cluster.identity()).await, wrong, "another member's");
    assert_eq!(set(cluster.issue(id, generate_key(), long)).await, wrong, "another key");
    assert_eq!(set(Cluster::new().issue(id, key, long)).await, wrong, "another network's");
    member.stop().await.expect("it ran");
}
