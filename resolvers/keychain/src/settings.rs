//! The settings of the keychain.

use std::path::Path;

use secretref_protocol::{NameKeys, Setting, Store};

/// The description of the store for the shared code.
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
    KEYCHAIN_TYPE.row(),
    SERVICE.row(),
    BUS.row(),
    SESSION.row(),
    FOLDER.row(),
    IDENTITY_FILE.row(),
    CREDENTIALS.row(),
];

pub(crate) const KEYCHAIN_TYPE: Setting<str> = Setting::choice(
    "store",
    &["secret-service", "file", "systemd", "macos", "windows"],
    "where the secrets are; default: the keychain of the system",
)
.selects_secrets();

pub(crate) const SERVICE: Setting<str> =
    Setting::text("service", "the service for ids that have only an account")
        .default("openclaw")
        .selects_secrets();

pub(crate) const BUS: Setting<str> =
    Setting::text("bus", "secret-service: the socket or address of the bus; default: /run/user/UID/bus")
        .env(&["DBUS_SESSION_BUS_ADDRESS"])
        .selects_secrets();

pub(crate) const SESSION: Setting<str> =
    Setting::choice("session", &["plain", "encrypted"], "secret-service: how values are sent over the bus")
        .default("plain");

pub(crate) const FOLDER: Setting<Path> = Setting::path("folder", "file: the folder of the secrets")
    .default("~/.local/share/secretref/keychain")
    .selects_secrets();

pub(crate) const IDENTITY_FILE: Setting<Path> = Setting::path(
    "identity_file",
    "file: the key that decrypts the secrets; default: the unit's credential keychain-identity, else a file in the folder",
);

pub(crate) const CREDENTIALS: Setting<Path> =
    Setting::path("credentials", "systemd: the folder of the credentials; default: $CREDENTIALS_DIRECTORY")
        .selects_secrets();
