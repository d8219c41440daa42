//! Just enough HTTP to ask an agent.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
};

/// What an agent answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case, as they came.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// Asks a port of this machine; `None` if nobody answers.
pub(crate) fn ask(port: u16, method: &str, path: &str, headers: &[&str]) -> Option<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(super::PATIENCE)).ok()?;
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, headers: head.to_lowercase().replace('\r', ""), body: body.to_owned() })
}

pub(crate) fn get(port: u16, path: &str) -> Option<Answer> {
    ask(port, "GET", path, &[])
}
