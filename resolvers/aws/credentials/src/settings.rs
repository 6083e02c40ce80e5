//! The settings of signing in to AWS, named as AWS's own tools name them. A store lists those that it has.

use std::path::Path;

use secretref_protocol::{Secret, Setting};

/// The settings of credentials, of every store that signs in to AWS. `used_by` are the ways to sign in of this store that use
/// them; empty if it has no other ways.
#[must_use]
pub const fn credential_settings(used_by: &'static [&'static str]) -> [Setting; 11] {
    [
        AWS_ACCESS_KEY_ID.row(),
        AWS_SECRET_ACCESS_KEY.row(),
        AWS_SESSION_TOKEN.row(),
        AWS_PROFILE.used_by(used_by).row(),
        AWS_CONFIG_FILE.used_by(used_by).row(),
        AWS_CREDENTIALS_FILE.used_by(used_by).row(),
        AWS_METADATA.row(),
        AWS_METADATA_DISABLED.row(),
        CONTAINER_CREDENTIALS_URI.used_by(used_by).row(),
        CONTAINER_AUTHORIZATION_TOKEN.row(),
        CONTAINER_AUTHORIZATION_TOKEN_FILE.used_by(used_by).row(),
    ]
}

/// The settings of a store of AWS, besides [`credential_settings`].
pub const STORE_SETTINGS: &[Setting] = &[
    AUTH.row(),
    CREDENTIAL_PROCESS.row(),
    WEB_IDENTITY_TOKEN_FILE.row(),
    WEB_IDENTITY_ROLE_ARN.row(),
    ROLE_ARN.row(),
    EXTERNAL_ID.row(),
    ROLE_SESSION_NAME.row(),
    REGION.row(),
    ENDPOINT_URL.row(),
    STS_ENDPOINT_URL.row(),
    SSO_ENDPOINT_URL.row(),
    USE_FIPS_ENDPOINT.row(),
    USE_DUALSTACK_ENDPOINT.row(),
];

/// How to sign in, for a store of AWS.
pub const AUTH: Setting<str> = Setting::choice(
    "auth",
    &["environment", "profile", "sso", "web_identity", "container", "instance", "process"],
    "how to sign in; default: the first credentials found, in the order of AWS's own tools",
);

/// The region of a store of AWS.
pub const REGION: Setting<str> = Setting::text(
    "region",
    "the region of secrets whose id does not name one; default: that of the AWS profile",
)
.env(&["AWS_REGION", "AWS_DEFAULT_REGION"])
.selects_secrets();

/// The program of `auth = "process"`. No variable sets it: it is run.
pub const CREDENTIAL_PROCESS: Setting<str> = Setting::text(
    "credential_process",
    "process: the command that prints credentials, with the absolute path of its program; default: that of the AWS profile",
)
.used_by(&["process"]);

/// The id of an access key.
pub const AWS_ACCESS_KEY_ID: Setting<Secret> =
    Setting::secret("aws_access_key_id", "aws-access-key-id", "the id of the AWS access key")
        .env(&["AWS_ACCESS_KEY_ID"])
        .file(&AWS_CREDENTIALS_FILE);

/// The secret of an access key.
pub const AWS_SECRET_ACCESS_KEY: Setting<Secret> =
    Setting::secret("aws_secret_access_key", "aws-secret-access-key", "the secret of the AWS access key")
        .env(&["AWS_SECRET_ACCESS_KEY"])
        .file(&AWS_CREDENTIALS_FILE);

/// The session token of a temporary access key.
pub const AWS_SESSION_TOKEN: Setting<Secret> = Setting::secret(
    "aws_session_token",
    "aws-session-token",
    "the session token of a temporary AWS access key",
)
.env(&["AWS_SESSION_TOKEN"])
.file(&AWS_CREDENTIALS_FILE);

/// The profile of AWS's own files. It is not called `profile`, because that is the flag of the resolver's profile.
pub const AWS_PROFILE: Setting<str> =
    Setting::text("aws_profile", "the profile in AWS's own config and credentials files; default: default")
        .env(&["AWS_PROFILE"])
        .selects_secrets();

/// AWS's config file.
pub const AWS_CONFIG_FILE: Setting<Path> =
    Setting::path("aws_config_file", "AWS's own config file; default: ~/.aws/config")
        .env(&["AWS_CONFIG_FILE"])
        .selects_secrets();

