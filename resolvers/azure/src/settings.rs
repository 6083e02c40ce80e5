//! The settings of Azure, named as Microsoft's own libraries name them.

use std::path::Path;

use secretref_protocol::net::{self, tls_settings};
use secretref_protocol::{NameKeys, Secret, Setting, Store};

/// The description of the store for the shared code.
pub(crate) const STORE: Store = Store {
    binary: "secretref-azure",
    version: env!("CARGO_PKG_VERSION"),
    about: "Reads secrets from Azure Key Vault for agent gateways",
    settings: &[AZURE, AUTH_SETTINGS, TLS, net::SETTINGS],
    name_keys: NameKeys::Only(&["vault"]),
    form: "name[#field[#version]]",
    examples: "  secretref-azure get openai-key
  secretref-azure check openai-key 'slack#token'
  secretref-azure list openai
  secretref-azure set openai-key < key.txt
  secretref-azure delete old-key --yes
  secretref-azure --profile ./azure.toml doctor openai-key
  echo '{\"protocolVersion\":1,\"ids\":[\"openai-key\"]}' | secretref-azure resolve",
    profile: "vault = \"my-vault\"
tenant_id = \"72f988bf-86f1-41af-91ab-2d7cd011db47\"
client_id = \"11112222-bbbb-3333-cccc-4444dddd5555\"
client_secret_file = \"client-secret\"
allow = [\"openai-*\", \"slack#**\"]
timeout = \"3s\"

[ids]
slack = { name = \"slack-bot\", field = \"token\" }",
};

const AZURE: &[Setting] = &[AUTHORITY_HOST.row(), CLOUD.row(), OUTSIDE_WINDOW.row(), VAULT.row()];

/// Microsoft's libraries read no variables for these.
const TLS: &[Setting] = &tls_settings(net::NO_VARIABLES);

pub(crate) const AUTHORITY_HOST: Setting<str> =
    Setting::text("authority_host", "the URL of the sign-in service; default: that of `cloud`")
        .env(&["AZURE_AUTHORITY_HOST"]);

pub(crate) const CLOUD: Setting<str> =
    Setting::choice("cloud", &["public", "china", "us_government"], "the cloud that the vaults are in")
        .default("public")
        .selects_secrets();

pub(crate) const OUTSIDE_WINDOW: Setting<str> = Setting::choice(
    "outside_window",
    &["error", "allow"],
    "what a secret is before its activation date and after its expiry date: an error, or a value as any other",
)
.default("error");

pub(crate) const VAULT: Setting<str> = Setting::text(
    "vault",
    "the vault of ids that name no other: its name, or its URL such as https://my-vault.vault.azure.net",
)
.env(&["AZURE_KEYVAULT_URL", "KEY_VAULT_NAME"])
.selects_secrets();

/// The settings of signing in.
pub(crate) const AUTH_SETTINGS: &[Setting] = &[
    AUTH.row(),
    TENANT_ID.row(),
    CLIENT_ID.row(),
    CLIENT_SECRET.row(),
    CLIENT_SECRET_FILE.row(),
    CLIENT_CERTIFICATE.row(),
    CLIENT_CERTIFICATE_PASSWORD.row(),
    CLIENT_CERTIFICATE_PASSWORD_FILE.row(),
    FEDERATED_TOKEN_FILE.row(),
    OBJECT_ID.row(),
    RESOURCE_ID.row(),
    IDENTITY_ENDPOINT.row(),
    IDENTITY_HEADER.row(),
    IDENTITY_HEADER_FILE.row(),
    METADATA.row(),
    CLI_PATH.row(),
];

pub(crate) const AUTH: Setting<str> = Setting::choice(
    "auth",
    &["client_secret", "client_certificate", "workload_identity", "managed_identity", "cli"],
    "how to sign in; default: the first of these that is configured, else the managed identity; cli only if it is named here",
);

pub(crate) const TENANT_ID: Setting<str> =
    Setting::text("tenant_id", "the tenant: its id or one of its domains")
        .env(&["AZURE_TENANT_ID"])
        .used_by(&["client_secret", "client_certificate", "workload_identity", "cli"]);

pub(crate) const CLIENT_ID: Setting<str> = Setting::text(
    "client_id",
    "the application (client) id of the service principal or of the user-assigned identity",
)
.env(&["AZURE_CLIENT_ID"])
.used_by(&["client_secret", "client_certificate", "workload_identity", "managed_identity"]);

pub(crate) const CLIENT_SECRET: Setting<Secret> =
    Setting::secret("client_secret", "azure-client-secret", "client_secret: the secret's value")
        .env(&["AZURE_CLIENT_SECRET"])
        .file(&CLIENT_SECRET_FILE);

pub(crate) const CLIENT_SECRET_FILE: Setting<Path> =
    Setting::path("client_secret_file", "client_secret: a file with the secret's value")
        .used_by(&["client_secret"]);

pub(crate) const CLIENT_CERTIFICATE: Setting<Path> = Setting::path(
    "client_certificate",
    "client_certificate: a file with the certificate and its RSA key: PEM without a passphrase, or PKCS#12",
)
.env(&["AZURE_CLIENT_CERTIFICATE_PATH"])
.used_by(&["client_certificate"]);

pub(crate) const CLIENT_CERTIFICATE_PASSWORD: Setting<Secret> = Setting::secret(
    "client_certificate_password",
    "azure-client-certificate-password",
    "client_certificate: the password of a PKCS#12 file",
)
.env(&["AZURE_CLIENT_CERTIFICATE_PASSWORD"])
.file(&CLIENT_CERTIFICATE_PASSWORD_FILE);

pub(crate) const CLIENT_CERTIFICATE_PASSWORD_FILE: Setting<Path> = Setting::path(
    "client_certificate_password_file",
    "client_certificate: a file with the password of a PKCS#12 file",
)
.used_by(&["client_certificate"]);

pub(crate) const FEDERATED_TOKEN_FILE: Setting<Path> = Setting::path(
    "federated_token_file",
    "workload_identity: the file with the service account's token, read at each start",
)
.env(&["AZURE_FEDERATED_TOKEN_FILE"])
.used_by(&["workload_identity"]);

pub(crate) const OBJECT_ID: Setting<str> =
    Setting::text("object_id", "managed_identity: the object id of a user-assigned identity")
        .used_by(&["managed_identity"]);

pub(crate) const RESOURCE_ID: Setting<str> =
    Setting::text("resource_id", "managed_identity: the resource id of a user-assigned identity")
        .used_by(&["managed_identity"]);

pub(crate) const IDENTITY_ENDPOINT: Setting<str> = Setting::text(
    "identity_endpoint",
    "managed_identity: the URL of the identity service that App Service or Azure Arc gives a program",
)
.env(&["IDENTITY_ENDPOINT"])
.used_by(&["managed_identity"]);

pub(crate) const IDENTITY_HEADER: Setting<Secret> = Setting::secret(
    "identity_header",
    "azure-identity-header",
    "managed_identity: the header that App Service requires",
)
.env(&["IDENTITY_HEADER"])
.file(&IDENTITY_HEADER_FILE);

pub(crate) const IDENTITY_HEADER_FILE: Setting<Path> =
    Setting::path("identity_header_file", "managed_identity: a file with `identity_header`")
        .used_by(&["managed_identity"]);

pub(crate) const METADATA: Setting<str> = Setting::text(
    "metadata",
    "managed_identity: the URL of the instance metadata service; default: http://169.254.169.254",
)
.env(&["AZURE_POD_IDENTITY_AUTHORITY_HOST"])
.used_by(&["managed_identity"]);

pub(crate) const CLI_PATH: Setting<Path> =
    Setting::path("cli_path", "cli: the program az of the Azure CLI, such as /usr/bin/az").used_by(&["cli"]);

#[cfg(test)]
mod tests {
    use secretref_protocol::SettingType;

    use super::*;

    /// Messages suggest them.
    #[test]
    fn a_setting_names_only_ways_to_sign_in_that_exist() {
        let SettingType::Choice(ways) = AUTH.kind else { panic!("no words") };
        for setting in AUTH_SETTINGS {
            assert!(setting.used_by.iter().all(|way| ways.contains(way)), "{}", setting.key);
        }
    }
}
