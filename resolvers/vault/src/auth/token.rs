//! Tokens: those that somebody else obtained, and what is known of one when the server refuses it.

use std::time::Duration;

use http::HeaderValue;
use secretref_protocol::session_cache::CachedSession;
use secretref_protocol::{Failure, Secret, Settings, file};

use super::Auth;
use super::shape::{Found, word};
use crate::settings::{TOKEN, TOKEN_FILE};

/// What stands in the head of every request.
pub(crate) enum Token {
    /// A token that somebody else obtained.
    Given {
        header: HeaderValue,
        /// Where it came from, for a message.
        origin: String,
    },
    /// What a sign-in returned, now or earlier.
    Granted {
        header: HeaderValue,
        held: CachedSession,
        /// What signed in, for a message: `approle at auth/approle`.
        origin: String,
    },
    /// Nothing: an agent on the way puts its own in.
    Agent,
}

impl Token {
    pub(super) fn given_by(token: &Secret, origin: &str) -> Result<Self, Failure> {
        Ok(Self::Given { header: header(token, origin)?, origin: origin.to_owned() })
    }

    pub(super) fn granted(held: CachedSession, origin: String) -> Result<Self, Failure> {
        Ok(Self::Granted { header: header(&held.secret, &origin)?, held, origin })
    }

    pub(crate) fn header(&self) -> Option<&HeaderValue> {
        match self {
            Self::Given { header, .. } | Self::Granted { header, .. } => Some(header),
            Self::Agent => None,
        }
    }

    /// How it was come by.
    pub(crate) fn origin(&self) -> String {
        match self {
            Self::Given { origin, .. } => format!("the token of {origin}"),
            Self::Granted { origin, .. } => origin.clone(),
            Self::Agent => "the token of an agent, which puts it in".to_owned(),
        }
    }

    /// What it means that the server does not know the token, and what to do.
    pub(crate) fn unknown(&self) -> (String, &'static str) {
        match self {
            Self::Given { origin, .. } => (
                format!(
                    "the server does not know the token of {origin}: it has expired, is revoked or used up, or is another server's"
                ),
                "put a new token there",
            ),
            Self::Granted { origin, .. } => (
                format!(
                    "the server no longer knows the token that it gave to {origin}: it is used up, revoked or bound to another address"
                ),
                "see how long, how often and from where tokens of this role can be used",
            ),
            Self::Agent => (
                "the agent lets requests through without a token, or with one that the server does not know"
                    .to_owned(),
                "set `use_auto_auth_token = true` in the agent's config and see whether it has signed in, or set another `auth`",
            ),
        }
    }

    /// What a sign-in returned.
    pub(crate) fn held(&self) -> Option<&CachedSession> {
        match self {
            Self::Granted { held, .. } => Some(held),
            _ => None,
        }
    }

    /// Whether it is of an earlier process, that long ago or longer.
    pub(crate) fn is_kept_for(&self, age: Duration) -> bool {
        self.held().is_some_and(|held| held.age.is_some_and(|kept| kept >= age))
    }
}

/// The first there is: `token_file` as a flag or in the profile, `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, `vault-token` in
/// `$CREDENTIALS_DIRECTORY`, and what `vault login` leaves in `~/.vault-token`. One that is set and cannot be read is
/// a failure; the next is not tried in its place.
pub(super) fn first(settings: &Settings) -> Result<Auth, Failure> {
    match settings.credential(&TOKEN)? {
        Some(found) => of(found),
        None => from_login(settings),
    }
}

/// `auth = "token"`: from the environment or systemd's credentials.
pub(super) fn given(settings: &Settings) -> Result<Auth, Failure> {
    of(settings.secret(&TOKEN)?.ok_or_else(|| none(settings))?)
}

/// `auth = "token_file"`: from `token_file`, else from where `vault login` leaves it.
pub(super) fn from_file(settings: &Settings) -> Result<Auth, Failure> {
    match settings.path(&TOKEN_FILE)? {
        Some(path) => of((settings.read_secret(&path, "token_file")?, path.display().to_string())),
        None => from_login(settings),
    }
}

/// What a person's `vault login` left, unless the profile relies on a variable: then it is not the token that is meant.
fn from_login(settings: &Settings) -> Result<Auth, Failure> {
    let relies_on_variable = !settings.relies_on(&TOKEN).is_empty();
    let path = settings.in_home(".vault-token").filter(|path| !relies_on_variable && file::is_there(path));
    let path = path.ok_or_else(|| none(settings))?;
    of((settings.read_secret(&path, "token_file")?, path.display().to_string()))
}

fn of(found: Found) -> Result<Auth, Failure> {
    word(found, "token").map(|(token, origin)| Auth::Token { token, origin })
}

/// The token as it is sent.
pub(super) fn header(token: &Secret, origin: &str) -> Result<HeaderValue, Failure> {
    let is_plain = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    let header = HeaderValue::try_from(token.expose()).ok().filter(|_| is_plain).map(|mut header| {
        header.set_sensitive(true);
        header
    });
    header.ok_or_else(|| {
        Failure::misconfigured(
            format!("the token of {origin} has white space or other characters in it that no token has"),
            "write the token alone, on one line",
        )
    })
}

fn none(settings: &Settings) -> Failure {
    settings.no_credential("token", &TOKEN).hint("or set `auth` to the way to sign in")
}
