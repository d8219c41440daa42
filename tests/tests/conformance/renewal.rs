//! Certificates and revocations while members run (R14).

use crate::{
    cluster::{Cluster, state_of, wall, wish},
    driver::Driver,
};
use ifrit_core::{
    action::Notice,
    certificate::Certificate,
    event::Refused,
    time::{Mono, Now},
    view::State,
};
use ifrit_node::{
    ca::{Ca, Service, server_config},
    drive::{Client, ClientError, Event, MessageStream},
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Short, and far longer than a renewal takes.
const LIFETIME: Duration = Duration::from_secs(6);

/// A CA whose service runs until the test's process ends.
struct Host {
    _dir: TempDir,
    ca: Arc<Ca>,
    addr: String,
}

impl Host {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let ca = Arc::new(Ca::init(dir.path(), &wish(), wall()).expect("a CA"));
        ca.set_lifetime(LIFETIME).expect("it writes");
        let service = Arc::new(Service::new(ca.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("bound").to_string();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let service = service.clone();
                // As the CA is now: its root may have been followed by another.
                let config = server_config(&service.ca().authority()).expect("rustls takes it");
                thread::spawn(move || serve(stream, &service, Arc::new(config)));
            }
        });
        Self { _dir: dir, ca, addr }
    }

    fn invite(&self) -> String {
        let invite = self.ca.invite(&self.addr, 1, Duration::from_secs(600), wall());
        invite.expect("it writes").to_string()
    }
}

/// One exchange. `None`: the other end has gone.
fn serve(stream: TcpStream, service: &Service, config: Arc<ServerConfig>) -> Option<()> {
    let source = stream.peer_addr().ok()?.ip();
    let tls = ServerConnection::new(config).ok()?;
    let mut stream = BufReader::new(StreamOwned::new(tls, stream));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).ok().filter(|len| *len > 0)?;
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let len = head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; len.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let answer = service.handle(Now { mono: Mono(0), wall: wall() }, source, method, path, &body);
    let head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n\r\n", answer.status, answer.body.len());
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body)).ok()?;
    stream.flush().ok()
}

async fn echo(mut stream: MessageStream) {
    while let Ok(Some(message)) = stream.recv().await {
        if stream.send(message).await.is_err() {
            return;
        }
    }
}

async fn certificate(client: &Client) -> Vec<u8> {
    let own = client.query(|node| node.view().certificate(&node.view().me()).map(<[u8]>::to_vec)).await;
    own.expect("it runs").expect("its own")
}

pub(crate) async fn r14_members_renew_by_themselves_and_a_stream_goes_on<D: Driver>() {
    let (host, dirs) = (Host::start(), [(); 2].map(|()| tempfile::tempdir().expect("a directory")));
    let one = D::builder().data_dir(dirs[0].path()).invite(host.invite()).start().await.expect("enrolled");
    let two = D::builder().data_dir(dirs[1].path()).invite(host.invite()).on_stream(echo);
    let two = two.seed_addr(one.local_addr()).start().await.expect("enrolled");
    let (first, second) = (one.id(), two.id());
    for (member, other) in [(&one, second), (&two, first)] {
        let sees = move |view: ifrit_core::view::View<'_>| state_of(&view, &other) == Some(State::Live);
        D::within("they meet", member.wait_for(sees)).await.expect("it runs");
    }
    let mut events = one.events();
    let mut stream = D::within("a stream", one.open_stream(second)).await.expect("it is there");
    for round in 0..2u8 {
        let before = [certificate(&one).await, certificate(&two).await];
        for member in [&one, &two] {
            let before = before.clone();
            // Everybody has the later ones of both.
            let later = move |view: ifrit_core::view::View<'_>| {
                let new = |id, before: &Vec<u8>| view.certificate(&id).is_some_and(|der| der != before);
                new(first, &before[0]) && new(second, &before[1])
            };
            D::within("renewed certificates", member.wait_for(later)).await.expect("it runs");
        }
        stream.send(vec![round; 100]).await.expect("the stream of the first day");
        let back = D::within("an echo", stream.recv()).await.expect("it goes on");
        assert_eq!(back, Some(vec![round; 100]));
    }
    while let Some(event) = events.try_next() {
        let is_news = matches!(
            event,
            Event::Notice(Notice::Updated { .. } | Notice::Joined { .. } | Notice::Slow { .. })
        );
        assert!(is_news, "{event:?}");
    }
    assert_eq!((one.id(), two.id()), (first, second));
    for member in [one, two] {
        member.stop().await.expect("it ran until now");
    }
}

