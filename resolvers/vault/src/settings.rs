//! The settings of Vault, named as Vault and OpenBao name them.

use secretref_protocol::{Setting, SettingKind as Kind, Store, net};

use crate::route;

/// The store, for the shared parts.
pub(crate) const STORE: Store = Store {
    binary: "secretref-vault",
    version: env!("CARGO_PKG_VERSION"),
    about: "Reads secrets from HashiCorp Vault and OpenBao for agent gateways",
    settings: &[VAULT, route::SETTINGS, net::SETTINGS],
    name_keys: &["mount", "namespace"],
    examples: "  secretref-vault get providers/openai/apiKey
  secretref-vault --profile ./vault.toml get 'providers/openai#apiKey#3'
  echo '{\"protocolVersion\":1,\"ids\":[\"providers/openai#apiKey\"]}' | secretref-vault",
};

/// The token, which has no place in a profile or a flag.
pub(crate) const TOKEN: Setting = Setting {
    key: "token",
    kind: Kind::Secret("vault-token"),
    env: &["BAO_TOKEN", "VAULT_TOKEN"],
    default: None,
    steers: true,
    help: "the token to read with",
};

const VAULT: &[Setting] = &[
    Setting {
        key: "auth",
        kind: Kind::Choice(&["token", "token_file"]),
        env: &["OPENCLAW_VAULT_AUTH_METHOD"],
        default: None,
        steers: true,
        help: "how to sign in; unset, with the first token there is",
    },
    Setting {
        key: "kv_version",
        kind: Kind::Choice(&["2", "1"]),
        env: &["OPENCLAW_VAULT_KV_VERSION"],
        default: Some("2"),
        steers: true,
        help: "the version of the secrets engine",
    },
    Setting {
        key: "mount",
        kind: Kind::Text,
        env: &["OPENCLAW_VAULT_KV_MOUNT"],
        default: Some("secret"),
        steers: true,
        help: "where the secrets engine is mounted",
    },
    Setting {
        key: "namespace",
        kind: Kind::Text,
        env: &["BAO_NAMESPACE", "VAULT_NAMESPACE"],
        default: None,
        steers: true,
        help: "the namespace of sign-in and secrets",
    },
    TOKEN,
    Setting {
        key: "token_file",
        kind: Kind::Path,
        env: &["VAULT_TOKEN_FILE"],
        default: None,
        steers: true,
        help: "a file with the token to read with",
    },
];
