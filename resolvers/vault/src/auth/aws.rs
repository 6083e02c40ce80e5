//! `auth = "aws"`: signs a request to AWS. The Vault server sends it, and AWS says who signed it.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secretref_aws_credentials::SignIn;
use secretref_protocol::net::Client;
use secretref_protocol::{Failure, Secret, Settings};

use super::login::{Login, Proof, json};
use crate::settings::{AWS_REGION, AWS_SERVER_ID, ROLE};

/// The header that binds a signature to one server, so that it is not valid for another.
const SERVER_ID: &str = "x-vault-aws-iam-server-id";

/// The credentials of AWS, and the settings that are signed.
pub(super) struct Signer {
    sign_in: SignIn,
    role: String,
    server_id: Option<String>,
}

/// Reads the settings and finds the credentials.
pub(super) fn login(settings: &Settings, client: &Arc<Client>) -> Result<Login, Failure> {
    let role = settings.required(&ROLE)?.to_owned();
    let sign_in = SignIn::for_other_store(settings, Arc::clone(client), &AWS_REGION)?;
    let server_id = settings.text(&AWS_SERVER_ID).map(str::to_owned);
    let signed = [settings.text(&AWS_REGION), server_id.as_deref()].map(Option::unwrap_or_default).join("\n");
    Ok(Login {
        method: "aws",
        mount: Login::mount(settings, "aws")?,
        who: role.clone(),
        path: "/login".into(),
        credential: Secret::new(format!("{}\n{signed}", sign_in.mark().expose())),
        forbidden: "check the principals and addresses that the role is bound to",
        remedy: format!(
            "check `role` and its bound_iam_principal_arn, `aws_region`, `aws_server_id`, this machine's clock, and the credentials of {}",
            sign_in.origin()
        ),
        proof: Proof::Aws(Box::new(Signer { sign_in, role, server_id })),
    })
}

impl Signer {
    /// The body of the sign-in. <https://developer.hashicorp.com/vault/api-docs/auth/aws#login>
    pub(super) async fn body(&self) -> Result<Secret, Failure> {
        let session = self.sign_in.session(None, None, None).await?;
        let server_id = self.server_id.as_deref().map(|server_id| (SERVER_ID, server_id));
        let request = self.sign_in.signed(&session, server_id)?;
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        Ok(json(&[
            ("role", &self.role),
            ("iam_http_request_method", "POST"),
            ("iam_request_url", &encoded(&request.url)),
            ("iam_request_body", &encoded(request.body)),
            ("iam_request_headers", &encoded(json(&headers).expose())),
        ]))
    }

    /// Marks names of AWS as private.
    pub(super) fn redact(&self) {
        self.sign_in.redact();
    }

    /// Removes the kept credentials of AWS.
    pub(super) fn sign_out(&self) -> Result<Option<&'static str>, Failure> {
        self.sign_in.sign_out(None)
    }
}
