//! Addresses: IPv6, sockets of both families, names that have addresses of both.

use crate::{cluster::Cluster, driver::Driver};
use std::{
    io::Write,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

/// Whether this machine has IPv6; says so if it has none.
fn has_ipv6() -> bool {
    let found = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !found {
        // Not captured by the harness, unlike what `eprintln` prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no IPv6 on this machine, so none of it was tested");
    }
    found
}

pub(crate) async fn members_meet_over_ipv6<D: Driver>() {
    if !has_ipv6() {
        return;
    }
    let mut cluster = Cluster::new();
    let any_port = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    for _ in 0..3 {
        let echo = |_from, body| async move { Ok(body) };
        let member = cluster.add::<D>(|builder| builder.bind(any_port).on_request(echo)).await;
        assert!(member.local_addr().is_ipv6());
    }
    cluster.complete::<D>().await;
    let (first, last) = (&cluster.members[0], &cluster.members[2]);
    let reply = D::within("a reply", first.request(last.id(), "hello")).await;
    assert_eq!(reply, Ok(b"hello".to_vec()));
    let known = first.explain(last.id()).await.expect("it runs").expect("a member").now.expect("in lease");
    assert_eq!(known.member.addrs, [last.local_addr()]);
    cluster.stop::<D>().await;
}

pub(crate) async fn a_socket_of_both_families_meets_members_of_ipv4<D: Driver>() {
    if !has_ipv6() {
        return;
    }
    let mut cluster = Cluster::new();
    let (every, here) = ((Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::LOCALHOST, 0).into());
    // It dials one of IPv4, which knows nothing of it; then it is dialled by one. `localhost` is an address of each family: the one
    // that cannot be reached costs no time.
    cluster.add::<D>(|builder| builder).await;
    let both = cluster.add::<D>(|builder| builder.bind(every).advertise(here)).await;
    cluster.complete::<D>().await;
    let name = format!("localhost:{}", both.local_addr().port());
    cluster.add::<D>(|builder| builder.seed_addr(&name)).await;
    cluster.complete::<D>().await;
    let first = &cluster.members[0];
    let seen = both.explain(first.id()).await.expect("it runs").expect("a member");
    assert_eq!(seen.now.expect("in lease").member.addrs, [first.local_addr()]);
    cluster.stop::<D>().await;
}
