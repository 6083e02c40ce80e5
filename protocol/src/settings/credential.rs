//! Settings that must be there, and credentials: from a variable, a file that a setting names, or systemd's credentials.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::Settings;
use crate::failure::Failure;
use crate::file;
use crate::guard::is_exposed;
use crate::run::{Run, Stage};
use crate::secret::Secret;
use crate::store::{Kind, Setting};

impl Settings {
    /// The value of a text or choice that must be there.
    pub fn required(&self, key: &str) -> Result<&str, Failure> {
        self.text(key).ok_or_else(|| {
            let setting = self.table().find(|setting| setting.key == key);
            let remedy = format!("set `{key}` in the profile{}", self.or_by_variable(setting));
            Failure::misconfigured(format!("`{key}` is not set"), remedy)
        })
    }

    /// Reads the file of a credential, and warns where its mode lets others read it.
    pub fn read_secret(&self, path: &Path, setting: &str) -> Result<Secret, Failure> {
        let (secret, metadata) = file::read_secret_with_metadata(path, setting)?;
        warn_if_exposed(&self.run, self.home.uid, path, &metadata);
        Ok(secret)
    }

    /// The value of a secret and where it came from: a variable of the environment, else a file of systemd's
    /// credentials.
    pub fn secret(&self, setting: &Setting) -> Result<Option<(Secret, String)>, Failure> {
        if let Some(text) = self.text(setting.key) {
            let variable = self.given.get(setting.key).and_then(|given| given.variable);
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

    /// The value of a secret that can also be in a file, which the setting `file_key` names, and where it came from.
    ///
    /// A file that a flag or the profile names counts before the secret's own variable, and that before a file that
    /// another variable names. What is set and cannot be read is a failure; the next is not tried in its place.
    pub fn credential(
        &self,
        setting: &Setting,
        file_key: &'static str,
    ) -> Result<Option<(Secret, String)>, Failure> {
        let from_file = || match self.path(file_key)? {
            Some(path) => Ok(Some((self.read_secret(&path, file_key)?, path.display().to_string()))),
            None => Ok(None),
        };
        if self.source(file_key) > self.source(setting.key) {
            return from_file();
        }
        match self.secret(setting)? {
            None => from_file(),
            found => Ok(found),
        }
    }

    /// That there is no credential of this `setting`, which `what` names for a person (`secret id`): says which places were
    /// looked at, and what a gateway has to hand over.
    #[must_use]
    pub fn no_credential(&self, what: &str, setting: &Setting, file_key: &'static str) -> Failure {
        let file = self.table().find(|setting| setting.key == file_key);
        let unset = [Some(setting), file].into_iter().flatten().flat_map(|of| self.unset(of));
        let unset =
            unset.fold(String::new(), |text, name| text + ", " + name + " is not set in this environment");
        let Kind::Secret(name) = setting.kind else { return Failure::internal("a credential that is none") };
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
            format!("there is no {what}: `{file_key}` is not set{unset}, and {place}"),
            format!("set `{file_key}` in the profile{}{systemd}", self.or_by_variable(Some(setting))),
        )
    }

    /// The variables that the profile lists for these settings, where none of them sets one: a gateway that does not pass
    /// them has left out what the profile's author relies on.
    #[must_use]
    pub fn relies_on(&self, keys: &[&str]) -> Vec<&'static str> {
        let settings: Vec<_> = self.table().filter(|setting| keys.contains(&setting.key)).collect();
        let is_set = |setting: &&&Setting| self.source(setting.key) > Some(super::Source::Default);
        if settings.iter().any(|setting| is_set(&setting)) {
            return Vec::new();
        }
        settings.iter().flat_map(|setting| self.unset(setting)).collect()
    }

    /// The variables that the profile lists and that are not set, of settings that nothing else sets.
    #[must_use]
    pub fn absent(&self) -> Vec<&'static str> {
        self.table().flat_map(|setting| self.relies_on(&[setting.key])).collect()
    }

    /// The variables of a setting that count and are not set, where the profile lists them.
    fn unset(&self, setting: &Setting) -> Vec<&'static str> {
        let Some((_, listed)) = &self.profile else { return Vec::new() };
        if self.given.get(setting.key).is_some_and(|given| given.variable.is_some()) {
            return Vec::new();
        }
        setting.env.iter().copied().filter(|name| listed.iter().any(|listed| listed == name)).collect()
    }

    /// How a variable could set it, for the end of a remedy.
    fn or_by_variable(&self, setting: Option<&Setting>) -> String {
        let Some(setting) = setting else { return String::new() };
        let unset = self.unset(setting);
        match (setting.env.last(), &self.profile) {
            (None, _) => String::new(),
            (Some(_), Some(_)) if !unset.is_empty() => format!(
                ", or add {} to the gateway's passEnv: the profile's `env` lists it, and it is not set in this environment",
                unset.join(" or ")
            ),
            (Some(name), Some(_)) => format!(
                ", or let a variable set it: env = [\"{name}\"] in the profile, and {name} in the gateway's passEnv"
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
                "the mode of {} lets others read it ({mode:04o}): chmod go-rwx it, and make a new credential if another user may \
                 have read this one",
                path.display()
            ),
        );
    }
}
