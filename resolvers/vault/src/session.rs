//! A session: the transport to the server, and what stands in the head of every request.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use rustify::Endpoint as _;
use rustify::errors::ClientError;
use secretref_protocol::Failure;
use secretref_protocol::net::{Ask, Reply, Transport};
use tokio::sync::OnceCell;
use vaultrs::api::EndpointResult;
use vaultrs::api::token::requests::LookupTokenSelfRequest;
use vaultrs::api::token::responses::LookupTokenResponse;

/// The way to read in one namespace with one token.
pub(crate) struct Session {
    transport: Arc<Transport>,
    headers: Vec<(HeaderName, HeaderValue)>,
    standing: OnceCell<Standing>,
    /// Where the token came from, for a message.
    pub(crate) origin: String,
}

/// What the server thinks of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is valid, and has these policies, if it may look.
    Valid(Vec<String>),
    /// It is unknown: expired, revoked, used up, or never issued here.
    Unknown,
    /// The server did not say.
    Unclear,
}

impl Session {
    pub(crate) fn new(
        transport: Arc<Transport>,
        token: HeaderValue,
        namespace: Option<HeaderValue>,
        origin: String,
    ) -> Self {
        let mut headers = vec![
            (HeaderName::from_static("x-vault-token"), token),
            // Asked for by Vault's own clients, and required where `require_request_header` is set on an agent.
            (HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true")),
        ];
        headers.extend(namespace.map(|namespace| (HeaderName::from_static("x-vault-namespace"), namespace)));
        Self { transport, headers, standing: OnceCell::new(), origin }
    }

    /// Reads a path below the address: `/v1/…`.
    pub(crate) async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.ask(Ask::get(path.to_owned())).await
    }

    /// Sends a request for a path below the address, with this session's headers alone.
    async fn ask(&self, ask: Ask) -> Result<Reply, Failure> {
        let path = format!("{}{}", self.transport.route().address.base(), ask.path);
        self.transport.send(Ask { path, headers: self.headers.clone(), ..ask }).await
    }

    /// What it means where an answer is not the server's but that of a proxy before it.
    pub(crate) fn refused_by_proxy(&self, reply: &Reply) -> Option<Failure> {
        self.transport.refused_by_proxy(reply.status)
    }

    /// The way to the server, for a message.
    pub(crate) fn address(&self) -> String {
        self.transport.route().to_string()
    }

    /// What the server thinks of the token; asked once in a process, and only after it refused something.
    pub(crate) async fn standing(&self) -> &Standing {
        self.standing.get_or_init(|| self.ask_standing()).await
    }

    async fn ask_standing(&self) -> Standing {
        let looked: Result<rustify::endpoint::EndpointResult<LookupTokenResponse>, _> =
            LookupTokenSelfRequest {}.exec(self).await;
        if let Ok(looked) = looked {
            let found: Result<EndpointResult<LookupTokenResponse>, _> = looked.wrap();
            return Standing::Valid(
                found.ok().and_then(|found| found.data).map(|found| found.policies).unwrap_or_default(),
            );
        }
        // A token without the policy `default` may not look itself up. This listing is open to every token that is
        // valid, whatever its policies, and to no other.
        match self.get("/v1/sys/internal/ui/mounts").await.map(|reply| reply.status) {
            Ok(StatusCode::OK) => Standing::Valid(Vec::new()),
            Ok(StatusCode::FORBIDDEN) => Standing::Unknown,
            _ => Standing::Unclear,
        }
    }
}

/// Lets vaultrs speak over this session's transport, with its bounds, its deadline and its connections.
#[async_trait::async_trait]
impl rustify::client::Client for Session {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let failed =
            |failure: Failure| ClientError::GenericError { source: anyhow::Error::msg(failure.to_string()) };
        let (head, body) = request.into_parts();
        // vaultrs writes two slashes after its base, which a server would redirect.
        let path =
            head.uri.path_and_query().map(|path| path.as_str().trim_start_matches('/')).unwrap_or_default();
        let ask = Ask { method: head.method, body: body.into(), ..Ask::get(format!("/v1/{path}")) };
        let reply = self.ask(ask).await.map_err(failed)?;
        let mut response = Response::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        Ok(response)
    }

    fn base(&self) -> &'static str {
        "http://localhost"
    }
}
