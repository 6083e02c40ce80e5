//! The settings of AWS Secrets Manager, named as AWS names them.

use secretref_aws_credentials::settings as aws;
use secretref_protocol::{NameKeys, Setting, Store, net};

/// The description of the store for the shared code.
pub(crate) const STORE: Store = Store {
    binary: "secretref-aws",
    version: env!("CARGO_PKG_VERSION"),
    about: "Reads secrets from AWS Secrets Manager for agent gateways",
    settings: &[aws::STORE_SETTINGS, AWS, CREDENTIALS, TLS, net::SETTINGS],
    name_keys: NameKeys::Only(&["region", "role_arn"]),
    form: "name[#field[#version]]",
    examples: "  secretref-aws get providers/openai
  secretref-aws check 'prod/slack#token' 'prod/slack#token#AWSPREVIOUS'
  secretref-aws list prod/
  secretref-aws set 'prod/slack#token' < token.txt
  secretref-aws --profile ./aws.toml doctor providers/openai
  echo '{\"protocolVersion\":1,\"ids\":[\"providers/openai\"]}' | secretref-aws resolve",
    profile: "region = \"eu-west-1\"
role_arn = \"arn:aws:iam::123456789012:role/gateway\"
allow = [\"providers/**\"]
timeout = \"3s\"

[ids]
slack = { name = \"team@example\", field = \"token\", region = \"us-east-1\" }",
};

const AWS: &[Setting] = &[BINARY.row()];

const CREDENTIALS: &[Setting] = &aws::credential_settings(&[]);

const TLS: &[Setting] =
    &net::tls_settings(net::Variables { ca_cert: &["AWS_CA_BUNDLE"], ..net::NO_VARIABLES });

pub(crate) const BINARY: Setting<str> = Setting::choice(
    "binary",
    &["text", "base64"],
    "how to return a binary secret: as text, which must be UTF-8, or as base64",
)
.default("text");
