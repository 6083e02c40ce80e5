//! The user's runtime folder, and the files in it. Nothing in here fails a resolve: what cannot be read is not there,
//! and what cannot be written is signed in for again.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::record::Record;
use crate::failure::Failure;
use crate::net::KEEP_SESSION;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::system_error::words;

/// The most bytes of a file.
const LIMIT: u64 = 64 << 10;

/// How long to wait before a lock is asked for again, at first; it grows to eight times as much.
const PAUSE: Duration = Duration::from_millis(2);

/// A folder that nobody but its user can enter.
pub(super) struct Folder {
    folder: OwnedFd,
    pub(super) path: PathBuf,
}

/// The file of one identity.
pub(super) struct File<'f> {
    folder: &'f Folder,
    name: String,
}

/// Held until it is dropped, or the process ends.
pub(super) struct Lock {
    _file: OwnedFd,
}

impl Folder {
    /// The folder that `keep_session` names: a path, or with `auto` the first of the user's runtime folders that serves;
    /// or else why there is none.
    pub(super) fn from_settings(settings: &Settings) -> Result<Result<Self, String>, Failure> {
        match settings.text(&KEEP_SESSION) {
            Some("off") => Ok(Err("`keep_session` is off".into())),
            None | Some("auto") => Ok(Self::first(&settings.runtime_folders())),
            Some(text) => {
                let path = settings.expand(text)?;
                Self::open(&path).map(Ok).map_err(|why| {
                    Failure::misconfigured(
                        format!("{}, which `keep_session` names, {why}", path.display()),
                        "name a folder that this user can make, or owns with mode 0700, or write \"auto\" or \"off\"",
                    )
                })
            }
        }
    }

    fn first(paths: &[PathBuf]) -> Result<Self, String> {
        let mut obstacle = "this user has no runtime folder".to_owned();
        for path in paths.iter().filter(|path| is_plain(path)) {
            match Self::open(path) {
                Ok(folder) => return Ok(folder),
                Err(why) => obstacle = format!("{} {why}", path.display()),
            }
        }
        Err(format!("{obstacle}; name a folder of this user's own in `keep_session`"))
    }

    /// Opens the folder, and makes it where only it is missing.
    fn open(path: &Path) -> Result<Self, String> {
        if !path.is_absolute() {
            return Err("is not an absolute path".into());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::open(path, flags, Mode::empty());
        let folder = match open() {
            Err(Errno::NOENT) => match rustix::fs::mkdir(path, Mode::RWXU) {
                // Another process may have been faster.
                Ok(()) | Err(Errno::EXIST) => open(),
                Err(errno) => Err(errno),
            },
            opened => opened,
        };
        let folder = folder.map_err(|errno| format!("cannot be opened ({})", words(&errno.into())))?;
        match rustix::fs::fstat(&folder) {
            Ok(stat) if stat.st_uid != rustix::process::geteuid().as_raw() => {
                Err(format!("belongs to another user (uid {})", stat.st_uid))
            }
            Ok(stat) if stat.st_mode & 0o077 != 0 => Err("can be entered by others".into()),
            Ok(_) => Ok(Self { folder, path: path.to_owned() }),
            Err(_) => Err("cannot be looked at".into()),
        }
    }

    pub(super) fn file(&self, name: &str) -> File<'_> {
        File { folder: self, name: name.to_owned() }
    }

    /// Removes the drafts of processes that were killed: a token may be in them.
    fn sweep(&self) {
        for name in self.names().filter(|name| is_draft(name) && self.is_left(name)) {
            self.unlink(&name);
        }
    }

    /// Whether a draft was left. Its writer has a lock on it before there is a text in it.
    fn is_left(&self, draft: &str) -> bool {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.folder, draft, flags, Mode::empty()).is_ok_and(|file| {
            rustix::fs::fstat(&file).is_ok_and(|stat| stat.st_size > 0)
                && rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        })
    }

    fn names(&self) -> impl Iterator<Item = String> {
        let entries = rustix::fs::Dir::read_from(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
    }

    fn unlink(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.folder, name, AtFlags::empty());
    }
}

/// Whether a name is that of a draft: the folder may be one that has other files, too.
fn is_draft(name: &str) -> bool {
    name.split_once('.').is_some_and(|(name, number)| {
        name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) && number.parse::<u64>().is_ok()
    })
}

/// Whether no link is on the way to a folder: one could lead to where others read.
fn is_plain(path: &Path) -> bool {
    let parent = path.parent().unwrap_or(path);
    std::fs::canonicalize(parent).is_ok_and(|real| real == parent)
}

impl File<'_> {
    /// What is kept; nothing where it cannot be read or is not this user's own.
    pub(super) fn read(&self) -> Record {
        self.text().and_then(|text| Record::parse(&text)).unwrap_or_else(Record::new)
    }

    fn text(&self) -> Option<Secret> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder.folder, &self.name, flags, Mode::empty()).ok()?;
        let stat = rustix::fs::fstat(&file).ok()?;
        let is_own = stat.st_uid == rustix::process::geteuid().as_raw();
        let is_plain = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !is_own || !is_plain || stat.st_mode & 0o077 != 0 {
            return None;
        }
        let mut text = String::new();
        std::fs::File::from(file).take(LIMIT).read_to_string(&mut text).ok()?;
        Some(Secret::new(text))
    }

    /// Puts a record in the place of what was kept; a reader sees the one or the other, whole. Says whether it could.
    pub(super) fn write(&self, record: &Record) -> bool {
        let text = record.text();
        let text = text.expose().as_bytes();
        // Beyond this limit the kernel would end the process (SIGXFSZ), and the answer would be lost.
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| text.len() as u64 > limit) {
            return false;
        }
        self.folder.sweep();
        let folder = &self.folder.folder;
        let draft = format!("{}.{}", self.name, RandomState::new().hash_one(0));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(folder, &draft, flags, Mode::RUSR | Mode::WUSR) else {
            return false;
        };
        let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        let mut file = std::fs::File::from(file);
        let is_written =
            file.write_all(text).is_ok() && rustix::fs::renameat(folder, &draft, folder, &self.name).is_ok();
        if !is_written {
            self.folder.unlink(&draft);
        }
        is_written
    }

    /// Removes what is kept, and all drafts of it.
    pub(super) fn remove(&self) {
        self.folder.unlink(&self.name);
        let of_it = format!("{}.", self.name);
        let is_of_it = |name: &String| name.strip_prefix(&of_it).is_some_and(|rest| rest != "lock");
        for name in self.folder.names().filter(is_of_it) {
            self.folder.unlink(&name);
        }
    }

    /// Waits until no other process signs in for the same identity, for as long as `patience` lasts. `None` where there is
    /// no lock to be had: whoever has it may be held up himself.
    pub(super) async fn lock(&self, patience: Duration) -> Option<Lock> {
        tokio::time::timeout(patience, self.wait_for_lock()).await.ok().flatten()
    }

    async fn wait_for_lock(&self) -> Option<Lock> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = format!("{}.lock", self.name);
        let file = rustix::fs::openat(&self.folder.folder, name, flags, Mode::RUSR | Mode::WUSR).ok()?;
        let mut pause = PAUSE;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Some(Lock { _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) => tokio::time::sleep(pause).await,
                Err(_) => return None,
            }
            pause = (pause * 2).min(PAUSE * 8);
        }
    }
}
