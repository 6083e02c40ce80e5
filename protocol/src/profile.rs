//! A profile: the settings of one provider in a TOML file.
//!
//! ```toml
//! #!/usr/bin/secretref-vault --profile
//! address = "https://vault.example.com:8200"
//! token_file = "/run/vault/token"
//! allow = ["providers/**"]
//!
//! [ids]
//! "slack" = { name = "teams/chat (old)", field = "token", version = "3", mount = "kv" }
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::base_profile::{Base, extend};
use crate::environment::{Environment, recorded_home};
use crate::failure::Failure;
use crate::profile_ids::entry;
use crate::profile_permissions::read_trusted;
use crate::selector::Name;
use crate::store::{Kind, Setting, Store, nearest, table};

/// The content of a profile: its keys are checked, its values are not yet.
#[derive(Debug)]
pub struct Profile {
    /// The settings that it sets.
    pub values: BTreeMap<String, toml::Value>,
    /// The environment variables that may set what the profile does not set.
    pub env: Vec<String>,
    /// Whether it says so, even if it lists none.
    pub sets_env: bool,
    /// The entries of `[ids]`: the name of a secret for each id.
    pub ids: HashMap<String, Name>,
    /// The file it was read from.
    pub path: PathBuf,
    /// The base that `extends` names, until it is read.
    pub extends: Option<PathBuf>,
    /// The base that it was read with.
    pub base: Option<Base>,
}

impl Profile {
    /// Returns what applies without a profile: nothing is set, and every variable of the store counts.
    #[must_use]
    pub fn none(store: &Store) -> Self {
        let env = table(store).flat_map(|setting| setting.env).map(|name| (*name).to_owned()).collect();
        Self {
            values: BTreeMap::new(),
            env,
            sets_env: false,
            ids: HashMap::new(),
            path: PathBuf::new(),
            extends: None,
            base: None,
        }
    }

    /// Reads `--profile`'s argument: a file if it has a `/`, else a name in `~/.config/secretref`.
    ///
    /// # Errors
    /// `MISCONFIGURED` if another user could have written the file, or if it is not a valid profile.
    pub fn read(store: &Store, argument: &str, environment: &Environment) -> Result<Self, Failure> {
        let path = path_of(argument, environment.uid)?;
        let text = read_trusted(&path, environment.uid)?;
        Self::read_text(store, &text, path)
    }

    /// Reads the text of the file `path`, and the base that it extends.
    ///
    /// # Errors
    /// `MISCONFIGURED` if it is not a valid profile, or its base is not valid or not only root's.
    pub(crate) fn read_text(store: &Store, text: &str, path: PathBuf) -> Result<Self, Failure> {
        let profile = Self::parse(store, text).map_err(|failure| match other_resolver(store, text) {
            Some(other) => is_of_other(&path, store.binary, other),
            None => failure.context(path.display()),
        })?;
        let profile = Self { path, ..profile };
        if profile.extends.is_some() { extend(store, profile) } else { Ok(profile) }
    }

    /// Whether a text is a profile of this store that sets something.
    pub(crate) fn is_of(store: &Store, text: &str) -> bool {
        let sets = |profile: Self| !profile.values.is_empty() || profile.extends.is_some();
        Self::parse(store, text).is_ok_and(sets)
    }

