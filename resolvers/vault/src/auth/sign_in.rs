//! Signing in and out: the one request that shows a credential and returns a token, unless an earlier one is kept.

use std::sync::Arc;

use http::StatusCode;
use secretref_protocol::kept::{Grant, Kept};
use secretref_protocol::{Failure, Secret};

use super::approle;
use super::login::{Login, Proof};
use super::token::{self, Token};
use super::verdict::verdict;
use crate::server::Server;

/// The token of an earlier sign-in, or of one now.
pub(super) async fn token(login: &Login, server: &Server, kept: &Arc<Kept>) -> Result<Token, Failure> {
    let identity = login.identity(server, "token");
    let credential = login.credential.expose().as_bytes();
    let held = kept.obtain(&identity, credential, async || sign_in(login, server, kept).await).await?;
    Token::granted(held, kept, identity, login.to_string())
}

/// Removes what is kept, and revokes the token. Says whether there was one.
/// <https://developer.hashicorp.com/vault/api-docs/auth/token#revoke-a-token-self>
pub(super) async fn sign_out(login: &Login, server: &Server, kept: &Kept) -> Result<bool, Failure> {
    let _of_the_role = kept.remove(&login.identity(server, "secret_id"));
    let Some(token) = kept.remove(&login.identity(server, "token")) else { return Ok(false) };
    let header = token::header(&token, &login.to_string())?;
    let reply = server.post("/v1/auth/token/revoke-self", Some(&header), &Secret::new("{}".into())).await?;
    match reply.status {
        // One that the server does not know is as good as revoked.
        status if status.is_success() || status == StatusCode::FORBIDDEN => Ok(true),
        _ => Err(server.state(&reply).await.about("the session is no longer kept, and was not revoked")),
    }
}

async fn sign_in(login: &Login, server: &Server, kept: &Kept) -> Result<Grant, Failure> {
    let body = match &login.proof {
        Proof::Body(body) => body,
        Proof::Wrapped { role_id } => {
            &approle::body(role_id, Some(&approle::unwrapped(login, server, kept).await?))
        }
        Proof::Aws(signer) => &signer.body().await?,
    };
    let reply = server.post(&format!("/v1/auth/{}{}", login.mount, login.path), None, body).await?;
    match verdict(login, &reply, server.route()) {
        Some(verdict) => verdict,
        None => Err(server.state(&reply).await),
    }
}
