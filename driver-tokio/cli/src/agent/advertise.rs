//! Which address to tell the others.

use crate::settings::agent::AgentSettings;
use ifrit_node::invite::Invite;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::UdpSocket;

/// Documentation addresses (RFC 3849, RFC 5737): routed as any far ones. Nothing is sent to them.
const FAR: [&str; 2] = ["[2001:db8::1]:9", "192.0.2.1:9"];

/// What to advertise: what the user said, nothing if the socket listens on one address only, else the address of
/// this machine from which it reaches the CA, a seed, or whatever is far away; the port is the socket's (0).
pub(crate) async fn choose(settings: &AgentSettings) -> Vec<SocketAddr> {
    if !settings.advertise.is_empty() || !settings.listen.ip().is_unspecified() {
        return settings.advertise.clone();
    }
    let invite = settings.invite().and_then(|invite| invite.parse::<Invite>().ok());
    let targets = invite
        .map(|invite| invite.ca)
        .into_iter()
        .chain(settings.seed_addr.iter().map(|seed| seed.0.clone()))
        .chain(FAR.map(str::to_owned));
    // `[::]` is both families.
    let families: &[bool] = if settings.listen.is_ipv4() { &[true] } else { &[false, true] };
    for target in targets {
        for v4 in families {
            if let Some(ip) = local_ip_towards(&target, *v4).await {
                return vec![SocketAddr::new(ip, 0)];
            }
        }
    }
    tracing::warn!(
        "no route to anywhere: telling others 127.0.0.1; use --advertise to tell them where you are"
    );
    vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)]
}

/// Asks the routing table: connecting a UDP socket sends nothing.
async fn local_ip_towards(target: &str, v4: bool) -> Option<IpAddr> {
    let any: IpAddr = if v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let target = tokio::net::lookup_host(target).await.ok()?.find(|addr| addr.is_ipv4() == v4)?;
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(target).await.ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::kinds::HostPort;

    #[tokio::test]
    async fn a_neighbour_on_this_machine_is_reached_from_loopback() {
        let ip = local_ip_towards("127.0.0.1:8300", true).await;
        assert_eq!(ip, Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(local_ip_towards("[::1]:1", true).await, None, "an IPv4 socket reaches no IPv6 address");
    }

    #[tokio::test]
    async fn who_listens_on_both_families_tells_the_address_of_the_one_that_the_seed_has() {
        let told = |listen: &str, seed: &str| {
            let (listen, seed) = (listen.parse().expect("an address"), HostPort(seed.to_owned()));
            AgentSettings { listen, seed_addr: vec![seed], ..AgentSettings::default() }
        };
        let here = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        assert_eq!(choose(&told("[::]:8301", "127.0.0.1:1")).await, here);
        assert_eq!(choose(&told("0.0.0.0:8301", "127.0.0.1:1")).await, here);
    }
}
