//! A sign-in: one request that shows a credential and returns a token.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use secretref_protocol::kept::{Grant, Identity, Kept};
use secretref_protocol::net::Reply;
use secretref_protocol::{Failure, Kind, Secret, Settings};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::aws::Signer;
use super::token::Token;
use super::{approle, token};
use crate::server::{Server, envelope, speaks_vault, stranger};

/// Who signs in, where, and with what.
pub(crate) struct Login {
    /// The method, as the setting `auth` has it.
    pub(super) method: &'static str,
    /// Where it is mounted, without `auth/`.
    pub(super) mount: String,
    /// The role or user, for the identity; no secret.
    pub(super) who: String,
    /// What the path ends in: `/login`, and the user where the method has it there.
    pub(super) path: String,
    /// What is shown; the session is kept for this one alone.
    pub(super) credential: Secret,
    /// What the request holds.
    pub(super) proof: Proof,
    /// What to do when it is refused.
    pub(super) remedy: String,
}

/// How the body of the request comes about.
pub(super) enum Proof {
    /// It is this.
    Body(Secret),
    /// The credential is a token that wraps the secret id for this role id.
    Wrapped { role_id: String },
    /// It is a request to AWS, signed.
    Aws(Box<Signer>),
}

impl Login {
    /// The mount of `method`, from `auth_mount` or where servers have it as a rule.
    pub(super) fn mount(settings: &Settings, method: &'static str) -> Result<String, Failure> {
        let mount = settings.text("auth_mount").unwrap_or(method);
        let mount = mount.trim_matches('/').trim_start_matches("auth/");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let walks = mount.split('/').any(|segment| matches!(segment, "" | "." | ".."));
        if walks || !mount.bytes().all(is_plain) {
            return Err(Failure::misconfigured(
                "`auth_mount` is no path",
                "write where the method is mounted, without auth/",
            ));
        }
        Ok(mount.to_owned())
    }

    /// The token of an earlier sign-in, or of one now.
    pub(super) async fn token(&self, server: &Server, kept: &Arc<Kept>) -> Result<Token, Failure> {
        let identity = self.identity(server, "token");
        let credential = self.credential.expose().as_bytes();
        let held = kept.obtain(&identity, credential, async || self.sign_in(server, kept).await).await?;
        Token::granted(held, kept, identity, self.to_string())
    }

    /// For whom `what` is kept.
    pub(super) fn identity(&self, server: &Server, what: &str) -> Identity {
        Identity::of(&["vault", what, &server.place(), self.method, &self.mount, &self.who])
    }

    /// Removes what is kept, and revokes the token.
    /// <https://developer.hashicorp.com/vault/api-docs/auth/token#revoke-a-token-self>
    pub(super) async fn sign_out(&self, server: &Server, kept: &Kept) -> Result<bool, Failure> {
        let _of_the_role = kept.remove(&self.identity(server, "secret_id"));
        let Some(token) = kept.remove(&self.identity(server, "token")) else { return Ok(false) };
        let header = token::header(&token, &self.to_string())?;
        let reply =
            server.post("/v1/auth/token/revoke-self", Some(&header), &Secret::new("{}".into())).await?;
        match reply.status {
            // One that the server does not know is as good as revoked.
            status if status.is_success() || status == StatusCode::FORBIDDEN => Ok(true),
            _ => Err(server.state(&reply).await.about("the session is no longer kept, and was not revoked")),
        }
    }

    async fn sign_in(&self, server: &Server, kept: &Kept) -> Result<Grant, Failure> {
        let body = match &self.proof {
            Proof::Body(body) => body,
            Proof::Wrapped { role_id } => {
                &approle::body(role_id, Some(&approle::unwrapped(self, server, kept).await?))
            }
            Proof::Aws(signer) => &signer.body().await?,
        };
        let reply = server.post(&format!("/v1/auth/{}{}", self.mount, self.path), None, body).await?;
        match reply.status {
            StatusCode::OK => self.granted(server, &reply),
            status if status.is_client_error() && !speaks_vault(&reply) => Err(stranger(server.route())),
            StatusCode::BAD_REQUEST
            | StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND => Err(self.refused(server, &reply)),
            _ => Err(server.state(&reply).await),
        }
    }

