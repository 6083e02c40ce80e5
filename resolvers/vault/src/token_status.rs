//! The status of a token: asks the server for it, and reports it to `doctor`.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use secretref_protocol::net::Response;
use secretref_protocol::{Failure, Run, Stage, span};
use serde::Deserialize;
use serde_json::value::RawValue;
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use crate::auth::Auth;
use crate::client;
use crate::server::{Server, envelope, speaks_vault, stranger};
use crate::session::Session;

/// The status of a token.
#[derive(Debug, Clone)]
pub(crate) enum TokenStatus {
    /// Valid, with its details if it may look itself up.
    Valid(Option<TokenDetails>),
    /// Unknown to the server: expired, revoked, used up, or issued by another server.
    Unknown,
    /// The server did not say.
    Unclear,
}

/// The details of a token.
/// <https://developer.hashicorp.com/vault/api-docs/auth/token#lookup-a-token-self>
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TokenDetails {
    policies: Vec<String>,
    /// The policies of its identity, in addition.
    identity_policies: Option<Vec<String>>,
    /// The seconds until it ends; 0 for a token that never ends.
    #[serde(default)]
    ttl: u64,
    /// How many more requests it can be used for; 0 for any number.
    #[serde(default)]
    num_uses: u64,
    #[serde(default)]
    renewable: bool,
    /// Whether it has no parent. A token ends with the one that created it; one of a sign-in has no parent.
    orphan: Option<bool>,
}

impl TokenDetails {
    pub(crate) fn all_policies(&self) -> Vec<&str> {
        self.policies.iter().chain(self.identity_policies.iter().flatten()).map(String::as_str).collect()
    }
}

/// Asks the server for the status of a token.
pub(crate) async fn look_up(server: &Server, token: Option<&HeaderValue>) -> Result<TokenStatus, Failure> {
    let looked = server.send(client::request(&LookupTokenSelfRequest {}), token, None).await?;
    if let Some(looked) = envelope(&looked)
        .filter(|_| looked.status == StatusCode::OK)
        .and_then(|envelope| serde_json::from_str(envelope.data?.get()).ok())
    {
        return Ok(TokenStatus::Valid(Some(looked)));
    }
    // A token without the policy `default` may not look itself up. This listing is open to every token that is
    // valid, whatever its policies, and to no other.
    let listed = server.get("/v1/sys/internal/ui/mounts", token).await?;
    match listed.status {
        StatusCode::OK => match mounts_in(&listed) {
            None => Err(stranger(server.route())),
            // Without any token it is open too, and empty.
            Some(0) if token.is_none() => Ok(TokenStatus::Unknown),
            Some(_) => Ok(TokenStatus::Valid(None)),
        },
        status if status.is_client_error() && !speaks_vault(&listed) => Err(stranger(server.route())),
        StatusCode::FORBIDDEN => Ok(TokenStatus::Unknown),
        StatusCode::NOT_FOUND => Err(server.nowhere()),
        _ => Err(server.state(&listed).await),
    }
}

/// How many mounts with secrets in them a listing has; `None` if it is not such a listing.
fn mounts_in(response: &Response) -> Option<usize> {
    #[derive(Deserialize)]
    struct Listing<'a> {
        #[serde(borrow)]
        secret: BTreeMap<String, &'a RawValue>,
    }
    let listing: Listing<'_> = serde_json::from_str(envelope(response)?.data?.get()).ok()?;
    Some(listing.secret.len())
}

/// Policies that every server has, so their names need not be redacted.
const EVERYWHERE: [&str; 2] = ["default", "root"];

/// Asks the server for the status of the token, and reports it together with the token's source.
pub(crate) async fn inspect(auth: &Auth, session: &Session) -> Result<(), Failure> {
    let run = &session.server().route().run;
    let note = |fact: &str| run.fact(Stage::SignIn, fact);
    note(&session.token().origin());
    if let Some(held) = session.token().held() {
        let age = held.age.map(|age| format!("with a cached session, signed in {} ago", span(age)));
        note(&age.unwrap_or_else(|| "signed in by this run".to_owned()));
    }
    if let Auth::Login { cache, .. } = auth {
        match cache.place() {
            Ok(place) => note(&format!("sessions are cached in {}", place.display())),
            Err(why) => note(&format!("sessions are not cached, and every start signs in: {why}")),
        }
    }
    match session.status_of_token().await? {
        TokenStatus::Valid(Some(looked)) => tell(run, looked, session.token().held().is_none()),
        TokenStatus::Valid(None) => {
            note(
                "valid; without the policy `default` the token may not look itself up, so nothing else is known",
            );
        }
        TokenStatus::Unknown => return Err(session.unknown()),
        TokenStatus::Unclear => note("the server does not say whether the token is valid"),
    }
    Ok(())
}

/// How many seconds before its end a token that is not renewed is warned of.
const SOON: u64 = 7 * 24 * 60 * 60;

/// Reports the details of a token. One that `is_given` is not replaced when it ends.
fn tell(run: &Run, looked: &TokenDetails, is_given: bool) {
    let note = |fact: &str| run.fact(Stage::SignIn, fact);
    match looked.ttl {
        0 => note("never expires"),
        seconds => {
            let renewable = if looked.renewable { "" } else { ", and cannot be renewed" };
            let left = span(Duration::from_secs(seconds));
            note(&format!("expires in {left}{renewable}"));
            let left_of_token = Duration::from_secs(seconds);
            if is_given {
                run.ends("token", left_of_token);
            } else {
                run.ends_and_is_replaced("token", left_of_token);
            }
            if is_given && seconds <= SOON {
                run.warn(
                    Stage::SignIn,
                    format!(
                        "the token ends in {left}, and then no id has a value: renew it (`bao token renew` renews the token in \
                         BAO_TOKEN), or set `auth` to a sign-in that does not end"
                    ),
                );
            } else if is_given {
                note("the resolver does not renew this token: when it ends, no id has a value");
            }
        }
    }
    if is_given && looked.orphan == Some(false) {
        run.warn(
            Stage::SignIn,
            "the token ends earlier if the one that created it ends or is revoked: create one with -orphan",
        );
    }
    if looked.num_uses > 0 {
        run.warn(Stage::SignIn, format!("the token ends after {} more requests", looked.num_uses));
    }
    let policies = looked.all_policies();
    note(&format!("policies: {}", if policies.is_empty() { "none".into() } else { policies.join(", ") }));
    for policy in policies.into_iter().filter(|policy| !EVERYWHERE.contains(policy)) {
        run.redact("policy", policy);
    }
}
