//! Golden transcripts: one small network per rule, told in lines (DESIGN section 4).
//!
//! R11 and R17 have none: fairness between links shows only under more load than anybody wants to read, and the promise is
//! about probabilities. `sim/tests/rules` and the scenarios hold them.
//!
//! `UPDATE=1 cargo test -p ifrit-tests --test golden` writes them anew; read the difference before you commit it.

use ifrit_core::{event::Command, id::MemberId, tags::FRAME_ANNOUNCE, time::Mono, view::State};
use ifrit_sim::{
    Setup, World,
    story::{Story, letter},
    tamper::{Hand, Tamper, Wire},
    wire::Bundle,
};
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
    let mut world = World::new(Setup::new(5, 1).rings(3));
    world.set_seeds(3, vec![0, 1, 2]);
    let mut story = Story::new(
        &world,
        "R16: joining",
        "A is told of no contact: it is joined at once. B and C know A alone: they join with all that answer, say so, and go on
         trying. D knows three, of whom one is honest but with probability ε: it is joined when it has synchronised with each.
         E knows A alone again.",
    );
    story.say(&world, "A, B and C start");
    (0..3).for_each(|node| world.start(node));
    world.run_for(s(8));
    story.say(&world, "D starts, and knows A, B and C");
    world.start(3);
    world.run_for(s(8));
    story.say(&world, "E starts, and knows A");
    world.start(4);
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
    story.say(&world, &format!("{} falsely accuses D on ring 1", letter(liar)));
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
        story.say(&world, &format!("{} falsely accuses A on ring {ring}", letter(liar)));
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
    story.say(&world, &format!("{} falsely accuses B on ring 0 from two places away", letter(liar)));
    world.slander(liar, victim, 0);
    world.run_for(s(5));
    golden("r1-closest", &story.end(&world));
}

#[test]
fn r2_parked() {
    let mut world = World::converged(Setup::new(5, 11).rings(1));
    let (a, b) = (0, world.along(0, 0, 1));
    let liar = world.along(0, 0, -1);
    let (x, y, l) = (letter(a), letter(b), letter(liar));
    let mut story = Story::new(
        &world,
        "R2: a parked accusation",
        "An accusation over members who are accused, but not out yet, is parked: nothing rests on it, and no time runs. It becomes
         valid when they go down, and only from then on 2Δ count. Over one whom nobody accuses it is refused: so two that rest on
         each other never begin.",
    );
    story.say(&world, &format!("{l} accuses {y} over {x}, whom nobody accuses: refused"));
    world.slander(liar, b, 0);
    world.run_for(s(1));
    story.look_at_case(&world, b);
    story.say(&world, &format!("{x} and {y} crash"));
    world.crash(a);
    world.crash(b);
    assert!(world.run_until_condition(s(10), |world| world.all_see(0, State::Accused)).is_some());
    story.say(&world, &format!("{l} accuses {y} over {x}, who is accused: parked"));
    world.slander(liar, b, 0);
    world.run_for(s(1) / 10);
    story.look_at_case(&world, b);
    assert!(world.run_until_condition(s(10), |world| world.all_see(b, State::Down)).is_some());
    world.run_for(s(1));
    story.look_at_case(&world, b);
    golden("r2-parked", &story.end(&world));
}

#[test]
fn r5_misses() {
    let mut world = five(9);
    let mut story = Story::new(
        &world,
        "R5: misses escalate to an accusation",
        "Those who watch C ping it in turns. The first ping without a pong is a miss, and fast pings follow it; as many misses
         in a row as the usual loss makes incredible, and C is accused.",
    );
    story.say(&world, "all is well");
    story.listen(&mut world, |said, words| said.to == 2 && words.starts_with("ping"));
    world.run_for(s(2));
    story.say(&world, "C crashes");
    world.crash(2);
    assert!(world.run_until_condition(s(10), |world| world.all_see(2, State::Accused)).is_some());
    golden("r5-misses", &story.end(&world));
}

