//! One read of a key-value secret, and what its answer means.
//!
//! The read is our own, not vaultrs's: that one drops the headers of an error, reads a body without a limit, and turns
//! `1.10` into `1.1`.

use std::fmt::Display;

use http::StatusCode;
use secretref_protocol::net::{Request, Response};
use secretref_protocol::{About, Document, Failure, Secret};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::denied::LAST_SEGMENT;
use crate::locator::{Kv, Locator, Mount};
use crate::server::{envelope, speaks_vault, stranger};
use crate::session::Session;
use crate::standing::Standing;

/// Reads one version of one secret. `so_far` hears what is known while more is being asked.
///
/// Where the settings do not say the engine's version, 2 is tried first: then only a read that fails, and those of
/// version 1, take another trip.
pub(crate) async fn read(
    session: &Session,
    locator: &Locator,
    so_far: impl Fn(Failure),
) -> Result<Document, Failure> {
    let kv = locator.mount.kv.unwrap_or(Kv::V2);
    let reply = get(session, locator, kv).await?;
    let may_be_version_1 = locator.mount.kv.is_none()
        && matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN)
        && speaks_vault(&reply);
    if may_be_version_1 && session.kv(&locator.mount).await == Some(Kv::V1) {
        locator.fits(Kv::V1)?;
        let reply = get(session, locator, Kv::V1).await?;
        return settle(session, locator, Kv::V1, &reply, so_far).await;
    }
    settle(session, locator, kv, &reply, so_far).await
}

async fn get(session: &Session, locator: &Locator, kv: Kv) -> Result<Response, Failure> {
    session.ask(Request::get(locator.request_path(kv)), &locator.mount).await
}

/// Makes an outcome of an answer, and asks what it takes to name the failure.
async fn settle(
    session: &Session,
    locator: &Locator,
    kv: Kv,
    reply: &Response,
    so_far: impl Fn(Failure),
) -> Result<Document, Failure> {
    if let Some(understood) = understand(reply, locator, kv, session.server().route()) {
        return understood;
    }
    if reply.status != StatusCode::FORBIDDEN {
        return Err(session.server().state(reply).await);
    }
    let denied = session.denied("read", "`read`", locator, kv);
    so_far(denied.failure(&Standing::Unclear));
    Err(session.refused(&denied).await)
}

/// What an answer means on its own; `None` where there is more to ask. Pure.
pub(crate) fn understand(
    reply: &Response,
    locator: &Locator,
    kv: Kv,
    place: &dyn Display,
) -> Option<Result<Document, Failure>> {
    match reply.status {
        StatusCode::OK => Some(document(reply, kv).ok_or_else(|| stranger(place))),
        status if status.is_client_error() && !speaks_vault(reply) => Some(Err(stranger(place))),
        StatusCode::NOT_FOUND => Some(Err(absent(reply, locator))),
        StatusCode::BAD_REQUEST => Some(Err(Failure::invalid_id(
            format!("{place} does not take the path for one of a secret (400)"),
            "check path and version",
        ))),
        _ => None,
    }
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
    created_time: String,
    #[serde(default)]
    deletion_time: String,
    #[serde(default)]
    destroyed: bool,
}

/// The secret's fields, if it is an answer of an engine of this version.
fn document(reply: &Response, kv: Kv) -> Option<Document> {
    let envelope = envelope(reply)?;
    let data = envelope.data?;
    let (fields, about) = match kv {
        Kv::V1 => (data, About::default()),
        Kv::V2 => {
            let version = versioned(data)?;
            (version.data?, version.metadata.map_or_else(About::default, Metadata::about))
        }
    };
    let fields = fields.get().starts_with('{').then(|| Secret::new(fields.get().to_owned()))?;
    Some(Document::fields(fields).about(About { request: envelope.request(), ..about }))
}

impl Metadata {
    fn about(self) -> About {
        let time = |text: String| is_time(&text).then_some(text);
        About {
            version: Some(self.version.to_string()),
            created: time(self.created_time),
            expires: time(self.deletion_time),
            request: None,
        }
    }
}

fn versioned(data: &RawValue) -> Option<Data<'_>> {
    serde_json::from_str(data.get()).ok()
}

/// The number of the version that an answer of version 2 is about, be it there or deleted.
pub(crate) fn version(reply: &Response) -> Option<u64> {
    Some(versioned(envelope(reply)?.data?)?.metadata?.version)
}

/// A 404 with metadata in its body is a version that once was; one with errors, a mount that is not there.
pub(crate) fn absent(reply: &Response, locator: &Locator) -> Failure {
    match envelope(reply)
        .and_then(|envelope| envelope.data)
        .and_then(versioned)
        .and_then(|data| data.metadata)
    {
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
        _ if has_errors(reply) => no_mount(&locator.mount),
        _ => match locator.version() {
            Some(version) => Failure::not_found(
                format!("there is no version {version} of {locator}"),
                "name one that there is, or none",
            ),
            None => Failure::not_found(
                format!("there is no secret at {locator}"),
                locator.surplus().unwrap_or_else(|| {
                    format!("check the path, {} and `kv_version`; {LAST_SEGMENT}", locator.check_mount())
                }),
            ),
        },
    }
}

/// Whether a 404 says that there is nobody who could answer.
pub(crate) fn has_errors(reply: &Response) -> bool {
    envelope(reply).and_then(|envelope| envelope.errors).is_some_and(|errors| !errors.is_empty())
}

pub(crate) fn no_mount(mount: &Mount) -> Failure {
    Failure::not_found(
        format!("nothing is mounted at {mount}"),
        "check `mount` and `namespace`, or write the id with the right mount: mount:path#field",
    )
}

/// Whether it has the characters of an RFC 3339 time, and so can stand in a message.
fn is_time(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 40
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte))
}
