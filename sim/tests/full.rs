//! Whole members over a virtual UDP, and the link model held against them: DESIGN sections 5 and 7.

use ifrit_core::view::State;
use ifrit_sim::{Setup, World};
use std::{process::Command, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn settled(setup: Setup) -> World {
    let mut world = World::bootstrap(setup);
    world.run_for(SECOND);
    world.settles_within(SECOND * 60);
    world
}

/// Bytes that a member sends per idle second, on average.
fn idle(world: &mut World, span: Duration) -> u64 {
    let sum = |world: &World| (0..world.len()).map(|member| world.sent(member)).sum::<u64>();
    let before = sum(world);
    world.run_for(span);
    (sum(world) - before) / world.len() as u64 / span.as_secs()
}

#[test]
fn whole_members_find_each_other_lose_one_and_take_it_back() {
    let mut world = settled(Setup::new(8, 3).rings(7).whole());
    world.crash(3);
    let all_know = |world: &World| world.all_see(3, State::Down);
    let took = world.run_until_condition(SECOND * 20, all_know).expect("the crash is seen");
    assert!(took > world.params().delta * 2, "nobody is out before 2Δ: {took:?}");
    world.restart(3);
    world.settles_within(SECOND * 20);
    world.leave(5);
    world.run_until_condition(SECOND * 5, |world| world.all_see(5, State::Left)).expect("the leave is seen");
}

#[test]
fn whole_members_bear_loss_and_a_partition() {
    let mut world = settled(Setup { loss_ppm: 200_000, ..Setup::new(6, 4).rings(5).whole() });
    let since = world.now();
    world.run_for(SECOND * 60);
    assert_eq!(world.removals(since), [], "a fifth of all packets is lost");
    world.partition(&[vec![0, 1, 2]], false);
    world
        .run_until_condition(SECOND * 60, |world| world.agree(&[0, 1, 2]) && world.agree(&[3, 4, 5]))
        .expect("each side sees itself alone");
    world.heal();
    world.settles_within(SECOND * 60);
}

fn digest() -> u64 {
    let mut world = settled(Setup { loss_ppm: 50_000, ..Setup::new(5, 7).rings(3).whole() });
    world.crash(2);
    world.run_for(SECOND * 10);
    world.digest()
}

/// Every UDP packet is in the digest, keys and signatures of TLS with it. The other process is this test, run by itself.
#[test]
fn whole_members_repeat_bit_for_bit_in_another_process() {
    let mine = digest();
    if std::env::var_os("IFRIT_SIM_DIGEST").is_some() {
        println!("digest={mine:016x}");
        return;
    }
    assert_eq!(digest(), mine, "twice in one process");
    let name = "whole_members_repeat_bit_for_bit_in_another_process";
    let me = std::env::current_exe().expect("a test knows its own file");
    let other = Command::new(me).args([name, "--exact", "--nocapture"]).env("IFRIT_SIM_DIGEST", "1").output();
    let printed = String::from_utf8(other.expect("starts").stdout).expect("text");
    assert!(printed.contains(&format!("digest={mine:016x}")), "{printed}");
}

/// The model's figures stand for the real stack's.
#[test]
fn the_link_model_costs_what_whole_members_cost() {
    for loss_ppm in [0, 100_000] {
        let setup = || Setup { loss_ppm, ..Setup::new(10, 5).rings(7) };
        let (mut model, mut whole) = (settled(setup()), settled(setup().whole()));
        let (modelled, real) = (idle(&mut model, SECOND * 60), idle(&mut whole, SECOND * 60));
        println!("loss {loss_ppm} ppm: model {modelled} B/s, whole members {real} B/s");
        let within =
            |share: u64| modelled * 100 > real * (100 - share) && modelled * 100 < real * (100 + share);
        assert!(within(if loss_ppm == 0 { 10 } else { 25 }), "model {modelled}, whole members {real} B/s");
    }
}
