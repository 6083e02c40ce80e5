//! What a store is called, and the one table of its settings: flags, environment, profile and help come from it.

/// A store as the family's shared code speaks of it.
pub struct Store {
    /// The binary, `secretref-vault`.
    pub binary: &'static str,
    /// The version of the binary.
    pub version: &'static str,
    /// What the store is, for the first line of the help.
    pub about: &'static str,
    /// The store's own settings, as tables that are read one after the other.
    pub settings: &'static [&'static [Setting]],
    /// What an `[ids]` entry may set besides `name`, `field` and `version`.
    pub name_keys: NameKeys,
    /// How an id is written, for the help: `name[#field[#version]]`.
    pub form: &'static str,
    /// Examples for the end of the help, one command a line.
    pub examples: &'static str,
    /// An example of a profile, below its first line.
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
    /// Those that are known by name.
    #[must_use]
    pub fn known(self) -> &'static [&'static str] {
        match self {
            Self::Only(keys) => keys,
            Self::Any => &[],
        }
    }
}

/// One setting: what it is called, what it may be, and where it may come from.
#[derive(Debug)]
pub struct Setting {
    /// Its key in a profile; the flag is the same with dashes.
    pub key: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// The environment variables that set it, the first that is set counts.
    pub env: &'static [&'static str],
    /// Its value where nothing sets it, as it would be written in a profile.
    pub default: Option<&'static str>,
    /// Whether it decides where credentials go, or which secrets come back. Beside a profile such a flag is refused:
    /// whoever writes a gateway's `args` need not be the one who wrote the profile.
    pub security_sensitive: bool,
    /// What it is for, in one line.
    pub help: &'static str,
}

impl Store {
    /// What a profile and a gateway's provider are called in examples: the binary's own part of its name.
    pub(crate) fn name(&self) -> &'static str {
        self.binary.trim_start_matches("secretref-")
    }
}

impl Setting {
    /// How it is typed: `--token-file`.
    #[must_use]
    pub fn flag(&self) -> String {
        flag(self.key)
    }
}

/// How the setting of a key is typed.
pub(crate) fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// A setting that decides where credentials go, or which secrets come back.
#[must_use]
pub const fn security_sensitive(
    key: &'static str,
    kind: Kind,
    env: &'static [&'static str],
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting { key, kind, env, default, security_sensitive: true, help }
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file: absolute, from `~/`, or from the profile's folder.
    Path,
    /// `4s` or `1500ms`.
    Duration,
    /// Bytes: `65536`, `512KiB` or `1MiB`.
    Size,
    /// `true` or `false`.
    Switch,
    /// Several texts.
    List,
    /// A secret, which has neither key nor flag: from the environment, or from this file in systemd's
    /// `$CREDENTIALS_DIRECTORY`.
    Secret(&'static str),
}

/// The settings that every resolver has.
pub const FAMILY: &[Setting] = &[
    Setting {
        key: "allow",
        kind: Kind::List,
        env: &[],
        default: None,
        security_sensitive: true,
        help: "ids that may be resolved, as patterns: * stops at / and :, ** at : only",
    },
    Setting {
        key: "json_fields",
        kind: Kind::Switch,
        env: &[],
        default: Some("false"),
        security_sensitive: true,
        help: "give objects, arrays and whole secrets as their JSON text",
    },
    Setting {
        key: "log",
        kind: Kind::Choice(&["failures", "all", "off"]),
        env: &[],
        default: Some("failures"),
        // Whoever writes a gateway's `args` is not to silence it.
        security_sensitive: true,
        help: "which runs of a gateway leave a line in the system's log",
    },
    Setting {
        key: "max_output",
        kind: Kind::Size,
        env: &[],
        default: Some("1MiB"),
        security_sensitive: false,
        help: "the most bytes of a response; below the gateway's maxOutputBytes",
    },
    Setting {
        key: "timeout",
        kind: Kind::Duration,
        env: &[],
        default: Some("4s"),
        security_sensitive: false,
        help: "when to answer with what has arrived; below the gateway's timeoutMs, which is 5000 if not set",
    },
];

/// The settings of a store, its own first.
pub fn table(store: &Store) -> impl Iterator<Item = &'static Setting> + use<> {
    store.settings.iter().copied().flatten().chain(FAMILY)
}

/// The nearest of the known words, to say what was meant.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
