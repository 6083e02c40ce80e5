//! The description of a store, and the table of its settings: flags, environment, profile and help all come from it.

use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use crate::secret::Secret;
use crate::settings::family::FAMILY;

/// The description of a store for the shared code.
pub struct Store {
    /// The binary, `secretref-vault`.
    pub binary: &'static str,
    /// The version of the binary.
    pub version: &'static str,
    /// What the resolver does, for the first line of the help.
    pub about: &'static str,
    /// The store's own settings, as tables that are read in this order.
    pub settings: &'static [&'static [Setting]],
    /// What an `[ids]` entry may set besides `name`, `field` and `version`.
    pub name_keys: NameKeys,
    /// The form of an id, for the help: `name[#field[#version]]`.
    pub form: &'static str,
    /// Examples for the end of the help, one command per line, each after two spaces: `  secretref-vault get a#b`.
    pub examples: &'static str,
    /// An example of a profile, without its first line. It sets everything that a resolve needs.
    pub profile: &'static str,
}

/// What an `[ids]` entry may set besides `name`, `field` and `version`.
#[derive(Debug, Clone, Copy)]
pub enum NameKeys {
    /// These keys.
    Only(&'static [&'static str]),
    /// Any key; an entry that has one needs no `name`.
    Any,
}

impl NameKeys {
    /// Returns the keys that are known by name.
    #[must_use]
    pub fn known(self) -> &'static [&'static str] {
        match self {
            Self::Only(keys) => keys,
            Self::Any => &[],
        }
    }
}

/// One setting: its key, the values that it takes, and where its value can come from.
///
/// `T` is the type of the value: `str` for a text or one of several words, [`Path`], [`Duration`], `usize` for a number of
/// bytes, `bool`, `[String]` for a list, or [`Secret`]. A setting is declared as a constant of its type, and read by that
/// constant, so reading a setting that does not exist, or as another type, does not compile. In a table, where settings of
/// all types are together, `T` is `()`.
///
/// ```
/// use secretref_protocol::{Failure, Setting, Settings};
///
/// const REGION: Setting<str> = Setting::text("region", "the region of the store").env(&["STORE_REGION"]);
/// /// For `Store::settings`.
/// const TABLE: &[Setting] = &[REGION.row()];
///
/// fn region(settings: &Settings) -> Result<&str, Failure> {
///     settings.required(&REGION)
/// }
/// ```
///
/// ```compile_fail
/// use secretref_protocol::{Setting, Settings};
///
/// const REGION: Setting<str> = Setting::text("region", "the region of the store");
///
/// fn is_region(settings: &Settings) -> bool {
///     settings.is_on(&REGION)
/// }
/// ```
#[derive(Debug)]
pub struct Setting<T: ?Sized = ()> {
    /// Its key in a profile; the flag is the same with dashes.
    pub key: &'static str,
    /// The values that it takes.
    pub kind: Kind,
    /// The environment variables that set it; the first that is set counts.
    pub env: &'static [&'static str],
    /// Its value if nothing sets it, as it would be written in a profile.
    pub default: Option<&'static str>,
    /// Whether it decides where credentials go, or which secrets come back. A flag cannot set it if there is a profile:
    /// the author of a gateway's `args` may be another person than the author of the profile.
    pub security_sensitive: bool,
    /// Whether it decides which secret an id names, or which store is asked. A profile cannot set it if its base has
    /// `allow`: else it could lead an allowed id to another secret.
    pub selects_secrets: bool,
    /// For a secret: the key of the setting that can name a file with the secret in it.
    pub file: Option<&'static str>,
    /// The ways to sign in that use it; empty if it does not belong to a way to sign in.
    pub used_by: &'static [&'static str],
    /// Its purpose, in one line.
    pub help: &'static str,
    value: PhantomData<T>,
}

impl Store {
    /// Returns the name of a profile and of a gateway's provider in examples: that of the binary without `secretref-`.
    pub(crate) fn name(&self) -> &'static str {
        self.binary.trim_start_matches("secretref-")
    }
}

impl Setting<str> {
    /// A setting that takes any text.
    #[must_use]
    pub const fn text(key: &'static str, help: &'static str) -> Self {
        Self::new(key, Kind::Text, help)
    }

