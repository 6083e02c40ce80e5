//! Sign-in: chooses the method. Each method has its own file.

mod approle;
mod aws;
mod certificate;
mod classify;
mod jwt;
mod login;
mod password;
mod shape;
mod sign_in;
mod token;

use std::sync::Arc;

use secretref_protocol::net::Client;
use secretref_protocol::session_cache::SessionCache;
use secretref_protocol::{Failure, Run, Secret, Settings};

use crate::server::Server;
use crate::settings::AUTH;
pub(crate) use login::Login;
use login::Proof;
pub(crate) use token::Token;

/// How requests are authenticated.
pub(crate) enum Auth {
    /// With a token that the settings give.
    Token {
        /// The token.
        token: Secret,
        /// Its source, for a message.
        origin: String,
    },
    /// By an agent, which adds its own token.
    Agent,
    /// With the token that a sign-in returns.
    Login {
        /// The data of the sign-in.
        login: Box<Login>,
        /// The cache of its session.
        cache: SessionCache,
    },
}

impl Auth {
    /// Reads the method that `auth` names, or else the first token found. Reads the files of a credential at each start.
    pub(crate) fn from_settings(settings: &Settings, client: &Arc<Client>) -> Result<Self, Failure> {
        used(settings)?;
        let login = match settings.text(&AUTH) {
            None => return token::first(settings),
            Some("token") => return token::given(settings),
            Some("token_file") => return token::from_file(settings),
            Some("agent") => return Ok(Self::Agent),
            Some("approle") => approle::login(settings),
            Some("aws") => aws::login(settings, client),
            Some("cert") => certificate::login(settings),
            Some("jwt") => jwt::login(settings, "jwt"),
            Some("kubernetes") => jwt::login(settings, "kubernetes"),
            Some("ldap") => password::login(settings, "ldap"),
            Some("userpass") => password::login(settings, "userpass"),
            Some(_) => Err(Failure::internal("an unknown method of sign-in")),
        };
        Ok(Self::Login { login: Box::new(login?), cache: SessionCache::from_settings(settings)? })
    }

    /// Ends the cached session, also on the server. Returns what was ended.
    pub(crate) async fn sign_out(&self, server: &Server) -> Result<Option<&'static str>, Failure> {
        match self {
            Self::Token { .. } | Self::Agent => Ok(None),
            Self::Login { login, cache } => sign_in::sign_out(login, server, cache).await,
        }
    }

    /// Marks the names of files and mounts as private.
    pub(crate) fn redact(&self, run: &Run) {
        match self {
            Self::Token { origin, .. } if origin.starts_with('/') => {
                run.redact("token_file", origin.as_str());
            }
            Self::Token { .. } | Self::Agent => {}
            Self::Login { login, cache } => {
                if login.mount != login.method {
                    run.redact("auth_mount", login.mount.as_str());
                }
                if let Proof::Aws(signer) = &login.proof {
                    signer.redact();
                }
                if let Ok(place) = cache.place() {
                    run.redact("keep_session", place.display().to_string());
                }
            }
        }
    }

    /// Returns the token to send, and not the one that was `refused`. Signs in if needed.
    pub(crate) async fn token(&self, server: &Server, refused: Option<&Secret>) -> Result<Token, Failure> {
        match self {
            Self::Token { token, origin } => Token::given_by(token, origin),
            Self::Agent => Ok(Token::Agent),
            Self::Login { login, cache } => sign_in::token(login, server, cache, refused).await,
        }
    }
}

/// Fails if a profile or flag sets something that its sign-in does not use: the run would read with another credential than
/// its author meant.
fn used(settings: &Settings) -> Result<(), Failure> {
    if let Some(auth) = settings.text(&AUTH) {
        return settings.check_used_by(auth);
    }
    match settings.written_for_sign_in().find(|setting| setting.used_by != ["token_file"]) {
        None => Ok(()),
        Some(idle) => Err(Failure::misconfigured(
            format!("`{}` is set, and `auth` is not", idle.key),
            format!("set `auth` to a method that uses it: {}", idle.used_by.join(", ")),
        )),
    }
}
