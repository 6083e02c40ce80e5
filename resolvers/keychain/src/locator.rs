//! Finds which entry of a keychain a name means. Pure.

use std::fmt;

use secretref_protocol::{Failure, Field, Name};

/// What identifies an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Locator {
    /// Its service and account, and the attributes that it must have.
    Entry { service: String, account: String, more: Attributes },
    /// Only attributes that it must have.
    Attributes(Attributes),
    /// The name of a file.
    File(String),
}

/// The key of an `[ids]` entry that names the keychain. It is not an attribute.
pub(crate) const COLLECTION_KEY: &str = "collection";

/// Names and values, in the order of the names.
pub(crate) type Attributes = Vec<(String, String)>;

/// The attributes that can hold the account of an entry. The first is the one that most users of `secret-tool` choose,
/// that keyring uses, and that `set` writes.
pub(crate) const ACCOUNT: [&str; 2] = ["username", "account"];

impl Locator {
    /// Finds where a name leads in a keychain.
    ///
    /// `github.com/token` is an account of a service, with the service up to the last slash; `openai` an account of the
    /// `service` of the settings. An entry of `[ids]` has the account to the letter in `name`, the service in `service`,
    /// and any other attribute under its own name; without `name` it is looked for by its attributes alone.
    pub(crate) fn from_name(name: &Name, service: &str) -> Result<(Self, Field), Failure> {
        let field = field(name)?;
        let mut more = name.others.clone();
        if name.is_entry && name.name.is_empty() {
            if more.iter().all(|(key, _)| key == COLLECTION_KEY) {
                return Err(Failure::invalid_id(
                    "the entry in [ids] has only a `collection`, which does not identify an entry in it",
                    "add `name`, or attributes of the entry",
                ));
            }
            return Ok((Self::Attributes(more), field));
        }
        if let Some((key, _)) = more.iter().find(|(key, _)| ACCOUNT.contains(&key.as_str())) {
            return Err(Failure::invalid_id(
                format!("the entry in [ids] has both `name` and `{key}`, which mean the same"),
                "remove one of them",
            ));
        }
        let given = more.iter().position(|(key, _)| key == "service").map(|at| more.remove(at).1);
        let (written, account) = match name.name.rsplit_once('/') {
            Some((service, account)) if !name.is_entry => (Some(service), account),
            _ => (None, name.name.as_str()),
        };
        let service = given.as_deref().or(written).unwrap_or(service);
        if service.is_empty() || account.is_empty() {
            return Err(Failure::invalid_id(
                "the id has nothing before or after its last /",
                "write service/account, or only the account",
            ));
        }
        Ok((Self::Entry { service: service.to_owned(), account: account.to_owned(), more }, field))
    }

    /// Finds which file of systemd's credentials a name means: `openclaw/openai` is `openclaw_openai`, as systemd names
    /// the files of a folder that it loads.
    pub(crate) fn from_file(name: &Name) -> Result<(Self, Field), Failure> {
        let field = field(name)?;
        if !name.others.is_empty() {
            return Err(no_attributes("systemd"));
        }
        let file = if name.is_entry { name.name.clone() } else { name.name.replace('/', "_") };
        if file.contains(['/', '\0']) || matches!(file.as_str(), "" | "." | "..") {
            return Err(Failure::invalid_id(
                "this is not a valid name of a credential",
                "write the name of a file in the folder of credentials",
            ));
        }
        Ok((Self::File(file), field))
    }

    /// Returns service and account, for a store that knows an entry only by these.
    pub(crate) fn pair(&self, store: &str) -> Result<(&str, &str), Failure> {
        match self {
            Self::Entry { service, account, more } if more.is_empty() => Ok((service, account)),
            _ => Err(no_attributes(store)),
        }
    }

    /// Returns the service of an entry.
    #[cfg(target_os = "linux")]
    pub(crate) fn service(&self) -> Option<&str> {
        match self {
            Self::Entry { service, .. } => Some(service),
            _ => None,
        }
    }

    /// Returns the account of an entry.
    #[cfg(target_os = "linux")]
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Self::Entry { account, .. } => Some(account),
            _ => None,
        }
    }

    /// Returns the searches to ask the Secret Service for. An entry that matches one of them is meant.
    #[cfg(any(target_os = "linux", test))]
    pub(crate) fn searches(&self) -> Vec<Vec<(&str, &str)>> {
        match self {
            Self::Entry { service, account, more } => ACCOUNT
                .iter()
                .map(|key| [("service", service.as_str()), (*key, account.as_str())])
                .map(|own| own.into_iter().chain(borrowed(more)).collect())
                .collect(),
            Self::Attributes(attributes) => vec![borrowed(attributes).collect()],
            Self::File(_) => Vec::new(),
        }
    }
}

#[cfg(target_os = "linux")]
impl Locator {
    /// Returns whether the entry at a path, with these attributes, is meant.
    pub(crate) fn is_met_by(&self, path: &str, said: &std::collections::BTreeMap<String, String>) -> bool {
        let has = |(key, value): &(&str, &str)| said.get(*key).is_some_and(|own| own == value);
        self.is_in(path) && self.searches().iter().any(|search| search.iter().all(has))
    }

    /// Returns whether the entry at a path is in the collection that the locator names, if it names one.
    pub(crate) fn is_in(&self, path: &str) -> bool {
        let own = path.rsplit_once('/').map(|(collection, _)| keychain_of(collection));
        self.collection().is_none_or(|name| own == Some(name))
    }

