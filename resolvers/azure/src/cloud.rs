//! The clouds of Azure: where each signs in, and how the hosts of its vaults end.

use secretref_protocol::Settings;

use crate::settings::CLOUD;

/// A cloud of Azure, with its own tenants and vaults.
/// <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers>
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cloud {
    /// Its word in the setting `cloud`.
    pub(crate) word: &'static str,
    /// The URL of its sign-in service.
    pub(crate) authority: &'static str,
    /// The end of its vaults' hosts.
    pub(crate) suffix: &'static str,
    /// The same for managed HSMs, which hold no secrets.
    hsm_suffix: &'static str,
    /// The audience of the tokens that its vaults accept.
    pub(crate) audience: &'static str,
}

const PUBLIC: Cloud = Cloud {
    word: "public",
    authority: "https://login.microsoftonline.com",
    suffix: "vault.azure.net",
    hsm_suffix: "managedhsm.azure.net",
    audience: "https://vault.azure.net",
};

const CHINA: Cloud = Cloud {
    word: "china",
    authority: "https://login.chinacloudapi.cn",
    suffix: "vault.azure.cn",
    hsm_suffix: "managedhsm.azure.cn",
    audience: "https://vault.azure.cn",
};

const US_GOVERNMENT: Cloud = Cloud {
    word: "us_government",
    authority: "https://login.microsoftonline.us",
    suffix: "vault.usgovcloudapi.net",
    hsm_suffix: "managedhsm.usgovcloudapi.net",
    audience: "https://vault.usgovcloudapi.net",
};

const ALL: [&Cloud; 3] = [&PUBLIC, &CHINA, &US_GOVERNMENT];

/// What a host is, by its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A vault of this cloud.
    Vault(&'static Cloud),
    /// A managed HSM.
    Hsm,
    /// Any other host.
    Other,
}

impl Cloud {
    /// The cloud that most vaults are in.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn public() -> &'static Self {
        &PUBLIC
    }

    /// Reads the setting `cloud`.
    pub(crate) fn from_settings(settings: &Settings) -> &'static Self {
        let word = settings.text(&CLOUD);
        ALL.into_iter().find(|cloud| Some(cloud.word) == word).unwrap_or(&PUBLIC)
    }
}

impl Host {
    /// Tells what a host in lower case is.
    pub(crate) fn of(host: &str) -> Self {
        let is_below = |suffix: &str| {
            host.strip_suffix(suffix)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty() && !label.contains('.'))
        };
        if ALL.iter().any(|cloud| is_below(cloud.hsm_suffix)) {
            return Self::Hsm;
        }
        ALL.into_iter().find(|cloud| is_below(cloud.suffix)).map_or(Self::Other, Self::Vault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_is_known_by_the_end_of_its_host() {
        for (host, want) in [
            ("v.vault.azure.net", Host::Vault(&PUBLIC)),
            ("v.vault.azure.cn", Host::Vault(&CHINA)),
            ("v.vault.usgovcloudapi.net", Host::Vault(&US_GOVERNMENT)),
            ("h.managedhsm.azure.net", Host::Hsm),
            ("vault.azure.net", Host::Other),
            (".vault.azure.net", Host::Other),
            ("a.b.vault.azure.net", Host::Other),
            ("evilvault.azure.net", Host::Other),
            ("v.vault.azure.net.evil.example", Host::Other),
        ] {
            assert_eq!(Host::of(host), want, "{host}");
        }
    }
}
