//! What a server's answer to a sign-in means. Pure.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use http::StatusCode;
use secretref_protocol::kept::Grant;
use secretref_protocol::net::Reply;
use secretref_protocol::{Failure, Kind, Secret};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::login::Login;
use crate::server::{envelope, speaks_vault, stranger};

/// The token or the refusal in an answer of the server at `place`; `None` where it is about the server's own state.
pub(super) fn verdict(login: &Login, reply: &Reply, place: &dyn Display) -> Option<Result<Grant, Failure>> {
    match reply.status {
        StatusCode::OK => Some(granted(login, reply, place)),
        status if status.is_client_error() && !speaks_vault(reply) => Some(Err(stranger(place))),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
            Some(Err(refused(login, reason(reply).unwrap_or("is refused"), place)))
        }
        StatusCode::FORBIDDEN => Some(Err(refused(
            login,
            "is refused (403): nothing is mounted there in this namespace, the account is locked after failed tries, or \
             this machine's address is not allowed",
            place,
        ))),
        StatusCode::NOT_FOUND => {
            Some(Err(refused(login, "is not possible (404): this server has no such path", place)))
        }
        _ => None,
    }
}

fn granted(login: &Login, reply: &Reply, place: &dyn Display) -> Result<Grant, Failure> {
    let envelope = envelope(reply).ok_or_else(|| stranger(place))?;
    let auth = envelope.auth.and_then(|auth| serde_json::from_str::<Granted>(auth.get()).ok());
    match auth {
        Some(auth) if auth.mfa_requirement.is_some() => Err(unauthenticated(
            login,
            "wants a second factor, which no person is there to give",
            "exempt this role from MFA on the server, or sign in by a method for machines, such as approle",
            place,
        )),
        Some(auth) if !auth.client_token.is_empty() => {
            Ok(Grant { lasts: auth.lasts(), secret: Secret::new(auth.client_token.into_owned()) })
        }
        // An odd server answers so where the password is wrong.
        _ => Err(refused(login, "is refused", place)),
    }
}

fn refused(login: &Login, reason: &str, place: &dyn Display) -> Failure {
    unauthenticated(login, reason, &login.remedy, place)
}

fn unauthenticated(login: &Login, reason: &str, remedy: &str, place: &dyn Display) -> Failure {
    Failure::new(Kind::Unauthenticated, format!("sign-in by {login} on {place} {reason}"), remedy)
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
const REASONS: [(&str, &str); 6] = [
    ("invalid role name", "is refused: there is no such role"),
    ("could not be found", "is refused: there is no such role"),
    ("missing role", "is refused: the method has no default role, and `role` is not set"),
    ("missing secret_id", "is refused: the role wants a secret id"),
    ("is expired", "is refused: the credential has expired"),
    ("no client certificate", "is refused: the server saw no client certificate on this connection"),
];

fn reason(reply: &Reply) -> Option<&'static str> {
    let errors = envelope(reply)?.errors?;
    let says = |words: &str| errors.iter().any(|error: &&RawValue| error.get().contains(words));
    REASONS.iter().find(|(words, _)| says(words)).map(|(_, reason)| *reason)
}
