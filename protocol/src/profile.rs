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

use crate::environment::{Environment, recorded_home};
use crate::failure::Failure;
use crate::id::Id;
use crate::profile_permissions::read_trusted;
use crate::selector::{Field, Name};
use crate::store::{Kind, NameKeys, Setting, Store, nearest, table};

/// What a profile says, with its keys checked and its values not yet.
#[derive(Debug)]
pub struct Profile {
    /// The settings that it sets.
    pub values: BTreeMap<String, toml::Value>,
    /// The environment variables that may fill what it leaves unset.
    pub env: Vec<String>,
    /// What stands for an id.
    pub ids: HashMap<String, Name>,
    /// The file it was read from.
    pub path: PathBuf,
}

impl Profile {
    /// What holds without a profile: nothing is set, and every variable of the store counts.
    #[must_use]
    pub fn none(store: &Store) -> Self {
        let env = table(store).flat_map(|setting| setting.env).map(|name| (*name).to_owned()).collect();
        Self { values: BTreeMap::new(), env, ids: HashMap::new(), path: PathBuf::new() }
    }

    /// Reads `--profile`'s argument: a file if it has a `/`, else a name in `~/.config/secretref`.
    ///
    /// Fails with `MISCONFIGURED` where somebody else could have written the file, and where it is no profile.
    pub fn read(store: &Store, argument: &str, environment: &Environment) -> Result<Self, Failure> {
        if argument.is_empty() {
            return Err(Failure::misconfigured("--profile names nothing", "write a path or a name after it"));
        }
        let path = if argument.contains('/') {
            PathBuf::from(argument)
        } else if Path::new(argument).extension().is_some_and(|extension| extension == "toml") {
            return Err(Failure::misconfigured(
                format!("--profile {argument} is neither a path nor a name"),
                format!(
                    "write ./{argument} for a file here, or leave out .toml for one in ~/.config/secretref"
                ),
            ));
        } else {
            recorded_home(environment.uid)?.join(".config/secretref").join(format!("{argument}.toml"))
        };
        let text = read_trusted(&path, environment.uid)?;
        let profile = Self::parse(store, &text).map_err(|failure| match other_resolver(store, &text) {
            Some(other) => is_of_other(&path, store.binary, other),
            None => failure.context(path.display()),
        })?;
        Ok(Self { path, ..profile })
    }

    /// Reads the text of a profile.
    pub fn parse(store: &Store, text: &str) -> Result<Self, Failure> {
        let mut values: BTreeMap<String, toml::Value> = toml::from_str(text).map_err(|error| {
            let before = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.get(..before).unwrap_or_default().matches('\n').count() + 1;
            Failure::misconfigured(
                format!("line {line} of the profile is not TOML"),
                "correct it: strings need quotes, and a key can be set once",
            )
        })?;
        let env = match values.remove("env") {
            None => Vec::new(),
            Some(toml::Value::Array(items)) => strings(items).ok_or_else(env_is_wrong)?,
            Some(_) => return Err(env_is_wrong()),
        };
        let ids = match values.remove("ids") {
            None => HashMap::new(),
            Some(toml::Value::Table(entries)) => entries
                .into_iter()
                .map(|(id, entry)| Ok((id.clone(), name(store, &id, entry)?)))
                .collect::<Result<_, Failure>>()?,
            Some(_) => {
                return Err(Failure::misconfigured(
                    "`ids` in the profile is not a table",
                    "write [ids] on a line of its own",
                ));
            }
        };
        Self { values, env, ids, path: PathBuf::new() }.checked(store)
    }

    /// Refuses keys and variables that the store does not know, and secrets.
    fn checked(self, store: &Store) -> Result<Self, Failure> {
        for key in self.values.keys() {
            match table(store).find(|setting| setting.key == *key) {
                Some(setting) if matches!(setting.kind, Kind::Secret(_)) => return Err(is_secret(setting)),
                Some(_) => {}
                None => {
                    let known = table(store).map(|setting| setting.key).chain(["env", "ids"]);
                    return Err(unknown("key", key, nearest(key, known)));
                }
            }
        }
        let known = || table(store).flat_map(|setting| setting.env).copied();
        match self.env.iter().find(|listed| known().all(|name| name != *listed)) {
            // `VAULT_TOKEN=hvs.…`: what has not the look of a name may be a secret.
            Some(listed)
                if !listed.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') =>
            {
                Err(Failure::misconfigured(
                    "`env` in the profile lists what is not the name of a variable",
                    "list names alone, env = [\"NAME\"]: their values stand in the environment",
                ))
            }
            Some(listed) => Err(unknown("variable in `env`:", listed, nearest(listed, known()))),
            None => Ok(self),
        }
    }
}

/// The resolver that the first line of a profile names, where that is another: `secretref-…`.
fn other_resolver<'t>(store: &Store, text: &'t str) -> Option<&'t str> {
    let words = text.lines().next()?.strip_prefix("#!")?.split_whitespace();
    let mut names = words.filter_map(|word| word.rsplit('/').next());
    names.find(|name| name.starts_with("secretref-")).filter(|name| !name.starts_with(store.binary))
}

