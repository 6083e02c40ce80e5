//! The settings of the keychain.

use secretref_protocol::{NameKeys, Setting, SettingType as Kind, Store, security_sensitive};

/// The store, for the shared parts.
pub(crate) const STORE: Store = Store {
    binary: "secretref-keychain",
    version: env!("CARGO_PKG_VERSION"),
    about: "Reads secrets from the keychain of this machine for agent gateways",
    settings: &[KEYCHAIN],
    name_keys: NameKeys::Any,
    form: "[service/]account[#field]",
    examples: "  secretref-keychain set openai < key.txt
  secretref-keychain get openai github.com/me
  secretref-keychain check openai 'mail#password'
  secretref-keychain list github.com/
  secretref-keychain delete github.com/old --yes
  secretref-keychain import .env
  secretref-keychain --profile ./keychain.toml doctor openai
  echo '{\"protocolVersion\":1,\"ids\":[\"openai\"]}' | secretref-keychain resolve",
    profile: "store = \"file\"
allow = [\"openai\", \"github.com/*\"]
timeout = \"3s\"

[ids]
mail = { name = \"me@example.org\", service = \"smtp.example.org\" }",
};

const KEYCHAIN: &[Setting] = &[
    security_sensitive(
        "store",
        Kind::Choice(&["secret-service", "file", "systemd", "macos", "windows"]),
        &[],
        None,
        "where secrets are; unset, the keychain of the system",
    ),
    security_sensitive(
        "service",
        Kind::Text,
        &[],
        Some("openclaw"),
        "the service of an id that is an account alone",
    ),
    security_sensitive(
        "bus",
        Kind::Text,
        &["DBUS_SESSION_BUS_ADDRESS"],
        None,
        "secret-service: the socket or address of the bus; unset, /run/user/UID/bus",
    ),
    security_sensitive(
        "session",
        Kind::Choice(&["plain", "encrypted"]),
        &[],
        Some("plain"),
        "secret-service: how values go over the bus",
    ),
    security_sensitive(
        "folder",
        Kind::Path,
        &[],
        Some("~/.local/share/secretref/keychain"),
        "file: where the secrets are kept",
    ),
    security_sensitive(
        "identity_file",
        Kind::Path,
        &[],
        None,
        "file: the key that they are encrypted to; unset, the credential keychain-identity of the unit, else in the folder",
    ),
    security_sensitive(
        "credentials",
        Kind::Path,
        &[],
        None,
        "systemd: the folder of the credentials; unset, $CREDENTIALS_DIRECTORY",
    ),
];
