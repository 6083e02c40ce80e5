//! The body of a sign-in by AWS: a signed request to AWS.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secretref_protocol::{Failure, Secret};

use super::super::login::json;
use super::credentials::Origin;
use super::sign::{Time, signed_headers};

/// The signed request: who am I. <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub(super) const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The credentials, and the settings that are signed.
pub(in crate::auth) struct Signer {
    pub(super) source: Origin,
    pub(super) role: String,
    pub(super) region: Option<String>,
    /// The value of `X-Vault-AWS-IAM-Server-ID`, so that a signature for another server is not valid here.
    pub(super) server_id: Option<String>,
}

impl Signer {
    /// The body of the sign-in. <https://developer.hashicorp.com/vault/api-docs/auth/aws#login>
    pub(in crate::auth) async fn body(&self) -> Result<Secret, Failure> {
        let credentials = self.source.credentials().await?;
        // Without a region it is the global endpoint, which signs as us-east-1.
        let (host, region) = match self.region.as_deref() {
            None => ("sts.amazonaws.com".to_owned(), "us-east-1"),
            Some(region) => (format!("sts.{region}.{}", domain(region)), region),
        };
        let time = Time::new(SystemTime::now());
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
