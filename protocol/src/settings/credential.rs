//! Settings that must be set, and credentials: from a variable, from a file that a setting names, or from systemd's
//! credentials.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Settings, Source};
use crate::failure::Failure;
use crate::file;
use crate::private_files::is_exposed;
use crate::run::{Run, Stage};
use crate::secret::Secret;
use crate::store::{Kind, Setting};

impl Settings {
    /// Returns the value of a text or choice that must be set.
    ///
    /// # Errors
    /// `MISCONFIGURED`, with the ways to set it, if it is not set.
    pub fn required(&self, setting: &Setting<str>) -> Result<&str, Failure> {
        self.text(setting).ok_or_else(|| {
            let key = setting.key;
            let remedy = format!("set `{key}` in the profile{}", self.or_by_variable(key));
            Failure::misconfigured(format!("`{key}` is not set"), remedy)
        })
    }

    /// Reads the file of a credential, which `setting` names, and warns if its mode lets other users read it.
    ///
    /// # Errors
    /// `MISCONFIGURED` if it cannot be read or is not a text.
    pub fn read_secret(&self, path: &Path, setting: &str) -> Result<Secret, Failure> {
        let (secret, metadata) = file::read_secret_with_metadata(path, setting)?;
        warn_if_exposed(&self.run, self.home.uid, path, &metadata);
        Ok(secret)
    }

    /// Reads the file that `setting` names and that has credentials among other text. Warns if other users may read it.
    ///
    /// # Errors
    /// As [`file::read`].
    pub fn read_private(&self, path: &Path, setting: &str) -> Result<Vec<u8>, Failure> {
        let (bytes, metadata) = file::read_with_metadata(path, setting)?;
        warn_if_exposed(&self.run, self.home.uid, path, &metadata);
        Ok(bytes)
    }

    /// Returns the value of a secret and where it came from: a variable of the environment, else a file of systemd's
    /// credentials.
    ///
    /// # Errors
    /// `MISCONFIGURED` if that file cannot be read.
    pub fn secret(&self, setting: &Setting<Secret>) -> Result<Option<(Secret, String)>, Failure> {
        if let Some(text) = self.text_of(setting.key) {
            let variable = self.given(setting.key).and_then(|given| given.variable);
            let origin = variable.unwrap_or("the environment").to_owned();
            return Ok(Some((Secret::new(text.to_owned()), origin)));
        }
        let Kind::Secret(name) = setting.kind else { return Ok(None) };
        match self.credentials.as_ref().map(|folder| folder.join(name)).filter(|path| file::is_there(path)) {
            Some(path) => {
                let secret = self.read_secret(&path, "$CREDENTIALS_DIRECTORY")?;
                Ok(Some((secret, path.display().to_string())))
            }
            None => Ok(None),
        }
    }

    /// Returns the value of a secret that can also be in a file of its own, [`Setting::file`], and where it came from.
    ///
    /// A file that a flag or the profile names counts before the secret's own variable, and that variable before a file that
    /// another variable names.
    ///
    /// # Errors
    /// `MISCONFIGURED` if the first of them that is set cannot be read; the others are not tried.
    pub fn credential(&self, setting: &Setting<Secret>) -> Result<Option<(Secret, String)>, Failure> {
        let Some(file) = setting.file else { return self.secret(setting) };
        let from_file = || match self.path_of(file)? {
            Some(path) => Ok(Some((self.read_secret(&path, file)?, path.display().to_string()))),
            None => Ok(None),
        };
        if self.source_of(file) > self.source(setting) {
            return from_file();
        }
        match self.secret(setting)? {
            None => from_file(),
            found => Ok(found),
        }
    }

    /// Returns the failure of a missing credential, which `what` names for a person (`secret id`). It lists the places that
    /// were searched, and what the gateway has to pass on.
    #[must_use]
    pub fn no_credential(&self, what: &str, setting: &Setting<Secret>) -> Failure {
        let (Kind::Secret(name), Some(file)) = (setting.kind, setting.file) else {
            return Failure::internal("a credential that cannot be in a file");
        };
        let unset = [setting.key, file].into_iter().flat_map(|key| self.unset(key));
        let unset =
            unset.fold(String::new(), |text, name| text + ", " + name + " is not set in this environment");
        let (place, systemd) = match &self.credentials {
            Some(folder) => (format!("there is no file {name} in {}", folder.display()), String::new()),
            None => (
                "CREDENTIALS_DIRECTORY is not set to a unit's /run/credentials/UNIT in this environment"
                    .to_owned(),
                format!(
                    "; for the credential {name} of systemd, add CREDENTIALS_DIRECTORY to the gateway's passEnv"
                ),
            ),
        };
        Failure::misconfigured(
            format!("there is no {what}: `{file}` is not set{unset}, and {place}"),
            format!("set `{file}` in the profile{}{systemd}", self.or_by_variable(setting.key)),
        )
    }

    /// Returns the variables that the profile lists for a secret and for its file, if neither is set: the profile relies on
    /// them, and the gateway does not pass them on.
    #[must_use]
    pub fn relies_on(&self, setting: &Setting<Secret>) -> Vec<&'static str> {
        let keys = || [Some(setting.key), setting.file].into_iter().flatten();
        if keys().any(|key| self.is_set(key)) {
            return Vec::new();
        }
        keys().flat_map(|key| self.unset(key)).collect()
    }

    /// Returns the variables that the profile lists and that are not set, of all settings that nothing else sets.
    #[must_use]
    pub fn absent(&self) -> Vec<&'static str> {
        let keys = self.table().map(|setting| setting.key);
        keys.filter(|key| !self.is_set(key)).flat_map(|key| self.unset(key)).collect()
    }

    fn is_set(&self, key: &str) -> bool {
        self.source_of(key) > Some(Source::Default)
    }

    /// Returns the variables of a setting that the profile lists and that are not set.
    pub(super) fn unset(&self, key: &str) -> Vec<&'static str> {
        let Some((_, listed)) = &self.profile else { return Vec::new() };
        if self.given(key).is_some_and(|given| given.variable.is_some()) {
            return Vec::new();
        }
        self.variables_of(key)
            .iter()
            .copied()
            .filter(|name| listed.iter().any(|listed| listed == name))
            .collect()
    }

    fn variables_of(&self, key: &str) -> &'static [&'static str] {
        self.table().find(|setting| setting.key == key).map_or(&[], |setting| setting.env)
    }

    /// Returns how a variable could set it, for the end of a remedy.
    fn or_by_variable(&self, key: &str) -> String {
        let unset = self.unset(key);
        match (self.variables_of(key).last(), &self.profile) {
            (None, _) => String::new(),
            (Some(_), Some(_)) if !unset.is_empty() => format!(
                ", or add {} to the gateway's passEnv: the profile's `env` lists it, and it is not set in this environment",
                unset.join(" or ")
            ),
            (Some(name), Some(_)) => format!(
                ", or set it by a variable: add env = [\"{name}\"] to the profile, and {name} to the gateway's passEnv"
            ),
            (Some(name), None) => {
                format!(", or set {name} in the environment (a gateway passes only what its passEnv lists)")
            }
        }
    }
}

/// Warns if other users may read the file of a credential.
pub(crate) fn warn_if_exposed(run: &Run, uid: u32, path: &Path, metadata: &Metadata) {
    if is_exposed(metadata, uid) {
        let mode = metadata.mode() & 0o777;
        run.warn(
            Stage::Configuration,
            format!(
                "the mode of {0} lets others read it ({mode:04o}): run `chmod go-rwx {0}`, and make a new credential if another \
                 user may have read this one",
                path.display()
            ),
        );
    }
}
