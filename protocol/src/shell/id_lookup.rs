//! Finds the ids for the secrets in a store, and new ids for names that cannot be ids.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::backend::Backend;
use crate::id::Id;
use crate::selector::{Field, Name};
use crate::settings::Settings;
use crate::text::is_unprintable;
use crate::text::quote;

/// The targets of ids, and the targets that were found in the store.
pub(super) struct Targets<'s, B: Backend> {
    backend: &'s B,
    settings: &'s Settings,
    /// The entries of `[ids]`.
    aliases: HashMap<Target<B>, &'s str>,
    /// The targets that were found.
    found: HashSet<Target<B>>,
    /// The new ids so far.
    given: HashSet<String>,
}

/// The location and the field of a secret.
pub(super) type Target<B> = (<B as Backend>::Locator, Field);

impl<'s, B: Backend> Targets<'s, B> {
    /// Starts with the entries of `[ids]`.
    pub(super) fn new(backend: &'s B, settings: &'s Settings) -> Self {
        let mut aliases = HashMap::new();
        for (id, name) in settings.entries() {
            if let Ok(target) = backend.locate(name) {
                aliases.entry(target).or_insert(id);
            }
        }
        Self { backend, settings, aliases, found: HashSet::new(), given: HashSet::new() }
    }

    /// Returns the id of an `[ids]` entry for this target.
    pub(super) fn alias(&self, target: &Target<B>) -> Option<&'s str> {
        self.aliases.get(target).copied()
    }

    /// Records a target in the store, so that no new id leads to it by chance.
    pub(super) fn find(&mut self, target: Target<B>) {
        self.found.insert(target);
    }

    /// Returns the target of an id. It can differ from the name that the id was made from: a second # is a version, a colon
    /// may have a meaning in the store, and an `[ids]` entry has priority.
    pub(super) fn leads_to(&self, id: &Id) -> Option<Target<B>> {
        match self.settings.name(id.as_str()) {
            Some(name) => self.backend.locate(name).ok(),
            None => self.backend.locate(&Name::from_id(id).ok()?).ok(),
        }
    }

    /// Returns an unused, valid id for a name that cannot itself be an id.
    pub(super) fn free_id(&mut self, name: &Name) -> String {
        let plain = plain(name);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let mut ids = std::iter::once(plain.clone()).chain(numbered);
        let is_free = |id: &String| {
            let leads_to = Id::parse(id).ok().and_then(|id| self.leads_to(&id));
            self.settings.name(id).is_none()
                && !self.given.contains(id)
                && leads_to.is_none_or(|target| !self.found.contains(&target))
        };
        let id = ids.find(is_free).unwrap_or_default();
        self.given.insert(id.clone());
        id
    }
}

