//! Replacing a file as a whole: the new content is written to a draft, which is then renamed.

use std::fs::{File, Metadata, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, geteuid, getrlimit};

use super::Folder;

/// Whether a draft is written to the disk before it replaces a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// The content must survive a power failure.
    Disk,
    /// The content may be lost with the memory of the machine.
    Memory,
}

/// A new file with the content that will replace another file. Its lock tells other processes that its writer is alive.
///
/// It is removed if it cannot be written or renamed. Only a killed process leaves one.
#[derive(Debug)]
#[must_use = "a draft replaces nothing until it is renamed"]
pub struct Draft<'f> {
    folder: &'f Folder,
    name: String,
    locked: File,
}

impl Folder {
    /// Writes `bytes` to the new file `name`. Each step is passed to `step`, so that a test can stop there.
    ///
    /// # Errors
    /// The error of the system; [`io::ErrorKind::FileTooLarge`] if the limit on the size of files (`ulimit -f`) is below
    /// the length, since the kernel would end the process (SIGXFSZ).
    pub fn write_draft(
        &self,
        name: String,
        bytes: &[u8],
        sync: Sync,
        step: fn(&'static str),
    ) -> io::Result<Draft<'_>> {
        if getrlimit(Resource::Fsize).current.is_some_and(|limit| bytes.len() as u64 > limit) {
            return Err(Errno::FBIG.into());
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(self, &name, flags, Mode::RUSR | Mode::WUSR)?);
        step("a new file is made");
        // Some file systems have no locks.
        let _ = file.try_lock();
        if let Err(error) = let_the_owner_in(&file).and_then(|()| write(&file, bytes, sync, step)) {
            self.remove(&name);
            return Err(error);
        }
        Ok(Draft { folder: self, name, locked: file })
    }

    /// Replaces the file `name` as a whole, and writes that to the disk. Its mode is 0600 if none is given.
    ///
    /// The name of the draft is random: in a container, numbers of processes repeat, so that the draft of a killed process
    /// would be in the way of the next one. Such drafts are removed.
    ///
    /// # Errors
    /// The error of the system. The old file is then unchanged.
    pub fn replace_file(&self, name: &str, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
        for draft in self.names().filter(|draft| is_draft_of(name, draft) && self.is_abandoned(draft)) {
            self.remove(&draft);
        }
        let draft = format!(".{name}.{}", RandomState::new().hash_one(0));
        let draft = self.write_draft(draft, bytes, Sync::Disk, |_| {})?;
        let draft = match mode {
            Some(mode) => draft.with_mode(mode)?,
            None => draft,
        };
        draft.replace(name)?;
        self.sync()
    }

    /// Whether a draft of this user was left by a process that has ended. A writer locks its draft before it writes to it.
    #[must_use]
    pub fn is_abandoned(&self, draft: &str) -> bool {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self, draft, flags, Mode::empty()).map(File::from);
        file.is_ok_and(|file| {
            let is_written = |metadata: Metadata| metadata.len() > 0 && metadata.uid() == geteuid().as_raw();
            file.metadata().is_ok_and(is_written) && file.try_lock().is_ok()
        })
    }
}

impl Draft<'_> {
    /// Gives the draft this mode.
    ///
    /// # Errors
    /// The error of the system. The draft is then removed.
    pub fn with_mode(self, mode: u32) -> io::Result<Self> {
        if let Err(error) = self.locked.set_permissions(Permissions::from_mode(mode)) {
            self.folder.remove(&self.name);
            return Err(error);
        }
        Ok(self)
    }

    /// Renames the draft to `name`. A reader sees the old file or the new one, whole. [`Folder::sync`] makes it last.
    ///
    /// # Errors
    /// The error of the system. The old file is then unchanged.
    pub fn replace(self, name: &str) -> io::Result<()> {
        rustix::fs::renameat(self.folder, &self.name, self.folder, name).map_err(|errno| {
            self.folder.remove(&self.name);
            errno.into()
        })
    }
}

fn is_draft_of(name: &str, draft: &str) -> bool {
    let rest = draft.strip_prefix('.').and_then(|rest| rest.strip_prefix(name));
    let number = rest.and_then(|rest| rest.strip_prefix('.'));
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

/// A umask can leave the owner of a new file without access. Some file systems refuse any change of a mode.
fn let_the_owner_in(file: &File) -> io::Result<()> {
    let owner = 0o600;
    if file.metadata()?.mode() & owner == owner {
        Ok(())
    } else {
        file.set_permissions(Permissions::from_mode(owner))
    }
}

fn write(mut file: &File, bytes: &[u8], sync: Sync, step: fn(&'static str)) -> io::Result<()> {
    // In two parts, so that a test can stop between them.
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    step("a new file is half written");
    file.write_all(rest)?;
    step("a new file is written");
    if sync == Sync::Disk {
        file.sync_all()?;
        step("a new file is on the disk");
    }
    Ok(())
}
