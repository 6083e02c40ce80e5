//! The settings of Vault, named as Vault and OpenBao name them.

use std::path::Path;

use secretref_aws_credentials::settings::credential_settings;
use secretref_protocol::{NameKeys, Secret, Setting, Store, net};

use crate::route;

/// The description of the store for the shared code.
pub(crate) const STORE: Store = Store {
    binary: "secretref-vault",
    version: env!("CARGO_PKG_VERSION"),
    about: "Reads secrets from HashiCorp Vault and OpenBao for agent gateways",
    settings: &[
        VAULT,
        AUTH_SETTINGS,
        AWS_SETTINGS[0],
        AWS_SETTINGS[1],
        &[ADDRESS.row()],
        route::TLS,
        net::SETTINGS,
    ],
    name_keys: NameKeys::Only(&["mount", "namespace"]),
    form: "name[#field[#version]]",
    examples: "  secretref-vault get providers/openai/apiKey
  secretref-vault check providers/openai/apiKey 'providers/slack#token'
  secretref-vault list providers/
  secretref-vault set providers/openai/apiKey < key.txt
  secretref-vault delete providers/old/apiKey --yes
  secretref-vault --profile ./vault.toml doctor providers/openai/apiKey
  echo '{\"protocolVersion\":1,\"ids\":[\"providers/openai#apiKey\"]}' | secretref-vault resolve",
    profile: "address = \"https://vault.example.com:8200\"
token_file = \"token\"
allow = [\"providers/**\"]
timeout = \"3s\"

[ids]
slack = { name = \"team chat (old)\", field = \"token\" }",
};

/// The usual mount of a secrets engine.
pub(crate) const DEFAULT_MOUNT: &str = "secret";

const VAULT: &[Setting] = &[KV_VERSION.row(), MOUNT.row(), NAMESPACE.row()];

pub(crate) const KV_VERSION: Setting<str> = Setting::choice(
    "kv_version",
    &["auto", "2", "1"],
    "the version of the KV secrets engine; auto reads version 2, and asks the server if it may be 1",
)
.env(&["OPENCLAW_VAULT_KV_VERSION"])
.default("auto")
.selects_secrets();

pub(crate) const MOUNT: Setting<str> = Setting::text("mount", "where the secrets engine is mounted")
    .env(&["OPENCLAW_VAULT_KV_MOUNT"])
    .default(DEFAULT_MOUNT)
    .selects_secrets();

pub(crate) const NAMESPACE: Setting<str> =
    Setting::text("namespace", "the namespace for sign-in and secrets")
        .env(&["BAO_NAMESPACE", "VAULT_NAMESPACE"])
        .selects_secrets();

/// OpenBao's variable counts before Vault's, and an agent before the server.
pub(crate) const ADDRESS: Setting<str> = Setting::text(
    "address",
    "the URL of the server or agent: https://vault.example.com:8200, with its base path if it has one, or unix:///run/vault/agent.sock",
)
.env(&["BAO_AGENT_ADDR", "VAULT_AGENT_ADDR", "BAO_ADDR", "VAULT_ADDR"]).selects_secrets();

/// The settings of signing in.
pub(crate) const AUTH_SETTINGS: &[Setting] = &[
    AUTH.row(),
    AUTH_MOUNT.row(),
    TOKEN.row(),
    TOKEN_FILE.row(),
    ROLE.row(),
    ROLE_ID.row(),
    SECRET_ID.row(),
    SECRET_ID_FILE.row(),
    BIND_SECRET_ID.row(),
    SECRET_ID_WRAPPED.row(),
    JWT.row(),
    JWT_FILE.row(),
    USERNAME.row(),
    PASSWORD.row(),
    PASSWORD_FILE.row(),
];

/// The settings of `auth = "aws"`.
pub(crate) const AWS_SETTINGS: &[&[Setting]] =
    &[&[AWS_REGION.row(), AWS_SERVER_ID.row()], &credential_settings(&["aws"])];

pub(crate) const AUTH: Setting<str> = Setting::choice(
    "auth",
    &["token", "token_file", "agent", "approle", "aws", "cert", "jwt", "kubernetes", "ldap", "userpass"],
    "how to sign in; default: the first token found",
)
.env(&["OPENCLAW_VAULT_AUTH_METHOD"]);

pub(crate) const AUTH_MOUNT: Setting<str> =
    Setting::text("auth_mount", "where the auth method is mounted, without auth/; default: its own name")
        .env(&["OPENCLAW_VAULT_AUTH_MOUNT"])
        .used_by(&["approle", "aws", "cert", "jwt", "kubernetes", "ldap", "userpass"]);

pub(crate) const TOKEN: Setting<Secret> =
    Setting::secret("token", "vault-token", "the token").env(&["BAO_TOKEN", "VAULT_TOKEN"]).file(&TOKEN_FILE);

pub(crate) const TOKEN_FILE: Setting<Path> =
    Setting::path("token_file", "a file with the token").env(&["VAULT_TOKEN_FILE"]).used_by(&["token_file"]);

pub(crate) const ROLE: Setting<str> =
    Setting::text("role", "aws, cert, jwt, kubernetes: the role to sign in with")
        .env(&["OPENCLAW_VAULT_AUTH_ROLE"])
        .used_by(&["aws", "cert", "jwt", "kubernetes"]);

pub(crate) const ROLE_ID: Setting<str> =
    Setting::text("role_id", "approle: the role id").env(&["VAULT_ROLE_ID"]).used_by(&["approle"]);

pub(crate) const SECRET_ID: Setting<Secret> =
    Setting::secret("secret_id", "vault-secret-id", "approle: the secret id")
        .env(&["VAULT_SECRET_ID"])
        .file(&SECRET_ID_FILE);

pub(crate) const SECRET_ID_FILE: Setting<Path> =
    Setting::path("secret_id_file", "approle: a file with the secret id")
        .env(&["VAULT_SECRET_ID_FILE"])
        .used_by(&["approle"]);

pub(crate) const BIND_SECRET_ID: Setting<bool> = Setting::switch(
    "bind_secret_id",
    "approle: whether the role requires a secret id; set it as on the server",
)
.default("true");

pub(crate) const SECRET_ID_WRAPPED: Setting<bool> =
    Setting::switch("secret_id_wrapped", "approle: the secret id is a response-wrapping token")
        .default("false");

pub(crate) const JWT: Setting<Secret> =
    Setting::secret("jwt", "vault-jwt", "jwt, kubernetes: the JSON web token")
        .env(&["VAULT_JWT"])
        .file(&JWT_FILE);

pub(crate) const JWT_FILE: Setting<Path> = Setting::path(
    "jwt_file",
    "jwt, kubernetes: a file with the JSON web token; default for kubernetes: the pod's own",
)
.env(&["OPENCLAW_VAULT_JWT_FILE"])
.used_by(&["jwt", "kubernetes"]);

pub(crate) const USERNAME: Setting<str> = Setting::text("username", "ldap, userpass: the user name")
    .env(&["VAULT_USERNAME"])
    .used_by(&["ldap", "userpass"]);

pub(crate) const PASSWORD: Setting<Secret> =
    Setting::secret("password", "vault-password", "userpass, ldap: the password")
        .env(&["VAULT_PASSWORD"])
        .file(&PASSWORD_FILE);

pub(crate) const PASSWORD_FILE: Setting<Path> =
    Setting::path("password_file", "ldap, userpass: a file with the password")
        .env(&["VAULT_PASSWORD_FILE"])
        .used_by(&["ldap", "userpass"]);

pub(crate) const AWS_REGION: Setting<str> =
    Setting::text("aws_region", "aws: the region of STS; default: the global endpoint")
        .env(&["AWS_REGION", "AWS_DEFAULT_REGION"])
        .used_by(&["aws"]);

pub(crate) const AWS_SERVER_ID: Setting<str> =
    Setting::text("aws_server_id", "aws: the value that the server requires in X-Vault-AWS-IAM-Server-ID")
        .used_by(&["aws"]);

#[cfg(test)]
mod tests {
    use secretref_protocol::SettingType;

    use super::*;

    /// Messages suggest them.
    #[test]
    fn a_setting_names_only_files_and_ways_to_sign_in_that_exist() {
        let SettingType::Choice(ways) = AUTH.kind else { panic!("no words") };
        let all = || AUTH_SETTINGS.iter().chain(AWS_SETTINGS.iter().copied().flatten());
        for setting in all() {
            let is_file =
                |file: &str| all().any(|other| other.key == file && other.kind == SettingType::Path);
            assert!(setting.file.is_none_or(is_file), "{}", setting.key);
            assert!(setting.used_by.iter().all(|way| ways.contains(way)), "{}", setting.key);
            assert!(
                !matches!(setting.kind, SettingType::Secret(_)) || setting.file.is_some(),
                "{}",
                setting.key
            );
        }
    }
}
