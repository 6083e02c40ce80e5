//! Tokens: from the settings or from a sign-in, and the failure if the server does not know one.

use std::time::Duration;

use http::HeaderValue;
use secretref_protocol::session_cache::CachedSession;
use secretref_protocol::{Failure, Secret, Settings, file, shell_word};

use super::Auth;
use super::shape::{Found, word};
use crate::settings::{TOKEN, TOKEN_FILE};

/// The token in the header of every request.
pub(crate) enum Token {
    /// A token that the settings give.
    Given {
        header: HeaderValue,
        /// Its source, for a message.
        origin: String,
    },
    /// A token that a sign-in returned, now or earlier.
    Granted {
        header: HeaderValue,
        held: CachedSession,
        /// The sign-in, for a message: `approle at auth/approle`.
        origin: String,
    },
    /// None: an agent adds its own.
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

    /// The source of the token, for `doctor`.
    pub(crate) fn origin(&self) -> String {
        match self {
            Self::Given { origin, .. } => format!("the token of {origin}"),
            Self::Granted { origin, .. } => origin.clone(),
            Self::Agent => "the token of an agent, which adds it to each request".to_owned(),
        }
    }

    /// The message and the remedy if the server does not know the token.
    pub(crate) fn unknown(&self) -> (String, String) {
        match self {
            Self::Given { origin, .. } => (
                format!(
                    "the server does not know the token of {origin}: it has expired, is revoked or used up, or belongs to another server"
                ),
                renew(origin),
            ),
            Self::Granted { origin, .. } => (
                format!(
                    "the token issued to {origin} is no longer valid: it is used up, revoked or bound to another address"
                ),
                "check the role's token_ttl, token_num_uses and token_bound_cidrs".to_owned(),
            ),
            Self::Agent => (
                "the agent sends requests without a token, or with one that the server does not know"
                    .to_owned(),
                "set `use_auto_auth_token = true` in the agent's config and check that it has signed in, or set another `auth`"
                    .to_owned(),
            ),
        }
    }

    /// The session of a sign-in.
    pub(crate) fn held(&self) -> Option<&CachedSession> {
        match self {
            Self::Granted { held, .. } => Some(held),
            _ => None,
        }
    }

    /// Whether it comes from the cache and is at least that old.
    pub(crate) fn is_kept_for(&self, age: Duration) -> bool {
        self.held().is_some_and(|held| held.age.is_some_and(|kept| kept >= age))
    }
}

/// What to do about a token of this origin that the server does not know.
fn renew(origin: &str) -> String {
    const CREATE: &str = "bao token create -orphan -policy=NAME -field=token";
    let orphan = "without -orphan it ends with the token that created it";
    if origin.ends_with("/.vault-token") {
        return "sign in again as this user: run `bao login`, or `vault login`, which writes a new token there".to_owned();
    }
    if !origin.starts_with('/') {
        return format!("set {origin} to a new token: `{CREATE}` prints one; {orphan}");
    }
    format!("write a new token there: {CREATE} > {}; {orphan}", shell_word(origin))
}

/// The first token found: `token_file` as a flag or in the profile, `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, `vault-token` in
/// `$CREDENTIALS_DIRECTORY`, and what `vault login` leaves in `~/.vault-token`. One that is set and cannot be read is
/// a failure; the next is not tried in its place.
pub(super) fn first(settings: &Settings) -> Result<Auth, Failure> {
    match settings.credential(&TOKEN)? {
        Some(found) => token(found),
        None => from_login(settings),
    }
}

/// `auth = "token"`: from the environment or systemd's credentials.
pub(super) fn given(settings: &Settings) -> Result<Auth, Failure> {
    token(settings.secret(&TOKEN)?.ok_or_else(|| none(settings))?)
}

/// `auth = "token_file"`: from `token_file`, else from the file of `vault login`.
pub(super) fn from_file(settings: &Settings) -> Result<Auth, Failure> {
    match settings.path(&TOKEN_FILE)? {
        Some(path) => token((settings.read_secret(&path, "token_file")?, path.display().to_string())),
        None => from_login(settings),
    }
}

/// The token of a person's `vault login`, unless the profile relies on a variable: then another token is meant.
fn from_login(settings: &Settings) -> Result<Auth, Failure> {
    let relies_on_variable = !settings.relies_on(&TOKEN).is_empty();
    let path = settings.in_home(".vault-token").filter(|path| !relies_on_variable && file::is_there(path));
    let path = path.ok_or_else(|| none(settings))?;
    token((settings.read_secret(&path, "token_file")?, path.display().to_string()))
}

fn token(found: Found) -> Result<Auth, Failure> {
    word(found, "token").map(|(token, origin)| Auth::Token { token, origin })
}

/// The header value of the token.
pub(super) fn header(token: &Secret, origin: &str) -> Result<HeaderValue, Failure> {
    let is_plain = token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    let header = HeaderValue::try_from(token.expose()).ok().filter(|_| is_plain).map(|mut header| {
        header.set_sensitive(true);
        header
    });
    header.ok_or_else(|| {
        Failure::misconfigured(
            format!("the token from {origin} contains white space or other invalid characters"),
            "write only the token, on one line",
        )
    })
}

fn none(settings: &Settings) -> Failure {
    settings.no_credential("token", &TOKEN).hint("or set `auth` to a method of sign-in")
}
