//! The folder of the session cache, and the files in it. No error in here fails a resolve: a file that cannot be read
//! counts as missing, and without a file the next start signs in again.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::Record;
use crate::failure::Failure;
use crate::net::KEEP_SESSION;
use crate::private_files::{self, Access, Links, Lock, Rules, Sync, make_folder};
use crate::secret::Secret;
use crate::settings::Settings;

/// A folder that only its user can enter.
pub(super) struct Folder(private_files::Folder);

/// The file of one identity.
pub(super) struct File<'f> {
    folder: &'f private_files::Folder,
    name: String,
}

impl Folder {
    /// Opens the folder that `keep_session` names: a path, or with `auto` the first usable runtime folder of the user.
    /// The inner error says why no session is kept.
    pub(super) fn from_settings(settings: &Settings) -> Result<Result<Self, String>, Failure> {
        match settings.text(&KEEP_SESSION) {
            Some("off") => Ok(Err("`keep_session` is off".into())),
            None | Some("auto") => Ok(Self::first(&settings.runtime_folders())),
            Some(text) => {
                let path = settings.expand(text)?;
                Self::open(&path).map(Ok).map_err(|why| {
                    Failure::misconfigured(
                        format!("{}, which `keep_session` names, {why}", path.display()),
                        "set it to a folder that this user can make or owns with mode 0700, to \"auto\" or to \"off\"",
                    )
                })
            }
        }
    }

    fn first(paths: &[PathBuf]) -> Result<Self, String> {
        let mut obstacle = "this user has no runtime folder".to_owned();
        for path in paths.iter().filter(|path| has_no_link(path)) {
            match Self::open(path) {
                Ok(folder) => return Ok(folder),
                Err(why) => obstacle = format!("{} {why}", path.display()),
            }
        }
        Err(format!("{obstacle}; set `keep_session` to a folder of this user"))
    }

    /// Opens the folder, and makes it if only the last part of its path is missing.
    fn open(path: &Path) -> Result<Self, String> {
        if !path.is_absolute() {
            return Err("is not an absolute path".into());
        }
        let open = || private_files::Folder::open(path, Links::Refuse, Access::OnlyOwner, uid());
        let opened = match open() {
            Err(problem) if problem.is_missing() => match make_folder(path) {
                Ok(()) => open(),
                Err(error) => Err(error.into()),
            },
            opened => opened,
        };
        opened.map(Self).map_err(|problem| problem.why)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn file(&self, name: &str) -> File<'_> {
        File { folder: &self.0, name: name.to_owned() }
    }
}

impl File<'_> {
    /// Reads the record; an empty one if the file cannot be read or does not belong to this user alone.
    pub(super) fn read(&self) -> Record {
        self.text().and_then(|text| Record::parse(&text)).unwrap_or_else(Record::new)
    }

    fn text(&self) -> Option<Secret> {
        let rules = Rules { links: Links::Refuse, access: Access::OnlyOwner, uid: uid(), limit: 1 };
        let bytes = self.folder.read(&self.name, &rules).ok()??;
        String::from_utf8(bytes).ok().map(Secret::new)
    }

    /// Replaces the file as a whole. Returns whether it could.
    ///
    /// The name of the draft is random, because two processes may write at once: not every one gets the lock.
    pub(super) fn write(&self, record: &Record) -> bool {
        self.remove_drafts(|draft| self.folder.is_abandoned(draft));
        let draft = format!("{}.{}", self.name, RandomState::new().hash_one(0));
        let draft = self.folder.write_draft(draft, record.text().expose().as_bytes(), Sync::Memory, |_| ());
        draft.and_then(|draft| draft.replace(&self.name)).is_ok()
    }

    /// Removes the file and all its drafts.
    pub(super) fn remove(&self) {
        self.folder.remove(&self.name);
        self.remove_drafts(|draft| draft.starts_with(&self.name));
    }

    /// Removes some drafts of any identity: a token may be in them.
    fn remove_drafts(&self, is_unwanted: impl Fn(&str) -> bool) {
        for name in self.folder.names().filter(|name| is_draft(name) && is_unwanted(name)) {
            self.folder.remove(&name);
        }
    }

    /// Waits until no other process signs in for the same identity, up to `timeout`. `None` if there is no lock: the
    /// process that holds it may itself be blocked.
    pub(super) async fn lock(&self, timeout: Duration) -> Option<Lock> {
        let file = self.folder.lock_file(&format!("{}.lock", self.name)).ok()?;
        tokio::time::timeout(timeout, file.poll()).await.ok()?.ok()
    }
}

/// Whether a name is the name of a draft. The folder may hold other files too.
fn is_draft(name: &str) -> bool {
    name.split_once('.').is_some_and(|(name, number)| {
        name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) && number.parse::<u64>().is_ok()
    })
}

/// Whether a path leads through no link. A link could lead to a folder that other users read.
fn has_no_link(path: &Path) -> bool {
    let parent = path.parent().unwrap_or(path);
    std::fs::canonicalize(parent).is_ok_and(|real| real == parent)
}

fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
