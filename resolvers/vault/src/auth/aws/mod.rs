//! `auth = "aws"`: a request to AWS, signed and not sent. The server sends it, and AWS tells it who signed.

mod credentials;
mod sign;

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secretref_protocol::{Failure, Secret, Settings};

use super::login::{Login, Proof, json};
use crate::settings::STORE;
use credentials::Source;
use sign::{Time, signed_headers};

/// What is asked: who am I. <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// Where credentials come from, and what the signature is for.
pub(super) struct Signer {
    source: Source,
    role: String,
    region: Option<String>,
    /// What the server wants in `X-Vault-AWS-IAM-Server-ID`, so that a signature for another server is none for it.
    server_id: Option<String>,
}

/// Reads where the credentials are.
pub(super) fn login(settings: &Settings) -> Result<Login, Failure> {
    let role = settings.required(&STORE, "role")?.to_owned();
    let source = Source::of(settings)?;
    Ok(Login {
        method: "aws",
        mount: Login::mount(settings, "aws")?,
        who: role.clone(),
        path: "/login".into(),
        credential: Secret::new(source.key_id().to_owned()),
        remedy: format!(
            "check `role` and its bound_iam_principal_arn, `aws_region`, `aws_server_id`, this machine's clock, and the credentials of {}",
            source.origin()
        ),
        proof: Proof::Aws(Box::new(Signer {
            source,
            role,
            region: settings.text("aws_region").map(str::to_owned),
            server_id: settings.text("aws_server_id").map(str::to_owned),
        })),
    })
}

impl Signer {
    /// The body of the sign-in. <https://developer.hashicorp.com/vault/api-docs/auth/aws#login>
    pub(super) async fn body(&self) -> Result<Secret, Failure> {
        let credentials = self.source.credentials().await?;
        // Without a region the global endpoint, which signs as us-east-1.
        let (host, region) = match self.region.as_deref() {
            None => ("sts.amazonaws.com".to_owned(), "us-east-1"),
            Some(region) => (format!("sts.{region}.{}", domain(region)), region),
        };
        let time = Time::of(SystemTime::now());
        let headers = signed_headers(credentials, &host, region, self.server_id.as_deref(), BODY, &time);
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        Ok(json(&[
            ("role", &self.role),
            ("iam_http_request_method", "POST"),
            ("iam_request_url", &encoded(&format!("https://{host}/"))),
            ("iam_request_body", &encoded(BODY)),
            ("iam_request_headers", &encoded(headers.expose())),
        ]))
    }
}

/// <https://docs.aws.amazon.com/general/latest/gr/sts.html>
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}
