//! A relay before each agent, as a port that a NAT forwards: agents tell others its address, and it delays what passes.
//!
//! It is this test's own executable, started again inside the namespace in another role, and ends when its stdin does.

use crate::hosts::{Lab, addr};
use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write, stderr, stdin},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio, exit},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{net::UdpSocket, time::sleep};

/// Says to the executable that it is a relay: where it listens, and for which agent.
const ROLE: &str = "IFRIT_TEST_RELAY";
/// The test that is only a role.
pub(crate) const TEST: &str = "a_relay_is_a_role_of_this_executable";
const READY: &str = "relay ready";

/// The port of the relays, which agents tell others, and the agents' own.
pub(crate) const OUTSIDE: u16 = 9301;
pub(crate) const INSIDE: u16 = 8301;

/// One that runs.
pub(crate) struct Relay {
    child: Child,
    stdin: ChildStdin,
}

impl Relay {
    pub(crate) fn start(lab: &Lab, host: usize) -> Self {
        let mut command = Command::new(env::current_exe().expect("it runs"));
        command.args(["--exact", TEST, "--nocapture"]);
        command.env(ROLE, format!("{} {}", addr(host, OUTSIDE), addr(host, INSIDE)));
        let mut command = lab.on(host, &command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ip starts");
        let said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let said: Vec<_> = said.take_while(|line| line != READY).collect();
        assert!(child.try_wait().expect("a child").is_none(), "the relay has ended: {said:#?}");
        let stdin = child.stdin.take().expect("a pipe");
        Self { child, stdin }
    }

    /// From now on each packet takes this long, either way.
    pub(crate) fn delay(&mut self, delay: Duration) {
        writeln!(self.stdin, "{}", delay.as_millis()).expect("the relay runs");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Relays until stdin ends, if that is the role of this process.
pub(crate) fn play() {
    let Ok(role) = env::var(ROLE) else { return };
    let addrs: Vec<SocketAddr> = role.split(' ').map(|addr| addr.parse().expect("an address")).collect();
    let delay = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&delay);
    std::thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            told.store(line.parse().expect("milliseconds"), Ordering::Relaxed);
        }
        exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(relay(addrs[0], addrs[1], &delay));
}

async fn relay(outside: SocketAddr, agent: SocketAddr, delay: &Arc<AtomicU64>) {
    let outer = Arc::new(UdpSocket::bind(outside).await.expect("a free address"));
    writeln!(stderr(), "{READY}").expect("somebody listens");
    // One socket towards the agent for each peer: by it the agent's answers find their way.
    let mut inner: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut buffer = [0; 2048];
    loop {
        // An error belongs to a packet sent earlier.
        let Ok((len, peer)) = outer.recv_from(&mut buffer).await else { continue };
        let socket = match inner.get(&peer) {
            Some(socket) => Arc::clone(socket),
            None => {
                let socket = UdpSocket::bind((agent.ip(), 0)).await.expect("a free port");
                socket.connect(agent).await.expect("an address of this host");
                let socket = Arc::new(socket);
                tokio::spawn(back(Arc::clone(&socket), Arc::clone(&outer), peer, Arc::clone(delay)));
                inner.insert(peer, Arc::clone(&socket));
                socket
            }
        };
        let packet = buffer[..len].to_vec();
        later(delay, async move { drop(socket.send(&packet).await) });
    }
}

async fn back(inner: Arc<UdpSocket>, outer: Arc<UdpSocket>, peer: SocketAddr, delay: Arc<AtomicU64>) {
    let mut buffer = [0; 2048];
    loop {
        let Ok(len) = inner.recv(&mut buffer).await else { continue };
        let (packet, outer) = (buffer[..len].to_vec(), Arc::clone(&outer));
        later(&delay, async move { drop(outer.send_to(&packet, peer).await) });
    }
}

fn later(delay: &AtomicU64, send: impl Future<Output = ()> + Send + 'static) {
    let delay = Duration::from_millis(delay.load(Ordering::Relaxed));
    tokio::spawn(async move {
        sleep(delay).await;
        send.await;
    });
}
