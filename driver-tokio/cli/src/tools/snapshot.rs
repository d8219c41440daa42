//! Views on disk, and what their signatures are worth.

use super::unexpected;
use crate::{
    args::{SnapshotCommand, SnapshotDumpArgs, SnapshotVerifyArgs},
    control::{
        Ask, Tell,
        client::{ANSWER_TIMEOUT, ask},
    },
    error::bad_input,
    output::{BAD, GOOD, Out, paint},
    rows::{RecordRow, SNAPSHOT_FORMAT, SnapshotHead, state},
};
use anyhow::Context;
use ifrit_core::{
    accusation::Accusation,
    certificate::{Certificate, Root},
    id::MemberId,
    note::Note,
    time::Wall,
    view::State,
};
use ifrit_node::{crypto::RingVerifier, identity};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
    time::Duration,
};

pub(crate) fn run(command: &SnapshotCommand, out: Out) -> anyhow::Result<()> {
    match command {
        SnapshotCommand::Dump(args) => dump(args, out),
        SnapshotCommand::Verify(args) => verify(args, out),
    }
}

fn dump(args: &SnapshotDumpArgs, out: Out) -> anyhow::Result<()> {
    if args.file == Path::new("-") {
        write(args.agent.dir(), &mut std::io::stdout().lock())?;
        return Ok(());
    }
    let file = &args.file;
    let cannot = || format!("cannot write {}", file.display());
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // A dump that is cut short leaves the old file.
    let mut made = tempfile::NamedTempFile::new_in(dir).with_context(cannot)?;
    let members = write(args.agent.dir(), &mut BufWriter::new(made.as_file_mut()))?;
    made.persist(file).with_context(cannot)?;
    let at = file.display().to_string();
    out.print(&json!({ "snapshot": at, "members": members }), format!("{members} members are in {at}"))
}

/// Writes what the agent of `dir` tells; how many members that were.
pub(super) fn write(dir: &Path, to: &mut dyn Write) -> anyhow::Result<usize> {
    let mut answers = ask(dir, &Ask::Snapshot, Some(ANSWER_TIMEOUT))?;
    let mut members = 0;
    while let Some(tell) = answers.next()? {
        let line = match tell {
            Tell::Snapshot(head) => serde_json::to_string(&head)?,
            Tell::Record(row) => {
                members += 1;
                serde_json::to_string(&row)?
            }
            _ => return unexpected().map(|()| 0),
        };
        writeln!(to, "{line}")?;
    }
    to.flush()?;
    Ok(members)
}

/// What was checked.
#[derive(Debug, Default, Serialize)]
struct Checked {
    of: String,
    at_ms: u64,
    members: usize,
    certificates: usize,
    notes: usize,
    accusations: usize,
    /// Certificates that had ended when the snapshot was taken.
    expired: usize,
    /// What does not hold: line and why.
    bad: Vec<Bad>,
}

#[derive(Debug, Serialize)]
struct Bad {
    line: usize,
    id: String,
    why: String,
}

fn verify(args: &SnapshotVerifyArgs, out: Out) -> anyhow::Result<()> {
    let root = identity::load_root(&args.root).map_err(|error| bad_input(error.to_string()))?;
    let file =
        File::open(&args.file).map_err(|error| bad_input(format!("{}: {error}", args.file.display())))?;
    let checked = check(BufReader::new(file), &root)
        .map_err(|error| bad_input(format!("{}: {error:#}", args.file.display())))?;
    out.print(&checked, told(&checked))?;
    match checked.bad.len() {
        0 => Ok(()),
        count => Err(bad_input(format!("{count} of the records do not hold under this root"))),
    }
}

fn told(checked: &Checked) -> String {
    let Checked { members, certificates, notes, accusations, .. } = checked;
    let mut lines = vec![format!(
        "view of {}: {members} members; {certificates} certificates, {notes} notes and {accusations} accusations hold",
        checked.of
    )];
    if checked.expired > 0 {
        lines.push(format!("{} certificates had ended when it was taken", checked.expired));
    }
    let bad = |bad: &Bad| paint(BAD, format!("line {}: {}: {}", bad.line, bad.id, bad.why));
    lines.extend(checked.bad.iter().map(bad));
    if checked.bad.is_empty() {
        lines.push(paint(GOOD, "every signature holds"));
    }
    lines.join("\n")
}

