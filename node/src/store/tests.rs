use super::*;
use crate::identity::{KEY_FILE, generate_key, save_key};

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn open(dir: &Path) -> Store {
    Store::open(dir).expect("it opens")
}

fn loaded(dir: &Path) -> Loaded {
    open(dir).load()
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Two generations of everything.
fn fill(dir: &Path) {
    let mut store = open(dir);
    for generation in [1, 2] {
        store.save(&Save::EpochCeiling(10_000 * generation)).expect("it writes");
        store.save(&Save::Records(vec![generation as u8; 300])).expect("it writes");
        store.save_contacts(&[addr(generation as u16)]).expect("it writes");
    }
}

#[test]
fn what_was_saved_comes_back() {
    let dir = temporary();
    assert_eq!(loaded(dir.path()), Loaded::default());
    fill(dir.path());
    let expected = Loaded {
        stored: Stored { epoch_ceiling: 20_000, records: vec![2; 300] },
        contacts: vec![addr(2)],
        warnings: vec![],
    };
    assert_eq!(loaded(dir.path()), expected);
    assert_eq!(loaded(dir.path()), expected, "reading changes nothing");
}

#[test]
fn r15_the_ceiling_never_goes_back() {
    let dir = temporary();
    let mut store = open(dir.path());
    store.save(&Save::EpochCeiling(500)).expect("it writes");
    store.save(&Save::EpochCeiling(400)).expect("it writes");
    drop(store);
    let mut store = open(dir.path());
    store.save(&Save::EpochCeiling(300)).expect("it writes");
    drop(store);
    assert_eq!(loaded(dir.path()).stored.epoch_ceiling, 500);
}

#[test]
fn a_second_process_gets_a_clear_error() {
    let dir = temporary();
    let first = open(dir.path());
    let error = Store::open(dir.path()).expect_err("it is locked");
    assert!(matches!(error, StoreError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(error.to_string().contains("in use by another process (pid "), "{error}");
    drop(first);
    open(dir.path());
}

/// Every kind of damage, at every region of the file, for every file: noticed, and the previous state used.
#[test]
fn damage_anywhere_is_noticed_and_the_previous_state_is_used() {
    for name in ["epoch", "records", "contacts"] {
        let dir = temporary();
        fill(dir.path());
        let path = dir.path().join(name);
        let whole = fs::read(&path).expect("readable");
        let cuts = (0..whole.len()).step_by(7).map(|len| whole[..len].to_vec());
        let flips = (0..whole.len()).step_by(5).map(|place| {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            bytes
        });
        let longer = [&whole[..], &[0]].concat();
        let zeros = vec![0; whole.len()];
        for damaged in cuts.chain(flips).chain([longer, zeros]) {
            fs::write(&path, &damaged).expect("writable");
            let found = loaded(dir.path());
            let warned =
                matches!(&found.warnings[..], [Warning::PreviousUsed { path: of, .. }] if *of == path);
            assert!(warned, "{name}: {:?}", found.warnings);
            assert!(found.warnings[0].to_string().ends_with("the previous good state is used"));
            let epoch = if name == "epoch" { 10_000 + EPOCH_BLOCK } else { 20_000 };
            assert_eq!(found.stored.epoch_ceiling, epoch);
            assert_eq!(found.stored.records, vec![if name == "records" { 1 } else { 2 }; 300]);
            assert_eq!(found.contacts, [addr(if name == "contacts" { 1 } else { 2 })]);
        }
    }
}

#[test]
fn a_damaged_file_never_replaces_the_previous_good_one() {
    let dir = temporary();
    fill(dir.path());
    let path = dir.path().join("records");
    fs::write(&path, b"half").expect("writable");
    let mut store = open(dir.path());
    store.save(&Save::Records(vec![3; 10])).expect("it writes");
    drop(store);
    fs::write(&path, b"half again").expect("writable");
    assert_eq!(loaded(dir.path()).stored.records, vec![1; 300]);
}

#[test]
fn a_crash_between_the_two_renames_loses_nothing_acknowledged() {
    let dir = temporary();
    fill(dir.path());
    let path = dir.path().join("epoch");
    fs::rename(&path, path.with_extension("old")).expect("as a save does");
    let found = loaded(dir.path());
    assert_eq!(found.stored.epoch_ceiling, 20_000 + EPOCH_BLOCK);
    assert_eq!(found.warnings.len(), 1);
}

#[test]
fn when_both_generations_are_lost_it_says_what_follows() {
    let dir = temporary();
    fill(dir.path());
    for name in ["epoch", "epoch.old"] {
        fs::write(dir.path().join(name), b"").expect("writable");
    }
    let found = loaded(dir.path());
    assert_eq!(found.stored.epoch_ceiling, 0);
    assert!(matches!(&found.warnings[..], [Warning::Lost { .. }]));
    assert!(found.warnings[0].to_string().contains("the clock alone decides"), "{}", found.warnings[0]);
}

#[test]
fn a_state_file_of_another_kind_is_not_taken() {
    let dir = temporary();
    fill(dir.path());
    fs::copy(dir.path().join("epoch"), dir.path().join("records")).expect("it copies");
    assert!(matches!(&loaded(dir.path()).warnings[..], [Warning::PreviousUsed { .. }]));
}

#[test]
fn an_enrolment_cut_short_is_no_identity_and_a_half_written_one_is_an_error() {
    let dir = temporary();
    let store = open(dir.path());
    assert!(store.identity().expect("nothing there").is_none());
    save_key(&generate_key(), dir.path()).expect("it writes");
    assert!(dir.path().join(KEY_FILE).exists());
    assert!(store.identity().expect("only a key").is_none());
    fs::write(dir.path().join(CERTIFICATE_FILE), b"").expect("writable");
    assert!(matches!(store.identity(), Err(StoreError::Identity(_))));
}

#[cfg(unix)]
#[test]
fn a_save_that_fails_leaves_the_old_state() {
    use std::os::unix::fs::symlink;
    let dir = temporary();
    fill(dir.path());
    let mut store = open(dir.path());
    // The previous generation's place is a directory: the first rename fails, root or not.
    fs::remove_file(dir.path().join("records.old")).expect("there");
    fs::create_dir(dir.path().join("records.old")).expect("it can be made");
    symlink("x", dir.path().join("records.old/full")).expect("it can be made");
    store.save(&Save::Records(vec![9; 5])).expect_err("it cannot rename");
    drop(store);
    fs::remove_dir_all(dir.path().join("records.old")).expect("there");
    assert_eq!(loaded(dir.path()).stored.records, vec![2; 300]);
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 6, "no temporary file is left");
}
