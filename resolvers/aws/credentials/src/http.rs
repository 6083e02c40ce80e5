//! The HTTP client of the SDK: sends its requests with our own transport.
//!
//! So certificates, proxies, HTTP/2, the deadline and the steps of `doctor` are those of every store. The SDK does not
//! retry, and a [`Failure`] of the transport comes out of its errors as it went in, see [`Failure::within`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::{HeaderName, HeaderValue, Method};
use secretref_protocol::Failure;
use secretref_protocol::net::{Client, Replay, Request, Response, Target};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The headers that hold a credential. Connections must not remember them (RFC 7541 §7.1.3).
const SENSITIVE: [&str; 3] = ["authorization", "x-amz-security-token", "x-amz-sso_bearer_token"];

/// The HTTP client of one service.
#[derive(Clone)]
pub struct Http {
    client: Arc<Client>,
    target: Target,
    limit: Option<usize>,
}

impl Http {
    /// Creates the client of the service that `target` says.
    #[must_use]
    pub fn new(client: Arc<Client>, target: Target) -> Self {
        Self { client, target, limit: None }
    }

    /// Sets the most bytes of a response; the default is that of the transport.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    async fn send(self, request: HttpRequest, limit: Option<Duration>) -> Result<HttpResponse, Failure> {
        let sent = self.client.send(self.target, self.request(&request)?);
        let response = match limit {
            None => sent.await?,
            Some(limit) => tokio::time::timeout(limit, sent).await.map_err(|_| too_slow(limit))??,
        };
        received(response)
    }

    fn request(&self, request: &HttpRequest) -> Result<Request, Failure> {
        let method = Method::try_from(request.method()).map_err(|_| Failure::internal("an SDK's method"))?;
        let body = request.body().bytes().ok_or_else(|| Failure::internal("an SDK's body is a stream"))?;
        let headers = request.headers().iter_bytes().map(|(name, value)| header(name, value));
        let headers =
            headers.collect::<Option<Vec<_>>>().ok_or_else(|| Failure::internal("an SDK's header"))?;
        let sent = Request::new(method, request.uri()).headers(headers).body(body.to_vec());
        let sent = sent.replay(replay(request, body));
        Ok(match self.limit {
            Some(limit) => sent.limit(limit),
            None => sent,
        })
    }
}

fn header(name: &str, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(SENSITIVE.contains(&name));
    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
}

/// Whether a request may be sent again after its connection broke. AWS reads by `POST`, too.
fn replay(request: &HttpRequest, body: &[u8]) -> Replay {
    let is_safe = match request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next()) {
        Some(operation) => reads(operation) || has_token(body),
        // A call of STS: it only issues credentials.
        None => request.method() == "GET" || body.starts_with(b"Action="),
    };
    if is_safe { Replay::Safe } else { Replay::Never }
}

fn reads(operation: &str) -> bool {
    ["BatchGet", "Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb))
}

/// Whether the service itself sees that a request was sent twice.
fn has_token(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "ClientRequestToken")]
        token: Option<IgnoredAny>,
    }
    serde_json::from_slice(body).is_ok_and(|body: Body| body.token.is_some())
}

fn received(response: Response) -> Result<HttpResponse, Failure> {
    let mut received = http::Response::new(SdkBody::from(response.body));
    *received.status_mut() = response.status;
    // The SDK takes no header that is not text.
    let headers = response.headers.iter().filter(|(_, value)| value.to_str().is_ok());
    received.headers_mut().extend(headers.map(|(name, value)| (name.clone(), value.clone())));
    HttpResponse::try_from(received).map_err(|_| Failure::internal("a response that the SDK does not take"))
}

fn too_slow(limit: Duration) -> Failure {
    let what = format!("no response from AWS within {} ms", limit.as_millis());
    Failure::unavailable(what, "check the network of this machine")
}

/// Sends with the limits of one operation.
struct Connector {
    http: Http,
    limit: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = self.http.clone().send(request, self.limit);
        // Of no kind that the SDK would retry.
        HttpConnectorFuture::new(async {
            sent.await.map_err(|failure| ConnectorError::other(failure.into(), None))
        })
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limit = match (settings.connect_timeout(), settings.read_timeout()) {
            (Some(connect), Some(read)) => Some(connect + read),
            (one, other) => one.or(other),
        };
        SharedHttpConnector::new(Connector { http: self.clone(), limit })
    }
}

/// Shows the origins, and nothing that was sent or received.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.http.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, target: Option<&'static str>, body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).unwrap();
        if let Some(target) = target {
            request.headers_mut().insert("x-amz-target", target);
        }
        request
    }

    #[test]
    fn what_may_be_sent_again_is_known_by_the_operation() {
        for (method, target, body, want) in [
            ("POST", Some("secretsmanager.GetSecretValue"), "{}", Replay::Safe),
            ("POST", Some("secretsmanager.BatchGetSecretValue"), "{}", Replay::Safe),
            ("POST", Some("secretsmanager.ListSecrets"), "{}", Replay::Safe),
            ("POST", Some("secretsmanager.DescribeSecret"), "{}", Replay::Safe),
            ("POST", Some("secretsmanager.PutSecretValue"), "{}", Replay::Never),
            ("POST", Some("secretsmanager.PutSecretValue"), r#"{"ClientRequestToken":"x"}"#, Replay::Safe),
            (
                "POST",
                Some("secretsmanager.PutSecretValue"),
                r#"{"SecretString":"ClientRequestToken"}"#,
                Replay::Never,
            ),
            ("POST", Some("secretsmanager.DeleteSecret"), "{}", Replay::Never),
            ("POST", None, "Action=AssumeRole&Version=2011-06-15", Replay::Safe),
            ("POST", None, "{}", Replay::Never),
            ("GET", None, "", Replay::Safe),
        ] {
            let request = request(method, target, body);
            assert_eq!(replay(&request, body.as_bytes()), want, "{target:?} {body}");
        }
    }

    #[test]
    fn headers_with_credentials_are_sensitive() {
        for name in SENSITIVE {
            assert!(header(name, b"x").unwrap().1.is_sensitive());
        }
        assert!(!header("x-amz-date", b"x").unwrap().1.is_sensitive());
    }
}
