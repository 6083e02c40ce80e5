//! A session: a server, a token, and the server's answers about both.

use std::sync::Arc;
use std::time::Duration;

use secretref_protocol::net::{Request, Response};
use secretref_protocol::{Failure, Kind, Retry, Secret};
use tokio::sync::OnceCell;

use crate::auth::Token;
use crate::locator::{Kv, Locator, Mount};
use crate::mounts::{self, Engine, Mounts};
use crate::permission_error::PermissionError;
use crate::server::Server;
use crate::token_status::{self, TokenStatus};

/// The age from which a cached session is replaced when it is denied something: a token keeps the policies that its role
/// had at sign-in.
const OLD: Duration = Duration::from_mins(1);

/// Reads and writes with one token.
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

    /// The token that a sign-in returned, if there was a sign-in.
    pub(crate) fn granted(&self) -> Option<&Secret> {
        self.token.held().map(|held| &held.secret)
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// Sends a request for something in this mount.
    pub(crate) async fn send(&self, request: Request, mount: &Mount) -> Result<Response, Failure> {
        self.server.send_in(mount.namespace.as_deref(), request, self.token.header()).await
    }

    /// The engine mounted there, as the server says.
    pub(crate) async fn engine(&self, mount: &Mount) -> Result<Engine, Failure> {
        self.mounts.engine(&self.server, self.token.header(), mount).await
    }

    /// The KV version of a mount to list. If neither the server nor the settings say it, version 2 is tried: its answer says
    /// why the mount cannot be listed.
    pub(crate) async fn engine_to_list(&self, mount: &Mount) -> Result<Kv, Failure> {
        match (self.engine(mount).await?, mount.kv) {
            (Engine::Kv(found), Some(said)) if found != said => Err(mount.other_version(found)),
            (Engine::Kv(kv), _) | (_, Some(kv)) => Ok(kv),
            (_, None) => Ok(Kv::V2),
        }
    }

    /// The KV version of a mount to write to, which the server must confirm: with another version or engine the same request
    /// would write something else.
    pub(crate) async fn engine_to_write(&self, mount: &Mount) -> Result<Kv, Failure> {
        let wrong = |what: String, remedy: &str| Err(Failure::misconfigured(what, remedy));
        match (mounts::look_up(&self.server, self.token.header(), mount).await?, mount.kv) {
            (Engine::Kv(found), Some(said)) if found != said => Err(mount.other_version(found)),
            (Engine::Kv(kv), _) | (Engine::Hidden, Some(kv)) => Ok(kv),
            (Engine::Other, _) => {
                wrong(format!("{mount} is not a KV engine; nothing was changed"), "check `mount` and the id")
            }
            (Engine::Hidden, None) => wrong(
                format!("the server does not say which engine is mounted at {mount}; nothing was changed"),
                "check `mount` and the policies of the token, or set `kv_version`",
            ),
        }
    }

    /// The error for a token that may not `act` on a secret; `capabilities` are what a policy must grant.
    pub(crate) fn permission_error(
        &self,
        act: &'static str,
        capabilities: &str,
        locator: &Locator,
        kv: Kv,
    ) -> PermissionError {
        PermissionError::secret(act, capabilities, locator, (kv, self.mounts.is_unknown(&locator.mount)))
    }

    /// The failure for a 403: asks the server whether the token is still valid.
    pub(crate) async fn refused(&self, denied: &PermissionError) -> Failure {
        match self.standing_if_told().await {
            TokenStatus::Unknown => self.unknown(),
            status_of_token => self.unless_outdated(denied.failure(status_of_token)),
        }
    }

    /// Whether the server no longer knows the token, although it answered it a moment ago.
    pub(crate) async fn is_used_up(&self) -> bool {
        self.token.header().is_some() && matches!(self.standing_if_told().await, TokenStatus::Unknown)
    }

    async fn standing_if_told(&self) -> &TokenStatus {
        self.status_of_token.get_or_init(async || self.look_up().await.unwrap_or(TokenStatus::Unclear)).await
    }

    /// The status of the token. Asked once in a process, and only after a refusal or for `doctor`.
    pub(crate) async fn status_of_token(&self) -> Result<&TokenStatus, Failure> {
        self.status_of_token.get_or_try_init(|| self.look_up()).await
    }

    async fn look_up(&self) -> Result<TokenStatus, Failure> {
        token_status::look_up(&self.server, self.token.header()).await
    }

    /// The failure for a token that the server does not know. A cached session is then replaced by a new one.
    pub(crate) fn unknown(&self) -> Failure {
        let (what, remedy) = self.token.unknown();
        self.unless_kept(Duration::ZERO, Failure::new(Kind::Unauthenticated, what, remedy))
    }

    /// The same `refusal`, to be tried once more with a new session if this one is an old cached one: its role may have other
    /// policies by now.
    fn unless_outdated(&self, refusal: Failure) -> Failure {
        if self.token.is_kept_for(Duration::ZERO) && !self.token.is_kept_for(OLD) {
            return refusal.hint(
                "if the role got this policy less than a minute ago, try again in a minute or run `logout`: the cached \
                 session is older",
            );
        }
        self.unless_kept(OLD, refusal)
    }

    fn unless_kept(&self, age: Duration, failure: Failure) -> Failure {
        if self.token.is_kept_for(age) { failure.with_retry(Retry::Reauthenticate) } else { failure }
    }
}
