use super::*;
use crate::error::exit_code;
use ifrit_core::params::Wish;
use ifrit_node::ca::CONTACTS_MAX;
use ifrit_node::{
    enrol::{self, EnrolError},
    identity::generate_key,
};
use std::io::{Read, Write};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const HOUR: Duration = Duration::from_secs(3600);

fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    Ca::init(dir.path(), &Wish::default(), wall()).expect("it is made");
    dir
}

async fn started(dir: &Path) -> CaService {
    CaService::start(dir, ANY, None, CONTACTS_MAX).await.expect("it starts")
}

async fn request(invite: Invite) -> Result<enrol::Enrolment, EnrolError> {
    let ask = move || enrol::request(&invite, &generate_key(), None, wall());
    tokio::task::spawn_blocking(ask).await.expect("no panic")
}

#[tokio::test]
async fn many_newcomers_at_once_are_let_in() {
    let dir = made();
    let service = started(dir.path()).await;
    let invite = service.invite(64, HOUR).await.expect("it is made");
    assert_eq!(invite.ca, service.local_addr().to_string());
    let all: Vec<_> = (0..64).map(|_| tokio::spawn(request(invite.clone()))).collect();
    for one in all {
        one.await.expect("no panic").expect("it enrols");
    }
    assert!(matches!(request(invite).await, Err(EnrolError::UsedUpInvite)));
    service.stop().await;
}

#[tokio::test]
async fn sources_that_hold_all_they_may_leave_room_for_others() {
    let dir = made();
    let service = started(dir.path()).await;
    let mut held = Vec::new();
    for n in 0..6 {
        let source = IpAddr::from([10, 0, 0, n]);
        held.extend(std::iter::from_fn(|| service.shared.admit(source)));
    }
    held.extend(service.shared.admit(IpAddr::from([10, 0, 0, 99])));
    assert!(held.last().is_some_and(|place| place.source == IpAddr::from([10, 0, 0, 99])));
    drop(held);
    // One host has 2^64 addresses of its own.
    let of_one_host = (0..300_u16).map(|n| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]));
    let held: Vec<_> = of_one_host.filter_map(|source| service.shared.admit(source)).collect();
    assert!(held.len() <= PER_SOURCE_MAX);
    drop(held);
    assert!(service.shared.sources.lock().expect("no panic").is_empty());
    service.stop().await;
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let dir = made();
    let service = started(dir.path()).await;
    let invite = service.invite(1, HOUR).await.expect("it is made");
    let listen = service.local_addr();
    service.stop().await;
    assert!(matches!(request(invite.clone()).await, Err(EnrolError::Unreachable { .. })), "it has stopped");
    let service = CaService::start(dir.path(), listen, None, CONTACTS_MAX)
        .await
        .expect("address and database are free");
    request(invite).await.expect("it enrols");
    service.stop().await;
    assert!(!ca_admin::socket_path(dir.path()).exists(), "nothing is left behind");
}

#[tokio::test]
async fn the_operator_reaches_the_ca_while_it_serves_and_while_it_does_not() {
    let dir = made();
    let service = CaService::start(dir.path(), ANY, Some("ca.example:1".into()), CONTACTS_MAX)
        .await
        .expect("it starts");
    let ask = |ask: ca_admin::Ask| {
        let dir = dir.path().to_owned();
        async move { tokio::task::spawn_blocking(move || ca_admin::ask(&dir, &ask)).await.expect("no panic") }
    };
    let invite = || ca_admin::Ask::Invite { uses: 1, expires_ms: 60_000 };
    let told = ask(invite()).await.expect("it serves");
    assert!(matches!(&told, ca_admin::Told::Invite { ca, .. } if ca == "ca.example:1"), "{told:?}");
    let error = CaService::start(dir.path(), ANY, None, CONTACTS_MAX).await.expect_err("it serves already");
    assert!(error.to_string().contains("serves already"), "{error}");
    service.stop().await;
    let told = ask(invite()).await.expect("it does not serve");
    assert!(matches!(&told, ca_admin::Told::Invite { ca, .. } if ca == "ca.example:1"), "{told:?}");
    assert!(
        matches!(ask(ca_admin::Ask::Issue { key: vec![1] }).await, Err(error) if error.to_string() == "not a public key")
    );
}

