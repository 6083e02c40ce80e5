//! The server: sends requests to it, and names the states in which it cannot answer.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use secretref_protocol::net::{Request, Response, Route, Transport};
use secretref_protocol::{Failure, Kind, Retry, Secret, hex, request_id};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

/// A Vault or OpenBao server.
pub(crate) struct Server {
    transport: Arc<Transport>,
    /// The headers of every request.
    head: [(HeaderName, HeaderValue); 2],
    /// The namespace of sign-in, and of every secret whose id does not name another.
    namespace: Option<HeaderValue>,
    /// Its seal status, once it was asked.
    seal: OnceCell<Option<Seal>>,
}

/// The JSON object around every answer.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    /// The secret of a read, or the object that contains it.
    #[serde(borrow)]
    pub(crate) data: Option<&'a RawValue>,
    /// The token of a sign-in.
    #[serde(borrow)]
    pub(crate) auth: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) errors: Option<Vec<&'a RawValue>>,
    /// How many seconds the data may be used.
    #[serde(borrow)]
    pub(crate) lease_duration: Option<&'a RawValue>,
    /// Comes with a 404: the path of version 1 was used in an engine of version 2.
    #[serde(borrow)]
    warnings: Option<&'a RawValue>,
    /// The id in the server's audit log. Errors have none.
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
}

impl Envelope<'_> {
    /// The server's id of the request, if it looks like an id.
    pub(crate) fn request(&self) -> Option<String> {
        request_id(self.request_id?.get().trim_matches('"'))
    }
}

/// <https://developer.hashicorp.com/vault/api-docs/system/seal-status>
#[derive(Deserialize, Clone, Copy)]
pub(crate) struct Seal {
    initialized: bool,
    sealed: bool,
}

impl Server {
    pub(crate) fn new(transport: Arc<Transport>, namespace: Option<&str>) -> Result<Self, Failure> {
        let namespace = namespace.map(header).transpose()?;
        let run = HeaderValue::try_from(transport.route().run.id());
        let head = [
            // Vault's own clients send it, and an agent with `require_request_header` requires it.
            (HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true")),
            // Vault writes it to its audit log; OpenBao does if `sys/config/auditing/request-headers` lists it.
            (
                HeaderName::from_static("x-correlation-id"),
                run.map_err(|_| Failure::internal("a run without an id"))?,
            ),
        ];
        Ok(Self { transport, head, namespace, seal: OnceCell::new() })
    }

    /// Announces requests to come.
    pub(crate) fn expect(&self, requests: usize) {
        self.transport.expect(requests);
    }

    /// The part of a cache key that tells servers apart: address, route and trusted certificates.
    pub(crate) fn place(&self) -> String {
        let route = self.route();
        let name = route.server_name.as_deref().unwrap_or_default();
        let namespace = self.namespace.as_ref().map(HeaderValue::as_bytes).map(hex).unwrap_or_default();
        format!("{route}\n{}\n{}\n{name}\n{namespace}", route.address.base(), route.trust.mark())
    }

    pub(crate) fn route(&self) -> &Route {
        self.transport.route()
    }

    /// Sends a GET for a path below the address, `/v1/…`.
    pub(crate) async fn get(&self, path: &str, token: Option<&HeaderValue>) -> Result<Response, Failure> {
        self.send(Request::get(path), token, None).await
    }

    /// Sends a request for a path in `namespace`, or else in the namespace of the settings.
    pub(crate) async fn send_in(
        &self,
        namespace: Option<&str>,
        request: Request,
        token: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let namespace = namespace.map(header).transpose()?;
        self.send(request, token, namespace.as_ref()).await
    }

    /// Posts JSON to a path below the address.
    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&HeaderValue>,
        body: &Secret,
    ) -> Result<Response, Failure> {
        self.send(Request::new(Method::POST, path).body(body.expose().as_bytes().to_vec()), token, None).await
    }

    /// Sends a request for a path below the address, in `namespace` or else in the namespace of the settings.
    pub(crate) async fn send(
        &self,
        request: Request,
        token: Option<&HeaderValue>,
        namespace: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let token = token.map(|token| (HeaderName::from_static("x-vault-token"), token.clone()));
        let namespace = namespace.or(self.namespace.as_ref());
        let namespace =
            namespace.map(|namespace| (HeaderName::from_static("x-vault-namespace"), namespace.clone()));
        let headers = self.head.iter().cloned().chain(token).chain(namespace);
        let request = request.below(self.route().address.base()).headers(headers);
        let response = self.transport.send(request).await?;
        match self.transport.refused_by_proxy(response.status) {
            Some(failure) if !speaks_vault(&response) => Err(failure),
            None if self.may_want_tls(&response) => Err(stranger_in_clear(self.route())),
            _ => Ok(response),
        }
    }

