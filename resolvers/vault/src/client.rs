//! Lets vaultrs speak over our transport, with its bounds, its deadline and its connections.

use std::sync::Arc;

use http::{HeaderValue, Request, Response};
use rustify::errors::ClientError;
use secretref_protocol::Failure;
use secretref_protocol::net::Ask;

use crate::server::Server;

/// What vaultrs's requests are sent with. The fast path of a read has its own.
pub(crate) struct Client {
    pub(crate) server: Arc<Server>,
    pub(crate) token: Option<HeaderValue>,
}

#[async_trait::async_trait]
impl rustify::client::Client for Client {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let failed =
            |failure: Failure| ClientError::GenericError { source: anyhow::Error::msg(failure.to_string()) };
        let (head, body) = request.into_parts();
        // vaultrs writes two slashes after its base, which a server would redirect.
        let path =
            head.uri.path_and_query().map(|path| path.as_str().trim_start_matches('/')).unwrap_or_default();
        let ask = Ask { method: head.method, body: body.into(), ..Ask::get(format!("/v1/{path}")) };
        let reply = self.server.ask(ask, self.token.as_ref(), None).await.map_err(failed)?;
        let mut response = Response::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        Ok(response)
    }

    fn base(&self) -> &'static str {
        "http://localhost"
    }
}
