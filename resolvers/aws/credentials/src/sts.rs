//! STS: assumed roles, web identities, and who a credential belongs to.

use std::time::SystemTime;

use aws_sdk_sts::types;
use secretref_protocol::session_cache::LoginError;
use secretref_protocol::{Failure, Kind, Secret};

use crate::keys::Keys;
use crate::refusal::Refusal;
use crate::source::{AssumedRole, WebIdentity};

/// Who a credential belongs to.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The number of the account.
    pub account: String,
    /// The ARN of the user or the session.
    pub arn: String,
}

/// The service's name in messages.
const STS: &str = "STS";

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(crate) async fn assume(
    client: &aws_sdk_sts::Client,
    role: &AssumedRole,
    session_name: &str,
) -> Result<Keys, LoginError> {
    let request = client
        .assume_role()
        .role_arn(&role.role)
        .role_session_name(session_name)
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.duration);
    let origin = role.base.origin();
    let key = role.base.secret_place();
    let answer = request.send().await.map_err(|error| match Refusal::of(&error) {
        Ok(refusal) => refusal.login(STS, (&origin, key), |code| denied(&role.role, &origin, code)),
        Err(failure) => LoginError::Failed(failure),
    })?;
    keys(answer.credentials)
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
pub(crate) async fn web_identity(
    client: &aws_sdk_sts::Client,
    identity: &WebIdentity,
    session_name: &str,
) -> Result<Keys, LoginError> {
    let request = client
        .assume_role_with_web_identity()
        .role_arn(&identity.role)
        .role_session_name(session_name)
        .web_identity_token(identity.token.expose());
    let answer = request.send().await.map_err(|error| match Refusal::of(&error) {
        Ok(refusal) if refusal.is(&["IDPCommunicationError"]) => LoginError::Failed(
            Failure::unavailable(
                format!("STS did not reach the issuer of the web identity token of {}", identity.origin),
                "try again later, and check that AWS can reach the issuer's keys",
            )
            .request(refusal.request.as_deref()),
        ),
        Ok(refusal) if refusal.is(TOKEN) => LoginError::Refused(
            Failure::new(
                Kind::Unauthenticated,
                format!("STS does not accept the web identity token of {}", identity.origin),
                "check that it has not expired, its audience (sts.amazonaws.com), and the identity provider in IAM",
            )
            .request(refusal.request.as_deref()),
        ),
        Ok(refusal) => refusal
            .login(STS, (&identity.origin, None), |code| denied(&identity.role, "this web identity", code)),
        Err(failure) => LoginError::Failed(failure),
    })?;
    keys(answer.credentials)
}

const TOKEN: &[&str] = &["ExpiredTokenException", "IDPRejectedClaim", "InvalidIdentityToken"];

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub(crate) async fn identity(
    client: &aws_sdk_sts::Client,
    (origin, key): (&str, Option<&str>),
) -> Result<Identity, Failure> {
    let answer = client.get_caller_identity().send().await.map_err(|error| {
        let refusal = match Refusal::of(&error) {
            Ok(refusal) => refusal,
            Err(failure) => return failure,
        };
        refusal.common(STS, (origin, key)).unwrap_or_else(|| {
            let code = refusal.code.as_deref().unwrap_or_default();
            Failure::new(
                Kind::AccessDenied,
                format!("STS does not say whose credentials these are ({code})"),
                "check them",
            )
        })
    })?;
    match (answer.account, answer.arn) {
        (Some(account), Some(arn)) => Ok(Identity { account, arn }),
        _ => Err(stranger()),
    }
}

fn denied(role: &str, origin: &str, code: &str) -> Failure {
    let what = format!("STS does not let {origin} assume {role} ({code})");
    match code {
        "RegionDisabledException" => Failure::new(
            Kind::Unauthenticated,
            format!("STS is not active in this region for the account of {role}"),
            "activate it in IAM's account settings, or set `sts_endpoint_url` to that of another region",
        ),
        _ => Failure::new(
            Kind::Unauthenticated,
            what,
            "check the role's trust policy and `external_id`, and that the policies of the caller allow sts:AssumeRole on the role",
        ),
    }
}

fn keys(found: Option<types::Credentials>) -> Result<Keys, LoginError> {
    let found = found.ok_or_else(stranger)?;
    let expires = SystemTime::try_from(found.expiration).map_err(|_| stranger())?;
    let (secret, token) = (Secret::new(found.secret_access_key), Secret::new(found.session_token));
    let keys = Keys::new(found.access_key_id, secret, Some(token), Some(expires));
    keys.map_err(|part| part.issued(STS).into())
}

fn stranger() -> Failure {
    Failure::unavailable(
        "the answer of STS is not one of AWS",
        "check the endpoint, and the proxy in front of it",
    )
}
