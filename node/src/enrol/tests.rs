//! Against the CA's service on a socket, hosted by the smallest possible server.

use super::*;
use crate::{
    ca::{Ca, ROOT_VALIDITY, Service, server_config},
    identity::{ROOT_FILE, root_pem},
};
use ifrit_core::{
    certificate::Root,
    params::Wish,
    time::{Mono, Now},
};
use rustls::{ServerConnection, StreamOwned};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

const NOW: Wall = Wall(1_767_225_600_000);
const HOUR: Duration = Duration::from_secs(3600);

/// Serves until the test process ends.
struct Host {
    _dir: tempfile::TempDir,
    service: Arc<Service>,
    addr: String,
}

impl Host {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let ca = Ca::init(dir.path(), &Wish::default(), NOW).expect("it is made");
        let service = Arc::new(Service::new(Arc::new(ca)));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("bound").to_string();
        let shared = service.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let service = shared.clone();
                // As the CA is now: its root may have been followed by another.
                let config = server_config(&service.ca().authority()).expect("rustls takes it");
                thread::spawn(move || serve(stream, &service, Arc::new(config)));
            }
        });
        Self { _dir: dir, service, addr }
    }

    fn invite(&self, uses: u32) -> Invite {
        self.service.ca().invite(&self.addr, uses, HOUR, NOW).expect("it is made")
    }
}

fn serve(stream: TcpStream, service: &Service, config: Arc<rustls::ServerConfig>) -> Option<()> {
    let source = stream.peer_addr().ok()?.ip();
    let tls = ServerConnection::new(config).ok()?;
    let mut stream = BufReader::new(StreamOwned::new(tls, stream));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        stream.read_line(&mut head).ok().filter(|len| *len > 0)?;
    }
    let (method, path) = (head.split(' ').next()?.to_owned(), head.split(' ').nth(1)?.to_owned());
    let len =
        head.split("Content-Length: ").nth(1).map_or("0", |rest| rest.split("\r\n").next().unwrap_or("0"));
    let len = len.parse().ok()?;
    let mut body = vec![0; len];
    stream.read_exact(&mut body).ok()?;
    let answer = service.handle(Now { mono: Mono(0), wall: NOW }, source, &method, &path, &body);
    let head = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n\r\n", answer.status, answer.body.len());
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body)).ok()?;
    stream.flush().ok()
}

fn newcomer() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("it opens");
    (dir, store)
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

#[test]
fn an_invite_makes_an_identity_that_lasts() {
    let host = Host::start();
    let (_first_dir, mut first) = newcomer();
    enrol(&host.invite(1).to_string(), &mut first, &[addr(1)], NOW).expect("it enrols");

    let (dir, mut store) = newcomer();
    let invite = host.invite(1);
    assert_eq!(invite.members, [addr(1)]);
    let identity = enrol(&invite.to_string(), &mut store, &[addr(2)], NOW).expect("it enrols");
    assert_eq!(identity.root, host.service.ca().root());
    drop(store);
    let mut store = Store::open(dir.path()).expect("it opens");
    assert_eq!(store.identity().expect("it loads").expect("enrolled").id(), identity.id());
    assert_eq!(store.load().contacts, [addr(1)]);
}

#[test]
fn an_answer_that_was_lost_comes_again_for_the_same_invite() {
    let host = Host::start();
    let invite = host.invite(1).to_string();
    let (dir, mut store) = newcomer();
    let first = enrol(&invite, &mut store, &[], NOW).expect("it enrols");
    std::fs::remove_file(dir.path().join(crate::identity::CERTIFICATE_FILE)).expect("as if it never came");
    let again = enrol(&invite, &mut store, &[], NOW).expect("it enrols");
    assert_eq!(first.certificate, again.certificate);
}

