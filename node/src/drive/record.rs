//! Writes a recorded run to its file, in a thread of its own: the loop never waits for the disk.

use super::error::StartError;
use crate::file;
use ifrit_core::recorder::Recorder;
use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
};

/// Pieces that wait for the writer. Each is at most [`RECORD_WAITING_MAX`](crate::limits::RECORD_WAITING_MAX) long, and what
/// finds no place stays in the recorder, which has the same bound: 24 MiB in all.
const PIECES_MAX: usize = 4;

/// The way from the loop to the file.
pub(super) struct Tape {
    /// `None` once the writer has ended: the disk is full, or gone.
    pieces: Option<SyncSender<Vec<u8>>>,
    /// What found no place.
    waiting: Vec<u8>,
    writer: Option<JoinHandle<()>>,
    told_gap: bool,
}

/// What a tape still has to do; this blocks.
pub(super) struct Rest {
    tape: Tape,
    last: Vec<u8>,
}

impl Tape {
    /// Makes the file; blocks. Whatever fails later leaves an empty one, which the next try takes.
    pub(super) fn create(path: PathBuf) -> Result<Self, StartError> {
        let file = match file::create_private(&path) {
            Ok(file) => file,
            Err(error) => return Err(StartError::record(path, error)),
        };
        let name = path.display().to_string();
        Self::start(name, file, File::sync_all).map_err(|error| StartError::record(path, error))
    }

    fn start<W: Write + Send + 'static>(
        name: String,
        to: W,
        sync: impl FnOnce(&W) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let (pieces, received) = sync_channel(PIECES_MAX);
        let writer = thread::Builder::new().name("ifrit-record".into()).spawn(move || {
            if let Err(error) = write(&received, to, sync) {
                tracing::error!(%name, %error, "the record ends here");
            }
        })?;
        Ok(Self { pieces: Some(pieces), waiting: Vec::new(), writer: Some(writer), told_gap: false })
    }

    /// Hands on what was recorded, as far as there is room.
    pub(super) fn feed(&mut self, recorder: &mut Recorder) {
        if self.waiting.is_empty() {
            self.waiting = recorder.take();
        }
        if recorder.has_gap() && !self.told_gap {
            self.told_gap = true;
            tracing::error!("the disk is too slow for the record: it has a gap, and ends there");
        }
        if self.waiting.is_empty() {
            return;
        }
        let piece = std::mem::take(&mut self.waiting);
        match self.pieces.as_ref().map(|pieces| pieces.try_send(piece)) {
            Some(Err(TrySendError::Full(piece))) => self.waiting = piece,
            Some(Err(TrySendError::Disconnected(_))) => self.pieces = None,
            Some(Ok(())) | None => {}
        }
    }

    /// Ends the record; what is left to write takes its time elsewhere.
    pub(super) fn end(self, recorder: Option<&mut Recorder>) -> Rest {
        let mut last = Vec::new();
        if let Some(recorder) = recorder {
            recorder.finish();
            last = recorder.take();
        }
        Rest { tape: self, last }
    }
}

impl Rest {
    /// Blocks until everything is on disk.
    pub(super) fn write(mut self) {
        if let Some(pieces) = self.tape.pieces.take() {
            for piece in [std::mem::take(&mut self.tape.waiting), self.last] {
                // A writer that has ended has told why.
                drop(pieces.send(piece));
            }
        }
        if let Some(writer) = self.tape.writer.take() {
            drop(writer.join());
        }
    }
}

fn write<W: Write>(
    pieces: &Receiver<Vec<u8>>,
    mut to: W,
    sync: impl FnOnce(&W) -> io::Result<()>,
) -> io::Result<()> {
    for piece in pieces {
        to.write_all(&piece)?;
    }
    to.flush()?;
    sync(&to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crypto::RingVerifier, link::tests::world};
    use ifrit_core::{
        action::Action,
        config::{Config, Probation, Stored},
        event::{Command, Event},
        member::Member,
        recorder::{Ended, replay},
        seed::Seed,
        time::{Mono, Now},
    };
    use std::sync::{Arc, Mutex, mpsc};

    /// A disk that writes only when it is let, into a shared buffer.
    struct Slow {
        may: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(|_| io::ErrorKind::StorageFull)?;
            self.written.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn now() -> Now {
        Now { mono: Mono(1), wall: world::START + std::time::Duration::from_secs(60) }
    }

    fn recorded(waiting_max: usize) -> (Member, Recorder) {
        let me = world::identity(&world::authority(0), 1);
        let verifier = Arc::new(RingVerifier);
        let config = Config {
            root: me.root.clone(),
            addrs: vec![],
            tags: vec![],
            seeds: 0,
            probation: Probation::default(),
            verifier,
        };
        let started =
            Recorder::start(config, me.local(), Stored::default(), Seed([3; 32]), now(), waiting_max);
        started.expect("a member")
    }

    /// One event, with all that follows.
    fn step(member: &mut Member, recorder: &mut Recorder, n: u8) {
        let tags = Event::Command(Command::SetTags(vec![n; 100]));
        recorder.handle(member, now(), tags).expect("not refused");
        while !matches!(recorder.poll_action(member), Action::Wait { .. }) {}
    }

    #[test]
    fn a_disk_that_stalls_makes_a_gap_and_the_member_goes_on() {
        let (let_write, may) = mpsc::sync_channel(1_000);
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let disk = Slow { may, written: Arc::clone(&written) };
        let mut tape = Tape::start("slow".into(), disk, |_| Ok(())).expect("a thread");
        let (mut member, mut recorder) = recorded(4_000);
        for n in 0..=250 {
            step(&mut member, &mut recorder, n);
            tape.feed(&mut recorder);
        }
        assert!(recorder.has_gap() && tape.told_gap);
        (0..100).for_each(|_| let_write.send(()).expect("room"));
        tape.end(Some(&mut recorder)).write();
        let replayed = replay(&written.lock().expect("no panic"), Arc::new(RingVerifier)).expect("equal");
        assert_eq!(replayed.ended, Ended::Gap);
        assert!((5..100).contains(&replayed.events), "{replayed:?}");
    }

    #[test]
    fn a_disk_that_fails_ends_the_record_and_nothing_else() {
        let (let_write, may) = mpsc::sync_channel(1_000);
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let disk = Slow { may, written: Arc::clone(&written) };
        let mut tape = Tape::start("full".into(), disk, |_| Ok(())).expect("a thread");
        let (mut member, mut recorder) = recorded(usize::MAX);
        let_write.send(()).expect("room");
        drop(let_write);
        for n in 0..=250 {
            step(&mut member, &mut recorder, n);
            tape.feed(&mut recorder);
        }
        tape.end(Some(&mut recorder)).write();
        let replayed = replay(&written.lock().expect("no panic"), Arc::new(RingVerifier)).expect("equal");
        assert_eq!(replayed.ended, Ended::Cut { half: false });
    }

    #[test]
    fn only_an_empty_plain_file_is_written_over() {
        let dir = tempfile::tempdir().expect("a directory");
        let create = |name: &str| Tape::create(dir.path().join(name)).map(|tape| tape.end(None).write());
        assert!(create("new").is_ok() && create("new").is_ok(), "it is still empty");
        std::fs::write(dir.path().join("full"), b"x").expect("written");
        assert!(matches!(create("full"), Err(StartError::RecordExists(_))));
        assert!(matches!(create(""), Err(StartError::RecordExists(_))), "a directory");
        assert!(matches!(create("no/such"), Err(StartError::Record { .. })));
        assert!(!file::is_open_to_others(&dir.path().join("new")));
    }
}