fn is_of_other(path: &Path, own: &str, other: &str) -> Failure {
    Failure::misconfigured(
        format!("{} is a profile of {other}, by its first line, and this is {own}", path.display()),
        format!("use {other}, or name another profile"),
    )
}

/// No secret is written into a profile: says which other places it can come from.
fn is_secret(setting: &Setting) -> Failure {
    let file = setting.file.map(|file| format!("name a file with `{file}`"));
    let variable = setting.env.last().map(|name| format!("list the variable in it: env = [\"{name}\"]"));
    let ways: Vec<_> = [file, variable].into_iter().flatten().collect();
    Failure::misconfigured(
        format!("`{}` in the profile is a secret", setting.key),
        format!("a profile holds none: {}", ways.join(", or ")),
    )
}

fn env_is_wrong() -> Failure {
    Failure::misconfigured("`env` in the profile is not a list of strings", "write env = [\"NAME\"]")
}

fn unknown(what: &str, word: &str, nearest: Option<&str>) -> Failure {
    let remedy = nearest.map_or_else(
        || "see --help for those there are".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    );
    Failure::misconfigured(format!("the profile has an unknown {what} `{word}`"), remedy)
}

/// The strings of a TOML array, or `None` where one is something else.
pub(crate) fn strings(items: Vec<toml::Value>) -> Option<Vec<String>> {
    items
        .into_iter()
        .map(|item| match item {
            toml::Value::String(text) => Some(text),
            _ => None,
        })
        .collect()
}

/// What an entry of `[ids]` can say for every store.
const OWN_KEYS: [&str; 4] = ["name", "field", "line", "version"];

/// One entry of `[ids]`.
fn name(store: &Store, id: &str, entry: toml::Value) -> Result<Name, Failure> {
    let wrong = |why: String, remedy: &str| {
        Failure::misconfigured(format!("the entry `{id}` of [ids] {why}"), remedy.to_owned())
    };
    if Id::parse(id).is_err() {
        return Err(wrong(
            "is not an id that a gateway can ask for".into(),
            "use A-Z a-z 0-9 . _ : / # -, a letter or digit first",
        ));
    }
    let toml::Value::Table(entry) = entry else {
        let remedy = "write { name = \"…\", field = \"…\" }, or move a setting above [ids]";
        return Err(wrong("is not a table".into(), remedy));
    };
    if entry.contains_key("field") && entry.contains_key("line") {
        return Err(wrong("has both `field` and `line`".into(), "leave one of them out"));
    }
    let mut name = Name { is_entry: true, ..Name::default() };
    for (key, value) in entry {
        if key == "line" {
            let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
            let Some(number) = number.filter(|number| *number > 0) else {
                return Err(wrong("has a `line` that is no number from 1 on".into(), "write line = 1"));
            };
            name.field = Some(Field::Line(number));
            continue;
        }
        let takes_any = matches!(store.name_keys, NameKeys::Any);
        let is_other = takes_any && !OWN_KEYS.contains(&key.as_str());
        let text = match value {
            toml::Value::String(text) if !text.is_empty() || is_other => text,
            toml::Value::Integer(number) if key == "version" => number.to_string(),
            _ => {
                return Err(wrong(
                    format!("has a `{key}` that is not a string with something in it"),
                    "correct the value",
                ));
            }
        };
        match key.as_str() {
            "name" => name.name = text,
            "field" => name.field = Some(Field::parse(&text)),
            "version" => name.version = Some(text),
            _ => match store.name_keys.known().iter().find(|known| **known == key) {
                Some(own) => name.keys.push((own, text)),
                None if takes_any => name.others.push((key, text)),
                None => {
                    let known = store.name_keys.known().iter().copied().chain(OWN_KEYS);
                    let meant = nearest(&key, known).unwrap_or("name");
                    return Err(wrong(
                        format!("has an unknown key `{key}`"),
                        &format!("did you mean `{meant}`?"),
                    ));
                }
            },
        }
    }
    if name.name.is_empty() && name.others.is_empty() {
        return Err(wrong("has no `name`".into(), "say which secret it stands for"));
    }
    // An entry says all there is to say: without a field it means the whole secret, never the store's short form.
    name.field.get_or_insert(Field::Whole);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::run::Run;
    use crate::secret::Secret;
    use crate::settings::Settings;

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
    fn beside_a_profile_only_listed_variables_count_and_never_over_a_set_key() {
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
                "name a file with `token_file`, or list the variable in it: env = [\"KEY_ID\"]",
            ),
            ("env = [\"ADR\"]", "did you mean `ADDR`?"),
            ("env = [\"TOKEN=hvs.secret\"]", "list names alone"),
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
    fn an_entry_of_ids_stands_for_an_id() {
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
    fn relative_paths_start_from_the_profile_and_a_missing_home_fails_only_where_it_is_needed() {
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