    fn granted(&self, server: &Server, reply: &Reply) -> Result<Grant, Failure> {
        let Some(envelope) = envelope(reply) else { return Err(stranger(server.route())) };
        let auth = envelope.auth.and_then(|auth| serde_json::from_str::<Granted>(auth.get()).ok());
        match auth {
            Some(auth) if auth.mfa_requirement.is_some() => Err(self.failure(
                server,
                "wants a second factor, which no person is there to give",
                "exempt this role from MFA on the server, or sign in by a method for machines, such as approle",
            )),
            Some(auth) if !auth.client_token.is_empty() => Ok(Grant {
                lasts: auth.lasts(),
                secret: Secret::new(auth.client_token.into_owned()),
            }),
            // An odd server answers so where the password is wrong.
            _ => Err(self.failure(server, "is refused", &self.remedy)),
        }
    }

    fn refused(&self, server: &Server, reply: &Reply) -> Failure {
        let reason = match reply.status {
            StatusCode::FORBIDDEN => {
                "is refused (403): nothing is mounted there in this namespace, the account is locked after failed tries, or \
                 this machine's address is not allowed"
            }
            StatusCode::NOT_FOUND => "is not possible (404): this server has no such path",
            _ => reason(reply).unwrap_or("is refused"),
        };
        self.failure(server, reason, &self.remedy)
    }

    fn failure(&self, server: &Server, reason: &str, remedy: &str) -> Failure {
        Failure::new(
            Kind::Unauthenticated,
            format!("sign-in by {self} on {} {reason}", server.route()),
            remedy,
        )
    }
}

/// `approle at auth/approle`.
impl std::fmt::Display for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at auth/{}", self.method, self.mount)
    }
}

/// <https://developer.hashicorp.com/vault/api-docs/auth/approle#sample-response-11>
#[derive(Deserialize)]
struct Granted<'a> {
    #[serde(borrow, default)]
    client_token: Cow<'a, str>,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    num_uses: u64,
    mfa_requirement: Option<IgnoredAny>,
}

impl Granted<'_> {
    /// A token whose uses are counted would run out of them in a later process.
    fn lasts(&self) -> Duration {
        match (self.num_uses, self.lease_duration) {
            (1.., _) => Duration::ZERO,
            (0, 0) => Duration::MAX,
            (0, seconds) => Duration::from_secs(seconds),
        }
    }
}

/// What servers say where they refuse a sign-in with 400, and what it means. That it is refused is known by the status;
/// only the words for a person are found here, and what is not found is said in general terms.
const REASONS: [(&str, &str); 7] = [
    ("invalid role name", "is refused: there is no such role"),
    ("could not be found", "is refused: there is no such role"),
    ("missing role", "is refused: the method has no default role, and `role` is not set"),
    ("missing secret_id", "is refused: the role wants a secret id"),
    ("is expired", "is refused: the credential has expired"),
    ("wrapping token is not valid", "is refused: the wrapping token has been used already, or has expired"),
    ("no client certificate", "is refused: the server saw no client certificate on this connection"),
];

fn reason(reply: &Reply) -> Option<&'static str> {
    let errors = envelope(reply)?.errors?;
    let says = |words: &str| errors.iter().any(|error: &&RawValue| error.get().contains(words));
    REASONS.iter().find(|(words, _)| says(words)).map(|(_, reason)| *reason)
}

/// A JSON object of texts.
pub(super) fn json(members: &[(&str, &str)]) -> Secret {
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let members: Vec<_> =
        members.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    Secret::new(format!("{{{}}}", members.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted() {
        let body = json(&[("role_id", "r\"1"), ("secret_id", "a\\b\n")]);
        let parsed: serde_json::Value = serde_json::from_str(body.expose()).unwrap();
        assert_eq!(parsed, serde_json::json!({"role_id": "r\"1", "secret_id": "a\\b\n"}));
    }
}
