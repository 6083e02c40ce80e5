//! The settings of Vault, named as Vault and OpenBao name them.

use secretref_protocol::{NameKeys, Setting, SettingType as Kind, Store, net, security_sensitive};

use crate::route;

/// The store, for the shared parts.
pub(crate) const STORE: Store = Store {
    binary: "secretref-vault",
    version: env!("CARGO_PKG_VERSION"),
    about: "Reads secrets from HashiCorp Vault and OpenBao for agent gateways",
    settings: &[VAULT, AUTH, route::ADDRESS, route::TLS, net::SETTINGS],
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

/// Where servers have a secrets engine as a rule.
pub(crate) const MOUNT: &str = "secret";

/// A secret, which has no place in a profile or a flag.
const fn secret(
    key: &'static str,
    file: &'static str,
    env: &'static [&'static str],
    help: &'static str,
) -> Setting {
    Setting { key, kind: Kind::Secret(file), env, default: None, security_sensitive: true, help }
}

pub(crate) const TOKEN: Setting =
    secret("token", "vault-token", &["BAO_TOKEN", "VAULT_TOKEN"], "the token to read with");

pub(crate) const SECRET_ID: Setting =
    secret("secret_id", "vault-secret-id", &["VAULT_SECRET_ID"], "approle: the secret id");

pub(crate) const JWT: Setting =
    secret("jwt", "vault-jwt", &["VAULT_JWT"], "jwt, kubernetes: the JSON web token");

pub(crate) const PASSWORD: Setting =
    secret("password", "vault-password", &["VAULT_PASSWORD"], "userpass, ldap: the password");

pub(crate) const AWS_ACCESS_KEY_ID: Setting =
    secret("aws_access_key_id", "aws-access-key-id", &["AWS_ACCESS_KEY_ID"], "aws: the access key");

pub(crate) const AWS_SECRET_ACCESS_KEY: Setting = secret(
    "aws_secret_access_key",
    "aws-secret-access-key",
    &["AWS_SECRET_ACCESS_KEY"],
    "aws: the secret of the access key",
);

pub(crate) const AWS_SESSION_TOKEN: Setting = secret(
    "aws_session_token",
    "aws-session-token",
    &["AWS_SESSION_TOKEN"],
    "aws: the token of a temporary access key",
);

const VAULT: &[Setting] = &[
    security_sensitive(
        "kv_version",
        Kind::Choice(&["auto", "2", "1"]),
        &["OPENCLAW_VAULT_KV_VERSION"],
        Some("auto"),
        "the version of the secrets engine; auto asks the server where it is not 2",
    ),
    security_sensitive(
        "mount",
        Kind::Text,
        &["OPENCLAW_VAULT_KV_MOUNT"],
        Some(MOUNT),
        "where the secrets engine is mounted",
    ),
    security_sensitive(
        "namespace",
        Kind::Text,
        &["BAO_NAMESPACE", "VAULT_NAMESPACE"],
        None,
        "the namespace of sign-in and secrets",
    ),
];

/// How to sign in.
const AUTH: &[Setting] = &[
    security_sensitive(
        "auth",
        Kind::Choice(&[
            "token",
            "token_file",
            "agent",
            "approle",
            "aws",
            "cert",
            "jwt",
            "kubernetes",
            "ldap",
            "userpass",
        ]),
        &["OPENCLAW_VAULT_AUTH_METHOD"],
        None,
        "how to sign in; unset, with the first token there is",
    ),
    security_sensitive(
        "auth_mount",
        Kind::Text,
        &["OPENCLAW_VAULT_AUTH_MOUNT"],
        None,
        "where the method is mounted, without auth/; unset, at its own name",
    ),
    TOKEN,
    security_sensitive(
        "token_file",
        Kind::Path,
        &["VAULT_TOKEN_FILE"],
        None,
        "a file with the token to read with",
    ),
    security_sensitive(
        "role",
        Kind::Text,
        &["OPENCLAW_VAULT_AUTH_ROLE"],
        None,
        "aws, cert, jwt, kubernetes: the role to sign in to",
    ),
    security_sensitive("role_id", Kind::Text, &["VAULT_ROLE_ID"], None, "approle: the role id"),
    SECRET_ID,
    security_sensitive(
        "secret_id_file",
        Kind::Path,
        &["VAULT_SECRET_ID_FILE"],
        None,
        "approle: a file with the secret id",
    ),
    security_sensitive(
        "bind_secret_id",
        Kind::Switch,
        &[],
        Some("true"),
        "approle: whether the role wants a secret id, as on the server",
    ),
    security_sensitive(
        "secret_id_wrapped",
        Kind::Switch,
        &[],
        Some("false"),
        "approle: what is there is a token that wraps the secret id",
    ),
    JWT,
    security_sensitive(
        "jwt_file",
        Kind::Path,
        &["OPENCLAW_VAULT_JWT_FILE"],
        None,
        "jwt, kubernetes: a file with the JSON web token; kubernetes has the pod's own",
    ),
    security_sensitive("username", Kind::Text, &["VAULT_USERNAME"], None, "ldap, userpass: the user"),
    PASSWORD,
    security_sensitive(
        "password_file",
        Kind::Path,
        &["VAULT_PASSWORD_FILE"],
        None,
        "ldap, userpass: a file with the password",
    ),
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    security_sensitive(
        "aws_credentials_file",
        Kind::Path,
        &["AWS_SHARED_CREDENTIALS_FILE"],
        None,
        "aws: a file of access keys; unset, ~/.aws/credentials, else the instance's own",
    ),
    security_sensitive(
        "aws_profile",
        Kind::Text,
        &["AWS_PROFILE"],
        None,
        "aws: the section of that file [default]",
    ),
    security_sensitive(
        "aws_region",
        Kind::Text,
        &["AWS_REGION", "AWS_DEFAULT_REGION"],
        None,
        "aws: the region of STS; unset, the global endpoint",
    ),
    security_sensitive(
        "aws_server_id",
        Kind::Text,
        &[],
        None,
        "aws: what the server wants in X-Vault-AWS-IAM-Server-ID",
    ),
    security_sensitive(
        "aws_metadata",
        Kind::Text,
        &["AWS_EC2_METADATA_SERVICE_ENDPOINT"],
        None,
        "aws: the instance's metadata service [http://169.254.169.254]",
    ),
];
