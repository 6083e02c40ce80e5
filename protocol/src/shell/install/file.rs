//! The file of a profile: its folder, the file that is there already, and its replacement.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::text::{has_copy, is_own};
use crate::backend::Manage;
use crate::failure::Failure;
use crate::gateway;
use crate::private_files::{Access, Folder, Links, Sync, make_folders};
use crate::profile_permissions::check_place;
use crate::system_error::words;

/// The place of a profile.
pub(super) struct Place {
    path: PathBuf,
    folder: PathBuf,
    file: String,
    name: Option<String>,
    uid: u32,
}

/// What was done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Written,
    Replaced,
    Unchanged,
    /// Only its mode was wrong.
    Mode,
}

impl Place {
    /// Fails if the path does not end in the name of a file.
    pub(super) fn new(path: PathBuf, name: Option<String>, uid: u32) -> Result<Self, Failure> {
        match (path.parent(), path.file_name().and_then(|file| file.to_str())) {
            (Some(folder), Some(file)) => {
                let (folder, file) = (folder.to_owned(), file.to_owned());
                Ok(Self { path, folder, file, name, uid })
            }
            _ => Err(Failure::misconfigured(
                format!("{} is not the path of a file", path.display()),
                "write a path such as /data/secretref/NAME.toml after --to",
            )),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name of the gateway's provider: that of the profile, of its file, or of the store.
    pub(super) fn alias<B: Manage>(&self) -> String {
        let stem =
            self.path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| gateway::is_alias(stem));
        self.name.as_deref().or(stem).unwrap_or(B::STORE.name()).to_owned()
    }

    /// Makes the folder. Fails if other users could replace a profile in it, or if the kernel would not start a program in it.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let folder = self.folder.display();
        if let Some(there) = self.folder.ancestors().find(|folder| folder.exists()) {
            check_place(&there.join(&self.file), self.uid)?;
        }
        make_folders(&self.folder).map_err(|error| {
            let what = format!("the folder {folder} cannot be created ({})", words(&error));
            Failure::misconfigured(
                what,
                "check its path and its permissions, or name another place with --to",
            )
        })?;
        let is_noexec =
            statvfs(&self.folder).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::NOEXEC));
        if is_noexec {
            let what =
                format!("{folder} is on a file system that is mounted noexec, where no program can start");
            return Err(Failure::misconfigured(what, "name a place on another file system with --to"));
        }
        self.open().map(drop)
    }

    fn open(&self) -> Result<Folder, Failure> {
        Folder::open(&self.folder, Links::Follow, Access::NotWorldWritable, self.uid)
            .map_err(|problem| problem.failure(format!("the folder {}", self.folder.display()), &self.folder))
    }

    /// Fails if the file that is there may not be replaced: `install` has not written it.
    pub(super) fn check_replacement(&self, before: Option<&str>) -> Result<(), Failure> {
        if before.is_none_or(is_own) {
            return Ok(());
        }
        let what = format!("{} was not written by `install`, or was changed since", self.path.display());
        Err(Failure::misconfigured(
            what,
            "add --force to replace it by what the flags say, or choose another name; without a flag for a setting, \
             `install` corrects only its first line and its mode",
        ))
    }

    /// Writes the profile as a whole, unless it is there already.
    pub(super) fn write(&self, text: &str, mode: u32) -> Result<Done, Failure> {
        let before = self.before()?;
        if before.as_deref() == Some(text) {
            return self.correct(mode);
        }
        self.put(&self.file, text.as_bytes(), mode)?;
        Ok(if before.is_some() { Done::Replaced } else { Done::Written })
    }

    /// Returns the text of the file that is there. What is not text was not written by `install`.
    pub(super) fn before(&self) -> Result<Option<String>, Failure> {
        if self.path.is_symlink() {
            let what = format!("{} is a symbolic link, which a gateway refuses", self.path.display());
            return Err(Failure::misconfigured(what, "remove it, or name another place with --to"));
        }
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.problem(&error)),
        }
    }

    fn correct(&self, mode: u32) -> Result<Done, Failure> {
        let metadata = fs::metadata(&self.path).map_err(|error| self.problem(&error))?;
        if metadata.mode() & 0o7777 == mode {
            return Ok(Done::Unchanged);
        }
        fs::set_permissions(&self.path, Permissions::from_mode(mode))
            .map_err(|error| self.problem(&error))?;
        Ok(Done::Mode)
    }

    fn put(&self, file: &str, bytes: &[u8], mode: u32) -> Result<(), Failure> {
        let folder = self.open()?;
        let draft = format!(".{file}.{}", std::process::id());
        let written = folder
            .write_draft(draft, bytes, Sync::Disk, |_| {})
            .and_then(|draft| draft.with_mode(mode))
            .and_then(|draft| draft.replace(file))
            .and_then(|()| folder.sync());
        written.map_err(|error| self.problem(&error))
    }

    /// Returns the path of a copy of the program next to the profile.
    pub(super) fn copy_path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Copies the program next to the profile. `may_replace` says whether a file that is there may be replaced.
    pub(super) fn copy(&self, program: &Path, name: &str, may_replace: bool) -> Result<(), Failure> {
        let copy = self.copy_path(name);
        let bytes = fs::read(program).map_err(|error| self.problem(&error))?;
        match fs::read(&copy) {
            Ok(there) if there == bytes => Ok(()),
            Ok(_) if !may_replace => {
                let what = format!("{} is there, and `install` did not write it", copy.display());
                Err(Failure::misconfigured(
                    what,
                    "add --force to replace it, or choose another folder with --to",
                ))
            }
            _ => self.put(name, &bytes, 0o700),
        }
    }

    /// Removes the profile, if `install` has written it, and the copy of the program that is its command. Returns a sentence
    /// about it.
    pub(super) fn remove(&self, binary: &str, force: bool) -> Result<String, Failure> {
        let path = self.path.display();
        match self.before()? {
            None => Ok(format!("there is no {path}")),
            Some(text) if !force && !is_own(&text) => Err(Failure::misconfigured(
                format!("{path} was not written by `install`, or was changed since; it was not removed"),
                "add --force to remove it",
            )),
            Some(text) => {
                fs::remove_file(&self.path).map_err(|error| self.problem(&error))?;
                let copy = self.copy_path(binary);
                let and_copy =
                    if has_copy(&text) && !self.has_other_profile() && fs::remove_file(&copy).is_ok() {
                        format!(" and {}", copy.display())
                    } else {
                        String::new()
                    };
                Ok(format!("removed {path}{and_copy}; also remove its provider from the gateway's config"))
            }
        }
    }

    /// Whether the folder has another profile, which may need the copy of the program.
    fn has_other_profile(&self) -> bool {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .any(|path| path.extension().is_some_and(|extension| extension == "toml"))
    }

    fn problem(&self, error: &io::Error) -> Failure {
        let what = format!("{} cannot be written ({})", self.path.display(), words(error));
        Failure::misconfigured(what, "check the permissions of its folder, or name another place with --to")
    }
}
