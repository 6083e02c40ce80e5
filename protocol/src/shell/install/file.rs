//! The file of a profile: its folder, the file that is there already, and its replacement.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;

use super::super::output::print_note;
use super::text::{has_copy, is_own, names};
use super::unit::user;
use crate::backend::Manage;
use crate::environment::{Environment, recorded_home};
use crate::failure::Failure;
use crate::gateway;
use crate::private_files::{Access, Folder, Links, Rules, make_folders, read};
use crate::profile_permissions::check_place;
use crate::system_error::words;
use crate::text::shell_word;

/// The most bytes of a file that may be a profile, in MiB.
const LIMIT: u64 = 1;

#[cfg(target_os = "linux")]
fn is_noexec(folder: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    statvfs(folder).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// Only Linux says it.
#[cfg(not(target_os = "linux"))]
fn is_noexec(_: &Path) -> bool {
    false
}

/// Returns the folder of profiles in the home that `HOME` names, or else in the recorded one.
pub(super) fn in_home(environment: &Environment) -> Result<PathBuf, Failure> {
    let recorded = recorded_home(environment.uid);
    let home = environment.home_variable().map_or_else(|| recorded.clone(), Ok);
    let home = home.map_err(|failure| failure.hint("or name the file with --to"))?;
    if recorded.is_ok_and(|recorded| recorded != home) {
        print_note(
            "HOME is not your recorded home, where `--profile NAME` looks: name this profile by its path",
        );
    }
    Ok(home.join(".config/secretref"))
}

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

    pub(super) fn folder(&self) -> &Path {
        &self.folder
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
        self.check()?;
        make_folders(&self.folder).map_err(|error| {
            let what = format!("the folder {folder} cannot be created ({})", words(&error));
            Failure::misconfigured(
                what,
                "check its path and its permissions, or name another place with --to",
            )
        })?;
        if is_noexec(&self.folder) {
            let what =
                format!("{folder} is on a file system that is mounted noexec, where no program can start");
            return Err(Failure::misconfigured(what, "name a place on another file system with --to"));
        }
        self.open().map(drop)
    }

    /// Fails if other users could replace a profile in the folder, or in the part of its path that there is.
    fn check(&self) -> Result<(), Failure> {
        let there = self.folder.ancestors().find(|folder| folder.exists());
        there.map_or(Ok(()), |there| check_place(&there.join(&self.file), self.uid))
    }

    /// Opens the folder, and checks its path after that: another user could have been faster in making it.
    fn open(&self) -> Result<Folder, Failure> {
        let thing = || format!("the folder {}", self.folder.display());
        let folder = Folder::open(&self.folder, Links::Follow, Access::NotWorldWritable, self.uid)
            .map_err(|problem| problem.failure(thing(), &self.folder))?;
        check_place(&self.path, self.uid)?;
        if folder.is_at(&self.folder) {
            return Ok(folder);
        }
        Err(Failure::misconfigured(format!("{} was replaced meanwhile", thing()), "run this again"))
    }

    /// Fails if the file that is there may not be replaced: `install` of this resolver has not written it.
    pub(super) fn check_replacement(&self, binary: &str, before: Option<&str>) -> Result<(), Failure> {
        let Some(text) = before.filter(|text| !is_own(binary, text)) else { return Ok(()) };
        let path = self.path.display();
        let (what, rest) = if names(binary, text) {
            let what = format!("{path} was not written by `install`, or was changed since");
            (what, "`install` corrects only its first line and its mode")
        } else {
            let what = format!("{path} may belong to another program: its first line does not name {binary}");
            (what, "--force puts the line before a profile that has none, and keeps its text")
        };
        Err(Failure::misconfigured(
            what,
            format!(
                "add --force to replace it by what the flags say, or choose another name; without a flag for a setting, {rest}"
            ),
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

    /// Returns the text of the file that is there, unless other users could replace it. What is not text was not written by `install`.
    pub(super) fn before(&self) -> Result<Option<String>, Failure> {
        self.check()?;
        if self.path.is_symlink() {
            let what = format!("{} is a symbolic link, which a gateway refuses", self.path.display());
            return Err(Failure::misconfigured(what, "remove it, or name another place with --to"));
        }
        let (links, access, uid) = (Links::Refuse, Access::NotWorldWritable, self.uid);
        match read(CWD, &self.path, &Rules { links, access, uid, limit: LIMIT }) {
            Ok((bytes, _)) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(problem) if problem.is_missing() => Ok(None),
            Err(problem) => Err(match &problem.error {
                Some(error) => self.problem(error),
                None => problem.failure(self.path.display(), &self.path),
            }),
        }
    }

    /// Fails if the file belongs to another user: root would make the text of that user a profile of root.
    pub(super) fn check_owner(&self) -> Result<(), Failure> {
        let metadata = fs::symlink_metadata(&self.path).map_err(|error| self.problem(&error))?;
        if metadata.uid() == self.uid || metadata.uid() == 0 {
            return Ok(());
        }
        let what = format!("{} belongs to {}", self.path.display(), user(metadata.uid()));
        Err(Failure::misconfigured(what, "give every setting as a flag, or name another place with --to"))
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

    pub(super) fn put(&self, file: &str, bytes: &[u8], mode: u32) -> Result<(), Failure> {
        self.open()?.replace_file(file, bytes, Some(mode)).map_err(|error| self.problem(&error))
    }

    /// Removes the profile, if `install` has written it, and the copy of the program that is its command. Returns a sentence
    /// about it.
    pub(super) fn remove(&self, binary: &str, force: bool) -> Result<String, Failure> {
        let path = self.path.display();
        match self.before()? {
            None => Ok(format!("there is no {path}")),
            Some(text) if !force && !is_own(binary, &text) => Err(Failure::misconfigured(
                format!("{path} was not written by `install`, or was changed since; it was not removed"),
                "add --force to remove it",
            )),
            Some(text) => {
                fs::remove_file(&self.path).map_err(|error| self.problem(&error))?;
                let copy = self.remove_copy(binary, &text);
                let and_copy = match copy {
                    Some(copy) => format!(" and {}", copy.display()),
                    None if has_copy(binary, &text) && self.copy_path(binary).exists() => {
                        ", but not its copy of the program: another file there may need it".to_owned()
                    }
                    None => String::new(),
                };
                Ok(format!("removed {path}{and_copy}; also remove its provider from the gateway's config"))
            }
        }
    }

    pub(super) fn problem(&self, error: &io::Error) -> Failure {
        let path = self.path.display();
        let what = format!("{path} cannot be written ({})", words(error));
        let owner = fs::symlink_metadata(&self.path).ok().map(|file| file.uid());
        if let Some(owner) = owner.filter(|owner| *owner != self.uid) {
            let (user, path) = (user(self.uid), shell_word(&path.to_string()));
            // What a third user wrote is not to become this user's.
            let remedy = match owner {
                0 => format!("it belongs to another user: run chown {user} {path} as root"),
                _ => format!(
                    "it belongs to uid {owner}: let that user remove it, or name another place with --to"
                ),
            };
            return Failure::misconfigured(what, remedy);
        }
        let remedy = match Errno::from_io_error(error) {
            Some(Errno::NOSPC | Errno::DQUOT) => "free some space there, or name another place with --to",
            _ => "check the permissions of its folder, or name another place with --to",
        };
        Failure::misconfigured(what, remedy)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;

    /// As if another user had made the folder after the first check.
    #[test]
    fn root_writes_nothing_into_a_folder_of_another_user() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let shared = std::env::temp_dir().join(format!("secretref-install-{}", std::process::id()));
        let folder = shared.join("new");
        fs::create_dir_all(&folder).expect("a folder");
        fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("a mode");
        chown(&folder, Some(65534), Some(65534)).expect("an owner");
        let place = Place::new(folder.join("x.toml"), None, 0).expect("a place");
        let written = place.put("x.toml", b"text", 0o700);
        let files = fs::read_dir(&folder).expect("a folder").count();
        fs::remove_dir_all(&shared).expect("a folder");
        let told = written.expect_err("a refusal").to_string();
        assert!(told.contains("other users could replace"), "{told}");
        assert_eq!(files, 0);
    }
}
