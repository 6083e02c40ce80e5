//! The settings of one run. Each value comes from the most explicit place that sets it.

mod credential;
pub mod family;
mod load;
mod passed;
mod sign_in;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::allow::Allow;
use crate::base_profile::Base;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::run::Run;
use crate::selector::Name;
use crate::store::{Kind, Setting};
#[cfg(feature = "net")]
pub(crate) use credential::warn_if_exposed;
use family::{ALLOW, FAMILY, MAX_OUTPUT, TIMEOUT};
pub use load::{DEFAULT_MAX_OUTPUT, DEFAULT_TIMEOUT, Flags, check, timeout_of};
pub(crate) use passed::CredentialPlace;
use value::Value;

/// The settings of one run.
pub struct Settings {
    /// The tables of the store.
    own: &'static [&'static [Setting]],
    /// The settings that have a value, in the order of the tables.
    given: Vec<Given>,
    ids: HashMap<String, Name>,
    credentials: Option<PathBuf>,
    /// The value of systemd's `RUNTIME_DIRECTORY`.
    runtime: Option<String>,
    home: Home,
    /// The path of the profile, if there is one, and the variables that it lists.
    profile: Option<(PathBuf, Vec<String>)>,
    /// The base of the profile, if it has one.
    base: Option<Base>,
    run: Run,
    /// The folder that a relative path starts from.
    folder: PathBuf,
}

/// The home of the user. It is looked up only when it is needed, because this asks the system's name service.
#[derive(Debug, Clone)]
pub struct Home {
    /// The value of `HOME`, if there is no profile.
    variable: Option<PathBuf>,
    uid: u32,
}

impl Home {
    /// Looks up the home.
    ///
    /// # Errors
    /// `MISCONFIGURED` if the user has no home.
    pub fn find(&self) -> Result<PathBuf, Failure> {
        self.variable.clone().map_or_else(|| environment::recorded_home(self.uid), Ok)
    }
}

struct Given {
    setting: &'static Setting,
    value: Value,
    source: Source,
    /// The variable that set it, if one did.
    variable: Option<&'static str>,
}

/// The place that a setting came from. A more explicit place is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The default in the table.
    Default,
    /// An environment variable.
    Environment,
    /// A flag or the profile.
    Written,
}

impl Settings {
    /// Returns the run of these settings.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Returns the path of the profile, if there is one.
    #[must_use]
    pub fn profile(&self) -> Option<&Path> {
        self.profile.as_ref().map(|(path, _)| path.as_path())
    }

    /// Returns the path of the profile's base, if it has one.
    #[must_use]
    pub fn base(&self) -> Option<&Path> {
        self.base.as_ref().map(|base| base.path.as_path())
    }