#[test]
fn bad_invites_have_errors_of_their_own_and_leave_no_identity() {
    let host = Host::start();
    let (dir, mut store) = newcomer();
    let mut enrol = |invite: &str, now| {
        let error = enrol(invite, &mut store, &[], now).expect_err("it is bad");
        assert!(store.identity().expect("readable").is_none());
        error
    };
    let good = host.invite(1);
    let used_up = host.invite(1);
    request(&used_up, &generate_key(), None, NOW).expect("it enrols");
    let expired =
        host.service.ca().invite(&host.addr, 1, Duration::ZERO, Wall(NOW.0 - 1)).expect("it is made");
    let wrong = Invite { secret: [1; 16], ..good.clone() };
    let foreign = Invite { fingerprint: [1; 32], ..good.clone() };

    assert!(matches!(enrol("hello", NOW), EnrolError::Invite(InviteError::NotAnInvite)));
    assert!(matches!(enrol(&used_up.to_string(), NOW), EnrolError::UsedUpInvite));
    assert!(matches!(enrol(&expired.to_string(), NOW), EnrolError::ExpiredInvite));
    assert!(matches!(enrol(&wrong.to_string(), NOW), EnrolError::UnknownInvite));
    assert!(matches!(enrol(&foreign.to_string(), NOW), EnrolError::WrongFingerprint { .. }));
    let behind = enrol(&good.to_string(), Wall(NOW.0 - HOUR.as_millis() as u64));
    assert!(matches!(&behind, EnrolError::Clock(text) if text.contains("behind")), "{behind}");
    let ahead = enrol(&good.to_string(), NOW + ROOT_VALIDITY * 2);
    assert!(matches!(&ahead, EnrolError::Clock(text) if text.contains("ahead")), "{ahead}");
    assert!(dir.path().join(crate::identity::KEY_FILE).exists(), "the key is kept for the next try");
    request(&good, &generate_key(), None, NOW).expect("none of it took a use");
}

/// The secret must not reach a CA that is not the invite's, even one that shows the right root beside an own leaf.
#[test]
fn a_thief_that_shows_the_right_root_is_refused() {
    let host = Host::start();
    let thief = Host::start();
    let mut config = server_config(&thief.service.ca().authority()).expect("rustls takes it");
    let leaf_and_root = {
        let key = generate_key();
        let authority = thief.service.ca().authority();
        let public = ifrit_core::crypto::Signer::public_key(&key);
        let leaf = authority.issue_service(&public, Wall(NOW.0 - 1000), NOW + HOUR, 1);
        let chain = vec![leaf.into(), host.service.ca().root().der().to_vec().into()];
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(crate::identity::pkcs8(&key));
        (chain, key.into())
    };
    config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map(|builder| builder.with_no_client_auth().with_single_cert(leaf_and_root.0, leaf_and_root.1))
        .expect("TLS 1.3")
        .unwrap_or(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let ca = listener.local_addr().expect("bound").to_string();
    let read = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody comes");
        let mut stream =
            StreamOwned::new(ServerConnection::new(Arc::new(config)).expect("it starts"), stream);
        let mut byte = [0];
        stream.read(&mut byte)
    });
    let error = request(&Invite { ca, ..host.invite(1) }, &generate_key(), None, NOW).expect_err("a thief");
    assert!(matches!(error, EnrolError::Malformed { .. } | EnrolError::WrongFingerprint { .. }), "{error}");
    assert!(
        !matches!(read.join().expect("no panic"), Ok(len) if len > 0),
        "not a byte of the request was sent"
    );
}

#[test]
fn a_ca_that_is_down_or_no_ca_is_told_apart() {
    let host = Host::start();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let ca = listener.local_addr().expect("bound").to_string();
    let invite = Invite { ca, ..host.invite(1) };
    let ask = || request(&invite, &generate_key(), None, NOW).expect_err("nobody is there");
    let talker = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").expect("it writes");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let error = ask();
    assert!(matches!(&error, EnrolError::Malformed { .. }), "{error}");
    talker.join().expect("no panic");
    // The listener is gone.
    let error = ask();
    assert!(matches!(&error, EnrolError::Unreachable { .. }) && error.is_temporary(), "{error}");
    assert!(error.to_string().contains("ifrit ca serve"), "{error}");
}

#[test]
fn a_member_renews_with_its_certificate() {
    let host = Host::start();
    let identity = request(&host.invite(1), &generate_key(), None, NOW).expect("it enrols").identity;
    let renewed = renew(&host.addr, &identity, NOW).expect("it renews").identity;
    assert_eq!((renewed.id(), renewed.certificate.key()), (identity.id(), identity.certificate.key()));
    let stranger = Host::start();
    let error = renew(&stranger.addr, &identity, NOW).expect_err("another CA");
    assert!(matches!(error, EnrolError::WrongFingerprint { .. }), "{error}");
}

#[test]
fn a_half_written_key_of_an_enrolment_that_never_ended_is_made_anew() {
    let host = Host::start();
    let (dir, mut store) = newcomer();
    std::fs::write(dir.path().join(crate::identity::KEY_FILE), b"-----BEGIN PRIV").expect("writable");
    enrol(&host.invite(1).to_string(), &mut store, &[], NOW).expect("it enrols");
    Identity::load(Path::new(dir.path())).expect("all there");
}

