//! The settings of one run: each value from the most explicit place that has one.

mod credential;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::allow::Allow;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::profile::Profile;
use crate::run::Run;
use crate::selector::Name;
use crate::store::{FAMILY, Kind, Setting, Store, table};
pub(crate) use credential::warn_if_exposed;
use value::{Value, duration};

/// The settings of one run, each from the most explicit place that sets it.
pub struct Settings {
    /// The tables of the store.
    own: &'static [&'static [Setting]],
    given: HashMap<&'static str, Given>,
    ids: HashMap<String, Name>,
    credentials: Option<PathBuf>,
    /// What systemd says of the unit's runtime folder.
    runtime: Option<String>,
    home: Home,
    /// Where the profile is, if there is one, and the variables that it lists.
    profile: Option<(PathBuf, Vec<String>)>,
    run: Run,
    /// What a relative path starts from.
    folder: PathBuf,
}

/// The home of the user. Looked up only when it is needed: that asks the system's name service.
#[derive(Debug, Clone)]
pub struct Home {
    /// What `HOME` says, without a profile.
    variable: Option<PathBuf>,
    uid: u32,
}

impl Home {
    /// Looks it up.
    pub fn find(&self) -> Result<PathBuf, Failure> {
        self.variable.clone().map_or_else(|| environment::recorded_home(self.uid), Ok)
    }
}

struct Given {
    value: Value,
    source: Source,
    /// The variable that set it.
    variable: Option<&'static str>,
}

/// Where a setting came from; the more explicit is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The table.
    Default,
    /// An environment variable.
    Environment,
    /// A flag or the profile.
    Written,
}