    /// Returns the variables that set a setting.
    #[must_use]
    pub fn variables(&self) -> Vec<&'static str> {
        let mut variables: Vec<_> = self.given.iter().filter_map(|given| given.variable).collect();
        // One variable can set several settings, one after the other in the tables.
        variables.dedup();
        variables
    }

    /// Returns the name of a setting for a message: the variable that set it, else its key.
    #[must_use]
    pub fn called<T: ?Sized>(&self, setting: &Setting<T>) -> &'static str {
        self.given(setting.key).and_then(|given| given.variable).unwrap_or(setting.key)
    }

    /// Returns the keys that a flag or the profile sets.
    #[must_use]
    pub fn written(&self) -> Vec<&'static str> {
        let written = self.given.iter().filter(|given| given.source == Source::Written);
        written.map(|given| given.setting.key).collect()
    }

    /// Returns the set values that may be private, each with its key: texts, paths and patterns, but no defaults.
    #[must_use]
    pub fn names(&self) -> Vec<(&'static str, String)> {
        let set = self.given.iter().filter(|given| given.source > Source::Default).map(|given| {
            let texts = match (given.setting.kind, &given.value) {
                (Kind::Path, Value::Text(text)) => {
                    self.expand(text).map(|path| path.display().to_string()).into_iter().collect()
                }
                (Kind::Text, Value::Text(text)) => vec![text.clone()],
                (_, Value::List(texts)) => texts.clone(),
                _ => Vec::new(),
            };
            texts.into_iter().map(|text| (given.setting.key, text))
        });
        let of_base = self.base.iter().flat_map(|base| base.allow.iter().flatten());
        set.flatten().chain(of_base.map(|pattern| (ALLOW.key, pattern.clone()))).collect()
    }

    /// Returns the variables of the store that are set in `environment` and do not count, because the profile does not list
    /// them.
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

    /// Returns the value of a text or of a choice.
    #[must_use]
    pub fn text(&self, setting: &Setting<str>) -> Option<&str> {
        self.text_of(setting.key)
    }

    /// Returns the value of a path: absolute, or below `~` or the profile's folder.
    ///
    /// # Errors
    /// `MISCONFIGURED` if it starts with `~/` and the user has no home.
    pub fn path(&self, setting: &Setting<Path>) -> Result<Option<PathBuf>, Failure> {
        self.path_of(setting.key)
    }

    fn path_of(&self, key: &str) -> Result<Option<PathBuf>, Failure> {
        self.text_of(key).map(|text| self.expand(text)).transpose()
    }

    /// Returns the path for a text: absolute, or below `~` or the profile's folder.
    pub(crate) fn expand(&self, text: &str) -> Result<PathBuf, Failure> {
        match text.strip_prefix("~/") {
            Some(rest) => Ok(self.home.find()?.join(rest)),
            None => Ok(self.folder.join(text)),
        }
    }

    /// Returns the folder of the unit's systemd credentials.
    #[must_use]
    pub fn credentials(&self) -> Option<&Path> {
        self.credentials.as_deref()
    }

    /// Returns the effective user id.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.home.uid
    }

    /// Returns the home of the user.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Returns the path of a file in the user's home, if there is a home.
    #[must_use]
    pub fn in_home(&self, name: &str) -> Option<PathBuf> {
        self.home.find().ok().map(|home| home.join(name))
    }

    /// Returns the possible runtime folders of the user, the most specific first.
    #[must_use]
    pub fn runtime_folders(&self) -> Vec<PathBuf> {
        environment::runtime_folders(self.runtime.as_deref(), self.home.uid)
    }

    /// Returns whether a switch is on.
    #[must_use]
    pub fn is_on(&self, setting: &Setting<bool>) -> bool {
        matches!(self.value(setting.key), Some(Value::Switch(true)))
    }

    /// Returns the place that a setting came from, if it is set.
    #[must_use]
    pub fn source<T: ?Sized>(&self, setting: &Setting<T>) -> Option<Source> {
        self.source_of(setting.key)
    }

    /// Returns how long the process may run.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match self.value(TIMEOUT.key) {
            Some(Value::Duration(duration)) => *duration,
            _ => DEFAULT_TIMEOUT,
        }
    }

    /// Returns the maximum size of a response, in bytes.
    #[must_use]
    pub fn max_output(&self) -> usize {
        match self.value(MAX_OUTPUT.key) {
            Some(Value::Size(size)) => *size,
            _ => DEFAULT_MAX_OUTPUT,
        }
    }

    /// Returns the ids that may be resolved.
    #[must_use]
    pub fn allow(&self) -> Allow {
        let own = match self.value(ALLOW.key) {
            Some(Value::List(patterns)) => Allow::new(patterns.clone()),
            _ => Allow::default(),
        };
        match &self.base {
            Some(Base { path, allow: Some(patterns) }) => own.and_of_base(patterns.clone(), path),
            _ => own,
        }
    }

    /// Returns whether `allow` lists the ids that may be resolved.
    #[must_use]
    pub fn has_allow(&self) -> bool {
        self.value(ALLOW.key).is_some() || self.base.as_ref().is_some_and(|base| base.allow.is_some())
    }

    /// Returns the entry of the profile's `[ids]` for an id.
    #[must_use]
    pub fn name(&self, id: &str) -> Option<&Name> {
        self.ids.get(id)
    }

    /// Returns the entries of the profile's `[ids]`, sorted by id.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<&str, &Name> {
        self.ids.iter().map(|(id, name)| (id.as_str(), name)).collect()
    }

    fn table(&self) -> impl Iterator<Item = &'static Setting> {
        self.own.iter().copied().flatten().chain(FAMILY)
    }

    fn text_of(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.given(key).map(|given| &given.value)
    }

    fn source_of(&self, key: &str) -> Option<Source> {
        self.given(key).map(|given| given.source)
    }

    fn given(&self, key: &str) -> Option<&Given> {
        debug_assert!(self.table().any(|setting| setting.key == key), "no table of the store has `{key}`");
        self.given.iter().find(|given| given.setting.key == key)
    }
}
