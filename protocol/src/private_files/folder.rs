//! An open folder, whose files are found by name.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

// `File::sync_all` calls this on macOS, because fsync alone may leave data in the memory of the disk.
#[cfg(target_os = "macos")]
use rustix::fs::fcntl_fullfsync as fsync;
#[cfg(not(target_os = "macos"))]
use rustix::fs::fsync;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{Access, Links, Problem, Rules, read};

/// An open folder, whose owner and mode were checked.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder and checks its owner and mode for the user `uid`.
    ///
    /// # Errors
    /// A folder that is missing, or that other users have more access to than `access` allows.
    pub fn open(path: &Path, links: Links, access: Access, uid: u32) -> Result<Self, Problem> {
        let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        flags.set(OFlags::NOFOLLOW, links == Links::Refuse);
        let folder = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?);
        let metadata = folder.metadata()?;
        access.check(&metadata, uid)?;
        Ok(Self { handle: folder.into(), path: path.to_owned() })
    }

    /// The path by which the folder was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this folder is the one at `path` now.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        let (Ok(own), Ok(there)) = (rustix::fs::fstat(self), rustix::fs::stat(path)) else { return false };
        (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)
    }

    /// Reads a file of the folder; `None` if it does not exist.
    ///
    /// # Errors
    /// See [`read`].
    pub fn read(&self, name: &str, rules: &Rules) -> Result<Option<Vec<u8>>, Problem> {
        match read(self, Path::new(name), rules) {
            Ok((bytes, _)) => Ok(Some(bytes)),
            Err(problem) if problem.is_missing() => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Returns the type of an entry, without following a link; `None` if there is no entry of this name.
    #[must_use]
    pub fn entry_type(&self, name: &str) -> Option<FileType> {
        let stat = rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }

    /// Lists the names of all entries; none if the folder cannot be listed.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let entries = rustix::fs::Dir::read_from(self).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(self, name, AtFlags::empty());
    }

    /// Writes the names of the folder to the disk, so that a rename survives a power failure.
    ///
    /// # Errors
    /// The error of the disk. Some file systems cannot sync a folder and need not; that is not an error.
    pub fn sync(&self) -> io::Result<()> {
        match fsync(self) {
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// Makes a folder that only its user can enter, unless something of this name exists.
///
/// # Errors
/// The error of the system, for example if the parent does not exist.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match rustix::fs::mkdir(path, Mode::RWXU) {
        // Another process may have been faster.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes a folder and its parents, each for its user only, and writes their names to the disk.
///
/// # Errors
/// The error of the system; `EPERM` if root would make a folder in that of another user, who could then not use it. `sudo` can
/// keep the user's `HOME`.
pub fn make_folders(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.exists() {
        make_folders(parent)?;
    }
    if !path.exists() && geteuid().is_root() && parent.metadata()?.uid() != 0 {
        return Err(Errno::PERM.into());
    }
    make_folder(path)?;
    let _ = File::open(parent).and_then(|parent| parent.sync_all());
    Ok(())
}
