//! Key Vault's SDK, over our transport: its limits, deadline and connections.
//!
//! The SDK sends its first request to a vault without a token and without a body, to learn from the refusal which token to
//! send. We know it: every request that leaves the process has it. Where the body is missing, the refusal is made here, and the
//! SDK sends the whole request. This also keeps a vault from naming the token that it gets.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{AUTHORIZATION, HeaderName, HeaderValue, Headers, WWW_AUTHENTICATE};
use azure_core::http::{AsyncRawResponse, Body, ClientOptions, HttpClient, RetryOptions, Transport, Url};
use azure_core::time::{Duration, OffsetDateTime};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use http::{HeaderName as Name, HeaderValue as Value, Method};
use secretref_protocol::net::{Client, Replay, Request, Response, Role, Target, Transport as Own};
use secretref_protocol::{Failure, Secret};
use url::{Origin, Position};

use crate::vault::Vault;

/// The target of requests to vaults.
pub(crate) const VAULT: Target = Target { role: Role::Store, key: "vault" };

/// The `WWW-Authenticate` of a refusal, under a name that the SDK does not know: it would send the same token again.
pub(crate) const CHALLENGE: HeaderName = HeaderName::from_static("x-challenge");

/// The HTTP client of the SDK.
#[derive(Debug)]
struct Http {
    /// The only origin that the token is for. A page of a list names the next by its whole URL, which the list checks.
    origin: Origin,
    transport: Arc<Own>,
    audience: &'static str,
    /// The header with the token, made once for all requests.
    authorization: Value,
}

/// The token of the session, for the SDK.
struct Bearer(Secret);

/// Creates the SDK's client of a vault. It connects to nothing.
pub(crate) fn of_vault(
    vault: &Vault,
    client: &Client,
    token: &Secret,
    audience: &'static str,
) -> Result<SecretClient, Failure> {
    let origin = vault.origin().parse::<Url>().map_err(|_| invalid())?.origin();
    let bearer = Secret::new(format!("Bearer {}", token.expose()));
    let mut authorization = Value::from_str(bearer.expose()).map_err(|_| invalid())?;
    authorization.set_sensitive(true);
    let http = Http { origin, transport: client.at(VAULT, vault.origin())?, audience, authorization };
    over(vault, Arc::new(http), token)
}

fn invalid() -> Failure {
    Failure::internal("a vault's URL that the SDK does not accept")
}

/// Creates the SDK's client of a vault over this HTTP client. The SDK retries nothing.
pub(crate) fn over(
    vault: &Vault,
    http: Arc<dyn HttpClient>,
    token: &Secret,
) -> Result<SecretClient, Failure> {
    let bearer = Bearer(Secret::new(token.expose().to_owned()));
    let options = SecretClientOptions {
        client_options: ClientOptions {
            transport: Some(Transport::new(http)),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        },
        // The challenge is our own.
        verify_challenge_resource: Some(false),
        ..SecretClientOptions::default()
    };
    SecretClient::new(vault.origin(), Arc::new(bearer), Some(options)).map_err(|_| invalid())
}

#[async_trait]
impl HttpClient for Http {
    async fn execute_request(
        &self,
        request: &azure_core::http::Request,
    ) -> azure_core::Result<AsyncRawResponse> {
        if request.url().origin() != self.origin {
            let failure = Failure::internal("a request to another host than the vault's, which was not sent");
            return Err(Error::new(ErrorKind::Other, failure));
        }
        let is_whole = request.method() == azure_core::http::Method::Get
            || request.headers().get_optional_str(&AUTHORIZATION).is_some();
        if !is_whole {
            return Ok(challenge(self.audience));
        }
        let sent = async { self.transport.send(self.translated(request)?).await };
        sent.await.map(answered).map_err(|failure| Error::new(ErrorKind::Other, failure))
    }
}

impl Http {
    /// The request for our transport, with the token of the session.
    fn translated(&self, request: &azure_core::http::Request) -> Result<Request, Failure> {
        let invalid = || Failure::internal("a request of the SDK that is no HTTP request");
        let method = Method::from_bytes(request.method().as_ref().as_bytes()).map_err(|_| invalid())?;
        let Body::Bytes(body) = request.body() else { return Err(invalid()) };
        let mut headers = vec![(http::header::AUTHORIZATION, self.authorization.clone())];
        for (name, value) in request.headers().iter().filter(|(name, _)| **name != AUTHORIZATION) {
            let value = Value::from_str(value.as_str()).map_err(|_| invalid())?;
            headers.push((Name::from_bytes(name.as_str().as_bytes()).map_err(|_| invalid())?, value));
        }
        let replay = if method.is_safe() { Replay::Safe } else { Replay::Never };
        Ok(Request::new(method, &request.url()[Position::BeforePath..Position::AfterQuery])
            .headers(headers)
            .body(body.clone())
            .replay(replay))
    }
}

/// The refusal that a vault sends to a request without a token.
fn challenge(audience: &str) -> AsyncRawResponse {
    let mut headers = Headers::new();
    headers.insert(WWW_AUTHENTICATE, format!("Bearer resource=\"{audience}\""));
    AsyncRawResponse::from_bytes(401.into(), headers, Vec::new())
}

pub(crate) fn answered(response: Response) -> AsyncRawResponse {
    let mut headers = Headers::new();
    for (name, value) in &response.headers {
        let Ok(value) = value.to_str() else { continue };
        let name = HeaderName::from(name.as_str().to_owned());
        let name = if name == WWW_AUTHENTICATE { CHALLENGE } else { name };
        headers.insert(name, HeaderValue::from(value.to_owned()));
    }
    AsyncRawResponse::from_bytes(response.status.as_u16().into(), headers, response.body)
}

#[async_trait]
impl TokenCredential for Bearer {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        // The engine replaces a session that expires, so for the SDK it does not.
        let expires = OffsetDateTime::now_utc() + Duration::days(1);
        Ok(AccessToken::new(self.0.expose().to_owned(), expires))
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer")
    }
}
