//! Real processes of the built command, killed when a test ends.
#![allow(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

use serde_json::Value;
use std::{
    fs::File,
    io::Read,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// For anything that happens at all on a slow, busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A directory for one test, and the command to use in it.
pub struct World {
    dir: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("ifrit-test-").tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the command to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        let mut child = Process::start(self, "command", args);
        let status = wait_for("the command ends", || child.child.try_wait().unwrap());
        let [stdout, stderr] = child.output();
        Done { args: args.join(" "), code: status.code(), stdout, stderr }
    }

    /// Runs the command, which must succeed.
    pub fn ok(&self, args: &[&str]) -> String {
        self.run(args).expect_code(0).stdout
    }

    /// Starts an agent.
    pub fn agent(&self, name: &str, args: &[&str]) -> Agent {
        let dir = self.path(name);
        let mut all = vec!["agent", "--dir", dir.to_str().unwrap(), "--json"];
        if !args.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(args);
        let process = Process::start(self, name, &all);
        Agent { dir, process, id: String::new(), addr: String::new() }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Done {
    pub args: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// It must have said each of these on stderr.
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing in {self:#?}");
        }
        self
    }
}

/// A child with its output in files; killed when dropped.
pub struct Process {
    pub child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    pub fn start(world: &World, name: &str, args: &[&str]) -> Self {
        let unique = format!("{name}-{:?}-{}", std::thread::current().id(), Instant::now().elapsed().as_nanos());
        let (out, err) = (unused(world, &format!("{unique}.out")), unused(world, &format!("{unique}.err")));
        let child = Command::new(env!("CARGO_BIN_EXE_ifrit"))
            .args(args)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Self { child, out, err }
    }

    /// stdout and stderr so far.
    pub fn output(&self) -> [String; 2] {
        [read(&self.out), read(&self.err)]
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn wait(&mut self) -> Option<i32> {
        let [out, err] = [self.out.clone(), self.err.clone()];
        wait_or("the process ends", || self.child.try_wait().unwrap(), || read(&out) + &read(&err)).code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let [out, err] = self.output();
            eprintln!("--- {}\n{out}{err}", self.out.display());
        }
    }
}

fn unused(world: &World, name: &str) -> PathBuf {
    let mut path = world.path(name);
    let mut n = 0;
    while path.exists() {
        n += 1;
        path = world.path(&format!("{n}-{name}"));
    }
    path
}

fn read(path: &Path) -> String {
    let mut text = Vec::new();
    File::open(path).unwrap().read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// A running agent.
pub struct Agent {
    pub dir: PathBuf,
    pub process: Process,
    pub id: String,
    pub addr: String,
}

impl Agent {
    /// Waits until it says that it has started.
    pub fn started(mut self) -> Self {
        let line = wait_or(
            "the agent starts",
            || json_lines(&self.process.output()[0]).into_iter().find(|line| line["agent"] == "started"),
            || self.process.output().concat(),
        );
        self.id = line["id"].as_str().unwrap().to_owned();
        self.addr = line["addr"].as_str().unwrap().to_owned();
        self
    }

    pub fn dir(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    /// Asks a tool for JSON; `None` if it fails.
    pub fn ask(&self, world: &World, command: &str, args: &[&str]) -> Vec<Value> {
        let mut all = vec![command, "--json", "--dir", self.dir()];
        all.extend(args);
        json_lines(&world.run(&all).stdout)
    }

    /// How this agent sees a member: its state, or "" if it does not know it.
    pub fn state_of(&self, world: &World, id: &str) -> String {
        let members = self.ask(world, "members", &[]);
        let found = members.iter().find(|member| member["id"] == id);
        found.map(|member| member["state"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub fn epoch_of(&self, world: &World, id: &str) -> u64 {
        let members = self.ask(world, "members", &[]);
        members.iter().find(|member| member["id"] == id).map_or(0, |member| member["epoch"].as_u64().unwrap())
    }

    /// Waits until this agent sees exactly so many live members.
    pub fn sees_live(&self, world: &World, count: usize) {
        let live = || self.ask(world, "members", &[]).iter().filter(|member| member["state"] == "live").count();
        wait_or(
            &format!("{} sees {count} live members", self.id),
            || (live() == count).then_some(()),
            || format!("{:#?}{}", self.ask(world, "members", &[]), self.process.output().concat()),
        );
    }

    /// Waits until this agent sees a member in this state.
    pub fn sees(&self, world: &World, id: &str, state: &str) {
        wait_or(
            &format!("{} sees {id} {state}", self.id),
            || (self.state_of(world, id) == state).then_some(()),
            || format!("{:#?}", self.ask(world, "explain", &[id])),
        );
    }
}

/// Each line as JSON.
pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Asks until there is an answer.
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_or(what, condition, String::new)
}

/// As [`wait_for`]; says more if there is none.
pub fn wait_or<T>(what: &str, mut condition: impl FnMut() -> Option<T>, more: impl FnOnce() -> String) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}\n{}", more());
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// A TCP port of this machine that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
