//! Files that are either the old or the new ones, whatever happens in between.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Mode of private keys and state: nobody else reads them.
const PRIVATE: u32 = 0o600;
/// Mode of directories that hold them.
const PRIVATE_DIR: u32 = 0o700;
/// What names of files begin with that are being written.
const UNFINISHED: &str = ".unfinished-";

/// Replaces `path` by `bytes`, mode 0600: temporary file in the same directory, fsync, rename, fsync of the directory.
///
/// On error the old file stands and the temporary one is gone.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, None)
}

/// The same, and the file replaced is moved to `previous` first. Between the two renames only the previous one exists.
pub(crate) fn replace(path: &Path, bytes: &[u8], previous: Option<&Path>) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(dir)?;
    set_mode(file.as_file(), PRIVATE)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if let Some(previous) = previous {
        fs::rename(path, previous)?;
    }
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(dir)
}

/// Removes what processes left in `dir` that were killed while they wrote a file. Nobody else may be writing there.
pub(crate) fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes a file, mode 0600, to write to. One that is there is taken only if it is an empty, plain file.
#[cfg(feature = "drive")]
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    // A pipe would keep the opener waiting, so it is looked at first.
    if path.metadata().is_ok_and(|meta| !meta.is_file() || meta.len() > 0) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, PRIVATE);
    let file = options.open(path)?;
    if file.metadata()?.len() > 0 {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    set_mode(&file, PRIVATE)?;
    Ok(file)
}

/// Makes the directory, and those above it, if it is missing; mode 0700 if it was.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, PRIVATE_DIR);
    builder.create(dir)
}

/// Whether others than the owner may read or write the file.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(not(unix))]
    let _ = (file, mode);
    Ok(())
}
