//! Golden transcripts: one small network per rule, told in lines (DESIGN section 4).
//!
//! `UPDATE=1 cargo test -p ifrit-tests --test golden` writes them anew; read the difference before you commit it.

use ifrit_core::{time::Mono, view::State};
use ifrit_sim::{Setup, World, story::Story, wire::Bundle};
use std::{fs, path::Path, time::Duration};

/// Seconds.
fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Compares with the transcript of this name, or writes it.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name).with_extension("txt");
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(&path, text).expect("the folder is there");
    }
    let told = fs::read_to_string(&path).unwrap_or_default();
    let differs = told.lines().zip(text.lines()).position(|(told, now)| told != now);
    let line = differs.unwrap_or_else(|| told.lines().count().min(text.lines().count()));
    assert!(
        told == text,
        "{} differs from line {} on.\nwas: {:?}\nis:  {:?}\n\nUPDATE=1 writes it anew. Now it reads:\n{text}",
        path.display(),
        line + 1,
        told.lines().nth(line),
        text.lines().nth(line),
    );
}

/// Five members on three rings, settled.
fn five(seed: u64) -> World {
    let mut world = World::bootstrapped(Setup::new(5, seed).rings(3));
    // Longer than 4Δ: nobody has been unknown or out lately (R3).
    world.run_for(s(5));
    world
}

#[test]
fn r16_join() {
    let mut world = World::new(Setup::new(4, 1).rings(3));
    let mut story = Story::new(
        &world,
        "R16: joining",
        "A is told of no contact: it is joined at once. The others know A and join through it; a fourth comes later.
         A member is joined when it has synchronised with three contacts, or with all that answer.",
    );
    story.say(&world, "A, B and C start");
    (0..3).for_each(|node| world.start(node));
    world.run_for(s(8));
    story.say(&world, "D starts");
    world.start(3);
    world.settles_within(s(20));
    golden("r16-join", &story.end(&world));
}

#[test]
fn r4_silence() {
    let mut world = five(1);
    let mut story = Story::new(
        &world,
        "R4, R5: silence, accusation, down",
        "A member that answers no ping is accused by the closest predecessor on each ring. Nobody contradicts: after 2Δ
         under one valid accusation it goes down, in every view, and the signed accusation says why.",
    );
    story.say(&world, "C crashes");
    world.crash(2);
    let limit = world.params().detection * 2;
    assert!(world.run_until_condition(limit, |world| world.all_see(2, State::Down)).is_some());
    world.run_for(s(3));
    golden("r4-silence", &story.end(&world));
}

#[test]
fn r3_rebuttal() {
    let mut world = five(2);
    let (victim, liar) = (3, world.along(1, 3, -1));
    let mut story = Story::new(
        &world,
        "R3: false accusation and rebuttal",
        "A predecessor lies. The accusation is valid by R1, so everybody holds it and counts to 2Δ; but the accused
         answers with a newer note, which ends it, and takes itself off the liar's ring.",
    );
    story.say(&world, &format!("{} falsely accuses D on ring 1", ifrit_sim::story::letter(liar)));
    world.slander(liar, victim, 1);
    world.run_for(s(5));
    assert_eq!(world.removals(Mono(0)), []);
    golden("r3-rebuttal", &story.end(&world));
}

#[test]
fn r3_rings() {
    let mut world = World::bootstrapped(Setup::new(7, 3).rings(5));
    world.run_for(s(2));
    let victim = 0;
    let mut story = Story::new(
        &world,
        "R3: a ring is the price of a lie",
        "Each valid accusation that A answers costs its accuser the ring: at most t of them are off at once, and on the
         other t + 1 no more than t predecessors can be liars. The same lie on a ring that is off counts nowhere.",
    );
    for ring in [0, 1, 0] {
        let liar = world.along(ring, victim, -1);
        story.say(&world, &format!("{} falsely accuses A on ring {ring}", ifrit_sim::story::letter(liar)));
        world.slander(liar, victim, ring);
        world.run_for(s(3));
    }
    assert_eq!(world.removals(Mono(0)), []);
    golden("r3-rings", &story.end(&world));
}

