//! The environment of the process: variables, user and home. Only this file reads them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::failure::Failure;

/// The environment of a process. It is passed as an argument, so that a test or a profile can replace it.
pub struct Environment {
    variables: Box<Variables>,
    /// The effective user id.
    pub uid: u32,
}

/// Looks an environment variable up.
type Variables = dyn Fn(&str) -> Option<OsString>;

impl Environment {
    /// Returns the environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "only this file may read it")]
    pub fn from_process() -> Self {
        Self { variables: Box::new(|name| std::env::var_os(name)), uid: rustix::process::geteuid().as_raw() }
    }

    /// Creates an environment for a test.
    #[must_use]
    pub fn new(uid: u32, variables: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self { variables: Box::new(move |name| variables(name).map(OsString::from)), uid }
    }

    /// Returns a variable, trimmed. One that is blank or not UTF-8 counts as not set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let value = (self.variables)(name)?.into_string().ok()?;
        let trimmed = value.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    /// Says that a variable is set, even if it is blank or not UTF-8: a C library uses it as it is.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        (self.variables)(name).is_some()
    }

    /// Returns `HOME` if it is an absolute path.
    #[must_use]
    pub fn home_variable(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
    }
}

/// Returns a user's home from the system's user database, which no environment variable can change.
///
/// # Errors
///
/// `MISCONFIGURED` if the user has no home there.
pub fn recorded_home(uid: u32) -> Result<PathBuf, Failure> {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map(|user| user.dir).filter(|home| home.is_absolute()).ok_or_else(|| {
        Failure::misconfigured(
            format!("the user with uid {uid} has no home in the system's user database"),
            "write an absolute path instead of a name or ~",
        )
    })
}

/// Returns the paths of a user's runtime folders: the one that systemd names in `RUNTIME_DIRECTORY`, the one of the login
/// session, and for a service or a container without either, one in the shared memory of all users.
///
/// The variable is used only if it names a folder below `/run`, where only root and the user's own services create folders.
/// Any other folder could be one that a sandboxed agent reads.
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
