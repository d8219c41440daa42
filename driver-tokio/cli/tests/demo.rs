//! The README's first command.

mod common;

use common::{Process, World, json_lines, wait_or};

const STEPS: [&str; 7] = ["ca", "join", "message", "crash", "false-accusation", "restart", "leave"];

#[test]
fn the_demo_plays_every_step_and_leaves_nothing_behind() {
    let world = World::new();
    let lines = json_lines(&world.ok(&["demo", "--members", "6", "--seed", "7", "--json"]));
    let (last, steps) = lines.split_last().expect("it prints");
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, STEPS);
    assert!(steps.iter().all(|step| step["ok"] == true && step["ms"].is_u64() && step["detail"].is_string()));
    assert!(last["ok"] == true && last["members"] == 6 && last["ms"].is_u64(), "{last}");
    assert!(steps[3]["detail"].as_str().unwrap_or_default().contains("on ring"), "{}", steps[3]);
    assert_eq!(world.left_in_tmp(), [""; 0]);
}

#[test]
fn ctrl_c_ends_the_demo_cleanly() {
    let world = World::new();
    let mut demo = Process::start(&world, "demo", &["demo", "--members", "12", "--json"]);
    wait_or("the CA is there", || (!demo.lines().is_empty()).then_some(()), || demo.output().concat());
    demo.signal("-INT");
    demo.fails(1, &["interrupted"]);
    let last = demo.lines().pop().expect("it prints");
    assert_eq!(last["ok"], false);
    assert_eq!(world.left_in_tmp(), [""; 0]);
}

#[test]
fn a_demo_that_is_too_small_or_too_large_is_bad_input() {
    let world = World::new();
    world.run(&["demo", "--members", "3"]).expect_code(2).says(&["4..=64"]);
    world.run(&["demo", "--members", "65"]).expect_code(2);
}