    /// Returns the collection that the entry must be in.
    pub(crate) fn collection(&self) -> Option<&str> {
        match self {
            Self::Entry { more, .. } | Self::Attributes(more) => {
                more.iter().find(|(key, _)| key == COLLECTION_KEY).map(|(_, name)| name.as_str())
            }
            Self::File(_) => None,
        }
    }
}

/// Returns the name of the collection at a path.
#[cfg(target_os = "linux")]
pub(crate) fn keychain_of(collection: &str) -> &str {
    collection.rsplit('/').next().unwrap_or_default()
}

#[cfg(any(target_os = "linux", test))]
fn borrowed(attributes: &Attributes) -> impl Iterator<Item = (&str, &str)> {
    let attributes = attributes.iter().filter(|(key, _)| key != COLLECTION_KEY);
    attributes.map(|(key, value)| (key.as_str(), value.as_str()))
}

fn field(name: &Name) -> Result<Field, Failure> {
    match &name.version {
        Some(_) => {
            Err(Failure::invalid_id("a keychain keeps no versions", "leave the version out of the id"))
        }
        None => Ok(name.field.clone().unwrap_or(Field::Whole)),
    }
}

fn no_attributes(store: &str) -> Failure {
    Failure::invalid_id(
        format!("the store {store} does not find entries by their attributes"),
        "use only `name`, `service` and `field` in the entry of [ids]",
    )
}

/// Writes the locator like an id, if it can be one.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = match self {
            Self::Entry { service, account, more } => {
                write!(f, "{service}/{account}")?;
                if more.is_empty() {
                    return Ok(());
                }
                f.write_str(" with ")?;
                more
            }
            Self::Attributes(attributes) => attributes,
            Self::File(file) => return f.write_str(file),
        };
        for (at, (key, value)) in attributes.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, others: &[(&str, &str)]) -> Name {
        let others = others.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Name { name: name.into(), others, is_entry: true, field: Some(Field::Whole), ..Name::default() }
    }

    fn id(name: &str) -> Name {
        Name { name: name.into(), ..Name::default() }
    }

    fn from_name(name: &Name) -> Result<Locator, &'static str> {
        Locator::from_name(name, "openclaw")
            .map(|(locator, _)| locator)
            .map_err(|failure| failure.kind().code())
    }

    #[test]
    fn where_a_name_leads() {
        for (name, want) in [
            (id("openai"), "service=openclaw username=openai | service=openclaw account=openai"),
            (id("github.com/me"), "service=github.com username=me | service=github.com account=me"),
            (
                id("https://x.example/v1/me"),
                "service=https://x.example/v1 username=me | service=https://x.example/v1 account=me",
            ),
            (entry("a/b", &[]), "service=openclaw username=a/b | service=openclaw account=a/b"),
            (
                entry("me", &[("domain", "d"), ("service", "smtp")]),
                "service=smtp username=me domain=d | service=smtp account=me domain=d",
            ),
            (entry("", &[("Title", "Mail")]), "Title=Mail"),
            (entry("", &[("Title", "Mail"), ("collection", "login")]), "Title=Mail"),
            (entry("", &[("service", "smtp")]), "service=smtp"),
        ] {
            let searches = from_name(&name).unwrap();
            let searches: Vec<String> = searches
                .searches()
                .iter()
                .map(|search| {
                    let pairs: Vec<_> = search.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    pairs.join(" ")
                })
                .collect();
            assert_eq!(searches.join(" | "), want, "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_an_entry() {
        for name in ["openclaw/", "/openai", ""] {
            assert_eq!(from_name(&id(name)), Err("INVALID_ID"), "{name}");
        }
        assert_eq!(from_name(&Name { version: Some("3".into()), ..id("a") }), Err("INVALID_ID"));
        assert_eq!(from_name(&entry("", &[("collection", "login")])), Err("INVALID_ID"));
    }

    #[test]
    fn ids_of_one_entry_have_equal_locators() {
        assert_eq!(from_name(&id("openclaw/openai")), from_name(&id("openai")));
        assert_eq!(from_name(&id("openai")), from_name(&entry("openai", &[("service", "openclaw")])));
    }

    #[test]
    fn the_file_of_a_credential() {
        let from_name = |name: &Name| Locator::from_file(name).ok().map(|(locator, _)| locator.to_string());
        for (name, want) in [
            (id("openai"), Some("openai")),
            (id("openclaw/openai"), Some("openclaw_openai")),
            (entry("a.b", &[]), Some("a.b")),
            (entry("a/b", &[]), None),
            (entry("..", &[]), None),
            (entry("a", &[("service", "s")]), None),
        ] {
            assert_eq!(from_name(&name).as_deref(), want, "{name:?}");
        }
    }

    #[test]
    fn a_store_of_pairs_takes_no_attributes() {
        let pair = |name: &Name| {
            from_name(name).unwrap().pair("file").map(|(service, account)| format!("{service}|{account}"))
        };
        assert_eq!(pair(&id("openai")).unwrap(), "openclaw|openai");
        assert_eq!(pair(&entry("a", &[("x", "y")])).unwrap_err().kind().code(), "INVALID_ID");
        assert_eq!(from_name(&entry("a", &[("x", "y")])).unwrap().to_string(), "openclaw/a with x=y");
    }
}
