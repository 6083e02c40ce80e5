//! Interprets Entra's answer to a sign-in, by its status and its codes. Pure.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core::time::parse_rfc7231;
use http::{StatusCode, header};
use secretref_protocol::net::Response;
use secretref_protocol::session_cache::{LoginError, NewSession};
use secretref_protocol::{Failure, Kind, Retry, Secret};
use serde::Deserialize;

use super::entra::{Entra, Proof};
use super::is_token;

/// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#successful-response-1>
#[derive(Deserialize)]
struct Granted<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    /// A number; a text with a number from some services.
    expires_in: Option<Seconds<'a>>,
    /// When it expires, in seconds since 1970: the service of App Service says nothing else.
    /// <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>
    expires_on: Option<Seconds<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Seconds<'_> {
    fn parse(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.parse().ok()?,
        };
        Some(Duration::from_secs(seconds))
    }
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The token in an answer of the time `now`, if it has one.
pub(crate) fn token(body: &[u8], now: Duration) -> Option<NewSession> {
    let granted: Granted<'_> = serde_json::from_slice(body).ok()?;
    let lasts = match (&granted.expires_in, &granted.expires_on) {
        (Some(seconds), _) => seconds.parse()?,
        (None, Some(end)) => end.parse()?.saturating_sub(now),
        (None, None) => return None,
    };
    let token = Some(granted.access_token.into_owned()).filter(|token| is_token(token))?;
    Some(NewSession { secret: Secret::new(token), lasts })
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    error_codes: Vec<u32>,
    trace_id: Option<String>,
    #[serde(rename = "error")]
    _error: String,
}

/// Returns the token or the refusal in an answer of the service at `place`.
pub(super) fn read(
    entra: &Entra,
    response: &Response,
    place: &dyn Display,
) -> Result<NewSession, LoginError> {
    let status = response.status;
    match status.as_u16() {
        200 => return token(&response.body, now()).ok_or_else(|| stranger(place).into()),
        429 => return Err(limited(response, place).into()),
        500..=599 => return Err(down(response, place).into()),
        _ => {}
    }
    let refused = serde_json::from_slice::<Refused>(&response.body).ok();
    let Some(refused) = refused.filter(|_| status.is_client_error()) else {
        return Err(stranger(place).into());
    };
    let miss = refusal(entra, &refused.error_codes, status, clock(response));
    let trace = refused.trace_id.as_deref();
    Err(match miss {
        LoginError::Refused(failure) => LoginError::Refused(failure.request(trace)),
        LoginError::Unclear(failure) => LoginError::Unclear(failure.request(trace)),
        LoginError::Failed(failure) => LoginError::Failed(failure.request(trace)),
    })
}

fn limited(response: &Response, place: &dyn Display) -> Failure {
    let failure = Failure::new(
        Kind::RateLimited,
        format!("{place} limits the rate of sign-ins (429)"),
        "try again later; cached tokens make fewer sign-ins: see `keep_session`",
    );
    failure.with_retry(Retry::After(response.retry_after().unwrap_or(Duration::from_secs(1))))
}

fn down(response: &Response, place: &dyn Display) -> Failure {
    let failure = Failure::unavailable(
        format!("{place} failed ({})", response.status.as_u16()),
        "try again later; if it continues, see the health of Entra",
    );
    match response.retry_after() {
        Some(pause) => failure.with_retry(Retry::After(pause)),
        None => failure,
    }
}

fn stranger(place: &dyn Display) -> Failure {
    Failure::unavailable(
        format!("the reply from {place} is not from Entra"),
        "check `cloud` and `authority_host`, and the proxy in front of it",
    )
    .with_retry(Retry::No)
}

/// How far this machine's clock is ahead of the server's, in seconds.
fn clock(response: &Response) -> Option<i64> {
    let there = response.headers.get(header::DATE)?.to_str().ok()?;
    let there = parse_rfc7231(there).ok()?.unix_timestamp();
    Some(i64::try_from(now().as_secs()).ok()? - there)
}

/// The clock differs by more than this, in seconds, if it can be what is wrong.
const SKEW: i64 = 120;

/// Why Entra refuses a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    WrongSecret,
    ExpiredSecret,
    NoApplication,
    NoTenant,
    Disabled,
    NoKeyVault,
    Time,
    Signature,
    NotFederated,
    Blocked,
    Passing,
}

/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
const CODES: [(Reason, &[u32]); 11] = [
    (Reason::WrongSecret, &[7_000_215, 7_000_216, 7_000_218]),
    (Reason::ExpiredSecret, &[7_000_222]),
    (Reason::NoApplication, &[700_016, 7_000_229, 700_038]),
    (Reason::NoTenant, &[90_002, 900_023]),
    (Reason::Disabled, &[7_000_112]),
    (Reason::NoKeyVault, &[500_011, 650_052]),
    (Reason::Time, &[700_024]),
    (Reason::Signature, &[700_027, 700_023, 50_012, 700_030]),
    (Reason::NotFederated, &[700_211, 700_212, 700_213, 70_021, 700_223]),
    (Reason::Blocked, &[53_003, 530_003, 53_000]),
    (Reason::Passing, &[90_033, 90_006, 50_196]),
];

