//! One read of a key-value secret, and what its answer means.
//!
//! The read is our own, not vaultrs's: that one drops the headers of an error, reads a body without a limit, and turns
//! `1.10` into `1.1`.

use http::StatusCode;
use secretref_protocol::net::Reply;
use secretref_protocol::{Document, Failure, Kind, Retry, Secret};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::locator::{Kv, Locator};
use crate::session::{Session, Standing};

/// What is easily overlooked in an id.
const LAST_SEGMENT: &str = "without a # the last segment of an id is its field";

/// Reads one version of one secret. `so_far` hears what is known while more is being asked.
pub(crate) async fn read(
    session: &Session,
    locator: &Locator,
    so_far: impl Fn(Failure),
) -> Result<Document, Failure> {
    let reply = session.get(&locator.request_path()).await?;
    if let Some(failure) = session.refused_by_proxy(&reply).filter(|_| !speaks_vault(&reply)) {
        return Err(failure);
    }
    match reply.status {
        StatusCode::OK => document(session, &reply, locator.kv()),
        status if status.is_client_error() && !speaks_vault(&reply) => Err(stranger(session)),
        StatusCode::NOT_FOUND => Err(absent(&reply, locator)),
        StatusCode::FORBIDDEN => {
            so_far(denied(session, &Standing::Unclear, locator));
            Err(denied(session, session.standing().await, locator))
        }
        status => Err(refused(session, &reply, status)),
    }
}

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct Envelope<'a> {
    /// Of version 1, the secret; of version 2, [`Data`].
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<Vec<&'a RawValue>>,
}

/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#sample-response-1>
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    version: u64,
    #[serde(default)]
    deletion_time: String,
    #[serde(default)]
    destroyed: bool,
}

fn document(session: &Session, reply: &Reply, kv: Kv) -> Result<Document, Failure> {
    let data = envelope(reply).and_then(|envelope| envelope.data);
    let fields = match kv {
        Kv::V1 => data,
        Kv::V2 => data.and_then(versioned).and_then(|data| data.data),
    };
    match fields.filter(|fields| fields.get().starts_with('{')) {
        Some(fields) => Ok(Document::Fields(Secret::new(fields.get().to_owned()))),
        None => Err(stranger(session)),
    }
}

fn envelope(reply: &Reply) -> Option<Envelope<'_>> {
    serde_json::from_slice(&reply.body).ok()
}

fn versioned(data: &RawValue) -> Option<Data<'_>> {
    serde_json::from_str(data.get()).ok()
}

/// Whether an error has the body that Vault gives its errors: a proxy, a portal or a TLS port asked in clear text has
/// not, and its 404 says nothing about a secret. Rate limits are spoken by proxies, too.
fn speaks_vault(reply: &Reply) -> bool {
    reply.status == StatusCode::TOO_MANY_REQUESTS
        || envelope(reply).is_some_and(|envelope| envelope.errors.is_some() || envelope.data.is_some())
}

fn stranger(session: &Session) -> Failure {
    Failure::unavailable(
        format!("{} answered, but not as a Vault does", session.address()),
        "check scheme, port and base path of `address`, and `mount` and `kv_version`",
    )
    .retry(Retry::No)
}

/// A 404 with metadata in its body is a version that once was; one with errors, a mount that is not there.
fn absent(reply: &Reply, locator: &Locator) -> Failure {
    let envelope = envelope(reply);
    let no_such_mount = envelope
        .as_ref()
        .is_some_and(|envelope| envelope.errors.as_ref().is_some_and(|errors| !errors.is_empty()));
    match envelope.and_then(|envelope| envelope.data).and_then(versioned).and_then(|data| data.metadata) {
        Some(Metadata { destroyed: true, version, .. }) => Failure::not_found(
            format!("version {version} of {locator} is destroyed"),
            "nobody can bring it back: write a new version, or name another",
        ),
        Some(Metadata { deletion_time, version, .. }) if is_time(&deletion_time) => Failure::not_found(
            format!("version {version} of {locator} was deleted at {deletion_time}"),
            format!(
                "bring it back with `bao kv undelete`, or name another version (path#field#{})",
                version.max(2) - 1
            ),
        ),
        _ if no_such_mount => Failure::not_found(
            format!("nothing is mounted at {}", locator.mount_in_namespace()),
            "check `mount` and `namespace`, or write the id with the right mount: mount:path#field",
        ),
        _ => match locator.version() {
            Some(version) => Failure::not_found(
                format!("there is no version {version} of {locator}"),
                "name one that there is, or none",
            ),
            None => Failure::not_found(
                format!("there is no secret at {locator}"),
                format!("check the path, `mount` and `kv_version`; {LAST_SEGMENT}"),
            ),
        },
    }
}

/// Whether it has the characters of an RFC 3339 time, and so can stand in a message.
fn is_time(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 40
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte))
}

fn denied(session: &Session, standing: &Standing, locator: &Locator) -> Failure {
    let path = locator.policy_path();
    let grant =
        format!("grant `read` on {path} in one of its policies, or check `mount` and the id: {LAST_SEGMENT}");
    match standing {
        Standing::Valid(policies) if policies.is_empty() => {
            Failure::new(Kind::AccessDenied, format!("the token may not read {locator}"), grant)
        }
        Standing::Valid(policies) => {
            let what = format!("the token may not read {locator}; its policies are {}", policies.join(", "));
            Failure::new(Kind::AccessDenied, what, grant)
        }
        Standing::Unknown => Failure::new(
            Kind::Unauthenticated,
            format!(
                "the server does not know the token of {}: it has expired, is revoked or used up, or is another server's",
                session.origin
            ),
            "put a new token there",
        ),
        Standing::Unclear => Failure::new(
            Kind::AccessDenied,
            format!(
                "the server refuses {locator}, and does not say whether for the token or for its policies"
            ),
            format!("check that the token is valid, and {grant}"),
        ),
    }
}

/// Every other status: <https://developer.hashicorp.com/vault/api-docs#http-status-codes>
fn refused(session: &Session, reply: &Reply, status: StatusCode) -> Failure {
    let address = session.address();
    let failure = match status.as_u16() {
        429 => Failure::new(
            Kind::RateLimited,
            format!("{address} limits the rate of requests (429)"),
            "raise the quota (sys/quotas/rate-limit), or ask less often",
        )
        .retry(Retry::Soon),
        400 => {
            return Failure::invalid_id(
                format!("{address} does not take the path for one of a secret (400)"),
                "check path and version",
            );
        }
        412 | 472 | 473 => Failure::unavailable(
            format!("{address} is a standby that cannot answer yet ({status})"),
            "let `address` lead to the active node",
        ),
        501 => Failure::unavailable(
            format!("{address} is not initialised (501)"),
            "run `bao operator init` on it",
        ),
        503 => Failure::unavailable(
            format!("{address} is sealed or in maintenance (503)"),
            "unseal it with `bao operator unseal`",
        ),
        500..=599 => {
            Failure::unavailable(format!("{address} failed ({status})"), "look into the server's log")
        }
        _ => {
            return Failure::unavailable(format!("{address} answered with {status}"), "check `address`")
                .retry(Retry::No);
        }
    };
    match reply.retry_after() {
        Some(pause) => failure.retry(Retry::After(pause)),
        None => failure,
    }
}
