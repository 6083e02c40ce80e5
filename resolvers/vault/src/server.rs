//! The server: how it is asked, and the states in which it has no answer.

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
    /// What stands in the head of every request.
    head: [(HeaderName, HeaderValue); 2],
    /// The namespace of sign-in, and of every secret that does not name another.
    namespace: Option<HeaderValue>,
    /// What it said of its seal.
    seal: OnceCell<Option<Seal>>,
}

/// What every answer is wrapped in.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    /// Of a read, the secret or what holds it.
    #[serde(borrow)]
    pub(crate) data: Option<&'a RawValue>,
    /// Of a sign-in.
    #[serde(borrow)]
    pub(crate) auth: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) errors: Option<Vec<&'a RawValue>>,
    /// How many seconds what was read may be used.
    #[serde(borrow)]
    pub(crate) lease_duration: Option<&'a RawValue>,
    /// Beside a 404: a path of version 1 in an engine of version 2.
    #[serde(borrow)]
    warnings: Option<&'a RawValue>,
    /// Its name in the server's audit log; errors have none.
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
}

impl Envelope<'_> {
    /// What the server calls the request, if that is no more than a name.
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
            // Asked for by Vault's own clients, and required where `require_request_header` is set on an agent.
            (HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true")),
            // Vault writes it to its audit log; OpenBao where `sys/config/auditing/request-headers` says so.
            (
                HeaderName::from_static("x-correlation-id"),
                run.map_err(|_| Failure::internal("a run that has no name"))?,
            ),
        ];
        Ok(Self { transport, head, namespace, seal: OnceCell::new() })
    }

    /// Announces requests to come.
    pub(crate) fn expect(&self, requests: usize) {
        self.transport.expect(requests);
    }

    /// What sets the sessions of one server apart from those of another: where it is, how it is reached, and whom that
    /// trusts.
    pub(crate) fn place(&self) -> String {
        let route = self.route();
        let name = route.server_name.as_deref().unwrap_or_default();
        let namespace = self.namespace.as_ref().map(HeaderValue::as_bytes).map(hex).unwrap_or_default();
        format!("{route}\n{}\n{}\n{name}\n{namespace}", route.address.base(), route.trust)
    }

    pub(crate) fn route(&self) -> &Route {
        self.transport.route()
    }

    /// Asks for a path below the address, `/v1/…`.
    pub(crate) async fn get(&self, path: &str, token: Option<&HeaderValue>) -> Result<Response, Failure> {
        self.ask(Request::get(path), token, None).await
    }

    /// Sends a request for a path in this namespace, or in that of the server.
    pub(crate) async fn ask_in(
        &self,
        namespace: Option<&str>,
        request: Request,
        token: Option<&HeaderValue>,
    ) -> Result<Response, Failure> {
        let namespace = namespace.map(header).transpose()?;
        self.ask(request, token, namespace.as_ref()).await
    }

    /// Posts JSON to a path below the address.
    pub(crate) async fn post(
        &self,
        path: &str,
        token: Option<&HeaderValue>,
        body: &Secret,
    ) -> Result<Response, Failure> {
        self.ask(Request::new(Method::POST, path).body(body.expose().as_bytes().to_vec()), token, None).await
    }

    /// Sends a request for a path below the address, in a namespace of its own if it has one.
    pub(crate) async fn ask(
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
        let reply = self.transport.send(request).await?;
        match self.transport.refused_by_proxy(reply.status) {
            Some(failure) if !speaks_vault(&reply) => Err(failure),
            None if self.may_want_tls(&reply) => Err(stranger_in_clear(self.route())),
            _ => Ok(reply),
        }
    }

    /// Whether an answer may be that of a TLS port to a request in clear text: servers then say 400.
    fn may_want_tls(&self, reply: &Response) -> bool {
        let address = &self.route().address;
        let is_clear = !address.is_secure() && address.socket().is_none();
        is_clear && reply.status == StatusCode::BAD_REQUEST && !reply.body.is_empty() && !speaks_vault(reply)
    }

    /// What it means that a path is not there that every namespace has.
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

    /// What an answer means that is neither a success nor about what was asked. Asks for the seal where that explains it.
    pub(crate) async fn state(&self, reply: &Response) -> Failure {
        let seal = if reply.status == StatusCode::SERVICE_UNAVAILABLE { self.seal().await } else { None };
        state(reply, seal, self.route())
    }

    /// Asked once in a process, after it refused to answer.
    async fn seal(&self) -> Option<Seal> {
        let ask = async || {
            let reply = self.get("/v1/sys/seal-status", None).await.ok()?;
            serde_json::from_slice(&reply.body).ok()
        };
        *self.seal.get_or_init(ask).await
    }
}

/// <https://developer.hashicorp.com/vault/api-docs#http-status-codes>. Pure.
pub(crate) fn state(reply: &Response, seal: Option<Seal>, place: &dyn Display) -> Failure {
    let status = reply.status;
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
            "try again, or let `address` lead to the active node",
        ),
        (472, _) => unavailable(
            "is a standby of disaster recovery, which answers nothing",
            "let `address` lead to the primary cluster",
        ),
        (473, _) => {
            unavailable("is a standby that does not answer this", "let `address` lead to the active node")
        }
        (501, _) | (503, Some(Seal { initialized: false, .. })) => not_initialised(),
        (503, Some(Seal { sealed: true, .. })) => {
            unavailable("is sealed", "unseal it with `bao operator unseal`")
        }
        (503, _) => unavailable(
            "is in maintenance, or what stands before it is",
            "try again later, and look at the health of the server",
        ),
        (500..=599, _) => unavailable("failed", "look into the server's log"),
        _ => unavailable("gave an answer that a read does not have", "check `address`").with_retry(Retry::No),
    };
    match reply.retry_after() {
        Some(pause) if failure.retry() != Retry::No => failure.with_retry(Retry::After(pause)),
        _ => failure,
    }
}

/// What it means that an answer is not Vault's: one of a proxy, a portal, or a TLS port asked in clear text.
pub(crate) fn stranger(place: &dyn Display) -> Failure {
    Failure::unavailable(
        format!("{place} answered, but not as a Vault does"),
        "check scheme, port and base path of `address`, and `mount` and `kv_version`",
    )
    .with_retry(Retry::No)
}

/// The same, of a 400 by an `http://` address.
fn stranger_in_clear(place: &dyn Display) -> Failure {
    Failure::unavailable(
        format!("{place} answered, but not as a Vault does (400)"),
        "write https:// in `address` if the port wants TLS, else check port and base path",
    )
    .with_retry(Retry::No)
}

pub(crate) fn envelope(reply: &Response) -> Option<Envelope<'_>> {
    serde_json::from_slice(&reply.body).ok()
}

/// Whether an error has the body that Vault gives its errors. Rate limits are spoken by proxies, too.
pub(crate) fn speaks_vault(reply: &Response) -> bool {
    reply.status == StatusCode::TOO_MANY_REQUESTS
        || envelope(reply).is_some_and(|envelope| {
            // Others have objects in theirs.
            let are_texts = |errors: &Vec<&RawValue>| errors.iter().all(|error| error.get().starts_with('"'));
            envelope.errors.as_ref().is_some_and(are_texts)
                || envelope.data.is_some()
                || envelope.warnings.is_some()
        })
}

/// A namespace as it is sent.
fn header(namespace: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(namespace).map_err(|_| {
        Failure::misconfigured("the `namespace` cannot be sent as a header", "check its characters")
    })
}
