//! `ifrit debug bundle`: what helps to find a fault, and no secret, in one file to attach.
//!
//! Nothing is copied from the agent's directory but the two public certificates: a private key, an epoch or an invite cannot
//! come in by a name that somebody gave to a file.

use super::{snapshot, unexpected};
use crate::{
    args::BundleArgs,
    control::{
        Ask, Tell,
        client::{ANSWER_TIMEOUT, ask},
    },
    error::bad_input,
    output::{BOLD, Out, paint},
    rows::AboutRow,
};
use anyhow::Context;
use flate2::{Compression, write::GzEncoder};
use ifrit_node::identity::{self, CERTIFICATE_FILE, ROOT_FILE};
use serde::Serialize;
use serde_json::json;
use std::{
    fs::{self, DirBuilder, File},
    io::{self, BufWriter, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::Path,
};

/// Answers are kept in these files, one JSON object a line.
const ANSWERS: [(&str, Ask); 5] = [
    ("members.jsonl", Ask::Members),
    ("metrics.jsonl", Ask::Metrics),
    ("round-trips.jsonl", Ask::RoundTrips),
    ("rings.jsonl", Ask::Rings { member: None, rings: Vec::new() }),
    ("events.jsonl", Ask::History),
];

pub(crate) fn run(args: &BundleArgs, out: Out) -> anyhow::Result<()> {
    let (dir, to) = (args.agent.dir(), &args.out);
    // Asked first: without an agent nothing is made.
    let Some(Tell::About(about)) = ask(dir, &Ask::About, Some(ANSWER_TIMEOUT))?.next()? else {
        return unexpected();
    };
    let write = |place: &Path| gather(dir, &about, place);
    let files = if args.unpacked { unpacked(to, write)? } else { packed(to, write)? };
    let at = to.display().to_string();
    out.print(
        &json!({ "bundle": at, "files": files }),
        format!(
            "{} holds {} files; look through them before you give them away",
            paint(BOLD, &at),
            files.len()
        ),
    )
}

fn not_made(to: &Path, error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AlreadyExists => bad_input(format!("{} is there already: name a new one", to.display())),
        _ => anyhow::Error::new(error).context(format!("cannot make {}", to.display())),
    }
}

/// A directory that only its owner reads.
fn unpacked<T>(to: &Path, gather: impl FnOnce(&Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
    DirBuilder::new().mode(0o700).create(to).map_err(|error| not_made(to, error))?;
    gather(to)
}

/// One file that only its owner reads. It appears when it is whole; nothing else is left.
fn packed<T>(to: &Path, gather: impl FnOnce(&Path) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let not_made = |error| not_made(to, error);
    if to.symlink_metadata().is_ok() {
        return Err(not_made(ErrorKind::AlreadyExists.into()));
    }
    let beside = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let temporary = |mode| {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ifrit-bundle-").permissions(fs::Permissions::from_mode(mode));
        builder
    };
    let place = temporary(0o700).tempdir_in(beside).map_err(not_made)?;
    let gathered = gather(place.path())?;
    let file = temporary(0o600).tempfile_in(beside).map_err(not_made)?;
    pack(place.path(), &unpacks_to(to), file.as_file()).map_err(not_made)?;
    file.persist_noclobber(to).map_err(|error| not_made(error.error))?;
    Ok(gathered)
}

fn pack(from: &Path, as_name: &str, to: &File) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(BufWriter::new(to), Compression::default()));
    archive.append_dir_all(as_name, from)?;
    archive.into_inner()?.finish()?.flush()
}

/// What the archive unpacks to: the name of its file without what says that it is one.
fn unpacks_to(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let short = [".tar.gz", ".tgz"].iter().find_map(|end| name.strip_suffix(end));
    short.filter(|short| !short.is_empty()).unwrap_or(&name).to_owned()
}

/// Writes all of it; the names of the files.
fn gather(dir: &Path, about: &AboutRow, to: &Path) -> anyhow::Result<Vec<&'static str>> {
    let mut files = tell_about(about, to)?;
    for (name, question) in ANSWERS {
        write_answers(dir, &question, &to.join(name))?;
        files.push(name);
    }
    snapshot::write(dir, &mut BufWriter::new(File::create(to.join("snapshot.jsonl"))?))?;
    files.push("snapshot.jsonl");
    for name in public(dir) {
        fs::copy(dir.join(name), to.join(name)).with_context(|| format!("cannot copy {name}"))?;
        files.push(name);
    }
    write_lines(&to.join("directory.jsonl"), listing(dir)?)?;
    files.push("directory.jsonl");
    Ok(files)
}

/// Certificates are public. But whoever has the root of an open network can make members of it.
fn public(dir: &Path) -> Vec<&'static str> {
    match identity::load_root(&dir.join(ROOT_FILE)) {
        Ok(root) if !root.is_open() => vec![ROOT_FILE, CERTIFICATE_FILE],
        _ => vec![CERTIFICATE_FILE],
    }
}

/// Versions, settings and log, each in a file of its own.
fn tell_about(about: &AboutRow, to: &Path) -> anyhow::Result<Vec<&'static str>> {
    fs::write(to.join("settings.toml"), about.settings.join("\n") + "\n")?;
    fs::write(to.join("log.txt"), about.log.join("\n") + "\n")?;
    let rest = AboutRow { settings: Vec::new(), log: Vec::new(), ..about.clone() };
    let versions = json!({
        "tool": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "machine": std::env::consts::ARCH,
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()).ok(),
        "agent": rest,
    });
    fs::write(to.join("about.json"), serde_json::to_string_pretty(&versions)? + "\n")?;
    Ok(vec!["settings.toml", "log.txt", "about.json"])
}

fn write_answers(dir: &Path, question: &Ask, file: &Path) -> anyhow::Result<()> {
    let mut answers = ask(dir, question, Some(ANSWER_TIMEOUT))?;
    let mut to = BufWriter::new(File::create(file)?);
    while let Some(tell) = answers.next()? {
        let line = match tell {
            Tell::Member(row) => serde_json::to_string(&row)?,
            Tell::Figure(row) => serde_json::to_string(&row)?,
            Tell::Watched(row) => serde_json::to_string(&row)?,
            Tell::Ring(row) => serde_json::to_string(&row)?,
            Tell::Event(row) => serde_json::to_string(&row)?,
            _ => return unexpected(),
        };
        writeln!(to, "{line}")?;
    }
    Ok(to.flush()?)
}

/// A file of the agent's directory, from outside.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    bytes: u64,
    mode: String,
    uid: u32,
    modified_s: i64,
}

fn listing(dir: &Path) -> anyhow::Result<Vec<Listed>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        // One that goes meanwhile is not there.
        let Ok(meta) = entry.metadata() else { continue };
        all.push(Listed {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes: meta.len(),
            mode: format!("{:o}", meta.mode() & 0o7777),
            uid: meta.uid(),
            modified_s: meta.mtime(),
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn write_lines(file: &Path, rows: impl IntoIterator<Item = impl Serialize>) -> anyhow::Result<()> {
    let mut to = BufWriter::new(File::create(file)?);
    for row in rows {
        writeln!(to, "{}", serde_json::to_string(&row)?)?;
    }
    Ok(to.flush()?)
}
