//! The state file of `watch`: what was seen, and whether the gateway still has to reload.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::mark::Key;
use super::seen::Seen;
use crate::environment::{Environment, recorded_home};
use crate::failure::{Failure, Kind};
use crate::hex;
use crate::private_files::{Access, Folder, Links, Lock, LockError, Rules, make_folders};
use crate::system_error::words;

/// How long a run waits for another one.
pub(super) const WAIT: Duration = Duration::from_mins(2);

/// The most that a state file may hold, in MiB.
const LIMIT: u64 = 16;

/// The version of the file's form.
const VERSION: u8 = 1;

/// The state of the watch over one config.
pub(super) struct State {
    pub(super) key: Key,
    pub(super) seen: Seen,
    /// Whether the gateway has to reload, and was not yet able to.
    pub(super) due: bool,
}

/// Its form in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    key: String,
    due: bool,
    seen: Seen,
}

/// A state file that no other run uses.
pub(super) struct StateFile {
    folder: Folder,
    name: String,
    uid: u32,
    _lock: Lock,
}

impl StateFile {
    /// Opens the state of a config, and waits for the end of another run that has it.
    ///
    /// # Errors
    /// The folder cannot be used, or the other run does not end.
    pub(super) fn open(folder: &Path, binary: &str, config: &Path, uid: u32) -> Result<Self, Failure> {
        let path = folder;
        let named = |why: String, remedy: &str| {
            Failure::misconfigured(format!("the state folder {} {why}", path.display()), remedy.to_owned())
        };
        let check = "check its owner and mode, or name another one with --state";
        make_folders(path).map_err(|error| named(format!("cannot be made ({})", words(&error)), check))?;
        let folder = Folder::open(path, Links::Follow, Access::OnlyOwner, uid);
        let folder = folder.map_err(|problem| named(problem.why.clone(), &problem.remedy(path)))?;
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
        let of_config = hex(&Sha256::digest(config.as_os_str().as_encoded_bytes())[..8]);
        let name = format!("watch-{}-{of_config}", binary.trim_start_matches("secretref-"));
        let lock = folder.lock_file(&format!("{name}.lock"));
        let lock =
            lock.map_err(LockError::Io).and_then(|lock| lock.wait(WAIT)).map_err(|error| match error {
                LockError::Io(error) => named(format!("has no lock ({})", words(&error)), check),
                LockError::Held | LockError::NoThread => {
                    let what = format!("another `watch` has not ended within {} s", WAIT.as_secs());
                    Failure::new(Kind::Timeout, what, "look for a process that hangs")
                }
            })?;
        Ok(Self { folder, name: format!("{name}.json"), uid, _lock: lock })
    }

    /// Reads the state; a new one if there is none yet.
    ///
    /// # Errors
    /// The file cannot be read, or is not one of this program.
    pub(super) fn read(&self) -> Result<State, Failure> {
        let rules = Rules { links: Links::Refuse, access: Access::OnlyOwner, uid: self.uid, limit: LIMIT };
        let path = self.path();
        let bytes = self.folder.read(&self.name, &rules);
        let bytes = bytes.map_err(|problem| {
            Failure::misconfigured(format!("{} {}", path.display(), problem.why), problem.remedy(&path))
        })?;
        let Some(bytes) = bytes else { return Ok(State { key: Key::new()?, seen: Seen::new(), due: false }) };
        let stored = serde_json::from_slice::<Stored>(&bytes).ok().filter(|stored| stored.version == VERSION);
        let stored = stored.ok_or_else(|| {
            let what = format!("{} is not a state of this version", path.display());
            Failure::misconfigured(what, "delete it, and reload the gateway once")
        })?;
        Ok(State { key: Key::read(stored.key), seen: stored.seen, due: stored.due })
    }

    /// Replaces the state.
    ///
    /// # Errors
    /// The error of the disk.
    pub(super) fn write(&self, state: &State) -> Result<(), Failure> {
        let stored = Stored {
            version: VERSION,
            key: state.key.text().to_owned(),
            due: state.due,
            seen: state.seen.clone(),
        };
        let bytes = serde_json::to_vec(&stored).unwrap_or_default();
        if bytes.len() as u64 > LIMIT << 20 {
            let what = format!("the state of {} references is longer than {LIMIT} MiB", state.seen.len());
            return Err(Failure::misconfigured(what, "check that the config has references that you know"));
        }
        self.folder.replace_file(&self.name, &bytes, None).map_err(|error| {
            let what = format!("{} cannot be written ({})", self.path().display(), words(&error));
            Failure::misconfigured(what, "check the disk; the next run tries again")
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }
}

/// Returns the folder of the states if none is named: that of a unit of systemd (`StateDirectory=`), else one in the home.
///
/// # Errors
/// The user has no home.
pub(super) fn default_folder(environment: &Environment) -> Result<PathBuf, Failure> {
    let of_unit = environment.variable("STATE_DIRECTORY");
    let of_unit = of_unit.and_then(|folders| folders.split(':').next().map(PathBuf::from));
    match of_unit.filter(|folder| folder.is_absolute()) {
        Some(folder) => Ok(folder.join("watch")),
        None => Ok(home(environment)?.join(".local/state/secretref")),
    }
}

/// Returns the home of the person who runs this.
///
/// # Errors
/// The user has none.
pub(super) fn home(environment: &Environment) -> Result<PathBuf, Failure> {
    environment.home_variable().map_or_else(|| recorded_home(environment.uid), Ok)
}
