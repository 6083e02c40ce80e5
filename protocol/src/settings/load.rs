//! Loads the settings of a run from flags, the profile, the environment and defaults.

use std::path::Path;
use std::time::Duration;

use super::family::TIMEOUT;
use super::value::{Value, duration};
use super::{Given, Home, Settings, Source};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::run::Run;
use crate::store::{Setting, Store, table};

impl Settings {
    /// Loads the settings. A flag counts before the profile, the profile before the variables that it lists, and those before
    /// the default. Without a profile, every variable of the store counts.
    ///
    /// # Errors
    /// `MISCONFIGURED`, with the setting, if a value is not valid for it.
    pub fn load(
        store: &Store,
        flags: &Flags,
        profile: Option<Profile>,
        environment: &Environment,
        run: &Run,
    ) -> Result<Self, Failure> {
        let bound = profile.as_ref().map(|profile| (profile.path.clone(), profile.env.clone()));
        let mut profile = profile.unwrap_or_else(|| Profile::none(store));
        let mut given = Vec::new();
        for setting in table(store) {
            given.extend(match written(setting, flags, &mut profile)? {
                Some(value) => Some(Given { setting, value, source: Source::Written, variable: None }),
                None => unwritten(setting, &profile, environment)?,
            });
        }
        Ok(Self {
            own: store.settings,
            given,
            ids: profile.ids,
            credentials: environment
                .variable("CREDENTIALS_DIRECTORY")
                .and_then(|folder| std::fs::canonicalize(folder).ok())
                .filter(|folder| is_of_a_unit(folder, environment.uid)),
            runtime: environment.variable("RUNTIME_DIRECTORY"),
            home: Home {
                variable: if bound.is_some() { None } else { environment.home_variable() },
                uid: environment.uid,
            },
            profile: bound,
            base: profile.base,
            run: run.clone(),
            folder: profile.path.parent().map(Path::to_owned).unwrap_or_default(),
        })
    }
}

/// How long a process may run before its settings are known, and if they cannot be read.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(4);

/// The maximum size of a response, in bytes, if the settings cannot be read.
pub const DEFAULT_MAX_OUTPUT: usize = 1 << 20;

/// Flags by key, as they were typed.
pub type Flags = Vec<(&'static str, Vec<String>)>;

/// Returns the value of the flag `--timeout`, if there is one and it is valid.
pub fn timeout_of(flags: &Flags) -> Option<Duration> {
    duration(flags.iter().find(|(key, _)| *key == TIMEOUT.key)?.1.last()?)
}

/// Returns the value of a flag, else that of the profile.
fn written(setting: &Setting, flags: &Flags, profile: &mut Profile) -> Result<Option<Value>, Failure> {
    if let Some((_, texts)) = flags.iter().find(|(key, _)| *key == setting.key) {
        return Value::from_texts(setting, texts).map(Some);
    }
    profile.values.remove(setting.key).map(|value| Value::from_toml(setting, value)).transpose()
}

/// Returns the value of the setting's first variable that counts and is set, else the default.
fn unwritten(
    setting: &'static Setting,
    profile: &Profile,
    environment: &Environment,
) -> Result<Option<Given>, Failure> {
    let mut counting = setting.env.iter().filter(|name| profile.env.iter().any(|listed| listed == *name));
    if let Some((name, text)) = counting.find_map(|name| Some((*name, environment.variable(name)?))) {
        let value = Value::from_text(setting, name, text)?;
        return Ok(Some(Given { setting, value, source: Source::Environment, variable: Some(name) }));
    }
    let default =
        setting.default.map(|text| Value::from_text(setting, setting.key, text.to_owned())).transpose()?;
    Ok(default.map(|value| Given { setting, value, source: Source::Default, variable: None }))
}

/// Checks the values of flags.
///
/// # Errors
/// `MISCONFIGURED`, with the flag, if a value is not valid for its setting.
pub fn check(store: &Store, flags: &Flags) -> Result<(), Failure> {
    let setting = |key: &str| table(store).find(|setting| setting.key == key);
    flags
        .iter()
        .filter_map(|(key, texts)| Some((setting(key)?, texts)))
        .try_for_each(|(setting, texts)| Value::from_texts(setting, texts).map(drop))
}

/// Returns whether systemd puts the credentials of a unit into this folder, whose links are resolved. Any other folder is
/// ignored, because an agent could set the variable.
///
/// <https://systemd.io/CREDENTIALS/>
fn is_of_a_unit(folder: &Path, uid: u32) -> bool {
    let (own, parent) = (format!("/run/user/{uid}/credentials"), folder.parent());
    [Path::new("/run/credentials"), Path::new(&own)].into_iter().any(|place| parent == Some(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_credentials_are_in_the_runtime_folder_of_a_unit() {
        for (folder, want) in [
            ("/run/credentials/gateway.service", true),
            ("/run/user/7/credentials/gateway.service", true),
            ("/run/credentials", false),
            ("/run/credentials/gateway.service/more", false),
            ("/run/user/8/credentials/gateway.service", false),
            ("/run/user/7/secretref", false),
            ("/run/secretref-7", false),
            ("/dev/shm/secretref-7", false),
        ] {
            assert_eq!(is_of_a_unit(Path::new(folder), 7), want, "{folder}");
        }
    }
}