    /// A setting that takes one of these words.
    #[must_use]
    pub const fn choice(key: &'static str, words: &'static [&'static str], help: &'static str) -> Self {
        Self::new(key, Kind::Choice(words), help)
    }
}

impl Setting<Path> {
    /// A setting that names a file or a folder.
    #[must_use]
    pub const fn path(key: &'static str, help: &'static str) -> Self {
        Self::new(key, Kind::Path, help)
    }
}

impl Setting<bool> {
    /// A setting that is on or off.
    #[must_use]
    pub const fn switch(key: &'static str, help: &'static str) -> Self {
        Self::new(key, Kind::Switch, help)
    }
}

impl Setting<Duration> {
    pub(crate) const fn duration(key: &'static str, help: &'static str) -> Self {
        Self::new(key, Kind::Duration, help)
    }
}

impl Setting<usize> {
    pub(crate) const fn size(key: &'static str, help: &'static str) -> Self {
        Self::new(key, Kind::Size, help)
    }
}

impl Setting<[String]> {
    pub(crate) const fn list(key: &'static str, help: &'static str) -> Self {
        Self::new(key, Kind::List, help)
    }
}

impl Setting<Secret> {
    /// A secret, which a profile or a flag cannot set: from the environment, or from the file `credential` in systemd's
    /// `$CREDENTIALS_DIRECTORY`.
    #[must_use]
    pub const fn secret(key: &'static str, credential: &'static str, help: &'static str) -> Self {
        Self::new(key, Kind::Secret(credential), help)
    }

    /// The same secret, which can also be in the file that this setting names.
    #[must_use]
    pub const fn file(mut self, file: &Setting<Path>) -> Self {
        self.file = Some(file.key);
        self
    }
}

impl<T: ?Sized> Setting<T> {
    const fn new(key: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            key,
            kind,
            env: &[],
            default: None,
            security_sensitive: true,
            selects_secrets: false,
            file: None,
            used_by: &[],
            help,
            value: PhantomData,
        }
    }

    /// The same setting, which these environment variables set; the first that is set counts.
    #[must_use]
    pub const fn env(mut self, names: &'static [&'static str]) -> Self {
        self.env = names;
        self
    }

    /// The same setting, with its value if nothing sets it, as it would be written in a profile.
    #[must_use]
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    /// The same setting, which a flag can set although there is a profile: it decides neither where credentials go nor
    /// which secrets come back.
    #[must_use]
    pub const fn not_sensitive(mut self) -> Self {
        self.security_sensitive = false;
        self
    }

    /// The same setting, which decides which secret an id names, or which store is asked.
    #[must_use]
    pub const fn selects_secrets(mut self) -> Self {
        self.selects_secrets = true;
        self
    }

    /// The same setting, which only these ways to sign in use.
    #[must_use]
    pub const fn used_by(mut self, methods: &'static [&'static str]) -> Self {
        self.used_by = methods;
        self
    }

    /// The setting as a row of a table.
    #[must_use]
    pub const fn row(&self) -> Setting {
        Setting {
            key: self.key,
            kind: self.kind,
            env: self.env,
            default: self.default,
            security_sensitive: self.security_sensitive,
            selects_secrets: self.selects_secrets,
            file: self.file,
            used_by: self.used_by,
            help: self.help,
            value: PhantomData,
        }
    }

    /// The flag of the setting: `--token-file`.
    #[must_use]
    pub fn flag(&self) -> String {
        flag(self.key)
    }
}

/// The flag of the setting with this key.
pub(crate) fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// The values that a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file or folder: absolute, below `~/`, or relative to the profile's folder.
    Path,
    /// `4s` or `1500ms`.
    Duration,
    /// A number of bytes: `65536`, `512KiB` or `1MiB`.
    Size,
    /// `true` or `false`.
    Switch,
    /// Several texts.
    List,
    /// A secret, which a profile or a flag cannot set: from the environment, or from this file in systemd's
    /// `$CREDENTIALS_DIRECTORY`.
    Secret(&'static str),
}

/// Returns the settings of a store: its own, then those of every resolver.
pub fn table(store: &Store) -> impl Iterator<Item = &'static Setting> + use<> {
    store.settings.iter().copied().flatten().chain(FAMILY)
}

/// Returns the known word that is most similar to `word`, to suggest it. `None` if none is similar.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