/// AWS's credentials file.
pub const AWS_CREDENTIALS_FILE: Setting<Path> =
    Setting::path("aws_credentials_file", "AWS's own credentials file; default: ~/.aws/credentials")
        .env(&["AWS_SHARED_CREDENTIALS_FILE"]);

/// The metadata service of an instance.
pub const AWS_METADATA: Setting<str> = Setting::text(
    "aws_metadata",
    "the URL of the metadata service of an EC2 instance; default: http://169.254.169.254",
)
.env(&["AWS_EC2_METADATA_SERVICE_ENDPOINT"]);

/// Whether the instance is left out.
pub const AWS_METADATA_DISABLED: Setting<bool> =
    Setting::switch("aws_metadata_disabled", "do not ask the metadata service of an EC2 instance")
        .env(&["AWS_EC2_METADATA_DISABLED"]);

/// The token of a web identity.
pub const WEB_IDENTITY_TOKEN_FILE: Setting<Path> = Setting::path(
    "web_identity_token_file",
    "a file with the token of a web identity, such as that of a Kubernetes service account (IRSA)",
)
.env(&["AWS_WEB_IDENTITY_TOKEN_FILE"]);

/// The role of a web identity.
pub const WEB_IDENTITY_ROLE_ARN: Setting<str> = Setting::text(
    "web_identity_role_arn",
    "the ARN of the role that the web identity may use; default: `role_arn`",
)
.env(&["AWS_ROLE_ARN"]);

/// The credentials of a container.
pub const CONTAINER_CREDENTIALS_URI: Setting<str> = Setting::text(
    "container_credentials_uri",
    "where a container gets its AWS credentials (ECS, EKS Pod Identity): a URL, or a path on 169.254.170.2",
)
.env(&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]);

/// The token that a container shows for its credentials.
pub const CONTAINER_AUTHORIZATION_TOKEN: Setting<Secret> = Setting::secret(
    "container_authorization_token",
    "container-authorization-token",
    "the token that a container shows for its AWS credentials",
)
.env(&["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
.file(&CONTAINER_AUTHORIZATION_TOKEN_FILE);

/// The file of that token.
pub const CONTAINER_AUTHORIZATION_TOKEN_FILE: Setting<Path> = Setting::path(
    "container_authorization_token_file",
    "a file with the token that a container shows for its AWS credentials",
)
.env(&["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]);

/// The role to assume with the credentials that were found.
pub const ROLE_ARN: Setting<str> =
    Setting::text("role_arn", "the ARN of an AWS role to assume with the credentials that were found");

/// The external id that the role's trust policy asks for.
pub const EXTERNAL_ID: Setting<str> =
    Setting::text("external_id", "the external id that the trust policy of the AWS role requires");

/// The name of the session of a role, as AWS's logs show it.
pub const ROLE_SESSION_NAME: Setting<str> = Setting::text(
    "role_session_name",
    "the name of the AWS role's session in AWS's logs; default: secretref and the id of the run",
)
.env(&["AWS_ROLE_SESSION_NAME"]);

/// The URL of AWS Secrets Manager.
pub const ENDPOINT_URL: Setting<str> =
    Setting::text("endpoint_url", "the URL of AWS Secrets Manager; default: that of the region")
        .env(&["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"])
        .selects_secrets();

/// The URL of STS.
pub const STS_ENDPOINT_URL: Setting<str> =
    Setting::text("sts_endpoint_url", "the URL of STS; default: that of the region")
        .env(&["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"]);

/// The URL of IAM Identity Center's portal.
pub const SSO_ENDPOINT_URL: Setting<str> =
    Setting::text("sso_endpoint_url", "the URL of IAM Identity Center; default: that of the SSO region")
        .env(&["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL"]);

/// Whether FIPS endpoints are used.
pub const USE_FIPS_ENDPOINT: Setting<bool> =
    Setting::switch("use_fips_endpoint", "use the FIPS endpoints of AWS; default: as the AWS profile says")
        .env(&["AWS_USE_FIPS_ENDPOINT"])
        .selects_secrets();

/// Whether dual-stack endpoints are used.
pub const USE_DUALSTACK_ENDPOINT: Setting<bool> = Setting::switch(
    "use_dualstack_endpoint",
    "use the dual-stack endpoints of AWS (IPv6 too); default: as the AWS profile says",
)
.env(&["AWS_USE_DUALSTACK_ENDPOINT"]);
