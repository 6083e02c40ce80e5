//! The credentials that a machine has by itself: those of a container, and those of an EC2 instance.
//!
//! They are asked for here, because the SDK's own providers read the environment of the process.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use secretref_protocol::net::{Client, Replay, Request, Response, Role, Transport};
use secretref_protocol::session_cache::LoginError;
use secretref_protocol::{Failure, Kind, Retry, Secret};
use serde::Deserialize;

use crate::choose::none;
use crate::keys::{Keys, Part, time};
use crate::source::{Container, Instance};

/// How long to wait for the first answer of an instance's service. On other machines nothing answers.
const PROBE: Duration = Duration::from_millis(300);

/// Credentials as both services write them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

impl Found {
    fn parse(body: Vec<u8>) -> Option<Result<Keys, Part>> {
        let text = Secret::new(String::from_utf8(body).ok()?);
        let found: Self = serde_json::from_str(text.expose()).ok()?;
        let expires = found.expiration.as_deref().and_then(time);
        let (secret, token) = (Secret::new(found.secret_access_key), found.token.map(Secret::new));
        Some(Keys::new(found.access_key_id, secret, token, expires))
    }
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
pub(crate) async fn container(client: &Client, source: &Container) -> Result<Keys, LoginError> {
    let service = client.origin(Role::Metadata, source.address.clone())?;
    let headers = source.authorization.as_ref().map(authorization).transpose()?;
    let request = Request::get(source.path.as_str()).headers(headers).without_redirects();
    let response = service.send(request).await?;
    let what =
        |reason: &str| format!("the service of the container's credentials at {} {reason}", source.address);
    match response.status {
        StatusCode::OK => {
            let keys = Found::parse(response.body).ok_or_else(|| {
                let remedy = "check `container_credentials_uri`";
                Failure::unavailable(what("answers with something else"), remedy).with_retry(Retry::No)
            })?;
            keys.map_err(|part| part.issued(what("").trim_end()).into())
        }
        StatusCode::TOO_MANY_REQUESTS => Err(throttled(what("limits the rate of requests")).into()),
        status if status.is_client_error() => Err(LoginError::Refused(Failure::new(
            Kind::Unauthenticated,
            what(&format!("refuses ({})", status.as_u16())),
            "check the role of the task or of the pod's service account, and `container_authorization_token_file`",
        ))),
        status => Err(Failure::unavailable(
            what(&format!("cannot answer now ({})", status.as_u16())),
            "try again later",
        )
        .into()),
    }
}

fn throttled(what: String) -> Failure {
    Failure::new(Kind::RateLimited, what, "start fewer resolvers at once").with_retry(Retry::Soon)
}

fn authorization(token: &Secret) -> Result<(HeaderName, HeaderValue), Failure> {
    let mut value = HeaderValue::try_from(token.expose()).map_err(|_| {
        Failure::misconfigured(
            "the token for the container's credentials has characters that no header has",
            "check `container_authorization_token_file`",
        )
    })?;
    value.set_sensitive(true);
    Ok((header::AUTHORIZATION, value))
}

/// Version 2 of the service. <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
pub(crate) async fn instance(client: &Client, source: &Instance) -> Result<Keys, Failure> {
    let service = client.origin(Role::Metadata, source.address.clone())?;
    let what = |why: &str| format!("the instance metadata service at {} {why}", source.address);
    let failed = |why: &str| none(&source.tried.iter().cloned().chain([what(why)]).collect::<Vec<_>>());
    let later = |why: &str| Failure::unavailable(what(why), "try again later");
    let refused = |status: StatusCode| match status {
        StatusCode::NOT_FOUND => failed("has no role for this instance (404)"),
        StatusCode::TOO_MANY_REQUESTS => throttled(what("limits the rate of requests")),
        status if status.is_server_error() => later(&format!("cannot answer now ({})", status.as_u16())),
        status => failed(&format!("refuses ({})", status.as_u16())),
    };
    // A service that has given a token is there, and may answer the next time.
    let failed_later = |why: Unanswered| match why {
        Unanswered::Refused(status) => refused(status),
        Unanswered::Lost => later("gave a token, and then no answer"),
    };
    let lasting =
        (HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"), HeaderValue::from_static("60"));
    let token = ask(&service, Method::PUT, "/latest/api/token", lasting);
    let token = tokio::time::timeout(PROBE, token).await;
    let token = token.map_err(|_| failed(&format!("does not answer within {} ms", PROBE.as_millis())))?;
    let token = token.map_err(|why| match why {
        Unanswered::Refused(status) => refused(status),
        Unanswered::Lost => failed("does not answer"),
    })?;
    let mut token = HeaderValue::try_from(token).map_err(|_| failed("does not answer as one"))?;
    token.set_sensitive(true);
    let shown = || (HeaderName::from_static("x-aws-ec2-metadata-token"), token.clone());
    let folder = "/latest/meta-data/iam/security-credentials/";
    let roles = ask(&service, Method::GET, folder, shown()).await.map_err(failed_later)?;
    let roles = String::from_utf8(roles).map_err(|_| failed("does not answer as one"))?;
    let role = roles.lines().next().unwrap_or_default().trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if role.is_empty() || !role.bytes().all(is_plain) {
        return Err(failed("has no role for this instance"));
    }
    let found =
        ask(&service, Method::GET, &format!("{folder}{role}"), shown()).await.map_err(failed_later)?;
    let found =
        Found::parse(found).ok_or_else(|| failed("has a role for this instance, and no credentials"))?;
    found.map_err(|part| part.issued(what("").trim_end()))
}

/// Why there is no answer.
enum Unanswered {
    Refused(StatusCode),
    Lost,
}

async fn ask(
    service: &Transport,
    method: Method,
    path: &str,
    header: (HeaderName, HeaderValue),
) -> Result<Vec<u8>, Unanswered> {
    // It may be repeated: a token of this service that is not used does no harm.
    let request = Request::new(method, path).headers([header]).replay(Replay::Safe).without_redirects();
    match service.send(request).await {
        Ok(Response { status: StatusCode::OK, body, .. }) => Ok(body),
        Ok(Response { status, .. }) => Err(Unanswered::Refused(status)),
        Err(_) => Err(Unanswered::Lost),
    }
}
