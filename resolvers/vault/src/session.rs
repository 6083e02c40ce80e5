//! A session: a token, and what the server thinks of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use secretref_protocol::net::{Request, Response};
use secretref_protocol::{Failure, Kind, Retry, Secret};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use crate::auth::Token;
use crate::client;
use crate::locator::{Kv, Locator, Mount};
use crate::mounts::{self, Engine, Mounts};
use crate::permission_error::PermissionError;
use crate::server::{Server, envelope, speaks_vault, stranger};
use crate::token_status::TokenStatus;

/// How old a kept session must be for its policies to be out of date: a token has those that its role had when it was
/// made.
const OLD: Duration = Duration::from_mins(1);

/// The way to read with one token.
pub(crate) struct Session {
    server: Arc<Server>,
    token: Token,
    status_of_token: OnceCell<TokenStatus>,
    mounts: Mounts,
}

impl Session {
    pub(crate) fn new(server: Arc<Server>, token: Token) -> Self {
        Self { server, token, status_of_token: OnceCell::new(), mounts: Mounts::default() }
    }

    /// What a sign-in returned, if it is by that.
    pub(crate) fn granted(&self) -> Option<&Secret> {
        self.token.held().map(|held| &held.secret)
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// Sends a request about what is mounted there.
    pub(crate) async fn ask(&self, request: Request, mount: &Mount) -> Result<Response, Failure> {
        self.server.ask_in(mount.namespace.as_deref(), request, self.token.header()).await
    }

    /// What is mounted there, by the server's own word.
    pub(crate) async fn engine(&self, mount: &Mount) -> Result<Engine, Failure> {
        self.mounts.engine(&self.server, self.token.header(), mount).await
    }

    /// The version of the engine that is to be listed. Where neither the server nor the settings say it, that of version 2
    /// is asked, for its answer says why.
    pub(crate) async fn engine_to_list(&self, mount: &Mount) -> Result<Kv, Failure> {
        match (self.engine(mount).await?, mount.kv) {
            (Engine::Kv(found), Some(said)) if found != said => Err(mount.other_version(found)),
            (Engine::Kv(kv), _) | (_, Some(kv)) => Ok(kv),
            (_, None) => Ok(Kv::V2),
        }
    }

    /// The version of the engine that is to be written to, which the server must confirm: a path of one version is another
    /// secret's in the other, and somebody else's in what is no key-value engine.
    pub(crate) async fn engine_to_write(&self, mount: &Mount) -> Result<Kv, Failure> {
        let wrong = |what: String, remedy: &str| Err(Failure::misconfigured(what, remedy));
        match (mounts::ask(&self.server, self.token.header(), mount).await?, mount.kv) {
            (Engine::Kv(found), Some(said)) if found != said => Err(mount.other_version(found)),
            (Engine::Kv(kv), _) | (Engine::Hidden, Some(kv)) => Ok(kv),
            (Engine::Other, _) => wrong(
                format!("what is mounted at {mount} is no key-value engine, and nothing was changed"),
                "write where secrets are: check `mount` and the id",
            ),
            (Engine::Hidden, None) => wrong(
                format!("the server does not say what is mounted at {mount}, and nothing was changed"),
                "check `mount` and the policies of the token, or set `kv_version`",
            ),
        }
    }

    /// That the token may not `act` on a secret, for which a policy must grant these `capabilities`.
    pub(crate) fn denied(
        &self,
        act: &'static str,
        capabilities: &str,
        locator: &Locator,
        kv: Kv,
    ) -> PermissionError {
        PermissionError::secret(act, capabilities, locator, (kv, self.mounts.is_unknown(&locator.mount)))
    }

    /// Why the server refused something with 403.
    pub(crate) async fn refused(&self, denied: &PermissionError) -> Failure {
        match self.standing_if_told().await {
            TokenStatus::Unknown => self.unknown(),
            status_of_token => self.unless_outdated(denied.failure(status_of_token)),
        }
    }

    /// Whether the server no longer knows the token, which it answered a moment ago.
    pub(crate) async fn is_used_up(&self) -> bool {
        self.token.header().is_some() && matches!(self.standing_if_told().await, TokenStatus::Unknown)
    }

    async fn standing_if_told(&self) -> &TokenStatus {
        self.status_of_token.get_or_init(async || self.look().await.unwrap_or(TokenStatus::Unclear)).await
    }

    /// What the server thinks of the token; asked once in a process, and only after it refused something or for somebody
    /// who watches.
    pub(crate) async fn status_of_token(&self) -> Result<&TokenStatus, Failure> {
        self.status_of_token.get_or_try_init(|| self.look()).await
    }

    async fn look(&self) -> Result<TokenStatus, Failure> {
        let looked =
            self.server.ask(client::ask(&LookupTokenSelfRequest {}), self.token.header(), None).await?;
        if let Some(looked) = envelope(&looked)
            .filter(|_| looked.status == StatusCode::OK)
            .and_then(|envelope| serde_json::from_str(envelope.data?.get()).ok())
        {
            return Ok(TokenStatus::Valid(Some(looked)));
        }
        // A token without the policy `default` may not look itself up. This listing is open to every token that is
        // valid, whatever its policies, and to no other.
        let listed = self.server.get("/v1/sys/internal/ui/mounts", self.token.header()).await?;
        match listed.status {
            StatusCode::OK => match mounts_in(&listed) {
                None => Err(stranger(self.server.route())),
                // Without any token it is open too, and empty.
                Some(0) if self.token.header().is_none() => Ok(TokenStatus::Unknown),
                Some(_) => Ok(TokenStatus::Valid(None)),
            },
            status if status.is_client_error() && !speaks_vault(&listed) => {
                Err(stranger(self.server.route()))
            }
            StatusCode::FORBIDDEN => Ok(TokenStatus::Unknown),
            StatusCode::NOT_FOUND => Err(self.server.nowhere()),
            _ => Err(self.server.state(&listed).await),
        }
    }

    /// Why the server does not know the token. A new session may do better than one that was kept.
    pub(crate) fn unknown(&self) -> Failure {
        let (what, remedy) = self.token.unknown();
        self.unless_kept(Duration::ZERO, Failure::new(Kind::Unauthenticated, what, remedy))
    }

    /// The same `refusal`, which a new session need not meet where this one was kept: its role may have got other policies
    /// since. One that is kept for less than a minute is not given up for that.
    fn unless_outdated(&self, refusal: Failure) -> Failure {
        if self.token.is_kept_for(Duration::ZERO) && !self.token.is_kept_for(OLD) {
            return refusal.hint(
                "if the role got this policy less than a minute ago, try again in a minute, or run `logout` first: the \
                 session is kept from before",
            );
        }
        self.unless_kept(OLD, refusal)
    }

    fn unless_kept(&self, age: Duration, failure: Failure) -> Failure {
        if self.token.is_kept_for(age) { failure.with_retry(Retry::Reauthenticate) } else { failure }
    }
}

/// How many mounts with secrets in them a listing has; `None` where it is no such listing.
fn mounts_in(reply: &Response) -> Option<usize> {
    #[derive(Deserialize)]
    struct Listing<'a> {
        #[serde(borrow)]
        secret: BTreeMap<String, &'a RawValue>,
    }
    let listing: Listing<'_> = serde_json::from_str(envelope(reply)?.data?.get()).ok()?;
    Some(listing.secret.len())
}
