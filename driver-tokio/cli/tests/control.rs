//! The control socket against tools that are none.

mod common;

use common::{Agent, Ca, World, wait_or};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::net::UnixStream,
};

fn agent(world: &World) -> Agent {
    Ca::init(world, "ca").issue(world, "node");
    world.agent("node", &[]).started()
}

fn connect(agent: &Agent) -> UnixStream {
    let stream = UnixStream::connect(agent.dir.join("control.sock")).expect("it listens");
    stream.set_read_timeout(Some(common::PATIENCE)).expect("a time-out");
    stream
}

/// The next line that the agent says; `None` if it hung up.
fn line(stream: &UnixStream) -> Option<Value> {
    let mut line = String::new();
    match BufReader::new(stream).read_line(&mut line) {
        Ok(0) => None,
        // It hung up with something of ours unread.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
        Ok(_) => Some(serde_json::from_str(&line).expect("JSON")),
        Err(error) => panic!("the agent neither answers nor hangs up: {error}"),
    }
}

#[test]
fn garbage_and_endless_lines_are_answered_and_harm_nobody() {
    let world = World::new();
    let agent = agent(&world);
    for bad in [&b"garbage\n"[..], b"{\"ask\":\"no-such-thing\"}\n", b"\xff\xfe\n", b"{\"ask\":\"send\"}\n"] {
        let mut stream = connect(&agent);
        stream.write_all(bad).expect("it reads");
        let said = line(&stream).expect("an answer");
        assert!(said["tell"] == "error" && said["bad_input"] == true, "{said}");
    }
    let mut endless = connect(&agent);
    while endless.write_all(&[b'x'; 64 * 1024]).is_ok() {}
    let _ = line(&endless);
    assert_eq!(agent.ask(&world, "members", &[]).len(), 1);
}

#[test]
fn a_tool_that_says_nothing_is_hung_up_on_and_too_many_are_turned_away() {
    let world = World::new();
    let agent = agent(&world);
    let silent: Vec<_> = (0..32).map(|_| connect(&agent)).collect();
    let turned_away = || world.run(&["members", "--dir", agent.dir()]).stderr.contains("tools are connected");
    wait_or("one too many is turned away", || turned_away().then_some(()), String::new);
    silent.iter().for_each(|stream| assert_eq!(line(stream), None));
    wait_or(
        "there is room again",
        || (agent.ask(&world, "members", &[]).len() == 1).then_some(()),
        || agent.process.output().concat(),
    );
}

#[test]
fn a_tool_may_close_its_writing_side_after_the_question() {
    let world = World::new();
    let agent = agent(&world);
    let mut stream = connect(&agent);
    stream.write_all(b"{\"ask\":\"members\"}\n").expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("open");
    assert_eq!(line(&stream).expect("an answer")["id"], agent.id.as_str());
}