#[test]
fn r14_revoked_members_are_not_renewed_and_the_list_is_there_for_all() {
    let host = Host::start();
    let ca = host.service.ca();
    let identity = request(&host.invite(1), &generate_key(), None, NOW).expect("it enrols").identity;
    let list = || revocations(&host.addr, &ca.root().fingerprint, NOW).expect("it is told");
    assert_eq!(list(), None, "nobody was ever revoked");
    let signed = ca.revoke(&identity.id(), "stolen", NOW).expect("it is a member");
    assert_eq!(list().as_deref(), Some(signed.signed().bytes()));
    let error = renew(&host.addr, &identity, NOW + HOUR).expect_err("it is a member no more");
    assert!(matches!(error, EnrolError::Revoked), "{error}");
    let error = request(&host.invite(1), &identity.signer, None, NOW).expect_err("nor with a new invite");
    assert!(matches!(error, EnrolError::Revoked), "{error}");
    let stranger = revocations(&host.addr, &[1; 32], NOW).expect_err("not the CA asked for");
    assert!(matches!(stranger, EnrolError::WrongFingerprint { .. }), "{stranger}");
}

#[test]
fn r14_whoever_knows_the_former_root_renews_and_enrols_under_the_next() {
    let host = Host::start();
    let ca = host.service.ca();
    let (old_invite, old_root) = (host.invite(3), ca.root());
    let (dir, mut store) = newcomer();
    let identity = enrol(&old_invite.to_string(), &mut store, &[], NOW).expect("it enrols");
    let rotated = ca.rotate(HOUR, NOW).expect("the first time");
    assert!(rotated.root == ca.root() && rotated.root.answers_to(&old_root.fingerprint));
    assert_eq!(rotated.until, NOW + HOUR);

    // Both pin the root that they know.
    let list = revocations(&host.addr, &old_root.fingerprint, NOW).expect("it is told");
    assert_eq!(list.as_deref(), Some(rotated.list.signed().bytes()));
    let renewed = renew(&host.addr, &identity, NOW).expect("at once").identity;
    assert_eq!((renewed.id(), &renewed.root), (identity.id(), &ca.root()));
    assert!(!renewed.certificate.is_of_former() && renewed.certificate.not_after > NOW + HOUR);
    let again = renew(&host.addr, &renewed, NOW).expect("with the root that it knows now").identity;
    assert_eq!(again.certificate, renewed.certificate, "nothing new");
    let late = request(&old_invite, &generate_key(), None, NOW).expect("an invite of before").identity;
    assert!(late.root == ca.root() && !late.certificate.is_of_former());
    // Who lost the answer asks again, and takes no second use.
    let lost = request(&old_invite, &identity.signer, None, NOW).expect("the same key").identity;
    assert_eq!((lost.id(), lost.certificate.is_of_former()), (identity.id(), false));
    assert_eq!(ca.invites(0, 9, NOW).expect("it reads")[0].left, 1);
    let new_invite = host.invite(1);
    assert_eq!(new_invite.fingerprint, ca.root().fingerprint);
    request(&new_invite, &generate_key(), None, NOW).expect("an invite of now");

    // What it has on disk fits, whichever of the two came there first.
    let pems = |root: &Root| fs::write(dir.path().join(ROOT_FILE), root_pem(root)).expect("writable");
    pems(&renewed.root);
    let held = Identity::load(dir.path()).expect("the old certificate, under the new root");
    assert!(held.certificate.is_of_former() && held.certificate.not_after == NOW + HOUR);
    renewed.save(dir.path()).expect("writable");
    assert_eq!(Identity::load(dir.path()).expect("both new").root, ca.root());
    pems(&old_root);
    assert!(matches!(Identity::load(dir.path()), Err(IdentityError::Certificate(_))), "not the other way");
}

#[test]
fn r14_a_thief_s_ca_is_not_believed_to_follow() {
    let (host, thief) = (Host::start(), Host::start());
    let identity = request(&host.invite(1), &generate_key(), None, NOW).expect("it enrols").identity;
    thief.service.ca().rotate(HOUR, NOW).expect("the first time");
    let error = renew(&thief.addr, &identity, NOW).expect_err("another CA");
    assert!(matches!(error, EnrolError::WrongFingerprint { .. }), "{error}");
}
