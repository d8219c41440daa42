//! A member's directory: one process at a time, and state that survives whatever happens to a write.
//!
//! ```text
//! root.pem cert.pem key.pem   the identity (see [`crate::identity`])
//! lock                        held while a process uses the directory; its id is in it
//! epoch   epoch.old           epochs below this may have been used (R15)
//! records records.old         the last view
//! contacts                    addresses that the CA told at enrolment
//! version                     of the directory: who knows only older ones leaves it alone
//! ca                          where the CA answers, for renewals
//! ```
//!
//! State files carry magic, version, kind, length and a SHA-256. They are replaced atomically and the previous
//! generation is kept: a half-written or damaged file is noticed, the previous one is used, and a [`Warning`] says so.

mod state;
#[cfg(test)]
mod tests;

use crate::{
    file,
    identity::{CERTIFICATE_FILE, Identity, IdentityError, save_certificate, save_root},
    node::Save,
};
use fs2::FileExt;
use ifrit_core::{config::Stored, limits::EPOCH_BLOCK, time::Wall};
use state::{Found, Kind, StateFile};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Contacts remembered: as many as the CA tells.
pub const CONTACTS_MAX: usize = 16;
/// What the file `version` says: it grows when files get other names or meanings. State files have versions of their own.
const DIRECTORY_VERSION: u32 = 1;
const VERSION_FILE: &str = "version";

/// A member's directory, locked for this process until it is dropped.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    epoch: StateFile,
    records: StateFile,
    contacts: StateFile,
    ca: StateFile,
    /// The highest that is on disk: it never goes back.
    ceiling: u64,
    /// Whether this run has written it: else it may be a previous generation's.
    is_ceiling_written: bool,
    loaded: Loaded,
    /// Held, not read.
    _lock: Lock,
}

/// What an earlier run left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// For the core.
    pub stored: Stored,
    /// Addresses that the CA told at enrolment: seeds beside those that the application names.
    pub contacts: Vec<SocketAddr>,
    /// Where the CA answers (`host:port`), for renewals, if that is known.
    pub ca: Option<String>,
    /// What was not as it was left. Show them to the operator.
    pub warnings: Vec<Warning>,
}

/// Something in the directory was not as it was left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The file is damaged, or an earlier run stopped between two steps of replacing it; the previous one is used.
    #[error("{}: {why}; the previous good state is used", path.display())]
    PreviousUsed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file and its previous generation are damaged; the member begins without.
    #[error("{}: {why}, and so is the previous one; {}", path.display(), without(path))]
    Lost {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing can be written: a full disk, most likely. The member runs on what it knows.
    #[error("{}: {why}; until it can be written, the clock alone keeps this member's epochs apart", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

/// A directory of a later version is left alone.
fn check_version(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(VERSION_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        // Not UTF-8: damaged, and written anew.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            return Ok(());
        }
        Err(error) => return Err(StoreError::io(&path)(error)),
    };
    match text.trim().parse() {
        Ok(version) if version > DIRECTORY_VERSION => Err(StoreError::Newer { path, version }),
        _ => Ok(()),
    }
}

fn write_version(dir: &Path) -> io::Result<()> {
    let (path, version) = (dir.join(VERSION_FILE), format!("{DIRECTORY_VERSION}\n"));
    match fs::read(&path) {
        Ok(found) if found == version.as_bytes() => Ok(()),
        _ => file::write_atomic(&path, version.as_bytes()),
    }
}

fn without(path: &Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("epoch") => "the clock alone decides the next epoch: make sure that it is right",
        Some("records") => "the view is learned anew from the seeds",
        Some("ca") => "the certificate is not renewed until it is said again where the CA is",
        _ => "name a seed if no member is found",
    }
}

/// Why the directory cannot be used. Nothing was changed, unless said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process uses it.
    #[error("{} is in use by another process{}: stop it, or give this member a directory of its own",
            dir.display(), pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Which process, if it said.
        pid: Option<u32>,
    },
    /// A file cannot be read or written. When writing, the old state stands.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A later version of this program wrote it, and what is in it is not known here.
    #[error("{} was written by a newer Ifrit (its format is {version}, this program knows {DIRECTORY_VERSION}): run that one \
             again, or give this member another directory; nothing was changed", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// The identity's files are not right.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

impl Store {
    /// Makes the directory (mode 0700) if it is missing, locks it and reads its state.
    ///
    /// Damaged state is no error: see [`Loaded::warnings`].
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process, or another `Store` of this one, holds it; [`StoreError::Newer`];
    /// [`StoreError::Io`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        file::private_dir(dir).map_err(StoreError::io(dir))?;
        let lock = lock(dir)?;
        check_version(dir)?;
        let mut store = Self {
            dir: dir.into(),
            epoch: StateFile::new(dir, Kind::Epoch),
            records: StateFile::new(dir, Kind::Records),
            contacts: StateFile::new(dir, Kind::Contacts),
            ca: StateFile::new(dir, Kind::Ca),
            ceiling: 0,
            is_ceiling_written: false,
            loaded: Loaded::default(),
            _lock: lock,
        };
        store.read()?;
        // Best effort: what cannot be removed or written now is by the next run.
        let tidied = file::remove_unfinished(dir).and_then(|()| write_version(dir));
        if let Err(error) = tidied {
            tracing::warn!(%error, dir = %dir.display(), "the directory cannot be tidied");
        }
        Ok(store)
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Who this member is; `None` if it was never enrolled, or its enrolment was cut short.
    ///
    /// # Errors
    /// [`StoreError::Identity`] if the files are there and not right.
    pub fn identity(&self) -> Result<Option<Identity>, StoreError> {
        // The certificate is written last: without it there was no enrolment.
        match fs::exists(self.dir.join(CERTIFICATE_FILE)) {
            Ok(false) => Ok(None),
            _ => Ok(Some(Identity::load(&self.dir)?)),
        }
    }

