//! Real processes of the built command, killed when a test ends.
#![allow(dead_code, reason = "each test binary uses a part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot run its processes has failed")]

pub(crate) mod http;

use serde_json::Value;
use std::{
    fs::File,
    io::Read,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// For anything that happens at all on a slow, busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A directory for one test, and the command to use in it.
pub(crate) struct World {
    dir: TempDir,
    /// What agents log; usual things if empty.
    pub(crate) log: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("ifrit-test-").tempdir().unwrap();
        let world = Self { dir, log: String::new() };
        std::fs::create_dir(world.tmp()).unwrap();
        world
    }

    /// Where the commands put what is temporary.
    fn tmp(&self) -> PathBuf {
        self.path("tmp")
    }

    /// What they have left there.
    pub(crate) fn left_in_tmp(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.tmp()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        let mut child = Process::start(self, "command", args);
        let status = wait_for("the command ends", || child.child.try_wait().unwrap());
        let [stdout, stderr] = child.output();
        Done { args: args.join(" "), code: status.code(), stdout, stderr }
    }

    /// Runs the command, which must succeed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.run(args).expect_code(0).stdout
    }

    /// Starts an agent.
    pub(crate) fn agent(&self, name: &str, args: &[&str]) -> Agent {
        self.agent_by(ifrit(), name, args)
    }

    /// Starts an agent by a command that ends in [`ifrit`]'s: with more environment, or inside a namespace.
    pub(crate) fn agent_by(&self, mut command: Command, name: &str, args: &[&str]) -> Agent {
        let dir = self.path(name);
        // A port that nobody else is given, so that it may come back there.
        let listen = format!("127.0.0.1:{}", free_port());
        let mut all = vec!["agent", "--dir", dir.to_str().unwrap(), "--json"];
        if !args.contains(&"--listen") {
            all.extend(["--listen", &listen]);
        }
        all.extend(args);
        command.args(all);
        let process = Process::spawn(self, name, command, &self.log);
        Agent { dir, process, id: String::new(), addr: String::new() }
    }
}

/// A CA that serves, in its own process.
pub(crate) struct Ca {
    pub(crate) dir: String,
    pub(crate) port: u16,
    pub(crate) process: Option<Process>,
}

impl Ca {
    /// A small network on this machine, not served yet.
    pub(crate) fn init(world: &World, name: &str) -> Self {
        let dir = world.path(name).to_str().unwrap().to_owned();
        world.ok(&["ca", "init", "--dir", &dir, "--members", "8", "--preset", "local"]);
        Self { dir, port: free_port(), process: None }
    }

    /// Lets newcomers in from now on.
    pub(crate) fn serve(mut self, world: &World) -> Self {
        self.start(world, &[]);
        self
    }

    /// The same of one that has stopped, with more on its command line.
    pub(crate) fn start(&mut self, world: &World, more: &[&str]) {
        let listen = format!("127.0.0.1:{}", self.port);
        let mut args = vec!["ca", "serve", "--dir", &self.dir, "--listen", &listen];
        args.extend(more);
        self.process = Some(Process::start(world, "ca", &args).serving());
    }

    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    pub(crate) fn invite(&self, world: &World, args: &[&str]) -> String {
        let mut all = vec!["ca", "invite", "--dir", &self.dir];
        all.extend(args);
        let text = world.ok(&all);
        let line = text.lines().find(|line| line.trim().starts_with("ifrit1/"));
        line.unwrap_or_else(|| panic!("no invite in {text}")).trim().to_owned()
    }

    /// Writes an identity into a directory of this world.
    pub(crate) fn issue(&self, world: &World, name: &str) {
        world.ok(&["ca", "issue", "--dir", &self.dir, "--out", world.path(name).to_str().unwrap()]);
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) args: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// It must have said each of these on stderr.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing in {self:#?}");
        }
        self
    }
}

/// The built command.
pub(crate) fn ifrit() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ifrit"))
}

