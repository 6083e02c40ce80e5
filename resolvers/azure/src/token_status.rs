//! What a token says about itself, for `doctor` and for messages. Nothing is decided by it: only the vault checks a token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secretref_protocol::{Failure, Kind, Run, Secret, Stage, span};
use serde::Deserialize;

use crate::auth::Auth;
use crate::list;
use crate::session::Session;
use crate::vault::Vault;

/// The claims of a token of Entra.
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Claims {
    /// The application, in tokens of version 1 and 2.
    #[serde(alias = "azp")]
    pub(crate) appid: Option<String>,
    /// The object in the directory that signed in.
    pub(crate) oid: Option<String>,
    pub(crate) tid: Option<String>,
    aud: Option<String>,
    exp: Option<u64>,
}

impl Claims {
    /// Reads the claims of a token. Empty if it is not a JWT: its form is not promised.
    pub(crate) fn of(token: &Secret) -> Self {
        let payload = token.expose().split('.').nth(1);
        let payload = payload.and_then(|payload| BASE64_URL_SAFE_NO_PAD.decode(payload).ok());
        payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
    }
}

/// Reports who signed in, how, and until when.
pub(crate) async fn inspect(auth: &Auth, session: &Session, vault: Option<&Vault>) -> Result<(), Failure> {
    let run = &session.run;
    let note = |fact: &str| run.fact(Stage::SignIn, fact);
    note(&session.identity().to_string());
    let age = session.held().age;
    note(&age.map_or_else(
        || "signed in by this run".to_owned(),
        |age| format!("with a cached token, signed in {} ago", span(age)),
    ));
    match auth.cache().place() {
        Ok(place) => {
            run.redact("keep_session", place.display().to_string());
            note(&format!("tokens are cached in {}", place.display()));
        }
        Err(why) => note(&format!("tokens are not cached, and every start signs in: {why}")),
    }
    tell(run, &Claims::of(session.token()));
    let Some(vault) = vault else { return Ok(()) };
    run.redact("vault", vault.to_string());
    match list::probe(session, vault).await {
        Ok(()) => note(&format!("the vault {vault} can be listed")),
        Err(failure) if failure.kind() == Kind::AccessDenied => {
            note(&format!("the vault {vault} answers, and does not let this identity list secrets"));
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}

fn tell(run: &Run, claims: &Claims) {
    let note = |fact: String| run.fact(Stage::SignIn, fact);
    for (what, claim) in [("tenant", &claims.tid), ("object id", &claims.oid), ("client id", &claims.appid)] {
        let Some(claim) = claim.as_deref().filter(|claim| is_plain(claim)) else { continue };
        run.redact(what, claim);
        note(format!("{what} {claim}"));
    }
    if let Some(audience) = claims.aud.as_deref().filter(|audience| is_plain(audience)) {
        note(format!("audience {audience}"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Some(left) = claims.exp.map(|end| Duration::from_secs(end).saturating_sub(now)) {
        note(format!("expires in {}, and is replaced before", span(left)));
        run.ends_and_is_replaced("token", left);
    }
}

/// Whether a claim may be shown.
pub(crate) fn is_plain(text: &str) -> bool {
    text.len() <= 100 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_no_jwt_says_nothing() {
        let of = |text: &str| Claims::of(&Secret::new(text.to_owned())).tid;
        assert_eq!(of("opaque"), None);
        assert_eq!(of("a.!.c"), None);
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"tid":"t","exp":1}"#);
        assert_eq!(of(&format!("e30.{payload}.sig")).as_deref(), Some("t"));
    }
}
