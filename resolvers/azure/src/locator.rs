//! The location of a secret: vault, name and version.

use std::fmt;
use std::hash::{Hash, Hasher};

use azure_security_keyvault_secrets::{ResourceExt, ResourceId};
use secretref_protocol::{Allow, Failure, Field, Kind, Name};

use crate::cloud::Cloud;
use crate::vault::Vault;

/// One version of one secret. Pure: it sends nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Locator {
    pub(crate) vault: Vault,
    pub(crate) name: SecretName,
    /// 32 hexadecimal digits in lower case; `None` for the newest.
    pub(crate) version: Option<String>,
}

/// The name of a secret, as it is written. Key Vault compares names without case, so this does, too.
#[derive(Debug, Clone)]
pub(crate) struct SecretName(String);

/// What a name that says nothing else gets, and what it may say.
#[derive(Debug)]
pub(crate) struct Defaults {
    pub(crate) vault: Option<Vault>,
    pub(crate) cloud: &'static Cloud,
    pub(crate) allow: Allow,
}

impl Locator {
    /// Parses a name into a location and a field.
    ///
    /// `openai-key` is a secret of the vault of the settings, `other-vault/openai-key` and
    /// `https://other-vault.vault.azure.net/secrets/openai-key` one of another vault, which `allow` must name. An `[ids]`
    /// entry names the vault by its key `vault`, too.
    pub(crate) fn from_name(name: &Name, defaults: &Defaults) -> Result<(Self, Field), Failure> {
        let written = Written::parse(&name.name)?;
        let secret = SecretName::parse(written.name)?;
        let version = match (written.version, name.version.as_deref()) {
            (Some(_), Some(_)) => {
                return Err(Failure::invalid_id("the id names its version twice", "remove one of them"));
            }
            (written, other) => written.or(other).map(version).transpose()?,
        };
        let vault = match (name.key("vault"), written.vault) {
            (Some(_), Some(_)) => {
                return Err(Failure::invalid_id("the entry names its vault twice", "remove one of them"));
            }
            (Some(vault), None) => Vault::parse(vault, defaults.cloud).map_err(|wrong| wrong.of_id())?,
            (None, Some(vault)) => named(vault, name, defaults)?,
            (None, None) => defaults.vault.clone().ok_or_else(no_vault)?,
        };
        let locator = Self { vault, name: secret, version };
        Ok((locator, name.field.clone().unwrap_or(Field::Whole)))
    }
}

/// Reads the vault that an id or an entry has in front of the secret's name. An id can name another vault than that of the
/// settings only if a pattern of `allow` that matches the id begins with it, so that a pattern such as `**` stays within the
/// vault, whatever else `allow` lists.
fn named(written: &str, name: &Name, defaults: &Defaults) -> Result<Vault, Failure> {
    let vault = Vault::parse(written, defaults.cloud).map_err(|wrong| wrong.of_id())?;
    if name.is_entry || defaults.allow.names(&format!("{written}/"), &name.to_id()) {
        return Ok(vault);
    }
    own(vault, written, defaults)
}

/// The vault, if it is that of the settings.
fn own(vault: Vault, written: &str, defaults: &Defaults) -> Result<Vault, Failure> {
    if defaults.vault.as_ref() == Some(&vault) {
        return Ok(vault);
    }
    Err(Failure::new(
        Kind::NotAllowed,
        format!("the id names the vault {vault}, and no pattern of `allow` for it begins with the vault"),
        format!("add `{written}/**` to `allow`, or an entry of [ids], if this gateway may read that vault"),
    ))
}

/// Takes the beginning of an id apart: the vault, the part before the secret's name, and the beginning of that name.
pub(crate) fn beginning<'p>(
    prefix: &'p str,
    defaults: &Defaults,
) -> Result<(Vault, &'p str, &'p str), Failure> {
    match prefix.rfind('/') {
        None => Ok((defaults.vault.clone().ok_or_else(no_vault)?, "", prefix)),
        Some(slash) => {
            let (before, name) = prefix.split_at(slash + 1);
            let written = before.trim_end_matches('/').trim_end_matches("/secrets");
            let vault = Vault::parse(written, defaults.cloud).map_err(|wrong| wrong.of_id())?;
            let is_named = defaults.allow.begins(&format!("{written}/"));
            Ok((if is_named { vault } else { own(vault, written, defaults)? }, before, name))
        }
    }
}

fn no_vault() -> Failure {
    Failure::misconfigured(
        "the id names no vault, and `vault` is not set",
        "set `vault` in the profile to the name or URL of the vault",
    )
}

/// A name, taken apart.
struct Written<'n> {
    vault: Option<&'n str>,
    name: &'n str,
    version: Option<&'n str>,
}

impl<'n> Written<'n> {
    fn parse(text: &'n str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::invalid_id(
                "the id is not that of a secret",
                "write name, vault/name, or https://vault.vault.azure.net/secrets/name",
            )
        };
        let Some(rest) = text.strip_prefix("https://") else {
            let (vault, name) = match text.split_once('/') {
                Some((vault, name)) => (Some(vault), name),
                None => (None, text),
            };
            return Ok(Self { vault, name, version: None });
        };
        let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
        let path = path.strip_prefix("secrets/").ok_or_else(wrong)?;
        let (name, version) = match path.split_once('/') {
            Some((name, version)) => (name, Some(version)),
            None => (path, None),
        };
        Ok(Self { vault: Some(&text[.."https://".len() + host.len()]), name, version })
    }
}

