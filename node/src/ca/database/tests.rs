use super::*;
use crate::{
    ca::{Holds, INVITE_MEMORY, InviteState, generate_csr, invite_id},
    identity::{ROOT_FILE, load_root},
    invite::Invite,
};
use ifrit_core::{crypto::Signer, params::Params};

const NOW: Wall = Wall(1_767_225_600_000);
const HOUR: Duration = Duration::from_secs(3600);

fn temporary() -> (tempfile::TempDir, Ca) {
    let dir = tempfile::tempdir().expect("a directory");
    let ca = Ca::init(dir.path(), &Wish::default(), NOW).expect("it is made");
    (dir, ca)
}

fn invite(ca: &Ca, uses: u32) -> Invite {
    ca.invite("127.0.0.1:8300", uses, HOUR, NOW).expect("it is made")
}

fn enrol(ca: &Ca, invite: &Invite, key: &P256Signer, now: Wall) -> Result<Enrolled, Refusal> {
    ca.enrol(&invite.secret, &generate_csr(key), None, "10.0.0.9", now)
}

fn parse(ca: &Ca, der: &[u8]) -> Certificate {
    let certificate = Certificate::parse(der, &ca.root()).expect("the profile");
    assert!(certificate.verify(&ca.root(), &P256Verifier));
    certificate
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

#[test]
fn everything_survives_a_restart() {
    let (dir, ca) = temporary();
    let (once, thrice) = (invite(&ca, 1), invite(&ca, 3));
    enrol(&ca, &once, &generate_key(), NOW).expect("it holds");
    enrol(&ca, &thrice, &generate_key(), NOW).expect("it holds");
    ca.set_address("ca.example:8300").expect("it writes");
    let root = ca.root().clone();
    assert!(matches!(Ca::open(dir.path()), Err(CaError::Busy(_))), "one process at a time");
    drop(ca);

    let ca = Ca::open(dir.path()).expect("it opens");
    assert_eq!(ca.root(), root);
    assert_eq!(ca.address().expect("it reads").as_deref(), Some("ca.example:8300"));
    assert_eq!(ca.issued().expect("it reads"), 2);
    assert!(matches!(enrol(&ca, &once, &generate_key(), NOW), Err(Refusal::UsedUpInvite)));
    enrol(&ca, &thrice, &generate_key(), NOW).expect("two are left");
    enrol(&ca, &thrice, &generate_key(), NOW).expect("one is left");
    assert!(matches!(enrol(&ca, &thrice, &generate_key(), NOW), Err(Refusal::UsedUpInvite)));
    let log = ca.log(None, 100).expect("it reads");
    let told: Vec<_> = log.iter().map(|row| (row.what.as_str(), row.from.as_str())).collect();
    let (enrol, invite) = (("enrol", "10.0.0.9"), ("invite", "operator"));
    assert_eq!(told, [enrol, enrol, enrol, enrol, invite, invite, ("init", "operator")], "the last first");
    assert_eq!(ca.log(Some(log[4].number), 1).expect("it reads"), log[5..6]);
}

#[test]
fn a_second_init_changes_nothing() {
    let (dir, ca) = temporary();
    let root = ca.root().clone();
    drop(ca);
    assert!(matches!(Ca::init(dir.path(), &Wish::default(), NOW), Err(CaError::Exists(_))));
    assert_eq!(Ca::open(dir.path()).expect("it opens").root(), root);
}

#[test]
fn what_is_no_ca_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(matches!(Ca::open(dir.path()), Err(CaError::Missing(_))));
    fs::write(dir.path().join(DATABASE_FILE), b"").expect("writable");
    assert!(matches!(Ca::open(dir.path()), Err(CaError::Missing(_))));
    fs::write(dir.path().join(DATABASE_FILE), [7; 10_000]).expect("writable");
    let error = Ca::open(dir.path()).expect_err("garbage");
    assert!(error.to_string().contains("restore ca.redb from a backup"), "{error}");
    let wish = Wish { rings: Some(4), ..Wish::default() };
    let other = tempfile::tempdir().expect("a directory");
    assert!(matches!(Ca::init(other.path(), &wish, NOW), Err(CaError::Authority(AuthorityError::Params(_)))));
    assert!(!other.path().join(DATABASE_FILE).exists());
}

#[cfg(unix)]
#[test]
fn the_key_is_the_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _ca) = temporary();
    let mode = fs::metadata(dir.path().join(DATABASE_FILE)).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn secrets_are_not_in_the_database() {
    let (dir, ca) = temporary();
    let invite = invite(&ca, 1);
    drop(ca);
    let bytes = fs::read(dir.path().join(DATABASE_FILE)).expect("readable");
    assert!(!bytes.windows(SECRET_LEN).any(|window| window == invite.secret));
}

