//! `auth = "aws"`: signs a request to AWS. The Vault server sends it, and AWS says who signed it.

mod credentials;
mod sign;
pub(super) mod signer;

use secretref_protocol::net::Client;
use secretref_protocol::{Failure, Settings};

use super::login::{Login, Proof};
use crate::settings::{AWS_REGION, AWS_SERVER_ID, ROLE};
use credentials::Origin;
use signer::Signer;

/// Reads the settings and finds the credentials.
pub(super) fn login(settings: &Settings, client: &Client) -> Result<Login, Failure> {
    let role = settings.required(&ROLE)?.to_owned();
    let source = Origin::from_settings(settings, client)?;
    Ok(Login {
        method: "aws",
        mount: Login::mount(settings, "aws")?,
        who: role.clone(),
        path: "/login".into(),
        credential: source.mark(&[settings.text(&AWS_REGION), settings.text(&AWS_SERVER_ID)]),
        forbidden: "check the principals and addresses that the role is bound to",
        remedy: format!(
            "check `role` and its bound_iam_principal_arn, `aws_region`, `aws_server_id`, this machine's clock, and the credentials of {}",
            source.origin()
        ),
        proof: Proof::Aws(Box::new(Signer {
            source,
            role,
            region: settings.text(&AWS_REGION).map(str::to_owned),
            server_id: settings.text(&AWS_SERVER_ID).map(str::to_owned),
        })),
    })
}