    /// Parses the text of a profile.
    ///
    /// # Errors
    /// `MISCONFIGURED`, with the line or the key that is wrong.
    pub fn parse(store: &Store, text: &str) -> Result<Self, Failure> {
        let mut values: BTreeMap<String, toml::Value> = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.get(..before).unwrap_or_default().matches('\n').count() + 1;
            Failure::misconfigured(
                format!("line {line} of the profile is not TOML"),
                "correct it: strings need quotes, and a key can be set only once",
            )
        })?;
        let sets_env = values.contains_key("env");
        let env = match values.remove("env") {
            None => Vec::new(),
            Some(toml::Value::Array(items)) => strings(items).ok_or_else(env_is_wrong)?,
            Some(_) => return Err(env_is_wrong()),
        };
        let ids = match values.remove("ids") {
            None => HashMap::new(),
            Some(toml::Value::Table(entries)) => entries
                .into_iter()
                .map(|(id, value)| Ok((id.clone(), entry(store.name_keys, &id, value)?)))
                .collect::<Result<_, Failure>>()?,
            Some(_) => {
                return Err(Failure::misconfigured(
                    "`ids` in the profile is not a table",
                    "write [ids] on a line of its own",
                ));
            }
        };
        let extends = match values.remove("extends") {
            None => None,
            Some(toml::Value::String(path)) if path.starts_with('/') => Some(path.into()),
            Some(_) => {
                return Err(Failure::misconfigured(
                    "`extends` in the profile is not an absolute path",
                    "write extends = \"/etc/secretref/NAME.toml\"",
                ));
            }
        };
        Self { values, env, sets_env, ids, path: PathBuf::new(), extends, base: None }.checked(store)
    }

    /// Fails if the profile has a key or a variable that the store does not know, or a secret.
    fn checked(self, store: &Store) -> Result<Self, Failure> {
        for key in self.values.keys() {
            let named = |setting: &&Setting| setting.key == *key || setting.env.contains(&key.as_str());
            match table(store).find(named) {
                Some(setting) if matches!(setting.kind, Kind::Secret(_)) => return Err(is_secret(setting)),
                Some(setting) if setting.key == *key => {}
                Some(setting) => return Err(unknown("key", key, Some(setting.key))),
                None => {
                    let known = table(store).map(|setting| setting.key).chain(["env", "extends", "ids"]);
                    return Err(unknown("key", key, nearest(key, known)));
                }
            }
        }
        let known = || table(store).flat_map(|setting| setting.env).copied();
        match self.env.iter().find(|listed| known().all(|name| name != *listed)) {
            // Not quoted if it does not look like a name, as `VAULT_TOKEN=hvs.…`: it may contain a secret.
            Some(listed)
                if !listed.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') =>
            {
                Err(Failure::misconfigured(
                    "`env` in the profile lists something that is not the name of a variable",
                    "list only names, env = [\"NAME\"]: the values are in the environment",
                ))
            }
            Some(listed) => Err(unknown("variable in `env`:", listed, nearest(listed, known()))),
            None => Ok(self),
        }
    }
}

/// Returns the path of the profile that the argument of `--profile` means.
///
/// # Errors
/// `MISCONFIGURED` if it is neither a path nor a name, or if the user has no home.
pub(crate) fn path_of(argument: &str, uid: u32) -> Result<PathBuf, Failure> {
    if argument.is_empty() {
        return Err(Failure::misconfigured("--profile is empty", "write a path or a name after it"));
    }
    if argument.contains('/') {
        return Ok(argument.into());
    }
    if Path::new(argument).extension().is_some_and(|extension| extension == "toml") {
        return Err(Failure::misconfigured(
            format!("--profile {argument} is neither a path nor a name"),
            format!(
                "write ./{argument} for a file in this folder, or leave out .toml for a profile in ~/.config/secretref"
            ),
        ));
    }
    Ok(recorded_home(uid)?.join(".config/secretref").join(format!("{argument}.toml")))
}

/// Returns the resolver that the first line of a profile names, `secretref-…`, if it is another one.
pub(crate) fn other_resolver<'t>(store: &Store, text: &'t str) -> Option<&'t str> {
    let words = text.lines().next()?.strip_prefix("#!")?.split_whitespace();
    let mut names = words.filter_map(|word| word.rsplit('/').next());
    names.find(|name| name.starts_with("secretref-")).filter(|name| !name.starts_with(store.binary))
}

fn is_of_other(path: &Path, own: &str, other: &str) -> Failure {
    Failure::misconfigured(
        format!("{} is a profile for {other}, by its first line, but this is {own}", path.display()),
        format!("use {other}, or another profile"),
    )
}

/// Returns the failure of a profile with a secret in it; it says where the secret can be.
fn is_secret(setting: &Setting) -> Failure {
    let file = setting.file.map(|file| format!("put it into a file and set `{file}` to its path"));
    let variable = setting.env.last().map(|name| format!("list its variable: env = [\"{name}\"]"));
    let ways: Vec<_> = [file, variable].into_iter().flatten().collect();
    Failure::misconfigured(
        format!("`{}` in the profile is a secret", setting.key),
        format!("secrets cannot be in a profile: {}", ways.join(", or ")),
    )
}