#[test]
fn invites_expire_run_out_and_are_forgotten() {
    let (_dir, ca) = temporary();
    let invite = invite(&ca, 1);
    let wrong = Invite { secret: [1; SECRET_LEN], ..invite.clone() };
    assert!(matches!(enrol(&ca, &wrong, &generate_key(), NOW), Err(Refusal::UnknownInvite)));
    let late = NOW + HOUR + Duration::from_millis(1);
    assert!(matches!(enrol(&ca, &invite, &generate_key(), late), Err(Refusal::ExpiredInvite)));
    assert!(matches!(
        ca.enrol(&invite.secret, b"garbage", None, "", NOW),
        Err(Refusal::Csr(CsrError::Malformed))
    ));
    enrol(&ca, &invite, &generate_key(), NOW + HOUR)
        .expect("refusals took no use, and the last moment counts");
    assert!(matches!(enrol(&ca, &invite, &generate_key(), NOW), Err(Refusal::UsedUpInvite)));
    ca.invite("x:1", 1, HOUR, late + INVITE_MEMORY * 2).expect("it is made");
    assert!(matches!(enrol(&ca, &invite, &generate_key(), late), Err(Refusal::UnknownInvite)));
}

#[test]
fn an_invite_that_was_withdrawn_lets_nobody_in_and_is_listed_so() {
    let (dir, ca) = temporary();
    let (kept, withdrawn) = (invite(&ca, 2), invite(&ca, 2));
    let first = generate_key();
    let member = enrol(&ca, &withdrawn, &first, NOW).expect("it holds");
    let row = ca.uninvite(&invite_id(&withdrawn).to_ascii_uppercase(), NOW).expect("it is known");
    assert_eq!((row.state, row.uses, row.left), (InviteState::Withdrawn, 2, 1));
    assert!(matches!(enrol(&ca, &withdrawn, &generate_key(), NOW), Err(Refusal::WithdrawnInvite)));
    let again = enrol(&ca, &withdrawn, &first, NOW).expect("whom it let in stays a member");
    assert_eq!(again.certificate, member.certificate);
    enrol(&ca, &kept, &generate_key(), NOW).expect("another one");
    assert!(matches!(ca.uninvite("aaaaaaaa", NOW), Err(CaError::NoInvite(_))));
    drop(ca);
    let ca = Ca::open(dir.path()).expect("it opens");
    let late = NOW + HOUR * 2;
    let mut states: Vec<_> =
        ca.invites(0, 10, late).expect("it reads").into_iter().map(|row| (row.id, row.state)).collect();
    states.sort_by_key(|(id, _)| *id == invite_id(&withdrawn));
    let expected = [(&kept, InviteState::Expired), (&withdrawn, InviteState::Withdrawn)];
    assert_eq!(states, expected.map(|(invite, state)| (invite_id(invite), state)));
    assert_eq!(ca.invites(1, 10, NOW).expect("it reads").len(), 1);
}