#[test]
fn r6_duty() {
    let mut world = World::converged(Setup { newcomers: 1, ..Setup::new(5, 2).rings(3) });
    // A newcomer that comes right before C on a ring.
    let newcomer = 5;
    assert!((0..3).any(|ring| world.along(ring, 2, -1) == newcomer));
    let mut story = Story::new(
        &world,
        "R6: duty",
        "One accusation puts C out. At once, on every ring that has none, whoever is closest before C and not out signs its own:
         that C is down in its view is reason enough, whatever its own pings say. So when F joins right before C, and nobody's
         word but F's counts on that ring any more, C does not come back.",
    );
    story.say(&world, "C crashes");
    world.crash(2);
    assert!(world.run_until_condition(s(10), |world| world.all_see(2, State::Accused)).is_some());
    story.look_at_case(&world, 2);
    assert!(world.run_until_condition(s(10), |world| world.all_see(2, State::Down)).is_some());
    world.run_for(s(1));
    story.look_at_case(&world, 2);
    story.say(&world, "F joins");
    world.start(newcomer);
    world.run_for(s(1));
    story.look_at_case(&world, 2);
    world.run_for(s(2));
    story.look_at_case(&world, 2);
    golden("r6-duty", &story.end(&world));
}

#[test]
fn r6_hold() {
    let mut world = World::converged(Setup::new(5, 13).rings(1));
    let gone = 0;
    let between = world.along(0, gone, -1);
    let (x, y) = (letter(gone), letter(between));
    let mut story = Story::new(
        &world,
        "R6: hold",
        "A member that comes back between the accuser and the accused makes the accusation invalid. The accused does not come
         back for that: it is held, out, while its new monitor pings it and, if it is still silent, accuses it anew.",
    );
    story.say(&world, &format!("{y} stands still for 12 s; {x}, who follows it, crashes"));
    world.pause(between, s(12));
    assert!(world.run_until_condition(s(10), |world| world.all_see(between, State::Down)).is_some());
    world.crash(gone);
    let others: Vec<usize> = (1..5).filter(|node| *node != between).collect();
    let is_down = |world: &World| {
        others.iter().all(|node| world.sees(*node, 0).is_some_and(|view| view.state == State::Down))
    };
    assert!(world.run_until_condition(s(8), is_down).is_some());
    story.look_at_case(&world, gone);
    let held = |world: &World| {
        let case = |node| world.member(node).view().explain(&world.id(0));
        others.iter().all(|node| case(*node).is_some_and(|case| case.held_until.is_some()))
    };
    assert!(world.run_until_condition(s(12), held).is_some());
    story.look_at_case(&world, gone);
    world.run_for(s(15));
    story.look_at_case(&world, gone);
    golden("r6-hold", &story.end(&world));
}

#[test]
fn r7_order() {
    let mut world = World::converged(Setup::new(5, 14).rings(1));
    let (first, second) = (1, world.along(0, 1, 1));
    let (x, y) = (letter(first), letter(second));
    let mut story = Story::new(
        &world,
        "R7: what is pushed, and in which order",
        "An accusation is pushed whole, behind what it rests on: the notes and accusations of those between, the accuser's
         note, the accused's note. All else is announced, and asked for by whoever lacks it.",
    );
    story.listen(&mut world, |_, words| words.contains("accuses") && !words.starts_with("asks"));
    story.say(&world, &format!("{x} crashes"));
    world.crash(first);
    assert!(world.run_until_condition(s(10), |world| world.all_see(1, State::Down)).is_some());
    world.run_for(s(5));
    story.say(&world, &format!("{y} crashes, who follows it"));
    world.crash(second);
    assert!(world.run_until_condition(s(10), |world| world.all_see(second, State::Down)).is_some());
    world.run_for(s(5));
    story.say(&world, "A has other tags");
    story.listen(&mut world, |_, words| !words.contains("ping") && !words.contains("pong"));
    world.command(0, Command::SetTags(b"new".to_vec())).expect("a short tag");
    world.run_for(s(1) / 4);
    golden("r7-order", &story.end(&world));
}

#[test]
fn r9_lease() {
    let mut setup = Setup::new(4, 15).rings(3);
    setup.wish.lease = Some(s(120));
    let mut world = World::converged(setup);
    let mut story = Story::new(
        &world,
        "R9: a lease",
        "A note holds for the lease, here 120 s; who lives says a new one at some moment after half of it. Who does not, is
         forgotten with all that was said about it: there are no tombstones.",
    );
    world.run_for(s(110));
    story.look(&world, "after most of the first lease");
    story.say(&world, "D crashes");
    world.crash(3);
    world.run_for(s(130));
    golden("r9-lease", &story.end(&world));
}