#[test]
fn r1_closest() {
    let mut world = five(4);
    let victim = 1;
    let liar = world.along(0, victim, -2);
    let mut story = Story::new(
        &world,
        "R1: only the closest predecessor that is not out may accuse",
        "A liar accuses B over a live member: nobody holds it. B, who is more credulous (R3), need not answer either: the
         one between is neither accused nor out.",
    );
    story.say(
        &world,
        &format!("{} falsely accuses B on ring 0 from two places away", ifrit_sim::story::letter(liar)),
    );
    world.slander(liar, victim, 0);
    world.run_for(s(5));
    golden("r1-closest", &story.end(&world));
}

#[test]
fn leaving() {
    let mut world = five(5);
    let mut story = Story::new(
        &world,
        "Leave",
        "A member says goodbye in its last note: it is out at once, and nobody accuses it.",
    );
    story.say(&world, "E leaves");
    world.leave(4);
    world.run_for(s(5));
    golden("leave", &story.end(&world));
}

#[test]
fn r15_restart() {
    let mut world = five(6);
    let mut story = Story::new(
        &world,
        "R15: restart",
        "The same identity comes back from its disk with the next epoch, which outdates every accusation of the old one.",
    );
    story.say(&world, "B crashes");
    world.crash(1);
    world.run_for(s(10));
    story.say(&world, "B starts again");
    world.restart(1);
    world.settles_within(s(20));
    golden("r15-restart", &story.end(&world));
}

#[test]
fn r12_two_notes() {
    let mut world = five(7);
    let mut story = Story::new(
        &world,
        "R12, R15: two notes with one epoch",
        "In A's name some are told that its tag is x, others that it is y, in one epoch. The note with the lower hash stays
         everywhere: an event, not a verdict, for a restored backup does the same. The process of A itself sees a note
         of its own that it did not issue, says so, and jumps above it (R15).",
    );
    story.say(&world, "A says x to some and y to others");
    world.mark_liar(0);
    let notes = [b"x", b"y"].map(|tags| world.note(0, 1, |note| note.tags = tags.to_vec()));
    let id = world.id(0);
    for (n, to) in world.linked(0).into_iter().enumerate() {
        world.show(0, to, &[Bundle::of(id).note(&notes[n % 2])]);
    }
    world.run_for(s(8));
    golden("r12-two-notes", &story.end(&world));
}

#[test]
fn r8_gray() {
    let mut world = World::converged(Setup::new(7, 14).rings(5));
    world.run_for(s(5));
    let mut story = Story::new(
        &world,
        "R8: a gray member",
        "C's links lose seven of ten packets, both ways: it is accused, answers, is accused again. When it has seen for 10 s that
         most whom it watches answer late, and its neighbours say that theirs do not, it says itself that it is gray: out, and
         no longer accused. It is back when its pings have been good for 30 s.",
    );
    story.say(&world, "C's links go bad");
    world.net.member_loss_ppm[2] = 700_000;
    assert!(world.run_until_condition(s(120), |world| world.all_see(2, State::Gray)).is_some());
    world.run_for(s(20));
    story.say(&world, "C's links are good again");
    world.net.member_loss_ppm[2] = 0;
    assert!(world.run_until_condition(s(60), |world| world.all_see(2, State::Live)).is_some());
    world.run_for(s(5));
    golden("r8-gray", &story.end(&world));
}

#[test]
fn heal() {
    let mut world = World::bootstrapped(Setup::new(6, 8).rings(3));
    world.run_for(s(2));
    let mut story = Story::new(
        &world,
        "Heal",
        "Halves that hear nothing of each other hold each other down. When they meet again, each member is shown that
         the other half holds it out at its present epoch, or is told what it is accused of there: it renews its note,
         or answers, and is live.",
    );
    story.say(&world, "A B C and D E F are cut apart");
    world.partition(&[vec![0, 1, 2], vec![3, 4, 5]], false);
    world.run_for(s(20));
    story.say(&world, "the network is whole again");
    world.heal();
    world.settles_within(s(20));
    golden("heal", &story.end(&world));
}
