// A member in a loop of its own: `embed DIR HOST:PORT` runs what `ifrit ca issue --out DIR` made, joining through HOST:PORT. It
// asks everybody who comes up who they are, answers the same question, and may be killed and started again at any time.
#![expect(clippy::disallowed_methods, reason = "this is the edge: here clocks are read, to be handed in")]
use ifrit_node::ifrit_core::{
    action::Notice,
    config::Probation,
    seed::Seed,
    time::{Mono, Now, Wall},
};
use ifrit_node::limits::Limits;
use ifrit_node::node::{Input, Node, NodeConfig, NodeEvent, Output};
use ifrit_node::store::Store;
use std::net::{ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, dir, first] = &args[..] else { return Err("usage: embed DIR HOST:PORT".into()) };
    let (origin, socket) = (Instant::now(), UdpSocket::bind("127.0.0.1:0")?);
    let now = || Now {
        mono: Mono(0) + origin.elapsed(),
        wall: Wall(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)),
    };
    let mut random = [0; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut random)?;
    let mut store = Store::open(dir.as_ref())?;
    let config = NodeConfig {
        identity: store.identity()?.ok_or("the directory holds no identity")?,
        addrs: vec![socket.local_addr()?],
        tags: Vec::new(),
        seeds: vec![first.clone()],
        stored: store.load().stored,
        seed: Seed(random),
        limits: Limits::default(),
        probation: Probation::default(),
    };
    let (me, mut node) = (config.identity.id(), Node::new(config, origin, now())?);
    let mut buffer = [0; 65_536];
    loop {
        match node.poll(now()) {
            Output::Datagram { to, segment, bytes, .. } => {
                for datagram in bytes.chunks(segment.unwrap_or(bytes.len())) {
                    let _ = socket.send_to(datagram, to); // a network may lose it
                }
            }
            Output::Persist { seq, what } => {
                store.save(&what)?; // first the disk, then the word that it is there (R15)
                node.handle(now(), Input::Persisted { seq })?;
            }
            Output::Resolve { seed, name } => {
                let addrs: Vec<_> = name.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
                node.handle(now(), Input::Resolved { seed, addrs: &addrs })?;
            }
            Output::Notify(event) => match event {
                NodeEvent::Member(Notice::Up { member, .. }) if member != me => {
                    println!("{member} is up");
                    node.request(now(), member, b"who are you?", Duration::from_secs(10)); // its end comes as a Reply
                }
                NodeEvent::Member(notice) => println!("{notice:?}"),
                NodeEvent::Request { token, from, body } => {
                    println!("{from} asks: {}", String::from_utf8_lossy(&body));
                    node.respond(now(), token, Ok(format!("{me}, in a loop of its own").into_bytes()));
                }
                NodeEvent::Reply { result: Ok(body), .. } => {
                    println!("reply: {}", String::from_utf8_lossy(&body))
                }
                NodeEvent::Reply { result: Err(error), .. } => println!("no reply: {error}"),
                // Who takes streams reads them; who does not gives them up, or they wait.
                NodeEvent::StreamOpened { id, .. } => {
                    node.stop_stream(now(), id, 0);
                    node.reset_stream(now(), id, 0);
                }
                other => println!("{other:?}"),
            },
            Output::Wait { until, .. } => {
                let wait = until.map_or(Duration::from_secs(1), |until| until.since(now().mono));
                socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
                let input = match socket.recv_from(&mut buffer) {
                    Ok((len, from)) => {
                        Input::Datagram { from, local: None, ecn: None, bytes: &buffer[..len] }
                    }
                    Err(_) => Input::Wake, // the time has come; early would do no harm
                };
                node.handle(now(), input)?;
            }
        }
    }
}
