//! The settings of one run: each value from the most explicit place that has one.

mod credential;
mod load;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::allow::Allow;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::run::Run;
use crate::selector::Name;
use crate::store::{ALLOW, FAMILY, Kind, MAX_OUTPUT, Setting, TIMEOUT};
pub(crate) use credential::warn_if_exposed;
pub use load::{Flags, check, timeout_of};
use value::Value;

/// The settings of one run, each from the most explicit place that sets it.
pub struct Settings {
    /// The tables of the store.
    own: &'static [&'static [Setting]],
    /// Those that are set, in the order of the tables.
    given: Vec<Given>,
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
    setting: &'static Setting,
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

impl Settings {
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
        self.given.iter().filter_map(|given| given.variable).collect()
    }

    /// What a message calls a setting: the variable that set it, else its key.
    #[must_use]
    pub fn called<T: ?Sized>(&self, setting: &Setting<T>) -> &'static str {
        self.given(setting.key).and_then(|given| given.variable).unwrap_or(setting.key)
    }

    /// The keys that a flag or the profile sets.
    #[must_use]
    pub fn written(&self) -> Vec<&'static str> {
        let written = self.given.iter().filter(|given| given.source == Source::Written);
        written.map(|given| given.setting.key).collect()
    }

    /// What is set of names that are nobody else's affair, each with its key: texts, paths and patterns, but no defaults.
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

    /// The value of a text, or of one word of several.
    #[must_use]
    pub fn text(&self, setting: &Setting<str>) -> Option<&str> {
        self.text_of(setting.key)
    }

    /// The value of a path: absolute, or from `~` or the profile's folder.
    pub fn path(&self, setting: &Setting<Path>) -> Result<Option<PathBuf>, Failure> {
        self.path_of(setting.key)
    }

    fn path_of(&self, key: &str) -> Result<Option<PathBuf>, Failure> {
        self.text_of(key).map(|text| self.expand(text)).transpose()
    }

    /// The path that a text names: absolute, or from `~` or the profile's folder.
    pub(crate) fn expand(&self, text: &str) -> Result<PathBuf, Failure> {
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
    pub fn is_on(&self, setting: &Setting<bool>) -> bool {
        matches!(self.value(setting.key), Some(Value::Switch(true)))
    }

    /// Where a setting came from, if it is set.
    #[must_use]
    pub fn source<T: ?Sized>(&self, setting: &Setting<T>) -> Option<Source> {
        self.source_of(setting.key)
    }

    /// How long the process has.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match self.value(TIMEOUT.key) {
            Some(Value::Duration(duration)) => *duration,
            _ => DEFAULT_TIMEOUT,
        }
    }

    /// The most bytes of a response.
    #[must_use]
    pub fn max_output(&self) -> usize {
        match self.value(MAX_OUTPUT.key) {
            Some(Value::Size(size)) => *size,
            _ => DEFAULT_MAX_OUTPUT,
        }
    }

    /// Which ids may be resolved.
    #[must_use]
    pub fn allow(&self) -> Allow {
        match self.value(ALLOW.key) {
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

/// How long a process has before its settings are known, and where they cannot be read.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(4);

/// The most bytes of a response where the settings cannot be read.
pub const DEFAULT_MAX_OUTPUT: usize = 1 << 20;