impl SecretName {
    /// <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning>
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (1..=127).contains(&text.len()) && text.bytes().all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(Failure::invalid_id(
            "not the name of a secret in Key Vault",
            "a name is 1 to 127 letters, digits and dashes; write it as `az keyvault secret list` shows it",
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes the id that a vault gives a secret apart. One that is not ASCII is none: Key Vault has no such names, and the parser of
/// URLs, which has no IDNA here, panics on some of them in a debug build.
pub(crate) fn resource(id: Option<&String>, secret: &impl ResourceExt) -> Option<ResourceId> {
    id.filter(|id| id.is_ascii())?;
    secret.resource_id().ok()
}

fn version(text: &str) -> Result<String, Failure> {
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Failure::invalid_id(
        "the version is not one of Key Vault",
        "a version is 32 hexadecimal digits; leave it out for the newest, or write one that `az keyvault secret list-versions` \
         shows",
    ))
}

impl PartialEq for SecretName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for SecretName {}

impl Hash for SecretName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `my-vault/openai-key`.
impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.vault, self.name)
    }
}

#[cfg(test)]
mod tests {
    use secretref_protocol::Id;

    use super::*;
    use crate::cloud::Host;

    const VERSION: &str = "0123456789abcdef0123456789ABCDEF";

    fn defaults(allow: &[&str]) -> Defaults {
        let Host::Vault(cloud) = Host::of("v.vault.azure.net") else { panic!("a vault") };
        Defaults {
            vault: Some(Vault::parse("my-vault", cloud).unwrap()),
            cloud,
            allow: Allow::new(allow.iter().map(|pattern| (*pattern).to_owned()).collect()),
        }
    }

    fn of(id: &str, allow: &[&str]) -> Result<String, &'static str> {
        let name = Name::from_id(&Id::parse(id).unwrap()).unwrap();
        let (locator, field) =
            Locator::from_name(&name, &defaults(allow)).map_err(|failure| failure.kind().code())?;
        Ok(format!("{locator} {} {field}", locator.version.as_deref().unwrap_or("newest")))
    }

    #[test]
    fn ids_lead_to_secrets() {
        let version = VERSION.to_ascii_lowercase();
        for (id, want) in [
            ("openai-key".to_owned(), "my-vault/openai-key newest whole secret".to_owned()),
            ("openai#apiKey".into(), "my-vault/openai newest field apiKey".into()),
            (format!("openai##{VERSION}"), format!("my-vault/openai {version} whole secret")),
            ("My-Vault/n".into(), "my-vault/n newest whole secret".into()),
            ("other/n#k".into(), "other/n newest field k".into()),
            ("https://my-vault.vault.azure.net/secrets/n".into(), "my-vault/n newest whole secret".into()),
            (
                format!("https://other.vault.azure.net/secrets/n/{VERSION}#k"),
                format!("other/n {version} field k"),
            ),
        ] {
            assert_eq!(of(&id, &["other/**", "https://other.vault.azure.net/**"]), Ok(want), "{id}");
        }
    }

    #[test]
    fn ids_that_lead_nowhere_are_refused() {
        for id in [
            "a/b/c",
            "a.b",
            "a_b",
            "a:b",
            "https://v.vault.azure.net",
            "https://v.vault.azure.net/keys/n",
            "https://v.vault.azure.net/secrets/n/short",
            "https://h.managedhsm.azure.net/secrets/n",
            "https://v.vault.azure.cn/secrets/n",
            "n#k#1",
            "x/n",
        ] {
            assert_eq!(of(id, &["**", "x/**"]), Err("INVALID_ID"), "{id}");
        }
        let twice = format!("https://my-vault.vault.azure.net/secrets/n/{VERSION}##{VERSION}");
        assert_eq!(of(&twice, &[]), Err("INVALID_ID"));
    }

    #[test]
    fn another_vault_is_read_only_if_allow_names_it() {
        for allow in [&[][..], &["**"], &["*/n"], &["other"]] {
            assert_eq!(of("other/n", allow), Err("NOT_ALLOWED"), "{allow:?}");
            assert_eq!(of("https://evil.example/secrets/n", allow), Err("NOT_ALLOWED"), "{allow:?}");
        }
        assert!(of("other/n", &["other/n"]).is_ok());
        // The pattern that matches the id must be the one that names the vault.
        for allow in [&["**", "other/one"][..], &["other/one", "*/*"], &["other/n", "other/n#x", "**"]] {
            assert_eq!(of("other/two", allow), Err("NOT_ALLOWED"), "{allow:?}");
            assert_eq!(of("other/n#key", allow), Err("NOT_ALLOWED"), "{allow:?}");
        }
        let here = "https://other.vault.azure.net/secrets/";
        let allow = ["**", &format!("{here}one")];
        assert_eq!(of(&format!("{here}two"), &allow), Err("NOT_ALLOWED"));
        assert!(of(&format!("{here}one"), &allow).is_ok());
        // A list of ids goes on: the shell shows only those that `allow` permits.
        assert!(beginning("other/o", &defaults(&["other/one"])).is_ok());
        assert!(beginning("other/o", &defaults(&["**"])).is_err());
        let entry = Name { name: "other/n".into(), is_entry: true, ..Name::default() };
        assert!(Locator::from_name(&entry, &defaults(&[])).is_ok());
    }

    #[test]
    fn names_and_versions_are_compared_without_case() {
        let of = |id: String| {
            Locator::from_name(&Name::from_id(&Id::parse(&id).unwrap()).unwrap(), &defaults(&[])).unwrap().0
        };
        assert_eq!(of(format!("Key##{VERSION}")), of(format!("kEY##{}", VERSION.to_ascii_lowercase())));
        let set: std::collections::HashSet<_> = ["Key", "key"].map(|id| of(id.into())).into();
        assert_eq!(set.len(), 1);
    }
}