#[test]
fn certificates_are_listed_by_serial_page_by_page() {
    let (_dir, ca) = temporary();
    let (invite, key) = (invite(&ca, 5), generate_key());
    let old = enrol(&ca, &invite, &key, NOW).expect("it holds").certificate;
    ca.issue(&generate_key().public_key(), NOW).expect("the operator stands for it");
    ca.renew(&old, &generate_csr(&key), "10.0.0.9", NOW + HOUR).expect("it is current");
    let rows = ca.certificates(0, 10, NOW).expect("it reads");
    assert_eq!(rows.iter().map(|row| row.serial).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!((&rows[0].id, &rows[0].invite), (&rows[2].id, &rows[2].invite), "a renewal");
    assert_eq!((rows[0].invite.as_deref(), rows[1].invite.as_deref()), (Some(&*invite_id(&invite)), None));
    assert_eq!(ca.certificates(2, 1, NOW).expect("it reads"), rows[1..2]);
    let late = ca.certificates(0, 1, NOW + MEMBER_VALIDITY * 2).expect("it reads");
    assert_eq!((rows[0].state, late[0].state), (Holds::Current, Holds::Expired));
}

#[test]
fn certificates_last_as_long_as_the_operator_says() {
    let (dir, ca) = temporary();
    ca.set_lifetime(HOUR).expect("it writes");
    drop(ca);
    let ca = Ca::open(dir.path()).expect("it opens");
    let der = enrol(&ca, &invite(&ca, 1), &generate_key(), NOW).expect("it holds").certificate;
    assert_eq!(parse(&ca, &der).not_after, NOW + HOUR);
    let der = ca.issue(&generate_key().public_key(), NOW + ROOT_VALIDITY).expect("it issues").certificate;
    assert_eq!(parse(&ca, &der).not_after, ca.root().not_after, "never longer than the root");
}

#[test]
fn a_lost_answer_is_given_again_and_takes_no_use() {
    let (_dir, ca) = temporary();
    let invite = invite(&ca, 1);
    let key = generate_key();
    let first = enrol(&ca, &invite, &key, NOW).expect("it holds");
    let again = enrol(&ca, &invite, &key, NOW + HOUR * 2).expect("even after it expired");
    assert_eq!(again.certificate, first.certificate);
    assert!(again.again && !first.again);
    let second = self::invite(&ca, 1);
    let renewed = enrol(&ca, &second, &key, NOW).expect("it holds");
    assert_eq!(
        parse(&ca, &renewed.certificate).id,
        parse(&ca, &first.certificate).id,
        "one key is one member"
    );
    assert!(matches!(enrol(&ca, &second, &generate_key(), NOW), Err(Refusal::UsedUpInvite)));
}

#[test]
fn one_use_is_taken_once_however_many_ask_at_a_time() {
    let (_dir, ca) = temporary();
    let invite = invite(&ca, 3);
    let granted = std::thread::scope(|scope| {
        let ask = || enrol(&ca, &invite, &generate_key(), NOW).is_ok();
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .filter(|_| true)
            .map(|thread| thread.join().expect("no panic"))
            .filter(|ok| *ok)
            .count()
    });
    assert_eq!((granted, ca.issued().expect("it reads")), (3, 3));
}

#[test]
fn ids_are_random_and_serials_differ() {
    let (_dir, ca) = temporary();
    let invite = invite(&ca, 2);
    let a = parse(&ca, &enrol(&ca, &invite, &generate_key(), NOW).expect("it holds").certificate);
    let b = parse(&ca, &enrol(&ca, &invite, &generate_key(), NOW).expect("it holds").certificate);
    assert_ne!(a.id, b.id);
    assert!(a.not_before < NOW && NOW + MEMBER_VALIDITY == a.not_after);
}

#[test]
fn r14_a_renewal_keeps_id_and_key() {
    let (_dir, ca) = temporary();
    let key = generate_key();
    let old = enrol(&ca, &invite(&ca, 1), &key, NOW).expect("it holds").certificate;
    let at_once = ca.renew(&old, &generate_csr(&key), "10.0.0.9", NOW).expect("it is current");
    assert_eq!(at_once.certificate, old, "not every second");
    let new = ca.renew(&old, &generate_csr(&key), "10.0.0.9", NOW + HOUR).expect("it is current").certificate;
    let (old_parsed, new_parsed) = (parse(&ca, &old), parse(&ca, &new));
    assert_eq!((old_parsed.id, old_parsed.key()), (new_parsed.id, new_parsed.key()));
    assert!(new_parsed.supersedes(&old_parsed) && new_parsed.not_after > old_parsed.not_after);

    let refused = |result: Result<Enrolled, Refusal>| matches!(result, Err(Refusal::NotRenewable));
    assert!(refused(ca.renew(&old, &generate_csr(&generate_key()), "10.0.0.9", NOW)), "another key");
    assert!(refused(ca.renew(&old, &generate_csr(&key), "10.0.0.9", NOW + MEMBER_VALIDITY * 2)), "expired");
    assert!(refused(ca.renew(b"garbage", &generate_csr(&key), "10.0.0.9", NOW)));
    let (_other_dir, other) = temporary();
    let foreign = enrol(&other, &invite(&other, 1), &key, NOW).expect("it holds").certificate;
    assert!(refused(ca.renew(&foreign, &generate_csr(&key), "10.0.0.9", NOW)), "another CA's");
}

#[test]
fn newcomers_are_told_the_last_sixteen_and_never_themselves() {
    let (_dir, ca) = temporary();
    let invite = invite(&ca, 100);
    let enrol = |port| {
        ca.enrol(&invite.secret, &generate_csr(&generate_key()), Some(addr(port)), "", NOW)
            .expect("it holds")
            .contacts
    };
    assert_eq!(enrol(1), []);
    assert_eq!(enrol(2), [addr(1)]);
    assert_eq!(enrol(1), [addr(2)], "a member that enrols again");
    for port in 3..30 {
        enrol(port);
    }
    let expected: Vec<_> = (14..30).rev().map(addr).collect();
    assert_eq!(enrol(99), expected);
    let c = Params::derive(&ca.root().params).contacts;
    assert_eq!(self::invite(&ca, 1).members.len(), c, "an invite carries c of them");
}

#[test]
fn r14_revoked_members_are_listed_until_their_last_certificate_ends() {
    let (dir, ca) = temporary();
    let (invite, key) = (invite(&ca, 9), generate_key());
    let old = enrol(&ca, &invite, &key, NOW).expect("it holds").certificate;
    let id = parse(&ca, &old).id;
    let other = parse(&ca, &enrol(&ca, &invite, &generate_key(), NOW).expect("it holds").certificate).id;
    ca.renew(&old, &generate_csr(&key), "", NOW + HOUR).expect("it is current");
    assert!(matches!(ca.revoke(&MemberId([7; 32]), "", NOW), Err(CaError::NoMember(_))));
    assert_eq!(ca.find(&id.to_string()[..12]).expect("one begins so"), id);
    assert!(matches!(ca.find("m-77"), Err(CaError::NoMember(_))));

    let list = ca.revoke(&id, "stolen\nlaptop", NOW + HOUR).expect("it is a member");
    assert!(list.signed().verify(&P256Verifier, &ca.root().key));
    let until = NOW + HOUR + MEMBER_VALIDITY;
    let entries: Vec<_> = list.entries().map(|entry| (entry.id, entry.until)).collect();
    assert_eq!(entries, [(id, until)], "the renewed one's end");
    assert_eq!(ca.revoke(&id, "again", NOW + HOUR * 2).expect("nothing new"), list);
    assert!(matches!(enrol(&ca, &invite, &key, NOW), Err(Refusal::Revoked)));
    assert!(matches!(ca.renew(&old, &generate_csr(&key), "", NOW + HOUR * 2), Err(Refusal::Revoked)));
    assert!(matches!(ca.issue(&key.public_key(), NOW), Err(CaError::RevokedKey)));
    drop(ca);

    let ca = Ca::open(dir.path()).expect("it opens");
    assert_eq!(ca.revocations().expect("it reads"), Some(list.clone()));
    let states: Vec<_> = ca.certificates(0, 9, NOW).expect("it reads").iter().map(|row| row.state).collect();
    assert_eq!(states, [Holds::Revoked, Holds::Current, Holds::Revoked]);
    assert_eq!(ca.log(None, 1).expect("it reads")[0].detail, format!("{id}: stolenlaptop"));
    let later = ca.revoke(&other, "", until + HOUR).expect("it was a member");
    assert!(later.sequence() > list.sequence() && !later.contains(&id) && !later.contains(&other));
    let row = ca.certificates(0, 1, until + HOUR).expect("it reads");
    assert_eq!(row[0].state, Holds::Revoked, "the CA itself forgets nobody");
}

#[test]
fn r14_a_restored_ca_revokes_whom_it_does_not_know() {
    let (_dir, ca) = temporary();
    let stranger = MemberId([7; 32]);
    assert!(matches!(ca.revoke(&stranger, "", NOW), Err(CaError::NoMember(_))));
    let list = ca.revoke_unknown(&stranger, "", NOW).expect("it is taken at its word");
    let until: Vec<_> = list.entries().map(|entry| (entry.id, entry.until)).collect();
    assert_eq!(until, [(stranger, NOW + MEMBER_VALIDITY)]);
}

#[test]
fn r14_a_clock_that_was_set_back_repeats_no_sequence() {
    let (_dir, ca) = temporary();
    let invite = invite(&ca, 9);
    let member = || parse(&ca, &enrol(&ca, &invite, &generate_key(), NOW).expect("it holds").certificate).id;
    let [first, second] = [member(), member()];
    let first = ca.revoke(&first, "", NOW + HOUR).expect("a member").sequence();
    assert_eq!(ca.revoke(&second, "", NOW).expect("a member").sequence(), first + 1);
}

#[test]
fn r14_another_root_follows_once_at_a_time_and_survives_a_restart() {
    let (dir, ca) = temporary();
    let (invite, old) = (invite(&ca, 9), ca.root());
    let member = |ca: &Ca| enrol(ca, &invite, &generate_key(), NOW).expect("it holds").certificate;
    let (first, second) = (member(&ca), member(&ca));
    let id = parse(&ca, &first).id;
    assert!(matches!(ca.rotate(Duration::from_secs(9), NOW), Err(CaError::ShortOverlap)));
    assert_eq!(ca.root(), old, "nothing has changed");
    let revoked = ca.revoke(&parse(&ca, &second).id, "", NOW).expect("a member");
    let rotated = ca.rotate(HOUR, NOW).expect("the first time");
    let root = ca.root();
    assert_eq!((root.params, root.generation), (old.params, 2));
    assert!(root.key != old.key && rotated.list.sequence() > revoked.sequence());
    assert!(rotated.list.signed().verify(&P256Verifier, &root.key));
    assert_eq!(rotated.list.entries().len(), 1, "and it still says who is revoked");
    assert_eq!(rotated.list.succession(), root.bundle());
    let both = Duration::from_secs(u64::from(old.params.allowance_s)) * 2;
    assert!(matches!(ca.rotate(HOUR, NOW + HOUR + both), Err(CaError::Rotating(_))));
    drop(ca);

    std::fs::remove_file(dir.path().join(ROOT_FILE)).expect("it was there");
    let ca = Ca::open(dir.path()).expect("it opens");
    assert_eq!(ca.root(), root);
    assert_eq!(load_root(&dir.path().join(ROOT_FILE)).expect("it was written anew"), root);
    assert_eq!(ca.revocations().expect("it reads"), Some(rotated.list));
    assert_eq!(ca.log(None, 1).expect("it reads")[0].what, "rotate");
    let rows = ca.certificates(0, 9, NOW).expect("it reads");
    assert!(rows.iter().all(|row| row.former && row.not_after_ms == (NOW + HOUR).0), "{rows:?}");
    let late = ca.certificates(0, 1, NOW + HOUR * 2).expect("it reads");
    assert_eq!(late[0].state, Holds::Expired, "whatever the certificate says");

    // Within the overlap all is renewed, as often as asked; after it nobody of the former root is.
    let key = generate_key();
    let mine = ca.issue(&key.public_key(), NOW).expect("it issues").certificate;
    assert!(!parse(&ca, &mine).is_of_former());
    let end = NOW + HOUR + both + HOUR;
    let later = ca.rotate(HOUR, end).expect("the overlap is over");
    assert_eq!(later.root.generation, 3);
    assert_eq!(Certificate::parse(&first, &ca.root()), Err(CertificateError::OtherRoot));
    let rows = ca.certificates(0, 9, end).expect("it reads");
    let states: Vec<_> = rows.iter().map(|row| (row.state, row.former)).collect();
    assert_eq!(states, [(Holds::Expired, true), (Holds::Revoked, true), (Holds::Current, true)]);
    let list = ca.revoke(&id, "", end).expect("it was a member");
    assert_eq!(list.succession(), ca.root().bundle());
    let quiet = ca.revoke(&parse(&ca, &mine).id, "", end + HOUR * 3).expect("a member");
    assert!(quiet.succession().is_empty(), "everybody knows by now");
}

#[test]
fn r14_a_former_root_is_renewed_until_its_end_and_no_longer() {
    let (_dir, ca) = temporary();
    let (invite, key) = (invite(&ca, 1), generate_key());
    let old = enrol(&ca, &invite, &key, NOW).expect("it holds").certificate;
    ca.rotate(HOUR, NOW).expect("the first time");
    let allowance = Duration::from_secs(u64::from(ca.root().params.allowance_s));
    let late = ca.renew(&old, &generate_csr(&key), "", NOW + HOUR + allowance * 2);
    assert!(matches!(late, Err(Refusal::NotRenewable)), "{late:?}");
    let new = ca.renew(&old, &generate_csr(&key), "", NOW + HOUR).expect("in time").certificate;
    assert!(!parse(&ca, &new).is_of_former() && parse(&ca, &new).id == parse(&ca, &old).id);
}

#[test]
fn r14_an_invite_that_was_used_lets_nobody_back_in_after_the_former_root_s_end() {
    let (_dir, ca) = temporary();
    let (invite, key) = (invite(&ca, 1), generate_key());
    enrol(&ca, &invite, &key, NOW).expect("it holds");
    ca.rotate(HOUR, NOW).expect("the first time");
    let allowance = Duration::from_secs(u64::from(ca.root().params.allowance_s));
    let late = enrol(&ca, &invite, &key, NOW + HOUR + allowance * 2);
    assert!(matches!(late, Err(Refusal::ExpiredInvite)), "its certificate has ended: {late:?}");
    let new = enrol(&ca, &invite, &key, NOW + HOUR).expect("it could renew as well").certificate;
    assert!(!parse(&ca, &new).is_of_former());
}
