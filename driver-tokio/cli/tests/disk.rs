//! A disk without room: told, and survived.
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

mod common;

use common::{Agent, Ca, World, wait_or};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// A small file system of its own; gone when dropped.
struct Small(PathBuf);

impl Small {
    /// `None` where there is no right to make one.
    fn at(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"]).arg(&path);
        mount.output().is_ok_and(|done| done.status.success()).then_some(Self(path))
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let mut file = File::create(self.0.join("full")).unwrap();
        while file.write_all(&[7; 512]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.0.join("full")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn logs(agent: &Agent, what: &str) {
    wait_or(
        &format!("it logs {what:?}"),
        || agent.process.output()[1].contains(what).then_some(()),
        || agent.process.output().concat(),
    );
}

/// Epochs below this may have been used, as the file says.
fn ceiling(dir: &Path) -> u64 {
    let file = fs::read(dir.join("epoch")).unwrap();
    u64::from_be_bytes(file[18..26].try_into().unwrap())
}

#[test]
fn a_full_disk_is_told_and_survived_and_so_is_a_start_on_it() {
    let world = World::new();
    let Some(disk) = Small::at(world.path("node")) else {
        println!("skipped: there is no right to mount a tmpfs here");
        return;
    };
    let ca = Ca::init(&world, "ca");
    ["a", "node", "late"].iter().for_each(|name| ca.issue(&world, name));
    let a = world.agent("a", &[]).started();
    let mut node = world.agent("node", &["--seed-addr", &a.addr]).started();
    node.sees_live(&world, 2);

    disk.fill();
    // A newcomer is something to save.
    let late = world.agent("late", &["--seed-addr", &a.addr]).started();
    logs(&node, "not saved, trying again");
    logs(&node, "No space left on device");
    [&a, &node, &late].iter().for_each(|agent| agent.sees_live(&world, 3));
    disk.free();
    logs(&node, "saved again");

    // Killed, and started again without any room: the clock has passed all epochs by then.
    disk.fill();
    node.process.kill();
    let used = a.epoch_of(&world, &node.id);
    wait_or("the clock has passed the ceiling", || (wall() > ceiling(&disk.0)).then_some(()), String::new);
    let again = world.agent("node", &["--seed-addr", &a.addr]).started();
    assert_eq!(again.id, node.id);
    logs(&again, "the clock alone keeps this member's epochs apart");
    a.sees(&world, &node.id, "live");
    again.sees_live(&world, 3);
    let epoch = again.epoch_of(&world, &node.id);
    assert!(epoch > used, "{epoch} after {used}");
    disk.free();
    logs(&again, "saved again");
    assert!(ceiling(&disk.0) > epoch);
}

fn wall() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}