#[test]
fn r10_garbage() {
    let mut world = five(16);
    let (victim, liar) = (3, world.along(1, 3, -1));
    let l = letter(liar);
    let mut story = Story::new(
        &world,
        "R10: garbage ahead of the genuine rebuttal",
        "A liar accuses D and is the first to spread D's answer, with a signature that does not hold. What failed is remembered as
         this body with this signature only: the answer itself counts as soon as it comes. Who brought the garbage is named.",
    );
    story.say(&world, &format!("{l} falsely accuses D on ring 1; nobody hears D"));
    let others: Vec<usize> = (0..5).filter(|node| *node != victim).collect();
    world.slander(liar, victim, 1);
    others.iter().for_each(|node| world.net.cut(victim, *node));
    world.run_for(s(1) / 20);
    story.say(&world, &format!("{l} spreads D's answer with another signature"));
    let mut answer = world.member(victim).view().note(&world.id(victim)).expect("its own note").to_vec();
    let end = answer.len() - 10;
    answer[end] ^= 1;
    let garbage = Bundle { note: Some(answer), ..Bundle::of(world.id(victim)) };
    others
        .iter()
        .filter(|node| **node != liar)
        .for_each(|node| world.show(liar, *node, std::slice::from_ref(&garbage)));
    world.run_for(s(1) / 2);
    story.say(&world, "D is heard again");
    world.heal();
    world.run_for(s(5));
    assert_eq!(world.removals(Mono(0)), []);
    golden("r10-garbage", &story.end(&world));
}

/// Hears no announcement.
#[derive(Debug)]
struct Inattentive;

impl Tamper for Inattentive {
    fn hears(&mut self, _: &mut Hand<'_>, _: MemberId, wire: Wire<'_>) -> bool {
        !matches!(wire, Wire::Frame(_, [FRAME_ANNOUNCE, ..]))
    }
}

#[test]
fn r13_walk() {
    let mut world = World::converged(Setup::new(5, 17).rings(3));
    world.corrupt(4, Box::new(Inattentive));
    let mut story = Story::new(
        &world,
        "R13: a walk finds what a push missed",
        "E misses all announcements. Pings and pongs carry the digest of the view: the first that differs begins a walk down the
         trie of hashes, which ends at the one member whose records differ; these are asked for, and nothing else is.",
    );
    story.listen(&mut world, |said, words| {
        said.frame && (said.from == 4 || said.to == 4) && !words.starts_with("news")
    });
    story.say(&world, "A has other tags; all others are told that there is news of A");
    world.command(0, Command::SetTags(b"new".to_vec())).expect("a short tag");
    world.run_for(s(3));
    assert_eq!(world.sees(4, 0).expect("it knows A").tags, b"new");
    golden("r13-walk", &story.end(&world));
}

#[test]
fn r14_certificate() {
    let mut world = World::converged(Setup::new(4, 18).rings(3));
    let mut story = Story::new(
        &world,
        "R14: a renewed certificate",
        "Of two certificates of one member the later counts, whichever comes last. It must have the same key: another key is
         another member, whatever its certificate says.",
    );
    let old = Bundle::of(world.id(0)).certificate(world.certificate(0));
    story.listen(&mut world, |_, words| words.contains("certificate") || words.contains("news"));
    story.say(&world, "A has a renewed certificate");
    world.certify(0, s(30 * 24 * 3600));
    world.run_for(s(3));
    story.look(&world, "then");
    story.say(&world, "B shows A's old certificate to all");
    world.spread(1, &[old]);
    world.run_for(s(2));
    story.look(&world, "then");
    story.say(&world, "B shows a later one of A's id with B's key");
    world.mark_liar(1);
    let wall = world.clocks(0).wall;
    let forged = world.network().renew(&world.scalar(1), world.id(0), wall, wall + s(3600));
    world.spread(1, &[Bundle::of(world.id(0)).certificate(&forged)]);
    world.run_for(s(3));
    golden("r14-certificate", &story.end(&world));
}

#[test]
fn r14_revoked() {
    let mut world = World::converged(Setup::new(5, 18).rings(3));
    world.crash(3);
    world.run_for(s(5));
    let mut story = Story::new(
        &world,
        "R14: a revocation list",
        "The CA's list goes from whoever gets it first to all, whole to some, by its number to the others, who ask. E is in it: it
         is out everywhere at once, its links are cut, and what it says is not looked at. D was away, and is given the list
         by the first that it calls.",
    );
    story.listen(&mut world, |_, words| words.contains("revocation list"));
    story.say(&world, "an operator gives A the list");
    let list = world.network().revoke(7, &[world.id(4)]);
    world.command(0, Command::SetRevocations(list.signed().bytes().to_vec())).expect("the CA's");
    world.run_for(s(3));
    story.look(&world, "then");
    story.say(&world, "D starts again");
    world.start(3);
    world.run_for(s(5));
    story.look(&world, "then");
    golden("r14-revoked", &story.end(&world));
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
