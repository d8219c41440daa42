//! The CA is killed again and again while newcomers enrol: nothing that it said is lost, and nothing is given twice.
//!
//! `IFRIT_KILLS=500 cargo test -p ifrit --test ca_crash` kills it that often; the counts are printed with `--nocapture`.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Ca, World, pause, wait_for};
use ifrit_core::time::Wall;
use ifrit_node::{
    ca,
    enrol::{self, EnrolError},
    identity::generate_key,
    invite::Invite,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const KILLS: usize = 50;
/// Newcomers at a time.
const NEWCOMERS: usize = 6;
/// Each invite is good for so many, and more than that try it.
const USES: u32 = 3;

/// What newcomers were told, by the certificate's bytes: with which invite.
type Received = Mutex<BTreeMap<Vec<u8>, String>>;

fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Wall(since.as_millis() as u64)
}

/// Enrols newcomers with the invite of the day until it ends: some with a key that has asked before, whose answer was lost.
fn newcomers(invite: &Mutex<Invite>, over: &AtomicBool, received: &Received, lost: &AtomicUsize) {
    let mut key = generate_key();
    let mut asked_with = None;
    while !over.load(Relaxed) {
        let invite = asked_with.clone().unwrap_or_else(|| invite.lock().unwrap().clone());
        match enrol::request(&invite, &key, None, wall()) {
            Ok(enrolment) => {
                let der = enrolment.identity.certificate.der().to_vec();
                received.lock().unwrap().insert(der, ca::invite_id(&invite));
                (key, asked_with) = (generate_key(), None);
            }
            // Whoever lost the answer asks again with the same key and invite, and gets it.
            Err(error) if error.is_temporary() => {
                lost.fetch_add(1, Relaxed);
                asked_with = Some(invite);
                pause(Duration::from_millis(5));
            }
            Err(EnrolError::UsedUpInvite) => {
                asked_with = None;
                pause(Duration::from_millis(2));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_ca_that_is_killed_at_any_instant_loses_no_certificate_and_spends_no_invite_twice() {
    let kills = std::env::var("IFRIT_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let world = World::new();
    let mut ca = Ca::init(&world, "ca");
    let new_invite = |ca: &Ca| -> Invite { ca.invite(&world, &["--uses", "3"]).parse().unwrap() };
    ca.start(&world, &[]);
    let invite = Mutex::new(new_invite(&ca));
    let (over, received, lost) = (AtomicBool::new(false), Received::default(), AtomicUsize::new(0));
    let mut made = BTreeSet::from([ca::invite_id(&invite.lock().unwrap())]);
    std::thread::scope(|scope| {
        for _ in 0..NEWCOMERS {
            scope.spawn(|| newcomers(&invite, &over, &received, &lost));
        }
        for kill in 0..kills {
            // However slow the machine: now and then it is killed only when somebody was let in.
            if kill % 4 == 0 {
                let current = ca::invite_id(&invite.lock().unwrap());
                wait_for("a newcomer is let in", || {
                    received.lock().unwrap().values().any(|invite| *invite == current).then_some(())
                });
            }
            // Anywhere from its first request to many later.
            let random = u64::from_le_bytes(generate_key().scalar()[..8].try_into().unwrap());
            pause(Duration::from_micros(random % 60_000));
            ca.stop();
            // With the database free, and sometimes while it serves again.
            if kill % 2 == 0 {
                ca.start(&world, &[]);
            }
            let next = new_invite(&ca);
            made.insert(ca::invite_id(&next));
            *invite.lock().unwrap() = next;
            if kill % 2 == 1 {
                ca.start(&world, &[]);
            }
        }
        over.store(true, Relaxed);
    });
    ca.stop();

    let received = received.into_inner().unwrap();
    let database = ca::Ca::open(ca.dir.as_ref()).unwrap();
    let (mut rows, mut after) = (Vec::new(), 0);
    while let page @ [.., last] = &database.certificates(after, 1000, wall()).unwrap()[..] {
        after = last.serial;
        rows.extend_from_slice(page);
    }
    let issued: BTreeSet<_> = rows.iter().map(|row| row.id.clone()).collect();
    println!(
        "{kills} kills: {} certificates issued, {} received, {} answers lost or refused, {} invites",
        rows.len(),
        received.len(),
        lost.load(Relaxed),
        made.len()
    );
    assert!(received.len() >= kills.div_ceil(4), "each of them with another invite");
    let mut ids = BTreeSet::new();
    for (der, invite) in &received {
        let certificate = ifrit_core::certificate::Certificate::parse(der, &database.root()).unwrap();
        let row = rows.iter().find(|row| row.id == certificate.id.to_string());
        let row = row.unwrap_or_else(|| panic!("{} was received and is not in the database", certificate.id));
        assert_eq!(row.invite.as_ref(), Some(invite));
        assert_eq!(row.not_after_ms, certificate.not_after.0);
        assert!(ids.insert(certificate.id), "an id was given twice");
    }
    assert_eq!(issued.len(), rows.len(), "each key asked for one certificate");
    let serials: BTreeSet<_> = rows.iter().map(|row| row.serial).collect();
    assert_eq!(serials.len(), rows.len());
    // No invite let in more than it may, and none forgot whom it let in.
    let listed = database.invites(0, 100_000, wall()).unwrap();
    assert_eq!(listed.iter().map(|row| row.id.clone()).collect::<BTreeSet<_>>(), made, "no invite is lost");
    for row in listed {
        let let_in = rows.iter().filter(|issued| issued.invite.as_ref() == Some(&row.id)).count();
        assert!(let_in as u32 <= USES, "{row:?} let in {let_in}");
        assert_eq!(row.left, USES - let_in as u32, "{row:?} let in {let_in}");
    }
}
