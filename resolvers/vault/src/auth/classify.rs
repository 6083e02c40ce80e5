//! Interprets the server's answer to a sign-in. Pure.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use http::StatusCode;
use secretref_protocol::net::Response;
use secretref_protocol::session_cache::{LoginError, NewSession};
use secretref_protocol::{Failure, Kind, Secret};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::login::Login;
use crate::server::{envelope, speaks_vault, stranger};

/// Returns the token or the refusal in an answer of the server at `place`; `None` if it is about the server's own state.
///
/// Only 400 and 401 count against the credential. 403 may be about a mount, a namespace or a locked account, 404 is about the
/// path, and an answer of another shape is not from Vault.
pub(super) fn classify(
    login: &Login,
    response: &Response,
    place: &dyn Display,
) -> Option<Result<NewSession, LoginError>> {
    let refused = |reason: &str, remedy: &str| {
        let what = format!("sign-in by {login} on {place} {reason}");
        Failure::new(Kind::Unauthenticated, what, remedy)
    };
    match response.status {
        StatusCode::OK => Some(granted(login, response, place)),
        status if status.is_client_error() && !speaks_vault(response) => Some(Err(stranger(place).into())),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
            let (reason, remedy) = reason(response).unwrap_or(("is refused", None));
            Some(Err(LoginError::Refused(refused(reason, remedy.unwrap_or(&login.remedy)))))
        }
        StatusCode::FORBIDDEN => {
            let (reason, remedy) = reason(response).unwrap_or(("is refused (403)", None));
            let usual = || format!("check `auth_mount` and `namespace`; {}", login.forbidden);
            let remedy = remedy.map_or_else(usual, str::to_owned);
            Some(Err(LoginError::Unclear(refused(reason, &remedy))))
        }
        StatusCode::NOT_FOUND => {
            let remedy = "check `auth_mount`, `namespace` and the base path of `address`";
            Some(Err(refused("failed: the path does not exist (404)", remedy).into()))
        }
        _ => None,
    }
}

fn granted(login: &Login, response: &Response, place: &dyn Display) -> Result<NewSession, LoginError> {
    let auth = envelope(response).and_then(|envelope| envelope.auth);
    let auth: Option<Granted> = auth.and_then(|auth| serde_json::from_str(auth.get()).ok());
    let auth = auth.ok_or_else(|| stranger(place))?;
    if auth.mfa_requirement.is_some() {
        return Err(LoginError::Failed(Failure::new(
            Kind::Unauthenticated,
            format!(
                "sign-in by {login} on {place} requires a second factor (MFA), which only a person can give"
            ),
            "exempt this role from MFA on the server, or use a sign-in for machines, such as approle",
        )));
    }
    if auth.client_token.is_empty() || !auth.client_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(stranger(place).into());
    }
    Ok(NewSession { lasts: auth.lasts(), secret: Secret::new(auth.client_token.into_owned()) })
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
    /// How long the token can be cached. One with limited uses is not cached: a later process would run out of them.
    fn lasts(&self) -> Duration {
        match (self.num_uses, self.lease_duration) {
            (1.., _) => Duration::ZERO,
            (0, 0) => Duration::MAX,
            (0, seconds) => Duration::from_secs(seconds),
        }
    }
}

/// The remedy for a valid credential that is sent from the wrong address.
const ADDRESS: &str = "add the address that the server sees to the role (`secret_id_bound_cidrs`, `token_bound_cidrs`) and to the secret \
                       id (`cidr_list`); the server's audit log has it as remote_address, and through a proxy it is the proxy's";

/// The remedy for a role that does not exist.
const ROLE: &str = "set `role` to the name of a role of this method, or create the role on the server";

/// A reason, and its remedy if it differs from the method's own.
type Reason = (&'static str, Option<&'static str>);

/// Words in a server's refusal of a sign-in, and their meaning. The status alone decides that it is a refusal; these words
/// only choose a better message, and without a match the message is general.
const REASONS: [(&str, Reason); 9] = [
    (
        "CIDR restrictions",
        ("is refused: the credential cannot be used from this machine's address", Some(ADDRESS)),
    ),
    ("invalid role name", ("is refused: there is no such role", Some(ROLE))),
    ("could not be found", ("is refused: there is no such role", Some(ROLE))),
    (
        "missing role",
        (
            "is refused: the method has no default role, and `role` is not set",
            Some("set `role` in the profile"),
        ),
    ),
    ("missing secret_id", ("is refused: the role needs a secret id", None)),
    ("is expired", ("is refused: the credential has expired", None)),
    ("not authorized", ("is refused (403): the role is not for this service account or its namespace", None)),
    ("invalid certificate or", ("is refused: no role accepts this client certificate", None)),
    ("no client certificate", ("is refused: the server saw no client certificate on this connection", None)),
];

fn reason(response: &Response) -> Option<Reason> {
    let errors = envelope(response)?.errors?;
    let says = |words: &str| errors.iter().any(|error: &&RawValue| error.get().contains(words));
    REASONS.iter().find(|(words, _)| says(words)).map(|(_, reason)| *reason)
}