/// The failure for the codes of a refusal. `ahead` is how far this machine's clock is ahead of Entra's.
fn refusal(entra: &Entra, codes: &[u32], status: StatusCode, ahead: Option<i64>) -> LoginError {
    let reason = CODES.iter().find(|(_, known)| codes.iter().any(|code| known.contains(code)));
    let reason = reason.map(|(reason, _)| *reason);
    let code = codes.first().map_or_else(|| status.as_u16().to_string(), |code| format!("AADSTS{code}"));
    let what = format!("{} ({code})", what(entra, reason));
    let failure = Failure::new(Kind::Unauthenticated, what, remedy(entra, reason, ahead));
    match reason {
        // Not the credential's fault.
        Some(Reason::Time | Reason::NoKeyVault) => LoginError::Failed(failure),
        Some(Reason::Passing) => {
            LoginError::Failed(Failure::unavailable(failure.what(), failure.remedy()).with_retry(Retry::Soon))
        }
        // It can be right in a minute.
        Some(Reason::NotFederated) | None => LoginError::Unclear(failure),
        Some(_) => LoginError::Refused(failure),
    }
}

fn what(entra: &Entra, reason: Option<Reason>) -> String {
    let (Entra { tenant, client, .. }, origin) = (entra, entra.origin());
    match reason {
        Some(Reason::WrongSecret) => format!("Entra does not accept the client secret of {client}"),
        Some(Reason::ExpiredSecret) => format!("the client secret of {client} has expired"),
        Some(Reason::NoApplication) => format!("the tenant {tenant} has no application {client}"),
        Some(Reason::NoTenant) => format!("there is no tenant {tenant} in this cloud"),
        Some(Reason::Disabled) => format!("the application {client} is disabled in the tenant {tenant}"),
        Some(Reason::NoKeyVault) => format!("the tenant {tenant} does not know Key Vault as a service"),
        Some(Reason::Time) => "the assertion is outside its time".to_owned(),
        Some(Reason::Signature) => format!("Entra does not accept the signature of {origin} for {client}"),
        Some(Reason::NotFederated) => {
            format!("no federated credential of {client} matches the token in {origin}")
        }
        Some(Reason::Blocked) => {
            format!("a Conditional Access policy of the tenant {tenant} blocks {client}")
        }
        Some(Reason::Passing) => "Entra cannot sign in at this moment".to_owned(),
        None => format!("Entra refuses the sign-in of {client} in the tenant {tenant}"),
    }
}

fn remedy(entra: &Entra, reason: Option<Reason>, ahead: Option<i64>) -> String {
    let (client, origin) = (&entra.client, entra.origin());
    match reason {
        Some(Reason::WrongSecret) => format!(
            "check {origin}: it is the secret's Value, not its Secret ID; a new one: az ad app credential reset --id {client}"
        ),
        Some(Reason::ExpiredSecret) => {
            format!(
                "create a new one with az ad app credential reset --id {client}, and write it to {origin}"
            )
        }
        Some(Reason::NoApplication) => {
            "check `client_id` (the application id, not the object id) and `tenant_id`".to_owned()
        }
        Some(Reason::NoTenant) => {
            "check `tenant_id`, and `cloud` if it is not in the public cloud".to_owned()
        }
        Some(Reason::Disabled) => {
            "enable it in the portal, under Enterprise applications, Properties".to_owned()
        }
        Some(Reason::NoKeyVault) => {
            "check `cloud` and `tenant_id`: a tenant knows it once it has a subscription with a vault"
                .to_owned()
        }
        Some(Reason::Time) => set_clock(ahead, &origin),
        Some(Reason::Signature) => format!(
            "upload this certificate to the application: az ad app credential reset --id {client} --append --cert @FILE"
        ),
        Some(Reason::NotFederated) => format!(
            "compare its issuer, subject and audience with az identity federated-credential list or az ad app \
             federated-credential list --id {client}; a new one can take some minutes to count"
        ),
        Some(Reason::Blocked) => "allow this application or this machine's address in the policy".to_owned(),
        Some(Reason::Passing) => "try again".to_owned(),
        None => format!("look the code up at https://login.microsoftonline.com/error, and check {origin}"),
    }
}

fn set_clock(ahead: Option<i64>, origin: &str) -> String {
    match ahead.filter(|ahead| ahead.abs() > SKEW) {
        None => format!("check this machine's clock, and that {origin} is fresh"),
        Some(ahead) => {
            let side = if ahead > 0 { "ahead of" } else { "behind" };
            format!("set this machine's clock: it is {} s {side} that of Entra", ahead.abs())
        }
    }
}

impl Entra {
    /// Where the credential is from, for a message.
    fn origin(&self) -> String {
        match &self.proof {
            Proof::Secret(_, origin) | Proof::Assertion(_, origin) => origin.clone(),
            Proof::Certificate(certificate) => certificate.origin(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lasts_as_long_as_its_issuer_says() {
        let lasts = |body: &str| {
            token(body.as_bytes(), Duration::from_secs(100)).map(|session| session.lasts.as_secs())
        };
        assert_eq!(lasts(r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a.b.c"}"#), Some(3599));
        assert_eq!(lasts(r#"{"expires_in":"86400","access_token":"a.b.c"}"#), Some(86_400));
        let app_service =
            r#"{"access_token":"a.b.c","expires_on":"3700","resource":"r","token_type":"Bearer"}"#;
        assert_eq!(lasts(app_service), Some(3600));
        assert_eq!(lasts(r#"{"access_token":"a.b.c","expires_on":50}"#), Some(0));
        for bad in
            ["", "{}", r#"{"access_token":"a b","expires_in":1}"#, r#"{"access_token":"","expires_in":1}"#]
        {
            assert_eq!(lasts(bad), None, "{bad}");
        }
    }
}