/// Checks all of a snapshot: form, belonging together, every signature. Certificates first, for accusers may follow those
/// that they accuse.
fn check(reader: impl BufRead, root: &Root) -> anyhow::Result<Checked> {
    let mut lines = reader.lines();
    let head = lines.next().context("it is empty")??;
    let head: SnapshotHead = serde_json::from_str(&head).context("line 1 is not the head of a snapshot")?;
    anyhow::ensure!(
        head.snapshot == SNAPSHOT_FORMAT,
        "it has format {}, and this version reads {SNAPSHOT_FORMAT}",
        head.snapshot
    );
    let mut checked = Checked { of: head.of, at_ms: head.at_ms, ..Checked::default() };
    let mut certificates = BTreeMap::new();
    let mut rows = Vec::new();
    for (place, line) in lines.enumerate() {
        let number = place + 2;
        let row: RecordRow =
            serde_json::from_str(&line?).with_context(|| format!("line {number} is no member"))?;
        match certificate(&row, root) {
            Ok(certificate) => {
                let allowance = Duration::from_secs(u64::from(root.params.allowance_s));
                checked.expired += usize::from(!certificate.is_current(Wall(head.at_ms), allowance));
                certificates.insert(certificate.id, certificate);
            }
            Err(why) => checked.bad.push(Bad { line: number, id: row.id.clone(), why }),
        }
        rows.push((number, row));
    }
    checked.members = rows.len();
    checked.certificates = certificates.len();
    for (line, row) in &rows {
        let mut fail = |why: String| checked.bad.push(Bad { line: *line, id: row.id.clone(), why });
        let note = match note(row, root, &certificates) {
            Ok(note) => note,
            Err(why) => {
                fail(why);
                continue;
            }
        };
        checked.notes += 1;
        if let Err(why) = fits(row, &note) {
            fail(why);
        }
        for bytes in &row.accusations {
            match accusation(bytes, &note, root, &certificates) {
                Ok(()) => checked.accusations += 1,
                Err(why) => fail(why),
            }
        }
    }
    Ok(checked)
}

type Certificates = BTreeMap<MemberId, Certificate>;

fn certificate(row: &RecordRow, root: &Root) -> Result<Certificate, String> {
    let der = bytes(&row.certificate)?;
    let certificate = Certificate::parse(&der, root).map_err(|error| format!("its certificate: {error}"))?;
    if certificate.id.to_string() != row.id {
        return Err("its certificate is another member's".to_owned());
    }
    let good = certificate.verify(root, &RingVerifier);
    if good { Ok(certificate) } else { Err("its certificate is not signed by this root".to_owned()) }
}

fn note(row: &RecordRow, root: &Root, certificates: &Certificates) -> Result<Note, String> {
    let note = Note::parse(&bytes(&row.note)?, &root.params).map_err(|error| format!("its note: {error}"))?;
    let certificate =
        certificates.get(&note.id()).ok_or("its note is of a member without a good certificate")?;
    if note.id().to_string() != row.id {
        return Err("its note is another member's".to_owned());
    }
    let good = note.signed().verify(&RingVerifier, &certificate.key());
    if good { Ok(note) } else { Err("its note's signature does not hold".to_owned()) }
}

/// What the dumping agent says of a member must be what the signed note says.
fn fits(row: &RecordRow, note: &Note) -> Result<(), String> {
    if row.epoch != note.epoch() {
        return Err(format!("is said to be of epoch {}, and its note is of {}", row.epoch, note.epoch()));
    }
    let (gray, left) = (row.state == state(State::Gray), row.state == state(State::Left));
    if gray != note.gray() || left != note.leaving() {
        return Err(format!("is said to be {}, and its note says otherwise", row.state));
    }
    if row.state == state(State::Down) && row.accusations.is_empty() {
        return Err("is said to be down, and nobody accuses it".to_owned());
    }
    Ok(())
}

fn accusation(hex: &str, note: &Note, root: &Root, certificates: &Certificates) -> Result<(), String> {
    let said =
        Accusation::parse(&bytes(hex)?, &root.params).map_err(|error| format!("an accusation: {error}"))?;
    if said.accused != note.id() || said.epoch != note.epoch() {
        return Err(format!("the accusation by {} is not of its note", said.accuser));
    }
    let by = certificates
        .get(&said.accuser)
        .ok_or_else(|| format!("its accuser {} is not in the file", said.accuser))?;
    let good = said.signed().verify(&RingVerifier, &by.key());
    if good {
        Ok(())
    } else {
        Err(format!("the signature of {} under its accusation does not hold", said.accuser))
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digit = |c: u8| (c as char).to_digit(16).filter(|_| !c.is_ascii_uppercase());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    };
    hex.as_bytes()
        .chunks(2)
        .map(pair)
        .collect::<Option<_>>()
        .ok_or_else(|| "a record is not in hex".to_owned())
}
