//! Signs in and out. A sign-in sends the credential and returns a token, unless a token is cached.

use http::StatusCode;
use secretref_protocol::net::Response;
use secretref_protocol::session_cache::{LoginError, NewSession, SessionCache};
use secretref_protocol::{Failure, Kind, Secret};

use super::approle;
use super::classify::classify;
use super::login::{Login, Proof};
use super::token::{self, Token};
use crate::server::{Server, speaks_vault, stranger};

/// Returns the token of the cached session, if it is not the one that was `refused`; else signs in.
pub(super) async fn token(
    login: &Login,
    server: &Server,
    cache: &SessionCache,
    refused: Option<&Secret>,
) -> Result<Token, Failure> {
    let identity = login.identity(server, "token");
    let credential = login.credential.expose().as_bytes();
    let sign_in = async || sign_in(login, server, cache).await;
    let mut held = cache.obtain(&identity, credential, refused, &sign_in).await?;
    // A session whose file is damaged is replaced, like one that the server refuses.
    if held.age.is_some() && token::header(&held.secret, "").is_err() {
        held = cache.obtain(&identity, credential, Some(&held.secret), &sign_in).await?;
    }
    Token::granted(held, login.to_string())
}

async fn sign_in(login: &Login, server: &Server, cache: &SessionCache) -> Result<NewSession, LoginError> {
    let (response, was_last) = match &login.proof {
        Proof::Body(body) => (show(login, server, body).await?, false),
        Proof::Aws(signer) => (show(login, server, &signer.body().await?).await?, false),
        Proof::Wrapped { role_id } => {
            let unwrapped = approle::unwrapped(login, server, cache).await?;
            let body = approle::body(role_id, Some(&unwrapped.secret));
            (show(login, server, &body).await?, unwrapped.is_for_one_use)
        }
    };
    let Some(classify) = classify(login, &response, server.route()) else {
        return Err(server.state(&response).await.into());
    };
    if was_last {
        cache.forget(&login.identity(server, "secret_id"));
    }
    classify
}

async fn show(login: &Login, server: &Server, body: &Secret) -> Result<Response, Failure> {
    let response = server.post(&format!("/v1/auth/{}{}", login.mount, login.path), None, body).await;
    // An answer that is too long is not the fault of an id.
    response.map_err(|failure| match failure.kind() {
        Kind::InvalidValue => stranger(server.route()),
        _ => failure,
    })
}

/// Revokes the token and clears the cache, refusals too. Returns what there was.
/// <https://developer.hashicorp.com/vault/api-docs/auth/token#revoke-a-token-self>
pub(super) async fn sign_out(
    login: &Login,
    server: &Server,
    cache: &SessionCache,
) -> Result<Option<&'static str>, Failure> {
    let [token_of, secret_id_of] = ["token", "secret_id"].map(|what| login.identity(server, what));
    let had_secret_id = cache.session(&secret_id_of).is_some();
    let was_refused = cache.was_refused(&token_of) || cache.was_refused(&secret_id_of);
    let mut ended = was_refused.then_some(REMOVED_REFUSAL);
    if let Some(token) = cache.session(&token_of) {
        let revoked = revoke(login, server, &token).await;
        ended =
            Some(revoked.map_err(|failure| {
                failure.context("the session is still cached: it could not be revoked")
            })?);
    }
    cache.remove(&token_of);
    cache.remove(&secret_id_of);
    if let Proof::Aws(signer) = &login.proof {
        ended = ended.or(signer.sign_out()?);
    }
    Ok(if had_secret_id { Some(REMOVED_SECRET_ID) } else { ended })
}

async fn revoke(login: &Login, server: &Server, token: &Secret) -> Result<&'static str, Failure> {
    let Ok(header) = token::header(token, &login.to_string()) else { return Ok(REMOVED_DAMAGED) };
    let response =
        server.post("/v1/auth/token/revoke-self", Some(&header), &Secret::new("{}".into())).await?;
    match response.status {
        status if status.is_success() => Ok("the cached session is revoked and removed"),
        // A token that the server does not know needs no revoking.
        StatusCode::FORBIDDEN if speaks_vault(&response) => {
            Ok("the cached session is removed; the server no longer knows it")
        }
        StatusCode::BAD_REQUEST if speaks_vault(&response) => {
            Ok("the cached session is removed; a batch token cannot be revoked, and ends by itself")
        }
        _ => Err(server.state(&response).await),
    }
}

/// Said before all else, since the secret id cannot be unwrapped again.
const REMOVED_SECRET_ID: &str =
    "the cache is cleared, the unwrapped secret id too: the next start needs a new wrapped secret id";

const REMOVED_DAMAGED: &str =
    "the cached session is removed; its file was damaged, so its token could not be revoked";

const REMOVED_REFUSAL: &str =
    "no session is cached; the cached refusal is cleared, and the next start signs in";
