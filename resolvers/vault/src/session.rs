//! A session: a token, and what the server thinks of it.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use secretref_protocol::net::Reply;
use secretref_protocol::{Failure, Kind, Retry, Secret};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use crate::auth::Token;
use crate::client;
use crate::locator::{Kv, Locator};
use crate::mounts::Mounts;
use crate::server::{Server, envelope};

/// How old a kept session must be for its policies to be out of date: a token has those that its role had when it was
/// made.
const OLD: Duration = Duration::from_mins(1);

/// The way to read with one token.
pub(crate) struct Session {
    server: Arc<Server>,
    token: Token,
    standing: OnceCell<Standing>,
    mounts: Mounts,
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
    pub(crate) fn new(server: Arc<Server>, token: Token) -> Self {
        Self { server, token, standing: OnceCell::new(), mounts: Mounts::default() }
    }

    /// What a sign-in returned, if it is by that.
    pub(crate) fn granted(&self) -> Option<&Secret> {
        self.token.secret()
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Reads a path below the address, in the namespace of a locator.
    pub(crate) async fn get(&self, path: String, locator: &Locator) -> Result<Reply, Failure> {
        self.server.get_in(locator.namespace.as_deref(), path, self.token.header()).await
    }

    /// The version of the secrets engine that a locator leads to, if it can be known.
    pub(crate) async fn kv(&self, locator: &Locator) -> Option<Kv> {
        self.mounts.kv(&self.server, self.token.header(), locator).await
    }

    /// What the server thinks of the token; asked once in a process, and only after it refused something.
    pub(crate) async fn standing(&self) -> &Standing {
        self.standing.get_or_init(|| self.ask_standing()).await
    }

    async fn ask_standing(&self) -> Standing {
        let looked =
            self.server.ask(client::ask(&LookupTokenSelfRequest {}), self.token.header(), None).await;
        if let Some(policies) = looked.ok().as_ref().and_then(policies) {
            return Standing::Valid(policies);
        }
        // A token without the policy `default` may not look itself up. This listing is open to every token that is
        // valid, whatever its policies, and to no other.
        let listed = self.server.get("/v1/sys/internal/ui/mounts", self.token.header()).await;
        match listed {
            // Without any token it is open too, and empty.
            Ok(reply)
                if reply.status == StatusCode::OK && (self.token.header().is_some() || lists(&reply)) =>
            {
                Standing::Valid(Vec::new())
            }
            Ok(reply) if matches!(reply.status, StatusCode::OK | StatusCode::FORBIDDEN) => Standing::Unknown,
            _ => Standing::Unclear,
        }
    }

    /// Why the server does not know the token. A new session may do better than one that was kept.
    pub(crate) fn unknown(&self) -> Failure {
        let (what, remedy) = self.token.unknown();
        self.unless_kept(Duration::ZERO, Failure::new(Kind::Unauthenticated, what, remedy))
    }

    /// The same `refusal`, which a new session need not meet where this one was kept for long: its role may have got
    /// other policies since.
    pub(crate) fn unless_outdated(&self, refusal: Failure) -> Failure {
        self.unless_kept(OLD, refusal)
    }

    fn unless_kept(&self, age: Duration, failure: Failure) -> Failure {
        if self.token.is_kept_for(age) { failure.retry(Retry::SignInAnew) } else { failure }
    }
}

/// The policies of a token that may look itself up.
fn policies(reply: &Reply) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Lookup {
        policies: Vec<String>,
    }
    let data = envelope(reply).filter(|_| reply.status == StatusCode::OK)?.data?;
    serde_json::from_str(data.get()).ok().map(|lookup: Lookup| lookup.policies)
}

/// Whether a listing of mounts has one with secrets in it.
fn lists(reply: &Reply) -> bool {
    #[derive(Deserialize)]
    struct Listing<'a> {
        #[serde(borrow)]
        secret: &'a RawValue,
    }
    let data = envelope(reply).and_then(|envelope| envelope.data);
    let listing: Option<Listing<'_>> = data.and_then(|data| serde_json::from_str(data.get()).ok());
    listing.is_some_and(|listing| listing.secret.get().len() > "{}".len())
}
