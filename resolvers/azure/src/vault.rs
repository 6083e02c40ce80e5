//! The name or URL of a vault, parsed.

use std::fmt;

use secretref_protocol::Failure;
use secretref_protocol::net::Address;
use url::Url;

use crate::cloud::{Cloud, Host};

/// A vault, known by its origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Vault {
    /// `https://name.vault.azure.net`, in lower case.
    origin: String,
    /// The name, or the host and port of a vault whose host is no vault's of Azure.
    name: String,
    /// Whether the host is a vault's of Azure.
    is_known: bool,
}

/// Why a text does not lead to a vault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is neither the name nor the URL of a vault.
    Malformed,
    /// It is an `http://` URL.
    Clear,
    /// It is a managed HSM, which holds keys alone.
    Hsm,
    /// It is a vault of another cloud than `cloud`.
    OtherCloud(&'static Cloud),
}

impl Vault {
    /// Parses a name or URL; a host that is no vault's of Azure is accepted.
    pub(crate) fn parse(text: &str, cloud: &Cloud) -> Result<Self, Wrong> {
        if !text.contains([':', '/', '.']) {
            return Self::named(text, cloud);
        }
        let address = Address::parse("vault", text, true).map_err(|_| Wrong::Malformed)?;
        if address.socket().is_some() || !address.base().is_empty() {
            return Err(Wrong::Malformed);
        }
        if !address.is_secure() {
            return Err(Wrong::Clear);
        }
        let host = address.host().to_ascii_lowercase();
        match Host::of(&host) {
            Host::Hsm => Err(Wrong::Hsm),
            Host::Vault(other) if other != cloud => Err(Wrong::OtherCloud(other)),
            Host::Vault(_) if address.port() == 443 => {
                let name = host.split('.').next().unwrap_or_default().to_owned();
                Ok(Self { origin: format!("https://{host}"), name, is_known: true })
            }
            Host::Vault(_) => Err(Wrong::Malformed),
            Host::Other => Ok(Self {
                origin: address.to_string().to_ascii_lowercase(),
                name: address.authority().to_ascii_lowercase(),
                is_known: false,
            }),
        }
    }

    /// <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning>
    fn named(name: &str, cloud: &Cloud) -> Result<Self, Wrong> {
        let name = name.to_ascii_lowercase();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_name = (3..=24).contains(&name.len())
            && name.bytes().all(is_plain)
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && !name.ends_with('-');
        if !is_name {
            return Err(Wrong::Malformed);
        }
        Ok(Self { origin: format!("https://{name}.{}", cloud.suffix), name, is_known: true })
    }

    /// The URL, without a slash at its end.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether a link of the vault, which may be relative, stays in the vault: on its host, its port, and TLS.
    pub(crate) fn has(&self, link: &str) -> bool {
        let own = Url::parse(&self.origin).ok();
        own.is_some_and(|own| own.join(link).is_ok_and(|link| link.origin() == own.origin()))
    }

    /// Whether the host is a vault's of Azure.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known
    }
}

/// The name.
impl fmt::Display for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Wrong {
    /// The message about the setting that names the vault.
    pub(crate) fn of_setting(&self, key: &str) -> Failure {
        let (what, remedy) = match self {
            Self::Malformed => (
                format!("`{key}` is neither the name nor the URL of a vault"),
                "set it to the name (my-vault) or to the URL (https://my-vault.vault.azure.net) that the portal shows"
                    .to_owned(),
            ),
            Self::Clear => (format!("`{key}` is an http:// URL"), CLEAR.to_owned()),
            Self::Hsm => (format!("`{key}` names a managed HSM"), HSM.to_owned()),
            Self::OtherCloud(cloud) => (
                format!("`{key}` names a vault of another cloud than `cloud`"),
                format!("set `cloud` to {}", cloud.word),
            ),
        };
        Failure::misconfigured(what, remedy)
    }

    /// The message about an id that names the vault.
    pub(crate) fn of_id(&self) -> Failure {
        let (what, remedy) = match self {
            Self::Malformed => (
                "the part before the secret's name is not the name of a vault".to_owned(),
                "write name, vault/name, or https://vault.vault.azure.net/secrets/name".to_owned(),
            ),
            Self::Clear => ("the id names the vault by an http:// URL".to_owned(), CLEAR.to_owned()),
            Self::Hsm => ("the id names a managed HSM".to_owned(), HSM.to_owned()),
            Self::OtherCloud(cloud) => (
                "the id names a vault of another cloud than `cloud`".to_owned(),
                format!("use a profile with `cloud` = {} for it", cloud.word),
            ),
        };
        Failure::invalid_id(what, remedy)
    }
}

const CLEAR: &str = "write https://: a token is sent over TLS alone";

const HSM: &str = "name a key vault: a managed HSM has keys, and no secrets";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_has_a_name_or_a_url() {
        let Host::Vault(cloud) = Host::of("v.vault.azure.net") else { panic!("a vault") };
        let parse = |text: &str| Vault::parse(text, cloud);
        for (text, origin, name) in [
            ("My-Vault", "https://my-vault.vault.azure.net", "my-vault"),
            ("https://My-Vault.vault.azure.net", "https://my-vault.vault.azure.net", "my-vault"),
            ("https://my-vault.vault.azure.net:443/", "https://my-vault.vault.azure.net", "my-vault"),
            ("https://localhost:8443", "https://localhost:8443", "localhost:8443"),
        ] {
            let vault = parse(text).unwrap();
            assert_eq!((vault.origin(), &*vault.to_string()), (origin, name), "{text}");
        }
        for text in [
            "",
            "ab",
            "-ab",
            "a_b",
            "1ab",
            "ab-",
            "my-vault.vault.azure.net",
            "https://my-vault.vault.azure.net/secrets",
            "https://my-vault.vault.azure.net:8443",
        ] {
            assert_eq!(parse(text), Err(Wrong::Malformed), "{text}");
        }
        let vault = parse("my-vault").unwrap();
        for (link, is_own) in [
            ("https://my-vault.vault.azure.net:443/secrets?$skiptoken=1", true),
            ("https://MY-VAULT.vault.azure.net/secrets", true),
            ("/secrets?$skiptoken=1", true),
            ("http://my-vault.vault.azure.net/secrets", false),
            ("https://my-vault.vault.azure.net:444/secrets", false),
            ("https://my-vault.vault.azure.net.evil.example/secrets", false),
            ("//evil.example/secrets", false),
            ("https://:", false),
        ] {
            assert_eq!(vault.has(link), is_own, "{link}");
        }
        for text in ["http://v.vault.azure.net", "http://127.0.0.1:80"] {
            assert_eq!(parse(text), Err(Wrong::Clear), "{text}");
        }
        assert_eq!(parse("https://h.managedhsm.azure.net"), Err(Wrong::Hsm));
        assert!(matches!(parse("https://v.vault.azure.cn"), Err(Wrong::OtherCloud(_))));
    }
}
