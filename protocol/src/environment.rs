//! The process's surroundings: environment, user and home. The one room that reads them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::failure::Failure;

/// What a process finds around it; an argument everywhere, so that a test or a profile can put another in its place.
pub struct Environment {
    variables: Box<Variables>,
    /// The effective user id.
    pub uid: u32,
}

/// Looks an environment variable up.
type Variables = dyn Fn(&str) -> Option<OsString>;

impl Environment {
    /// The surroundings of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the room that may")]
    pub fn from_process() -> Self {
        Self { variables: Box::new(|name| std::env::var_os(name)), uid: rustix::process::geteuid().as_raw() }
    }

    /// Surroundings made by hand, for a test.
    #[must_use]
    pub fn new(uid: u32, variables: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self { variables: Box::new(move |name| variables(name).map(OsString::from)), uid }
    }

    /// A variable of the environment, trimmed; one that is blank counts as not set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let value = (self.variables)(name)?.into_string().ok()?;
        let trimmed = value.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    /// Whether a variable is there, be it blank or not UTF-8: a library in C takes it as it is.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        (self.variables)(name).is_some()
    }

    /// What `HOME` says, if it is a path.
    #[must_use]
    pub fn home_variable(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
    }
}

/// A user's home by the system's records, which no environment can bend.
pub fn recorded_home(uid: u32) -> Result<PathBuf, Failure> {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map(|user| user.dir).filter(|home| home.is_absolute()).ok_or_else(|| {
        Failure::misconfigured(
            format!("the user with uid {uid} has no home in the system's records"),
            "write an absolute path instead of a name or ~",
        )
    })
}

/// Where a user's runtime folders can be: what systemd says in `RUNTIME_DIRECTORY`, the one of the login session, and
/// for a service or a container, which has neither, one in the memory that all users share.
///
/// A variable could name any folder, one that a sandboxed agent reads too, so it counts below `/run` alone: there only
/// root and the user's own services make folders.
#[must_use]
pub fn runtime_folders(variable: Option<&str>, uid: u32) -> Vec<PathBuf> {
    let given = variable.and_then(|folders| folders.split(':').next()).map(Path::new);
    let is_below_run =
        |path: &&Path| path.starts_with("/run") && !path.components().any(|part| part.as_os_str() == "..");
    let own = PathBuf::from(format!("/run/user/{uid}"));
    let folders = given.filter(is_below_run).map(Path::to_owned).into_iter().chain([own]);
    let shared = PathBuf::from(format!("/dev/shm/secretref-{uid}"));
    folders.map(|folder| folder.join("secretref")).chain([shared]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_folder_is_below_run() {
        let of = |variable| runtime_folders(variable, 7);
        let own = PathBuf::from("/run/user/7/secretref");
        let given = PathBuf::from("/run/gateway/secretref");
        let shared = PathBuf::from("/dev/shm/secretref-7");
        assert_eq!(of(Some("/run/gateway:/run/other")), [given, own.clone(), shared.clone()]);
        let own = [own, shared];
        assert_eq!(of(None), own);
        for elsewhere in ["/home/me/workspace", "/run/../tmp", "run", "", "/runaway"] {
            assert_eq!(of(Some(elsewhere)), own, "{elsewhere}");
        }
    }
}
