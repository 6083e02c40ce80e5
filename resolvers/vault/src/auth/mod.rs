//! Sign-in: a file for each method, and which one it is.

mod approle;
mod aws;
mod body;
mod certificate;
mod jwt;
mod login;
mod password;
mod sign_in;
mod token;
mod verdict;

use std::sync::Arc;

use secretref_protocol::kept::Kept;
use secretref_protocol::{Failure, Secret, Settings};

use crate::server::Server;
pub(crate) use login::Login;
pub(crate) use token::Token;

/// How requests come to be let in.
pub(crate) enum Auth {
    /// With a token that somebody else obtained.
    Token {
        /// The token.
        token: Secret,
        /// Where it came from, for a message.
        origin: String,
    },
    /// An agent on the way puts its own token in.
    Agent,
    /// With the token that a sign-in returns.
    Login(Box<Login>),
}

impl Auth {
    /// What the setting `auth` names, or, without it, the first token that there is. Reads the files of a credential
    /// anew.
    pub(crate) fn of(settings: &Settings, kept: &Kept) -> Result<Self, Failure> {
        let login = match settings.text("auth") {
            None => return token::first(settings),
            Some("token") => return token::given(settings),
            Some("token_file") => return token::of_file(settings),
            Some("agent") => return Ok(Self::Agent),
            Some("approle") => approle::login(settings, kept),
            Some("aws") => aws::login(settings),
            Some("cert") => certificate::login(settings),
            Some("jwt") => jwt::login(settings, "jwt"),
            Some("kubernetes") => jwt::login(settings, "kubernetes"),
            Some("ldap") => password::login(settings, "ldap"),
            Some("userpass") => password::login(settings, "userpass"),
            Some(_) => Err(Failure::internal("a method that is in no table")),
        };
        Ok(Self::Login(Box::new(login?)))
    }

    /// Ends the session that is kept, on the server too. Says whether there was one.
    pub(crate) async fn sign_out(&self, server: &Server, kept: &Kept) -> Result<bool, Failure> {
        match self {
            Self::Token { .. } | Self::Agent => Ok(false),
            Self::Login(login) => sign_in::sign_out(login, server, kept).await,
        }
    }

    /// The token to send; signs in where that is what it takes.
    pub(crate) async fn token(&self, server: &Server, kept: &Arc<Kept>) -> Result<Token, Failure> {
        match self {
            Self::Token { token, origin } => Token::given_by(token, origin),
            Self::Agent => Ok(Token::Agent),
            Self::Login(login) => sign_in::token(login, server, kept).await,
        }
    }
}
