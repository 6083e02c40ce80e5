//! The folder of a store: who may have written what is in it, and how a file is put in the place of another.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

// What `File::sync_all` calls there: the plain one may leave it in the memory of the disk.
#[cfg(target_os = "macos")]
use rustix::fs::fcntl_fullfsync as fsync;
#[cfg(not(target_os = "macos"))]
use rustix::fs::fsync;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use secretref_protocol::guard::{self, Guard};
use secretref_protocol::{Failure, Kind};

/// The most bytes of a file.
const LIMIT: u64 = 4 << 20;

/// A folder in which nobody but its user and root can put a file.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) open: OwnedFd,
    pub(super) at: fn(&'static str),
}

impl Folder {
    /// Opens the folder; nothing where there is none.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(folder) => File::from(folder),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(unreadable(path, &errno.into())),
        };
        let metadata = folder.metadata().map_err(|error| unreadable(path, &error))?;
        match objection(&metadata, Guard::Written) {
            Some((why, remedy)) => Err(refused(path, &why, &remedy)),
            None => Ok(Some(Self { path: path.to_owned(), open: folder.into(), at: |_| () })),
        }
    }

    /// Opens the folder to change what is in it, and makes it where it is missing.
    pub(super) fn make(path: &Path, at: fn(&'static str)) -> Result<Self, Failure> {
        if !path.exists() {
            make_all(path).map_err(|error| unwritten(path, &error))?;
        }
        at("the folder is there");
        let folder = Self::open(path)?.ok_or_else(|| unreadable(path, &Errno::NOENT.into()))?;
        Ok(Self { at, ..folder })
    }

    /// Reads a file of the folder; nothing where there is none.
    pub(super) fn read(&self, name: &str, guard: Guard) -> Result<Option<Vec<u8>>, Failure> {
        read(self.open.as_fd(), Path::new(name), &self.path.join(name), guard)
    }

    /// Reads a file of elsewhere.
    pub(super) fn read_elsewhere(path: &Path, guard: Guard) -> Result<Option<Vec<u8>>, Failure> {
        read(rustix::fs::CWD, path, path, guard)
    }

    /// Fails where `name` is a link, which a change would replace.
    pub(super) fn refuse_link(&self, name: &str) -> Result<(), Failure> {
        let is_link = rustix::fs::statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
        if !is_link {
            return Ok(());
        }
        let why = "is a link, which a change would replace";
        Err(refused(&self.path.join(name), why, "name the folder that it leads to"))
    }

    /// Whether there is anything of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Writes what is to become the file `name` beside it, down to the disk.
    pub(super) fn prepare(&self, name: &'static str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        if bytes.len() as u64 > LIMIT {
            let what = format!("{} would be longer than 4 MiB; it is as it was", path.display());
            return Err(Failure::invalid_value(what, "keep large things elsewhere, or use a second folder"));
        }
        let write = || -> io::Result<()> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mode = Mode::RUSR | Mode::WUSR;
            let mut file = File::from(rustix::fs::openat(&self.open, beside(name), flags, mode)?);
            (self.at)("a new file is made");
            // In two parts, so that a test can stop between them.
            let (first, rest) = bytes.split_at(bytes.len() / 2);
            file.write_all(first)?;
            (self.at)("a new file is half written");
            file.write_all(rest)?;
            (self.at)("a new file is written");
            file.sync_all()
        };
        write().map_err(|error| unwritten(&path, &error))?;
        (self.at)("a new file is on the disk");
        Ok(())
    }

    /// Puts what was prepared in the place of the file `name`; to last, it needs [`Folder::sync`].
    pub(super) fn put(&self, name: &'static str) -> Result<(), Failure> {
        rustix::fs::renameat(&self.open, beside(name), &self.open, name)
            .map_err(|errno| unwritten(&self.path.join(name), &errno.into()))?;
        (self.at)("a new file is in its place");
        Ok(())
    }

    /// Sees to it that names last as the files do.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        // Some file systems cannot sync a folder, and need not.
        match fsync(&self.open) {
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => {
                (self.at)("the folder is on the disk");
                Ok(())
            }
            // What was put in its place is there by now.
            Err(errno) => Err(no_write(&self.path, &errno.into())),
        }
    }

    /// Removes what was prepared for these files and not put into their place.
    pub(super) fn discard(&self, names: &[&str]) {
        for name in names {
            let _ = rustix::fs::unlinkat(&self.open, beside(name), AtFlags::empty());
        }
    }
}

fn beside(name: &str) -> String {
    format!("{name}.new")
}

/// Makes a folder for its user alone, and those before it, each entered on the disk.
fn make_all(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.exists() {
        make_all(parent)?;
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        // Another process may have been faster.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let _ = File::open(parent).and_then(|parent| parent.sync_all());
    Ok(())
}

/// Reads a file by its `name` in a folder; a person knows it by its `path`. Links are followed: they can only be root's or the
/// user's own, and mounted credentials often are some.
fn read(folder: BorrowedFd<'_>, name: &Path, path: &Path, guard: Guard) -> Result<Option<Vec<u8>>, Failure> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(unreadable(path, &errno.into())),
    };
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(refused(path, "is not a regular file", "name the right one"));
    }
    if let Some((why, remedy)) = objection(&metadata, guard) {
        return Err(refused(path, &why, &remedy));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(LIMIT)).unwrap_or(0) + 1);
    match file.take(LIMIT + 1).read_to_end(&mut bytes) {
        Ok(count) if count as u64 > LIMIT => Err(refused(path, "is longer than 4 MiB", "name the right one")),
        Ok(_) => Ok(Some(bytes)),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// What speaks against a file, for this user.
pub(super) fn objection(metadata: &Metadata, guard: Guard) -> Option<(String, String)> {
    guard::objection(metadata, guard, rustix::process::geteuid().as_raw())
}

fn refused(path: &Path, why: &str, remedy: &str) -> Failure {
    Failure::misconfigured(format!("{} {why}", path.display()), remedy)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::too_many_files(error).unwrap_or_else(|| {
        let what = format!("{} cannot be opened ({error})", path.display());
        Failure::misconfigured(what, "check the path, and run this as the user whose store it is")
    })
}

/// A failure to write before anything was put in its place.
pub(super) fn unwritten(path: &Path, error: &io::Error) -> Failure {
    no_write(path, error).changed_nothing()
}

fn no_write(path: &Path, error: &io::Error) -> Failure {
    let (kind, remedy) = match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => (Kind::Unavailable, "make room there; the store is as it was"),
        Some(Errno::ROFS) => {
            (Kind::Misconfigured, "change the store where it can be written, and bring it here")
        }
        Some(Errno::ACCESS | Errno::PERM) => (Kind::Misconfigured, "run this as the user whose store it is"),
        _ => (Kind::Unavailable, "see what is wrong with the file system"),
    };
    Failure::new(kind, format!("{} cannot be written ({error})", path.display()), remedy)
}