    /// Whether this may be a TLS port's answer to a request without TLS, which is a 400.
    fn may_want_tls(&self, response: &Response) -> bool {
        let address = &self.route().address;
        let is_clear = !address.is_secure() && address.socket().is_none();
        is_clear
            && response.status == StatusCode::BAD_REQUEST
            && !response.body.is_empty()
            && !speaks_vault(response)
    }

    /// The failure for a 404 of a path that every namespace has.
    pub(crate) fn nowhere(&self) -> Failure {
        let namespace = self.namespace.as_ref().and_then(|namespace| namespace.to_str().ok());
        match namespace {
            Some(namespace) => Failure::misconfigured(
                format!("{} has no namespace {namespace} (404)", self.route()),
                "check `namespace`",
            ),
            None => stranger(self.route()),
        }
    }

    /// The failure for an answer that is about the server's own state. On a 503 it asks for the seal status first.
    pub(crate) async fn state(&self, response: &Response) -> Failure {
        let seal = if response.status == StatusCode::SERVICE_UNAVAILABLE { self.seal().await } else { None };
        state(response, seal, self.route())
    }

    /// Asks for the seal status, at most once in a process.
    async fn seal(&self) -> Option<Seal> {
        let look_up = async || {
            let response = self.get("/v1/sys/seal-status", None).await.ok()?;
            serde_json::from_slice(&response.body).ok()
        };
        *self.seal.get_or_init(look_up).await
    }
}

/// <https://developer.hashicorp.com/vault/api-docs#http-status-codes>. Pure.
pub(crate) fn state(response: &Response, seal: Option<Seal>, place: &dyn Display) -> Failure {
    let status = response.status;
    let unavailable = |what: &str, remedy: &str| {
        Failure::unavailable(format!("{place} {what} ({})", status.as_u16()), remedy)
    };
    let not_initialised = || unavailable("is not initialised", "run `bao operator init` on it");
    let failure = match (status.as_u16(), seal) {
        (429, _) => Failure::new(
            Kind::RateLimited,
            format!("{place} limits the rate of requests (429)"),
            "raise the quota (sys/quotas/rate-limit), or ask less often",
        )
        // The interval of a quota, unless its author chose another; the server names it only if told to.
        .with_retry(Retry::After(Duration::from_secs(1))),
        (412, _) => unavailable(
            "is a replica that has not caught up with a write yet",
            "try again, or set `address` to the active node",
        ),
        (472, _) => unavailable("is a disaster recovery standby", "set `address` to the primary cluster"),
        (473, _) => {
            unavailable("is a standby that does not answer this request", "set `address` to the active node")
        }
        (501, _) | (503, Some(Seal { initialized: false, .. })) => not_initialised(),
        (503, Some(Seal { sealed: true, .. })) => {
            unavailable("is sealed", "unseal it with `bao operator unseal`")
        }
        (503, _) => unavailable(
            "is in maintenance, or a proxy in front of it is",
            "try again later, and check the health of the server",
        ),
        (500..=599, _) => unavailable("failed", "read the server's log"),
        _ => unavailable("sent an unexpected reply", "check `address`").with_retry(Retry::No),
    };
    match response.retry_after() {
        Some(pause) if failure.retry() != Retry::No => failure.with_retry(Retry::After(pause)),
        _ => failure,
    }
}

/// The failure for an answer that is not Vault's: one of a proxy, a login portal, or a TLS port reached without TLS.
pub(crate) fn stranger(place: &dyn Display) -> Failure {
    Failure::unavailable(
        format!("the reply from {place} is not from Vault or OpenBao"),
        "check the scheme, port and base path of `address`, and `mount` and `kv_version`",
    )
    .with_retry(Retry::No)
}

/// The same failure for a 400 from an `http://` address.
fn stranger_in_clear(place: &dyn Display) -> Failure {
    Failure::unavailable(
        format!("the reply from {place} is not from Vault or OpenBao (400)"),
        "write https:// in `address` if the port uses TLS; else check the port and base path",
    )
    .with_retry(Retry::No)
}

pub(crate) fn envelope(response: &Response) -> Option<Envelope<'_>> {
    serde_json::from_slice(&response.body).ok()
}

/// Whether an error has the body of Vault's errors. A 429 counts always, since proxies limit rates too.
pub(crate) fn speaks_vault(response: &Response) -> bool {
    response.status == StatusCode::TOO_MANY_REQUESTS
        || envelope(response).is_some_and(|envelope| {
            // The `errors` of other programs contain objects.
            let are_texts = |errors: &Vec<&RawValue>| errors.iter().all(|error| error.get().starts_with('"'));
            envelope.errors.as_ref().is_some_and(are_texts)
                || envelope.data.is_some()
                || envelope.warnings.is_some()
        })
}

/// The header value of a namespace.
fn header(namespace: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(namespace).map_err(|_| {
        Failure::misconfigured("`namespace` has a character that a header cannot have", "correct `namespace`")
    })
}