/// A child with its output in files; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Process {
    pub(crate) fn start(world: &World, name: &str, args: &[&str]) -> Self {
        let mut command = ifrit();
        command.args(args);
        Self::spawn(world, name, command, "")
    }

    /// Starts any command; ours logs as RUST_LOG would say.
    pub(crate) fn spawn(world: &World, name: &str, mut command: Command, log: &str) -> Self {
        let (out, err) = unused(world, name);
        command.env_remove("RUST_LOG").env("TMPDIR", world.tmp());
        if !log.is_empty() {
            command.env("RUST_LOG", log);
        }
        let (stdout, stderr) = (File::create(&out).unwrap(), File::create(&err).unwrap());
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        Self { child, out, err }
    }

    /// stdout and stderr so far.
    pub(crate) fn output(&self) -> [String; 2] {
        [read(&self.out), read(&self.err)]
    }

    /// It must end with this code and say each of these on stderr.
    pub(crate) fn fails(&mut self, code: i32, says: &[&str]) {
        let ended = self.wait();
        let [stdout, stderr] = self.output();
        let done = Done { args: String::new(), code: ended, stdout, stderr };
        done.expect_code(code).says(says);
    }

    /// Waits until a CA says that it answers. Its port is open earlier: an invite made then may not know where it is.
    pub(crate) fn serving(self) -> Self {
        let says = || self.output()[0].contains("answers on").then_some(());
        wait_or("the CA answers", says, || self.output().concat());
        self
    }

    /// What it has printed so far, each line as JSON: whole lines only, for it may be within one.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let [out, _] = self.output();
        json_lines(&out[..out.rfind('\n').map_or(0, |end| end + 1)])
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> Option<i32> {
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

/// Files that nobody has used in this world yet.
fn unused(world: &World, name: &str) -> (PathBuf, PathBuf) {
    let free = |n: &u32| !world.path(&format!("{name}.{n}.out")).exists();
    let n = (0..).find(free).unwrap();
    (world.path(&format!("{name}.{n}.out")), world.path(&format!("{name}.{n}.err")))
}

fn read(path: &Path) -> String {
    let mut text = Vec::new();
    File::open(path).unwrap().read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// A running agent.
pub(crate) struct Agent {
    pub(crate) dir: PathBuf,
    pub(crate) process: Process,
    pub(crate) id: String,
    pub(crate) addr: String,
}

impl Agent {
    /// Waits until it says that it has started.
    pub(crate) fn started(mut self) -> Self {
        let line = wait_or(
            "the agent starts",
            || self.process.lines().into_iter().find(|line| line["agent"] == "started"),
            || self.process.output().concat(),
        );
        self.id = line["id"].as_str().unwrap().to_owned();
        self.addr = line["addr"].as_str().unwrap().to_owned();
        self
    }

    pub(crate) fn dir(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    /// Asks a tool for JSON; `None` if it fails.
    pub(crate) fn ask(&self, world: &World, command: &str, args: &[&str]) -> Vec<Value> {
        let mut all = vec![command, "--json", "--dir", self.dir()];
        all.extend(args);
        json_lines(&world.run(&all).stdout)
    }

    /// How this agent sees a member: its state, or "" if it does not know it.
    pub(crate) fn state_of(&self, world: &World, id: &str) -> String {
        let members = self.ask(world, "members", &[]);
        let found = members.iter().find(|member| member["id"] == id);
        found.map(|member| member["state"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub(crate) fn epoch_of(&self, world: &World, id: &str) -> u64 {
        let members = self.ask(world, "members", &[]);
        members.iter().find(|member| member["id"] == id).map_or(0, |member| member["epoch"].as_u64().unwrap())
    }

    /// Waits until this agent sees exactly so many live members.
    pub(crate) fn sees_live(&self, world: &World, count: usize) {
        let live =
            || self.ask(world, "members", &[]).iter().filter(|member| member["state"] == "live").count();
        wait_or(
            &format!("{} sees {count} live members", self.id),
            || (live() == count).then_some(()),
            || format!("{:#?}{}", self.ask(world, "members", &[]), self.process.output().concat()),
        );
    }

    /// Waits until this agent sees a member in this state.
    pub(crate) fn sees(&self, world: &World, id: &str, state: &str) {
        wait_or(
            &format!("{} sees {id} {state}", self.id),
            || (self.state_of(world, id) == state).then_some(()),
            || format!("{:#?}", self.ask(world, "explain", &[id])),
        );
    }
}

/// Each line as JSON.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Asks until there is an answer.
pub(crate) fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_or(what, condition, String::new)
}

/// As [`wait_for`]; says more if there is none.
pub(crate) fn wait_or<T>(
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
    more: impl FnOnce() -> String,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}\n{}", more());
        pause(Duration::from_millis(30));
    }
}

/// Ports below those that systems give to whoever asks for any: what is free there stays free until a test takes it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Ports of one process of tests, the first of which it holds as a sign that the block is its own.
const BLOCK: u16 = 100;

/// A port of this machine, TCP and UDP, that no other test is given.
pub(crate) fn free_port() -> u16 {
    static OWN: OnceLock<TcpListener> = OnceLock::new();
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = OWN.get_or_init(|| {
        let mut firsts = PORTS.step_by(BLOCK.into());
        firsts.find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()).expect("a free block")
    });
    let first = own.local_addr().unwrap().port();
    let is_free = |port: &u16| {
        let addr = (Ipv4Addr::LOCALHOST, *port);
        TcpListener::bind(addr).is_ok() && UdpSocket::bind(addr).is_ok()
    };
    // All but the first, again and again: a test may take hundreds, one after the other.
    let mut ports = (1..BLOCK).map(|_| first + 1 + NEXT.fetch_add(1, Ordering::Relaxed) % (BLOCK - 1));
    ports.find(is_free).expect("a block is more than what runs at a time")
}

#[expect(
    clippy::disallowed_methods,
    reason = "between two looks at a process, and until an invite has expired"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