#[tokio::test]
async fn bad_starts_say_what_to_do() {
    let dir = made();
    let service = started(dir.path()).await;
    let other = made();
    let taken =
        CaService::start(other.path(), service.local_addr(), None, CONTACTS_MAX).await.expect_err("in use");
    assert!(taken.to_string().contains("is another program using port"), "{taken}");
    assert_eq!(exit_code(&taken), 1);
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = CaService::start(other.path(), everywhere, None, CONTACTS_MAX)
        .await
        .expect_err("no address for invites");
    assert!(error.to_string().contains("--advertise"), "{error}");
    assert_eq!(exit_code(&error), 2);
    let empty = tempfile::tempdir().expect("a directory");
    let error = CaService::start(empty.path(), ANY, None, CONTACTS_MAX).await.expect_err("no CA");
    assert!(error.to_string().contains("ifrit ca init"), "{error}");
    assert_eq!(exit_code(&error), 2);
}

/// Talks HTTP of its own making, with the root that the service shows taken on trust.
fn talk(addr: SocketAddr, root: &[u8], request: &[u8]) -> String {
    let provider = rustls_provider();
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(root.to_vec().into()).expect("a root");
    let config = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&tokio_rustls::rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ifrit_node::ca::SERVICE_NAME.try_into().expect("a name");
    let tls = tokio_rustls::rustls::ClientConnection::new(Arc::new(config), name).expect("it starts");
    let stream = std::net::TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(CONNECTION_LIMIT)).expect("a time");
    let mut stream = tokio_rustls::rustls::StreamOwned::new(tls, stream);
    let _ = stream.write_all(request).and_then(|()| stream.flush());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn rustls_provider() -> Arc<tokio_rustls::rustls::crypto::CryptoProvider> {
    Arc::new(tokio_rustls::rustls::crypto::ring::default_provider())
}

#[tokio::test]
async fn garbage_and_oversize_are_answered_and_harm_nobody() {
    let dir = made();
    let service = started(dir.path()).await;
    let (addr, root) = (service.local_addr(), service.ca().root().der().to_vec());
    let post = |path: &str, body: &str| {
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                .into_bytes();
        let root = root.clone();
        async move { tokio::task::spawn_blocking(move || talk(addr, &root, &request)).await.expect("no panic") }
    };
    assert!(post("/v1/enrol", "garbage").await.starts_with("HTTP/1.1 400"));
    assert!(post("/v1/enrol", &"x".repeat(BODY_MAX + 1)).await.starts_with("HTTP/1.1 413"));
    assert!(post("/", "").await.starts_with("HTTP/1.1 404"));
    let root_again = root.clone();
    let junk =
        tokio::task::spawn_blocking(move || talk(addr, &root_again, &[0xff; 1000])).await.expect("no panic");
    assert!(junk.is_empty() || junk.starts_with("HTTP/1.1 400"), "{junk}");
    let plain = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(addr).expect("it listens");
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it writes");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    });
    assert!(!plain.await.expect("no panic").starts_with(b"HTTP"), "no TLS, no answer");
    request(service.invite(1, HOUR).await.expect("it is made")).await.expect("it enrols");
    service.stop().await;
}

#[tokio::test]
async fn connections_of_one_source_are_bounded() {
    let dir = made();
    let service = started(dir.path()).await;
    let source = IpAddr::from([10, 0, 0, 1]);
    let places: Vec<_> = (0..PER_SOURCE_MAX).map(|_| service.shared.admit(source).expect("room")).collect();
    assert!(service.shared.admit(source).is_none());
    let other = service.shared.admit(IpAddr::from([10, 0, 0, 2]));
    assert!(other.is_some(), "others are not concerned");
    drop((places, other));
    assert!(service.shared.admit(source).is_some());
    assert!(service.shared.sources.lock().expect("no panic").is_empty(), "and nothing is kept of them");
}