/// Returns a name and its field in the characters of an id.
fn plain(name: &Name) -> String {
    let field = field_of(name).map(|field| format!("/{}", field.trim_start_matches('/'))).unwrap_or_default();
    // The keys, such as a mount, are included, so that patterns of `allow` can tell them apart.
    let target: String = name.keys.iter().flat_map(|(_, value)| [value, "/"]).collect();
    let text = format!("{target}{}{field}", name.name);
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "._/-".contains(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    // Leaves room for a number at the end.
    if Id::parse(plain).is_ok() && plain.len() < 240 { plain.to_owned() } else { "alias".to_owned() }
}

fn field_of(name: &Name) -> Option<&str> {
    match &name.field {
        Some(Field::Key(key) | Field::Pointer(key)) => Some(key),
        _ => None,
    }
}

/// Returns the TOML table of an `[ids]` entry for a name.
pub(super) fn entry(name: &Name, keys: &[&'static str]) -> String {
    let own = keys.iter().filter_map(|key| Some((*key, name.key(key)?)));
    let others = name.others.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let own_name = Some(name.name.as_str()).filter(|name| !name.is_empty());
    let pairs = [("name", own_name), ("field", field_of(name))];
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).chain(own).chain(others);
    let pairs = pairs.map(|(key, value)| format!("{} = {}", key_of(key), text_of(value)));
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

/// Writes a TOML key, without quotes if possible.
fn key_of(key: &str) -> String {
    let is_bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare { key.to_owned() } else { text_of(key) }
}

/// Writes a TOML string, which is a JSON string with visible escapes for all control characters.
fn text_of(text: &str) -> String {
    let mut quoted = String::new();
    for c in quote(text).chars() {
        if is_unprintable(c) {
            let _ = write!(quoted, "\\u{:04x}", u32::from(c));
        } else {
            quoted.push(c);
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::environment::Environment;
    use crate::failure::Failure;
    use crate::fetch_sink::FetchSink;
    use crate::profile::Profile;
    use crate::run::Run;
    use crate::store::{NameKeys, Store};

    /// A store in which the text before a colon in an id is a mount.
    struct Colons;

    impl Backend for Colons {
        const STORE: Store = Store {
            binary: "x",
            version: "0",
            about: "",
            settings: &[],
            name_keys: NameKeys::Only(&["mount"]),
            form: "name[#field]",
            examples: "",
            profile: "",
        };
        type Locator = String;
        type Scope = ();
        type Session = ();

        fn configure(_: &Settings) -> Result<Self, Failure> {
            Ok(Self)
        }

        fn locate(&self, name: &Name) -> Result<(String, Field), Failure> {
            let split = name.name.split_once(':').filter(|_| !name.is_entry);
            let (mount, path) = split.unwrap_or((name.key("mount").unwrap_or("usual"), &name.name));
            Ok((format!("{path} in {mount}"), name.field.clone().unwrap_or(Field::Whole)))
        }

        fn default_scope(&self) -> Result<(), Failure> {
            Ok(())
        }

        fn scope(&self, _: &String) {}

        async fn session(&self, (): &(), _: &[Vec<Self::Locator>], _: Option<&()>) -> Result<(), Failure> {
            Ok(())
        }

        async fn fetch(&self, (): &(), _: &[String], _: &FetchSink<'_, String>) {}
    }

    fn name(name: &str, field: &str, keys: &[(&'static str, &str)]) -> Name {
        let keys = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Name { name: name.into(), field: Some(Field::parse(field)), keys, is_entry: true, ..Name::default() }
    }

    fn with_places(profile: &str, look: impl FnOnce(&mut Targets<'_, Colons>)) {
        let environment = Environment::new(u32::MAX - 1, |_| None);
        let profile = Profile::parse(&Colons::STORE, profile).unwrap();
        let run = Run::new(Instant::now());
        let settings =
            Settings::load(&Colons::STORE, &Vec::new(), Some(profile), &environment, &run).unwrap();
        look(&mut Targets::new(&Colons, &settings));
    }

    #[test]
    fn an_id_leads_where_entry_colon_and_version_say() {
        with_places("[ids]\n\"a#k\" = { name = \"b\", field = \"k\" }", |targets| {
            let leads = |id: &str, name: &Name| {
                targets.leads_to(&Id::parse(id).unwrap()) == Some(Colons.locate(name).unwrap())
            };
            assert!(leads("c#k", &name("c", "k", &[])));
            assert!(leads("m:c#k", &name("c", "k", &[("mount", "m")])));
            assert!(!leads("m:c#k", &name("m:c", "k", &[])));
            assert!(!leads("a#k", &name("a", "k", &[])));
            assert!(leads("a#k", &name("b", "k", &[])));
            let target = |name| Colons.locate(&name).unwrap();
            assert_eq!(targets.alias(&target(name("b", "k", &[]))), Some("a#k"));
            assert_eq!(targets.alias(&target(name("b", "k", &[("mount", "m")]))), None);
        });
    }

    #[test]
    fn a_new_id_is_unused() {
        with_places("[ids]\n\"t-a/k\" = { name = \"b\" }", |targets| {
            targets.find(Colons.locate(&Name { name: "a-b/k".into(), ..Name::default() }).unwrap());
            for (path, field, id) in [
                ("a b", "k", "a-b/k-2"),
                ("a@b", "k", "a-b/k-3"),
                ("t a", "k", "t-a/k-2"),
                ("t@a", "/x~1y", "t-a/x-1y"),
                ("é", "", "alias"),
                ("@", "", "alias-2"),
            ] {
                assert_eq!(targets.free_id(&name(path, field, &[])), id);
            }
        });
        assert_eq!(
            entry(&name("a\"\u{7f}", "k", &[("mount", "m")]), &["mount"]),
            r#"{ name = "a\"\u007f", field = "k", mount = "m" }"#
        );
    }
}