/// Flags by key, as they were typed.
pub type Flags = Vec<(&'static str, Vec<String>)>;

/// The value of the flag `--timeout`, if there is one and it can be read.
pub fn timeout_of(flags: &Flags) -> Option<Duration> {
    duration(flags.iter().find(|(key, _)| *key == "timeout")?.1.last()?)
}

/// What a flag says, else the profile.
fn written(setting: &Setting, flags: &Flags, profile: &mut Profile) -> Result<Option<Value>, Failure> {
    if let Some((_, texts)) = flags.iter().find(|(key, _)| *key == setting.key) {
        return Value::from_texts(setting, texts).map(Some);
    }
    profile.values.remove(setting.key).map(|value| Value::from_toml(setting, value)).transpose()
}

/// What the first of the setting's variables says that counts and is set, else the default.
fn unwritten(
    setting: &Setting,
    profile: &Profile,
    environment: &Environment,
) -> Result<Option<Given>, Failure> {
    let mut counting = setting.env.iter().filter(|name| profile.env.iter().any(|listed| listed == *name));
    if let Some((name, text)) = counting.find_map(|name| Some((*name, environment.variable(name)?))) {
        let value = Value::from_text(setting, name, text)?;
        return Ok(Some(Given { value, source: Source::Environment, variable: Some(name) }));
    }
    let default =
        setting.default.map(|text| Value::from_text(setting, setting.key, text.to_owned())).transpose()?;
    Ok(default.map(|value| Given { value, source: Source::Default, variable: None }))
}

/// Fails where a flag's value is not of its kind.
pub fn check(store: &Store, flags: &Flags) -> Result<(), Failure> {
    let setting = |key: &str| table(store).find(|setting| setting.key == key);
    flags
        .iter()
        .filter_map(|(key, texts)| Some((setting(key)?, texts)))
        .try_for_each(|(setting, texts)| Value::from_texts(setting, texts).map(drop))
}

impl Settings {
    /// Puts the settings together: with a profile, flag over profile over the variables that it lists; without one,
    /// flag over environment over default.
    ///
    /// Fails with `MISCONFIGURED`, naming the setting, where a value is not of its kind.
    pub fn load(
        store: &Store,
        flags: &Flags,
        profile: Option<Profile>,
        environment: &Environment,
        run: &Run,
    ) -> Result<Self, Failure> {
        let bound = profile.as_ref().map(|profile| (profile.path.clone(), profile.env.clone()));
        let mut profile = profile.unwrap_or_else(|| Profile::none(store));
        let mut given = HashMap::new();
        for setting in table(store) {
            let value = match written(setting, flags, &mut profile)? {
                Some(value) => Some(Given { value, source: Source::Written, variable: None }),
                None => unwritten(setting, &profile, environment)?,
            };
            if let Some(value) = value {
                given.insert(setting.key, value);
            }
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
            run: run.clone(),
            folder: profile.path.parent().map(Path::to_owned).unwrap_or_default(),
        })
    }

    /// The run that these settings are of.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Where the profile is, if there is one.
    #[must_use]
    pub fn profile(&self) -> Option<&Path> {
        self.profile.as_ref().map(|(path, _)| path.as_path())
    }

    /// The variables that set something.
    #[must_use]
    pub fn variables(&self) -> Vec<&'static str> {
        self.table().filter_map(|setting| self.given.get(setting.key)?.variable).collect()
    }

    /// What a message calls a setting: the variable that set it, else its key.
    #[must_use]
    pub fn called(&self, key: &'static str) -> &'static str {
        self.given.get(key).and_then(|given| given.variable).unwrap_or(key)
    }

    /// The keys that a flag or the profile sets.
    #[must_use]
    pub fn written(&self) -> Vec<&'static str> {
        self.table()
            .map(|setting| setting.key)
            .filter(|key| self.source(key) == Some(Source::Written))
            .collect()
    }

    /// What is set of names that are nobody else's affair, each with its key: texts, paths and patterns, but no defaults.
    #[must_use]
    pub fn names(&self) -> Vec<(&'static str, String)> {
        let is_name = |setting: &&Setting| matches!(setting.kind, Kind::Text | Kind::Path | Kind::List);
        let set = self.table().filter(is_name).filter_map(|setting| {
            let given = self.given.get(setting.key).filter(|given| given.source > Source::Default)?;
            let texts = match &given.value {
                Value::Text(_) if setting.kind == Kind::Path => {
                    let path = self.path(setting.key).ok().flatten();
                    path.map(|path| path.display().to_string()).into_iter().collect()
                }
                Value::Text(text) => vec![text.clone()],
                Value::List(texts) => texts.clone(),
                _ => Vec::new(),
            };
            Some(texts.into_iter().map(|text| (setting.key, text)))
        });
        set.flatten().collect()
    }

    /// The variables of the store that are set in `environment` and do not count, since the profile does not list them.
    #[must_use]
    pub fn ignored(&self, environment: &Environment) -> Vec<&'static str> {
        let Some((_, listed)) = &self.profile else { return Vec::new() };
        let names = self.table().flat_map(|setting| setting.env);
        let is_ignored =
            |name: &&str| !listed.iter().any(|other| other == name) && environment.variable(name).is_some();
        let mut ignored: Vec<_> = names.copied().filter(is_ignored).collect();
        ignored.dedup();
        ignored
    }

    /// The value of a text or choice.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The value of a path: absolute, or from `~` or the profile's folder.
    pub fn path(&self, key: &str) -> Result<Option<PathBuf>, Failure> {
        self.text(key).map(|text| self.locate(text)).transpose()
    }

    fn locate(&self, text: &str) -> Result<PathBuf, Failure> {
        match text.strip_prefix("~/") {
            Some(rest) => Ok(self.home.find()?.join(rest)),
            None => Ok(self.folder.join(text)),
        }
    }

    /// Where systemd has put the credentials of the unit.
    #[must_use]
    pub fn credentials(&self) -> Option<&Path> {
        self.credentials.as_deref()
    }

    /// The effective user id.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.home.uid
    }

    /// The home of the user.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// A file in the user's home, where there is a home.
    #[must_use]
    pub fn in_home(&self, name: &str) -> Option<PathBuf> {
        self.home.find().ok().map(|home| home.join(name))
    }

    /// Where the user's runtime folders can be, the nearest first.
    #[must_use]
    pub fn runtime_folders(&self) -> Vec<PathBuf> {
        environment::runtime_folders(self.runtime.as_deref(), self.home.uid)
    }

    /// The value of a switch.
    #[must_use]
    pub fn is_on(&self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Switch(true)))
    }

    /// Where a setting came from, if it is set.
    #[must_use]
    pub fn source(&self, key: &str) -> Option<Source> {
        self.given.get(key).map(|given| given.source)
    }

    /// How long the process has.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match self.value("timeout") {
            Some(Value::Duration(duration)) => *duration,
            _ => DEFAULT_TIMEOUT,
        }
    }

    /// The most bytes of a response.
    #[must_use]
    pub fn max_output(&self) -> usize {
        match self.value("max_output") {
            Some(Value::Size(size)) => *size,
            _ => DEFAULT_MAX_OUTPUT,
        }
    }

    /// Which ids may be resolved.
    #[must_use]
    pub fn allow(&self) -> Allow {
        match self.value("allow") {
            Some(Value::List(patterns)) => Allow::new(patterns.clone()),
            _ => Allow::default(),
        }
    }

    /// What the profile's `[ids]` puts in the place of an id.
    #[must_use]
    pub fn name(&self, id: &str) -> Option<&Name> {
        self.ids.get(id)
    }

    /// The entries of the profile's `[ids]`, in the order of the ids.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<&str, &Name> {
        self.ids.iter().map(|(id, name)| (id.as_str(), name)).collect()
    }

    fn table(&self) -> impl Iterator<Item = &'static Setting> {
        self.own.iter().copied().flatten().chain(FAMILY)
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.given.get(key).map(|given| &given.value)
    }
}

/// How long a process has before its settings are known, and where they cannot be read.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(4);

/// The most bytes of a response where the settings cannot be read.
pub const DEFAULT_MAX_OUTPUT: usize = 1 << 20;

/// Whether systemd puts the credentials of a unit there, links being resolved. Any other folder could be named by a variable
/// that an agent can set.
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
    fn where_systemd_puts_credentials() {
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