pub(crate) async fn r14_another_root_follows_and_a_stream_goes_on<D: Driver>() {
    let (host, dirs) = (Host::start(), [(); 3].map(|()| tempfile::tempdir().expect("a directory")));
    let invite = host.invite();
    let one = D::builder().data_dir(dirs[0].path()).invite(host.invite()).start().await.expect("enrolled");
    let two = D::builder().data_dir(dirs[1].path()).invite(host.invite()).on_stream(echo);
    let two = two.seed_addr(one.local_addr()).start().await.expect("enrolled");
    let second = two.id();
    let sees = move |view: ifrit_core::view::View<'_>| state_of(&view, &second) == Some(State::Live);
    D::within("they meet", one.wait_for(sees)).await.expect("it runs");
    let mut stream = D::within("a stream", one.open_stream(second)).await.expect("it is there");
    let mut events = one.events();
    let rotated = host.ca.rotate(Duration::from_secs(3600), wall()).expect("the first time");
    one.set_revocations(rotated.list.signed().bytes().to_vec()).await.expect("the CA's");
    for member in [&one, &two] {
        let root = rotated.root.clone();
        // Certificates last so short here that they are renewed anyhow, from now on by the new root.
        let done = move |view: ifrit_core::view::View<'_>| {
            let of_new = |id| {
                let der = view.certificate(&id)?;
                Some(!Certificate::parse(der, &root).ok()?.is_of_former())
            };
            *view.root() == root && view.members().all(|member| of_new(member.id) == Some(true))
        };
        D::within("new certificates of both", member.wait_for(done)).await.expect("it runs");
    }
    let third = D::builder().data_dir(dirs[2].path()).invite(invite).seed_addr(two.local_addr());
    let third = third.start().await.expect("an invite of before");
    D::within("it joins", third.wait_for(|view| view.live() == 3)).await.expect("it runs");
    stream.send(b"still there".to_vec()).await.expect("the stream of before");
    assert_eq!(D::within("an echo", stream.recv()).await.expect("it goes on"), Some(b"still there".to_vec()));
    two.stop().await.expect("it ran until now");
    let two = D::builder().data_dir(dirs[1].path()).seed_addr(one.local_addr());
    let two = two.start().await.expect("root and certificate on its disk fit");
    D::within("it is back", two.wait_for(|view| view.live() == 3)).await.expect("it runs");
    let down = std::iter::from_fn(|| events.try_next());
    let down =
        down.filter(|event| matches!(event, Event::Notice(Notice::Expired { .. } | Notice::Revoked { .. })));
    assert_eq!(down.count(), 0);
    for member in [one, two, third] {
        member.stop().await.expect("it ran until now");
    }
}

pub(crate) async fn r14_revoked_is_out_everywhere_and_stays_out<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(3).await;
    let gone = cluster.members.pop().expect("three");
    let id = gone.id();
    let foreign = Cluster::new().revoke(1, &[id]);
    let refused = cluster.members[0].set_revocations(foreign).await;
    assert_eq!(refused, Err(ClientError::Refused(Refused::WrongRevocations)));
    cluster.members[0].set_revocations(cluster.revoke(1, &[id])).await.expect("the CA's");
    cluster.everywhere::<D>("it is revoked", move |view| state_of(&view, &id) == Some(State::Revoked)).await;
    cluster.complete::<D>().await;
    assert_eq!(
        cluster.members[1].request(id, "hello").await,
        Err(ifrit_node::app::RequestError::UnknownMember)
    );
    gone.stop().await.ok();

    let again = cluster.members.remove(1);
    again.stop().await.expect("it ran");
    let again = cluster.builder::<D>(1).start().await.expect("its directory is free");
    let held = again.member(id).await.expect("it runs").map(|view| view.state);
    assert_eq!(held, Some(State::Revoked), "from its disk, before it has heard of anybody");
    cluster.members.push(again);
    cluster.stop::<D>().await;
}
