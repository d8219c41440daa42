use super::*;
use crate::{
    ca::{BURST, generate_csr},
    identity::generate_key,
    invite::{Invite, base32},
};
use ifrit_core::{
    params::Wish,
    time::{Mono, Wall},
};
use proptest::prelude::*;
use std::time::Duration;

const NOW: Now = Now { mono: Mono(1), wall: Wall(1_767_225_600_000) };
const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn service() -> (tempfile::TempDir, Service) {
    let dir = tempfile::tempdir().expect("a directory");
    let ca = Ca::init(dir.path(), &Wish::default(), NOW.wall).expect("it is made");
    (dir, Service::new(Arc::new(ca)))
}

fn invite(service: &Service, uses: u32) -> Invite {
    service.ca().invite("x:1", uses, Duration::from_secs(60), NOW.wall).expect("it is made")
}

fn body(invite: &Invite, addr: &str) -> Vec<u8> {
    let csr = Bytes(generate_csr(&generate_key()));
    let request = Enrol { secret: base32(&invite.secret), csr, addr: addr.parse().ok() };
    serde_json::to_vec(&request).expect("JSON")
}

fn post(service: &Service, path: &str, body: &[u8]) -> (u16, serde_json::Value) {
    let answer = service.handle(NOW, SOURCE, "POST", path, body);
    (answer.status, serde_json::from_slice(&answer.body).expect("always JSON"))
}

#[test]
fn an_invite_is_exchanged_for_a_certificate() {
    let (_dir, service) = service();
    let (status, answer) = post(&service, ENROL_PATH, &body(&invite(&service, 1), "10.0.0.1:1"));
    assert_eq!(status, 200, "{answer}");
    let (_, answer) = post(&service, ENROL_PATH, &body(&invite(&service, 1), "10.0.0.2:1"));
    assert_eq!(answer["contacts"], serde_json::json!(["10.0.0.1:1"]));
    assert_eq!(answer["now_ms"], NOW.wall.0);
}

#[test]
fn every_refusal_has_its_status_and_code() {
    let (_dir, service) = service();
    let used_up = invite(&service, 1);
    post(&service, ENROL_PATH, &body(&used_up, ""));
    let unknown = Invite { secret: [1; 16], ..used_up.clone() };
    let expired = service.ca().invite("x:1", 1, Duration::ZERO, Wall(NOW.wall.0 - 1)).expect("it is made");
    let good = invite(&service, 5);
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = serde_json::from_slice(&body(&good, "")).expect("JSON");
        change(&mut value);
        value.to_string().into_bytes()
    };
    for (path, body, status, code) in [
        (ENROL_PATH, body(&used_up, ""), 403, "used-up-invite"),
        (ENROL_PATH, body(&unknown, ""), 403, "unknown-invite"),
        (ENROL_PATH, body(&expired, ""), 403, "expired-invite"),
        (ENROL_PATH, b"garbage".to_vec(), 400, "malformed"),
        (ENROL_PATH, with(&|v| v["secret"] = "abc".into()), 400, "malformed"),
        (ENROL_PATH, with(&|v| v["csr"] = "!".into()), 400, "malformed"),
        (ENROL_PATH, with(&|v| v["csr"] = "AAAA".into()), 400, "bad-csr"),
        (ENROL_PATH, with(&|v| v["is_ca"] = true.into()), 400, "malformed"),
        (ENROL_PATH, body(&good, "0.0.0.0:1"), 400, "malformed"),
        (ENROL_PATH, body(&good, "10.0.0.1:0"), 400, "malformed"),
        (ENROL_PATH, vec![b' '; BODY_MAX + 1], 413, "too-large"),
        (RENEW_PATH, br#"{"certificate":"AAAA","csr":"AAAA"}"#.to_vec(), 403, "not-renewable"),
        ("/", vec![], 404, "not-found"),
    ] {
        let (found, answer) = post(&service, path, &body);
        assert_eq!((found, answer["error"].as_str()), (status, Some(code)), "{path}: {answer}");
        assert!(!answer["message"].as_str().expect("text").is_empty());
    }
    let get = |path| service.handle(NOW, SOURCE, "GET", path, b"").status;
    assert_eq!((get(ENROL_PATH), get(REVOCATIONS_PATH)), (405, 200));
    assert_eq!(post(&service, REVOCATIONS_PATH, b"").0, 405);
    assert_eq!(post(&service, ENROL_PATH, &body(&good, "")).0, 200, "none of it took a use");
}

#[test]
fn a_source_that_tries_secrets_is_made_to_wait_and_others_are_not() {
    let (_dir, service) = service();
    let good = invite(&service, 100);
    let wrong = Invite { secret: [1; 16], ..good.clone() };
    for _ in 0..50 {
        assert_eq!(post(&service, ENROL_PATH, &body(&good, "")).0, 200, "enrolling costs nothing");
    }
    for _ in 0..BURST {
        assert_eq!(post(&service, ENROL_PATH, &body(&wrong, "")).0, 403);
    }
    assert_eq!(post(&service, ENROL_PATH, &body(&good, "")).0, 429);
    let other = IpAddr::from([10, 0, 0, 1]);
    assert_eq!(service.handle(NOW, other, "POST", ENROL_PATH, &body(&good, "")).status, 200);
    let later = Now { mono: NOW.mono + Duration::from_secs(2), ..NOW };
    assert_eq!(service.handle(later, SOURCE, "POST", ENROL_PATH, &body(&good, "")).status, 200);
}

#[test]
fn no_body_panics() {
    let (_dir, service) = service();
    let good = body(&invite(&service, 1_000_000), "10.0.0.1:1");
    let n = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(64), |(place in 0..good.len(), byte: u8, junk in proptest::collection::vec(any::<u8>(), 0..100))| {
        n.set(n.get() + 1);
        let source = IpAddr::from(u32::to_be_bytes(n.get()));
        let mut body = good.clone();
        body[place] = byte;
        for body in [body, junk] {
            for path in [ENROL_PATH, RENEW_PATH] {
                let answer = service.handle(NOW, source, "POST", path, &body);
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_ok());
            }
        }
    });
}
