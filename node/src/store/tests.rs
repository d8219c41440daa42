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
        store.save_ca(&format!("ca.example:{generation}")).expect("it writes");
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
        ca: Some("ca.example:2".into()),
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
fn a_directory_is_free_though_a_child_that_is_being_started_has_the_lock_s_file_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("new");
    let of_the_child = store._lock.0.try_clone().expect("a descriptor");
    drop(store);
    Store::open(dir.path()).expect("free");
    drop(of_the_child);
}

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
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 9, "no temporary file is left");
}

const NOW: Wall = Wall(1_800_000_000_000);

/// What a run that began at `now` was given, and was then killed before it saved anything.
fn killed(dir: &Path, now: Wall) -> u64 {
    let mut store = open(dir);
    store.reserve(now).expect("it writes");
    store.load().stored.epoch_ceiling.max(now.0)
}

#[test]
fn r15_a_run_that_is_killed_at_once_never_begins_with_the_epoch_of_the_one_before() {
    let dir = temporary();
    // Within a millisecond, with a clock that goes back, and a day later.
    let walls = [NOW, NOW, Wall(NOW.0 - 5_000), Wall(NOW.0 + 86_400_000), NOW];
    let firsts: Vec<_> = walls.iter().map(|wall| killed(dir.path(), *wall)).collect();
    assert!(firsts.is_sorted_by(|one, next| one + EPOCH_BLOCK <= *next), "{firsts:?}");
    assert_eq!(firsts[0], NOW.0);
}

#[test]
fn files_and_directory_are_private_and_what_a_killed_process_left_is_gone() {
    let outer = temporary();
    let dir = outer.path().join("node");
    fill(&dir);
    fs::write(dir.join(".unfinished-x1"), b"half").expect("writable");
    fs::write(dir.join("notes of mine"), b"kept").expect("writable");
    drop(open(&dir));
    assert!(!dir.join(".unfinished-x1").exists());
    fs::remove_file(dir.join("notes of mine")).expect("it was kept");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        for entry in fs::read_dir(&dir).expect("readable") {
            let path = entry.expect("an entry").path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

/// What a later version may have written.
fn of_version(dir: &Path, name: &str, version: u8) {
    let path = dir.join(name);
    let mut bytes = fs::read(&path).expect("readable");
    bytes[8] = version;
    let body = bytes.len() - 32;
    let checksum = <sha2::Sha256 as sha2::Digest>::digest(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum);
    fs::write(path, bytes).expect("writable");
}

#[test]
fn a_downgrade_is_refused_with_a_clear_word_and_changes_nothing() {
    for name in ["epoch", "records", "contacts", "version"] {
        let dir = temporary();
        fill(dir.path());
        let path = dir.path().join(name);
        let before = fs::read(&path).expect("readable");
        match name {
            "version" => fs::write(&path, "2\n").expect("writable"),
            name => of_version(dir.path(), name, 2),
        }
        let newer = fs::read(&path).expect("readable");
        let error = Store::open(dir.path()).expect_err("it is newer");
        assert!(matches!(&error, StoreError::Newer { path: found, version: 2 } if *found == path), "{error}");
        let said = error.to_string();
        assert!(said.contains("newer Ifrit") && said.contains("run that one again"), "{said}");
        assert_eq!(fs::read(&path).expect("readable"), newer, "nothing is overwritten");
        // The newer one comes back to what it left; so does this one.
        fs::write(&path, before).expect("writable");
        assert_eq!(loaded(dir.path()).stored.epoch_ceiling, 20_000);
    }
}

#[test]
fn a_version_that_is_damaged_is_written_anew() {
    let dir = temporary();
    fill(dir.path());
    for damaged in [&b""[..], b"\xff\xff", b"one"] {
        fs::write(dir.path().join("version"), damaged).expect("writable");
        assert_eq!(loaded(dir.path()).stored.epoch_ceiling, 20_000);
        assert_eq!(fs::read(dir.path().join("version")).expect("readable"), b"1\n");
    }
}

/// A directory in which nothing can be replaced, root or not: what the first rename would replace is a directory.
#[cfg(unix)]
#[test]
fn without_room_a_run_begins_only_if_the_clock_has_passed_every_epoch() {
    let dir = temporary();
    fill(dir.path());
    fs::remove_file(dir.path().join("epoch.old")).expect("there");
    fs::create_dir_all(dir.path().join("epoch.old/full")).expect("it can be made");
    let mut store = open(dir.path());
    assert!(
        matches!(store.reserve(Wall(19_999)), Err(StoreError::Io { .. })),
        "epochs up to 20,000 may be used"
    );
    store.reserve(Wall(20_001)).expect("the clock is ahead");
    let loaded = store.load();
    assert_eq!(loaded.stored.epoch_ceiling, 20_000);
    assert!(matches!(&loaded.warnings[..], [Warning::NotWritable { .. }]), "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].to_string().contains("the clock alone"));
}