    /// What an earlier run left, as read by [`Store::open`]. Taken: a second call gives nothing.
    pub fn load(&mut self) -> Loaded {
        std::mem::take(&mut self.loaded)
    }

    /// Reserves the first epochs of a run that begins at `now`. Whoever saves beside its loop calls this before the member says
    /// anything: else it could say something in an epoch that the disk does not know of yet, be killed, and say something
    /// else in the same epoch when it comes back within a second, before the clock has passed the ceiling (R15).
    ///
    /// # Errors
    /// [`StoreError::Io`] if that cannot be written and the clock has not passed all epochs that may have been used. If it has
    /// the clock alone keeps the epochs apart, and [`Loaded::warnings`] has [`Warning::NotWritable`].
    pub fn reserve(&mut self, now: Wall) -> Result<(), StoreError> {
        let first = self.ceiling.max(now.0);
        match self.save(&Save::EpochCeiling(first.saturating_add(EPOCH_BLOCK))) {
            Err(StoreError::Io { path, source }) if self.ceiling < now.0 => {
                let warning = Warning::NotWritable { path, why: source.to_string() };
                tracing::error!(%warning, "state");
                self.loaded.warnings.push(warning);
                Ok(())
            }
            result => result,
        }
    }

    /// Puts something on disk: when it returns, it survives a crash of the machine. A ceiling never goes back.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old state stands and the call may be repeated.
    pub fn save(&mut self, what: &Save) -> Result<(), StoreError> {
        match what {
            Save::EpochCeiling(ceiling) => {
                let ceiling = self.ceiling.max(*ceiling);
                if !self.is_ceiling_written || ceiling > self.ceiling {
                    self.epoch.write(&ceiling.to_be_bytes())?;
                }
                (self.ceiling, self.is_ceiling_written) = (ceiling, true);
                Ok(())
            }
            Save::Records(records) => self.records.write(records),
            Save::Certificate(der) => Ok(save_certificate(&self.dir, der)?),
            Save::Root(bundle) => Ok(save_root(&self.dir, bundle)?),
        }
    }

    /// Keeps where the CA answers (`host:port`).
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old one stands.
    pub fn save_ca(&mut self, ca: &str) -> Result<(), StoreError> {
        self.ca.write(ca.as_bytes())?;
        self.loaded.ca = Some(ca.to_owned());
        Ok(())
    }

    /// Keeps the first [`CONTACTS_MAX`] addresses that the CA told.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the old ones stand.
    pub fn save_contacts(&mut self, contacts: &[SocketAddr]) -> Result<(), StoreError> {
        let contacts = &contacts[..contacts.len().min(CONTACTS_MAX)];
        let lines: Vec<String> = contacts.iter().map(SocketAddr::to_string).collect();
        self.contacts.write(lines.join("\n").as_bytes())?;
        self.loaded.contacts = contacts.to_vec();
        Ok(())
    }

    fn read(&mut self) -> Result<(), StoreError> {
        let epoch = self.epoch.read()?;
        // A lost ceiling was at least one block above the previous one.
        let lost = if matches!(epoch, Found::Previous(..)) { EPOCH_BLOCK } else { 0 };
        let ceiling = self.keep(epoch, |path| path.epoch.path.clone());
        self.ceiling = u64::from_be_bytes(ceiling.try_into().unwrap_or_default()).saturating_add(lost);
        self.loaded.stored.epoch_ceiling = self.ceiling;
        let records = self.records.read()?;
        self.loaded.stored.records = self.keep(records, |path| path.records.path.clone());
        let contacts = self.contacts.read()?;
        let contacts = self.keep(contacts, |path| path.contacts.path.clone());
        let lines = String::from_utf8_lossy(&contacts);
        self.loaded.contacts =
            lines.lines().filter_map(|line| line.parse().ok()).take(CONTACTS_MAX).collect();
        let ca = self.ca.read()?;
        let ca = self.keep(ca, |path| path.ca.path.clone());
        self.loaded.ca = String::from_utf8(ca).ok().filter(|ca| !ca.is_empty());
        Ok(())
    }

    /// The payload, after a warning if there is something to say.
    fn keep(&mut self, found: Found, path: impl Fn(&Self) -> PathBuf) -> Vec<u8> {
        let (payload, warning) = match found {
            Found::Nothing => (Vec::new(), None),
            Found::Current(payload) => (payload, None),
            Found::Previous(payload, why) => (payload, Some(Warning::PreviousUsed { path: path(self), why })),
            Found::Damaged(why) => (Vec::new(), Some(Warning::Lost { path: path(self), why })),
        };
        if let Some(warning) = &warning {
            tracing::warn!(%warning, "state");
        }
        self.loaded.warnings.extend(warning);
        payload
    }
}

/// Held until dropped. It is given up by word then, for closing the file is not enough: a child that another thread is just
/// starting has the file too, until it runs its own program.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closed in any case.
        let _ = fs2::FileExt::unlock(&self.0);
    }
}

/// Takes the lock and leaves this process's id in it.
fn lock(dir: &Path) -> Result<Lock, StoreError> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut lock = options.open(&path).map_err(StoreError::io(&path))?;
    if let Err(error) = lock.try_lock_exclusive() {
        if error.kind() != fs2::lock_contended_error().kind() {
            return Err(StoreError::io(&path)(error));
        }
        let pid = fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok());
        return Err(StoreError::Locked { dir: dir.into(), pid });
    }
    // Only for the error message above: that it cannot be written does not matter.
    let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
    Ok(Lock(lock))
}
