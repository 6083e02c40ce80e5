//! IAM Identity Center: the credentials of a role, for the login of a person.
//!
//! A login is not refreshed here: that may replace the refresh token, and a resolve does not write to `~/.aws`. What it
//! issues is kept in the session cache, so it serves until it expires itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secretref_protocol::session_cache::LoginError;
use secretref_protocol::{Failure, Kind, Secret};

use crate::keys::{Keys, time};
use crate::profile::no_login;
use crate::refusal::Refusal;
use crate::source::Sso;

/// The service's name in messages.
const SSO: &str = "IAM Identity Center";

/// <https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html>
pub(crate) async fn credentials(client: &aws_sdk_sso::Client, source: &Sso) -> Result<Keys, LoginError> {
    let login = source.login.as_ref().map_err(Clone::clone)?;
    // Older tools write UTC in place of Z.
    if time(&login.expires.replace("UTC", "Z")).is_none_or(|end| end <= SystemTime::now()) {
        return Err(no_login(&source.profile, "has expired").into());
    }
    let request = client
        .get_role_credentials()
        .account_id(&source.account)
        .role_name(&source.role)
        .access_token(login.token.expose());
    let answer = request.send().await.map_err(|error| match Refusal::of(&error) {
        Ok(refusal) if refusal.status == 401 => LoginError::Refused(
            no_login(&source.profile, "is no longer valid").request(refusal.request.as_deref()),
        ),
        Ok(refusal) => {
            let origin = format!("the AWS profile {}", source.profile);
            refusal.login(SSO, (&origin, None), |code| denied(source, code))
        }
        Err(failure) => LoginError::Failed(failure),
    })?;
    let found = answer.role_credentials.ok_or_else(stranger)?;
    let (Some(id), Some(secret)) = (found.access_key_id, found.secret_access_key) else {
        return Err(stranger().into());
    };
    let expires = u64::try_from(found.expiration).map_err(|_| stranger())?;
    let expires = UNIX_EPOCH.checked_add(Duration::from_millis(expires)).ok_or_else(stranger)?;
    let token = found.session_token.map(Secret::new);
    Keys::new(id, Secret::new(secret), token, Some(expires)).map_err(|part| part.issued(SSO).into())
}

fn denied(source: &Sso, code: &str) -> Failure {
    Failure::new(
        Kind::Unauthenticated,
        format!("IAM Identity Center does not give {} in account {} ({code})", source.role, source.account),
        format!("check sso_account_id and sso_role_name of the AWS profile {}", source.profile),
    )
}

fn stranger() -> Failure {
    Failure::unavailable(
        "the answer of IAM Identity Center is not one of AWS",
        "check the endpoint, and the proxy in front of it",
    )
}
