//! Those that cost others work, links and memory.

use crate::{bears, deeds, notices_a_crash, s, sum, told};
use ifrit_core::action::Notice;

#[test]
fn flooder() {
    let mut world = bears("flooder", "records = 10\nwants = 30", s(8));
    assert!(sum(&world, |counters| counters.duplicates) > 10_000);
    notices_a_crash(&mut world, 2);
}

#[test]
fn junk_flooder() {
    let mut world = bears("junk-flooder", "", s(8));
    assert!(told(&world, |notice| matches!(notice, Notice::Misbehaviour { .. })) > 50);
    assert!(deeds(&world).done > 50, "it dials again");
    notices_a_crash(&mut world, 2);
}

#[test]
fn slow_acker() {
    let mut world = bears("slow-acker", "", s(15));
    assert!(deeds(&world).withheld > 20, "its pongs are late");
    let held = world.correct().into_iter().map(|node| world.member(node).counters().dropped).sum::<u64>();
    assert!(held == 0 || world.correct().len() > 2, "what it does not take is dropped, not kept");
    notices_a_crash(&mut world, 2);
}

#[test]
fn link_hog() {
    let mut world = bears("link-hog", "churn = 0.2", s(15));
    assert!(deeds(&world).done > 50 && deeds(&world).said > 50);
    notices_a_crash(&mut world, 2);
}

#[test]
fn digest_liar() {
    let mut world = crate::settled();
    world.run_for(s(20));
    let idle = sum(&world, |counters| counters.walks);
    crate::conspire(&mut world, "digest-liar", &crate::LIARS, "");
    world.run_for(s(20));
    let walks = sum(&world, |counters| counters.walks) - idle;
    assert!(deeds(&world).withheld > 50);
    // Each correct member walks three times freely with each liar, then ever less often.
    assert!(walks > 10 && walks < 14 * 2 * 12, "{walks} walks");
    crate::unharmed(&world);
}

#[test]
fn stalling_announcer() {
    let mut world = bears("stalling-announcer", "", s(10));
    assert!(deeds(&world).unheard > 10, "it is asked, and does not serve");
    assert!(sum(&world, |counters| counters.rebuttals) > 0);
    notices_a_crash(&mut world, 2);
}

#[test]
fn sybil() {
    let world = bears("sybil", "", s(8));
    assert!(told(&world, |notice| matches!(notice, Notice::Misbehaviour { .. })) > 20);
    for node in world.correct() {
        assert!(world.member(node).view().known() <= crate::MEMBERS, "nobody takes them in");
    }
}

#[test]
fn reflector() {
    let mut world = bears("reflector", "victim = 9", s(15));
    assert!(deeds(&world).said > 100 && deeds(&world).done > 10);
    notices_a_crash(&mut world, 2);
}
