//! What systemd is told, over a real notification socket.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, Process, World, ifrit, wait_for};
use std::{
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

/// What systemd's end of `NOTIFY_SOCKET` has got, in order.
struct Manager {
    path: PathBuf,
    told: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    fn new(world: &World, name: &str) -> Self {
        let path = world.path(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        let told = Arc::<Mutex<Vec<String>>>::default();
        let tell = Arc::clone(&told);
        // As systemd does, it reads at once, until the test's process ends: ten datagrams fill the socket.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len) = socket.recv(&mut buffer) {
                let text = std::str::from_utf8(&buffer[..len]).unwrap();
                tell.lock().unwrap().extend(text.lines().map(str::to_owned));
            }
        });
        Self { path, told }
    }

    /// The command, started as systemd would start a unit with `Type=notify`.
    fn command(&self) -> Command {
        let mut command = ifrit();
        command.env("NOTIFY_SOCKET", &self.path);
        command
    }

    /// All assignments so far, one per line.
    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    fn waits_for(&self, line: &str) {
        wait_for(&format!("systemd is told {line:?}"), || {
            self.told().iter().any(|told| told.starts_with(line)).then_some(())
        });
    }

    fn count(&self, line: &str) -> usize {
        self.told().iter().filter(|told| *told == line).count()
    }
}

fn stops(process: &mut Process) {
    process.signal("-TERM");
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn an_agent_is_ready_when_joined_says_how_it_stands_and_that_it_stops() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ["a", "b"].into_iter().for_each(|name| ca.issue(&world, name));
    let first = Manager::new(&world, "first.sock");
    let mut a = world.agent_by(first.command(), "a", &[]).started();
    // Nobody to join: it is the first.
    first.waits_for("READY=1");
    first.waits_for("STATUS=1 of 1 members live");

    let second = Manager::new(&world, "second.sock");
    let mut command = second.command();
    // The watchdog is fed at a third of its time, here every 100 ms.
    command.env("WATCHDOG_USEC", "300000");
    let mut b: Agent = world.agent_by(command, "b", &["--seed-addr", &a.addr]).started();
    second.waits_for("READY=1");
    second.waits_for("STATUS=2 of 2 members live");
    wait_for("the watchdog is fed again and again", || (second.count("WATCHDOG=1") >= 5).then_some(()));

    assert_eq!(second.count("READY=1"), 1, "{:?}", second.told());

    b.process.signal("-HUP");
    second.waits_for("RELOADING=1");
    second.waits_for("MONOTONIC_USEC=");
    wait_for("it is ready again", || (second.count("READY=1") == 2).then_some(()));

    stops(&mut b.process);
    second.waits_for("STOPPING=1");
    let told = second.told();
    let at = |line: &str| told.iter().position(|told| told == line).unwrap();
    let last_ready = told.iter().rposition(|told| told == "READY=1").unwrap();
    assert!(at("READY=1") < at("RELOADING=1") && at("RELOADING=1") < last_ready, "{told:?}");
    // It is the last that was told of how the agent does: READY=1 after it would be a start.
    assert!(last_ready < at("STOPPING=1"), "{told:?}");
    assert!(told[at("STOPPING=1") + 2..].iter().all(|line| line == "WATCHDOG=1"), "{told:?}");
    stops(&mut a.process);
}

#[test]
fn an_agent_whose_contacts_do_not_answer_says_that_it_is_joining_and_is_not_ready_yet() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    ca.issue(&world, "a");
    let manager = Manager::new(&world, "manager.sock");
    let mut command = manager.command();
    command.env("WATCHDOG_USEC", "300000");
    // A documentation address: nobody answers.
    let mut a = world.agent_by(command, "a", &["--seed-addr", "192.0.2.1:8301"]).started();
    manager.waits_for("STATUS=joining");
    wait_for("it lives", || (manager.count("WATCHDOG=1") >= 5).then_some(()));
    assert_eq!(manager.count("READY=1"), 0, "{:?}", manager.told());
    stops(&mut a.process);
}

#[test]
fn a_ca_is_ready_when_it_answers() {
    let world = World::new();
    let ca = Ca::init(&world, "ca");
    let manager = Manager::new(&world, "manager.sock");
    let mut command = manager.command();
    command.args(["ca", "serve", "--dir", &ca.dir, "--listen", "127.0.0.1:0"]);
    let mut process = Process::spawn(&world, "ca", command, "");
    manager.waits_for("READY=1");
    manager.waits_for("STATUS=answers on 127.0.0.1:");
    stops(&mut process);
    manager.waits_for("STOPPING=1");
}
