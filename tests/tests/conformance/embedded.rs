//! The examples of `ifrit-node`, as a newcomer runs them: programs of their own beside members on a driver.

use crate::{cluster::Cluster, driver::Driver};
use ifrit_core::id::MemberId;
use ifrit_tokio::{Client, RequestError};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

/// A generous limit for one line of a program: nobody waits for it unless something is wrong.
const LINE_LIMIT: Duration = Duration::from_secs(60);

/// Lines that wait to be looked at; a program that says more waits, too.
const LINES_MAX: usize = 1024;

/// A program that runs, its lines, and its end when it is dropped.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    fn start(name: &str, args: &[&str]) -> Self {
        let mut child = Command::new(example(name))
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (line, lines) = sync_channel(LINES_MAX);
        thread::spawn(move || out.lines().map_while(Result::ok).all(|text| line.send(text).is_ok()));
        Self { child, lines }
    }

    /// Waits for a line that contains `words`.
    fn says(&self, words: &str) {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|line: &String| line.contains(words)) {
            match self.lines.recv_timeout(LINE_LIMIT) {
                Ok(line) => heard.push(line),
                Err(error) => panic!("{error}: it did not say {words:?}, but {heard:#?}"),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where an example is, after it was built with the features that `cargo test --workspace` has built it with.
fn example(name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--example", name])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status();
    assert!(built.expect("cargo runs").success(), "the example {name} does not build");
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/debug/deps/TEST");
    profile.join("examples").join(name)
}

/// After a restart on another port the first request may still take the old link, and be told that it broke.
async fn who<D: Driver>(asker: &Client, of: MemberId) {
    let answer = async {
        loop {
            match asker.request(of, "who are you?").await {
                Err(RequestError::Unreachable) => {}
                answer => return answer.expect("it answers"),
            }
        }
    };
    let reply = D::within("a reply", answer).await;
    assert_eq!(String::from_utf8_lossy(&reply), format!("{of}, in a loop of its own"));
}

/// A loop without any runtime joins a live network, asks and answers, is killed, and is back.
pub(crate) async fn a_loop_of_ones_own_is_a_member_like_any_other<D: Driver>() {
    let mut cluster = Cluster::new();
    for _ in 0..2 {
        let answer = |_, _| async { Ok(b"a member on a driver".to_vec()) };
        cluster.add::<D>(|builder| builder.on_request(answer)).await;
    }
    let index = cluster.enrol();
    let dir = cluster.dirs[index].path().to_owned();
    let id = ifrit_node::identity::Identity::load(&dir).expect("just written").id();
    let (asker, seed): (Client, SocketAddr) = (cluster.members[0].clone(), cluster.members[0].local_addr());
    let mut epoch = 0;
    for run in ["the first run", "after a kill"] {
        let program = Program::start("embed", &[dir.to_str().expect("UTF-8"), &seed.to_string()]);
        cluster
            .everywhere::<D>(run, move |view| {
                view.member(&id).is_some_and(|member| member.state.is_live() && member.epoch > epoch)
            })
            .await;
        who::<D>(&asker, id).await;
        program.says("reply: a member on a driver");
        epoch = asker.member(id).await.expect("it runs").expect("it is known").epoch;
    }
    cluster.stop::<D>().await;
}

/// The core over a transport that is not ours: the example ends by itself once it has seen a crash and a return.
#[test]
fn the_core_runs_over_pipes() {
    let program = Program::start("core_only", &[]);
    for words in ["sees it up", "sees it down: accused by", "is started again", "sees it up"] {
        program.says(words);
    }
}
