//! The folder of a store: which files are read from it and written to it, and what to do if that fails.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType};
use rustix::io::Errno;
use secretref_protocol::private_files::{
    self, Access, Draft, Links, Lock, LockError, Problem, Rules, Sync, make_folders,
};
use secretref_protocol::{Failure, Kind, words};

/// The most that a file may hold, in MiB.
const LIMIT: u64 = 4;

/// How long to wait for another writer: less than the time that a command has.
const PATIENCE: Duration = Duration::from_secs(3);

/// A folder in which only its user and root can write files.
pub(super) struct Folder {
    folder: private_files::Folder,
    step: fn(&'static str),
}

impl Folder {
    /// Opens the folder; `None` if it does not exist.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Failure> {
        match private_files::Folder::open(path, Links::Follow, Access::OnlyOwnWriters, uid()) {
            Ok(folder) => Ok(Some(Self { folder, step: |_| () })),
            Err(problem) if problem.is_missing() => Ok(None),
            Err(problem) => Err(unreadable(path, problem)),
        }
    }

    /// Opens the folder for a change, and makes it if it is missing.
    pub(super) fn make(path: &Path, step: fn(&'static str)) -> Result<Self, Failure> {
        if !path.exists() {
            make_folders(path).map_err(|error| unwritten(path, &error))?;
        }
        step("the folder is there");
        let folder =
            Self::open(path)?.ok_or_else(|| unreadable(path, io::Error::from(Errno::NOENT).into()))?;
        Ok(Self { step, ..folder })
    }

    /// Reads a file of the folder; `None` if it does not exist.
    ///
    /// Links are followed: only root or the user can have made one here.
    pub(super) fn read(&self, name: &str, access: Access) -> Result<Option<Vec<u8>>, Failure> {
        let read = self.folder.read(name, &rules(access));
        read.map_err(|problem| unreadable(&self.folder.path().join(name), problem))
    }

    /// Fails if `name` is a link, which a change would replace.
    pub(super) fn refuse_link(&self, name: &str) -> Result<(), Failure> {
        if self.folder.entry_type(name) != Some(FileType::Symlink) {
            return Ok(());
        }
        let what =
            format!("{} is a link, and a change would replace it", self.folder.path().join(name).display());
        Err(Failure::misconfigured(what, "set `folder` to the folder that the link leads to"))
    }

    /// Whether there is an entry of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.folder.entry_type(name).is_some()
    }

    /// Writes the new content of the file `name` to a draft, and the draft to the disk.
    pub(super) fn prepare(&self, name: &'static str, bytes: &[u8]) -> Result<Draft<'_>, Failure> {
        let path = self.folder.path().join(name);
        if bytes.len() as u64 > LIMIT << 20 {
            let what = format!("{} would be longer than {LIMIT} MiB; it is unchanged", path.display());
            return Err(Failure::invalid_value(what, "keep large values elsewhere, or use a second folder"));
        }
        let draft = self.folder.write_draft(draft_name(name), bytes, Sync::Disk, self.step);
        draft.map_err(|error| unwritten(&path, &error))
    }

    /// Replaces the file `name` with a draft. [`Folder::sync`] makes it last.
    pub(super) fn replace(&self, name: &'static str, draft: Draft<'_>) -> Result<(), Failure> {
        draft.replace(name).map_err(|error| unwritten(&self.folder.path().join(name), &error))?;
        (self.step)("a new file is in its place");
        Ok(())
    }

    /// Writes the names of the folder to the disk.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        // A file was replaced before, so a change was made.
        self.folder.sync().map_err(|error| not_written(self.folder.path(), &error))?;
        (self.step)("the folder is on the disk");
        Ok(())
    }

    /// Removes the drafts of these files. The caller holds the lock, so no other process is writing them.
    pub(super) fn discard(&self, names: &[&str]) {
        for name in names {
            self.folder.remove(&draft_name(name));
        }
    }

    /// Waits until no other process changes the store.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.folder.path().join("lock");
        let file = self.folder.lock_file("lock").map_err(|error| unwritten(&path, &error))?;
        let lock = file.wait(PATIENCE).map_err(|error| match error {
            LockError::Held => Failure::new(
                Kind::Unavailable,
                format!("another process holds {}", path.display()),
                format!("try again; `fuser {0}` or `lsof {0}` shows which process it is", path.display()),
            )
            .changed_nothing(),
            LockError::NoThread => {
                Failure::no_thread(format!("to wait for {}", path.display())).changed_nothing()
            }
            LockError::Io(error) => unwritten(&path, &error),
        })?;
        (self.step)("the lock is held");
        Ok(lock)
    }
}

/// Reads a file outside of the folder; `None` if it does not exist.
pub(super) fn read_elsewhere(path: &Path, access: Access) -> Result<Option<Vec<u8>>, Failure> {
    match private_files::read(CWD, path, &rules(access)) {
        Ok((bytes, _)) => Ok(Some(bytes)),
        Err(problem) if problem.is_missing() => Ok(None),
        Err(problem) => Err(unreadable(path, problem)),
    }
}

fn draft_name(name: &str) -> String {
    format!("{name}.new")
}

fn rules(access: Access) -> Rules {
    Rules { links: Links::Follow, access, uid: uid(), limit: LIMIT }
}

pub(super) fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn unreadable(path: &Path, problem: Problem) -> Failure {
    let problem = match problem.error {
        Some(_) => {
            Problem { remedy: "check the path, and run this as the user whose store it is".into(), ..problem }
        }
        None => problem,
    };
    problem.failure(path.display(), path)
}

/// A failure to write before any file was replaced.
fn unwritten(path: &Path, error: &io::Error) -> Failure {
    not_written(path, error).hint("the store is unchanged").changed_nothing()
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    let (kind, remedy) = match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => (Kind::Unavailable, "free some space there"),
        Some(Errno::FBIG) => (
            Kind::Misconfigured,
            "raise the limit on the size of files (`ulimit -f`, LimitFSIZE= of a service)",
        ),
        Some(Errno::ROFS) => {
            (Kind::Misconfigured, "change the store on a machine where it can be written, and copy it here")
        }
        Some(Errno::ACCESS | Errno::PERM) => (Kind::Misconfigured, "run this as the user whose store it is"),
        _ => (Kind::Unavailable, "check the file system"),
    };
    Failure::new(kind, format!("{} cannot be written ({})", path.display(), words(error)), remedy)
}