fn env_is_wrong() -> Failure {
    Failure::misconfigured("`env` in the profile is not a list of strings", "write env = [\"NAME\"]")
}

fn unknown(what: &str, word: &str, nearest: Option<&str>) -> Failure {
    let remedy = nearest.map_or_else(
        || "run `settings` to see the known ones".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    );
    Failure::misconfigured(format!("the profile has an unknown {what} `{word}`"), remedy)
}

/// Returns the strings of a TOML array, or `None` if one item is not a string.
pub(crate) fn strings(items: Vec<toml::Value>) -> Option<Vec<String>> {
    items
        .into_iter()
        .map(|item| match item {
            toml::Value::String(text) => Some(text),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::run::Run;
    use crate::secret::Secret;
    use crate::selector::Field;
    use crate::settings::Settings;
    use crate::store::NameKeys;

    const ADDRESS: Setting<str> = Setting::text("address", "").env(&["ADDR", "OLD_ADDR"]);
    const TOKEN: Setting<Secret> = Setting::secret("token", "x-token", "").env(&["TOKEN"]).file(&TOKEN_FILE);
    const TOKEN_FILE: Setting<Path> = Setting::path("token_file", "");
    const KEY_ID: Setting<Secret> = Setting::secret("key_id", "x-key", "").env(&["KEY_ID"]).file(&TOKEN_FILE);
    const TABLE: &[Setting] = &[ADDRESS.row(), TOKEN.row(), TOKEN_FILE.row(), KEY_ID.row()];

    const STORE: Store = Store {
        binary: "secretref-x",
        version: "0",
        about: "",
        settings: &[TABLE],
        name_keys: NameKeys::Only(&["mount"]),
        form: "name[#field]",
        examples: "",
        profile: "",
    };

    fn environment() -> Environment {
        Environment::new(u32::MAX - 1, |name| match name {
            "ADDR" => Some("from-env".into()),
            "TOKEN" => Some(" t \n".into()),
            _ => None,
        })
    }

    fn load(text: &str) -> Result<Settings, String> {
        Profile::parse(&STORE, text)
            .and_then(|profile| {
                Settings::load(&STORE, &Vec::new(), Some(profile), &environment(), &Run::new(Instant::now()))
            })
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn with_a_profile_only_listed_variables_count_and_never_over_a_set_key() {
        assert_eq!(load("").unwrap().text(&ADDRESS), None);
        assert_eq!(load(r#"env = ["ADDR"]"#).unwrap().text(&ADDRESS), Some("from-env"));
        let both = load("address = \"mine\"\nenv = [\"ADDR\", \"TOKEN\"]").unwrap();
        assert_eq!(both.text(&ADDRESS), Some("mine"));
        assert_eq!(both.secret(&TOKEN).unwrap().unwrap().0.expose(), "t");
        assert!(load("").unwrap().secret(&TOKEN).unwrap().is_none());
    }

    #[test]
    fn without_a_profile_flag_over_environment_over_default() {
        let flags = vec![("timeout", vec!["1500ms".to_owned()])];
        let settings =
            Settings::load(&STORE, &flags, None, &environment(), &Run::new(Instant::now())).unwrap();
        assert_eq!(settings.text(&ADDRESS), Some("from-env"));
        assert_eq!(settings.timeout().as_millis(), 1500);
        assert_eq!(settings.max_output(), 1 << 20);
    }

    #[test]
    fn a_profile_of_another_resolver_is_known_by_its_first_line() {
        for (line, other) in [
            ("#!/usr/bin/secretref-y --profile", Some("secretref-y")),
            ("#!/usr/bin/env -S secretref-y --profile", Some("secretref-y")),
            ("#!/usr/bin/secretref-x --profile", None),
            ("#!/opt/secretref-x-1.2/secretref-x-1.2 --profile", None),
            ("#!/opt/secretref-y/resolver --profile", None),
            ("# secretref-y", None),
            ("", None),
        ] {
            assert_eq!(other_resolver(&STORE, line), other, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        for (text, words) in [
            ("adress = \"a\"", "unknown key `adress`: did you mean `address`?"),
            ("token = \"hvs.secret\"", "`token` in the profile is a secret"),
            (
                "key_id = \"hvs.secret\"",
                "set `token_file` to its path, or list its variable: env = [\"KEY_ID\"]",
            ),
            ("env = [\"ADR\"]", "did you mean `ADDR`?"),
            ("env = [\"TOKEN=hvs.secret\"]", "list only names"),
            ("env = \"ADDR\"", "write env = [\"NAME\"]"),
            ("address = 4", "`address` in the profile is not a string"),
            ("timeout = \"4\"", "`timeout` is not a duration"),
            ("timeout = \"0s\"", "`timeout` is not a duration"),
            ("max_output = 12", "at least 1KiB"),
            ("json_fields = \"yes\"", "`json_fields` in the profile is not true or false"),
            ("allow = \"a\"", "`allow` in the profile is not a list of strings"),
            ("address = \"a\"\n\ntimeout = 4s", "line 3 of the profile is not TOML"),
            ("address = \"a\"\naddress = \"b\"", "line 2 of the profile is not TOML"),
            ("[ids]\n\"a b\" = { name = \"x\" }", "entry `a b` of [ids] is not an id"),
            ("[ids]\na = { name = \"x\", mont = \"y\" }", "unknown key `mont`: did you mean `mount`?"),
            ("[ids]\na = { field = \"x\" }", "has no `name`"),
            ("[ids]\na = \"x\"", "is not a table"),
        ] {
            let message = load(text).err().unwrap();
            assert!(message.contains(words), "{text}: {message}");
            assert!(!message.contains("hvs.secret"), "{message}");
        }
    }

    #[test]
    fn an_entry_of_ids_gives_the_name_of_an_id() {
        let settings = load("[ids]\na = { name = \"b c\", field = \"/k\", version = 3, mount = \"kv\" }\nw = { name = \"x\" }").unwrap();
        let name = settings.name("a").unwrap();
        assert_eq!((name.name.as_str(), name.key("mount")), ("b c", Some("kv")));
        assert_eq!(
            (name.field.as_ref(), name.version.as_deref()),
            (Some(&Field::Pointer("/k".into())), Some("3"))
        );
        assert_eq!(settings.name("w").unwrap().field, Some(Field::Whole));
        assert!(settings.name("b").is_none());
    }

    #[test]
    fn a_store_may_take_any_key_in_an_entry() {
        let store = Store { name_keys: NameKeys::Any, ..STORE };
        let entry = |text: &str| Profile::parse(&store, text).map(|profile| profile.ids["a"].clone());
        let name = entry("[ids]\na = { \"xdg:schema\" = \"s\", Title = \"t\" }").unwrap();
        assert_eq!((name.name.as_str(), name.field.as_ref()), ("", Some(&Field::Whole)));
        assert_eq!(name.others, [("Title".into(), "t".into()), ("xdg:schema".into(), "s".into())]);
        assert!(entry("[ids]\na = { field = \"f\" }").unwrap_err().what().contains("no `name`"));
        assert!(
            entry("[ids]\na = { Title = 3 }").unwrap_err().what().contains("`Title` that is not a string")
        );
    }

    #[test]
    fn relative_paths_start_from_the_profile_and_a_missing_home_fails_only_if_it_is_needed() {
        let at = |text: &str| {
            let profile = Profile { path: "/etc/x/p.toml".into(), ..Profile::parse(&STORE, text).unwrap() };
            Settings::load(&STORE, &Vec::new(), Some(profile), &environment(), &Run::new(Instant::now()))
                .unwrap()
                .path(&TOKEN_FILE)
        };
        assert_eq!(at("token_file = \"t\"").unwrap(), Some("/etc/x/t".into()));
        assert_eq!(at("token_file = \"/t\"").unwrap(), Some("/t".into()));
        assert!(at("token_file = \"~/t\"").unwrap_err().what().contains("no home"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,80}|([a-z_]{1,9}|\\[ids\\]|\"[a-z]{0,3}\"|[=\\n{},\\[\\]#]){0,30}") {
            let _ = load(&text);
        }
    }
}
