//! Reads one KV secret, and interprets the answer.
//!
//! Not with vaultrs's own read: it drops the headers of an error, reads a body without a limit, and turns `1.10` into `1.1`.

use std::fmt::Display;

use http::StatusCode;
use secretref_protocol::net::{Request, Response};
use secretref_protocol::{Document, Failure, Kind};

use crate::kv_response::{Found, VersionMetadata, found, is_time, version, versioned};
use crate::locator::{COLON, Kv, Locator, Mount};
use crate::mounts::Engine;
use crate::permission_error::LAST_SEGMENT;
use crate::server::{envelope, speaks_vault, stranger};
use crate::session::Session;
use crate::token_status::TokenStatus;
use crate::undo::undelete;

/// Reads one version of one secret. `so_far` gets a provisional failure before a second request is sent.
///
/// If the settings do not say the KV version, 2 is tried first. An answer that only KV version 2 can give is accepted. For any
/// other the server is asked which engine is mounted there, since a secret of version 1 may be stored at the path that a read
/// of version 2 uses.
pub(crate) async fn read(
    session: &Session,
    locator: &Locator,
    so_far: impl Fn(Failure),
) -> Result<Document, Failure> {
    let said = locator.mount.kv;
    let kv = said.unwrap_or(Kv::V2);
    let response = get(session, locator, kv).await?;
    if response.status == StatusCode::OK
        && let Some(Found { document, is_certain: true }) = found(&response, kv)
    {
        return Ok(document);
    }
    if !may_be_of_another_version(&response) {
        return settle(session, locator, kv, &response).await;
    }
    if response.status == StatusCode::FORBIDDEN {
        so_far(session.permission_error("read", "`read`", locator, kv).failure(&TokenStatus::Unclear));
    }
    match session.engine(&locator.mount).await? {
        Engine::Kv(found) if found == kv => settle(session, locator, kv, &response).await,
        Engine::Kv(found) if said.is_some() => Err(locator.mount.other_version(found)),
        Engine::Kv(found) => {
            locator.fits(found)?;
            let response = get(session, locator, found).await?;
            settle(session, locator, found, &response).await
        }
        Engine::Hidden | Engine::Other if response.status == StatusCode::OK => Err(unconfirmed(locator)),
        Engine::Hidden
            if said.is_none() && response.status == StatusCode::NOT_FOUND && session.is_used_up().await =>
        {
            Err(used_up(&locator.mount))
        }
        Engine::Hidden | Engine::Other => settle(session, locator, kv, &response).await,
    }
}

async fn get(session: &Session, locator: &Locator, kv: Kv) -> Result<Response, Failure> {
    session.send(Request::get(locator.request_path(kv)), &locator.mount).await
}

/// Whether an engine of the other KV version can have given the answer. Pure.
fn may_be_of_another_version(response: &Response) -> bool {
    match response.status {
        StatusCode::OK => envelope(response).is_some_and(|envelope| envelope.data.is_some()),
        StatusCode::NOT_FOUND => {
            speaks_vault(response) && !has_errors(response) && version(response).is_none()
        }
        StatusCode::FORBIDDEN => speaks_vault(response),
        _ => false,
    }
}

/// Turns an answer of an engine of this KV version into an outcome. Sends another request if the failure needs it.
async fn settle(
    session: &Session,
    locator: &Locator,
    kv: Kv,
    response: &Response,
) -> Result<Document, Failure> {
    if let Some(understood) = understand(response, locator, kv, session.server().route()) {
        return understood;
    }
    Err(match response.status {
        StatusCode::FORBIDDEN => {
            session.refused(&session.permission_error("read", "`read`", locator, kv)).await
        }
        // Some servers answer so if there is no token at all.
        StatusCode::BAD_REQUEST if session.token().header().is_none() => session.unknown(),
        StatusCode::BAD_REQUEST => not_now(session.server().route()),
        _ => session.server().state(response).await,
    })
}

/// Turns an answer of an engine of this KV version into an outcome; `None` if that needs another request. Pure.
pub(crate) fn understand(
    response: &Response,
    locator: &Locator,
    kv: Kv,
    place: &dyn Display,
) -> Option<Result<Document, Failure>> {
    match response.status {
        StatusCode::OK => {
            Some(found(response, kv).map(|found| found.document).ok_or_else(|| stranger(place)))
        }
        // Go's HTTP server refuses such a path before Vault sees it.
        StatusCode::BAD_REQUEST if response.body.is_empty() && !locator.policy_path(kv).is_ascii() => {
            Some(Err(Failure::invalid_id(
                format!("{place} does not accept a path with an invisible character"),
                "write the path as the store lists it",
            )))
        }
        status if status.is_client_error() && !speaks_vault(response) => Some(Err(stranger(place))),
        StatusCode::NOT_FOUND => Some(Err(absent(response, locator, kv))),
        _ => None,
    }
}

/// The failure for a 400. The path is valid: it was checked before it was sent.
fn not_now(place: &dyn Display) -> Failure {
    Failure::unavailable(
        format!("{place} refuses the request (400)"),
        "try again: a mount does this for a moment after the server starts, and during its upgrade to KV version 2; if it \
         continues, read the server's log",
    )
}

/// The failure for an answer that another engine can have given, if the server does not say which it is.
fn unconfirmed(locator: &Locator) -> Failure {
    let mount = &locator.mount;
    Failure::misconfigured(
        format!(
            "the secret at {} may be one of KV version 1, and the server does not say which engine is mounted at {mount}",
            locator.policy_path(Kv::V2)
        ),
        "set `kv_version`, and check `mount`",
    )
}

/// The failure for a token with one use, which went into the request of KV version 2.
fn used_up(mount: &Mount) -> Failure {
    Failure::new(
        Kind::Unauthenticated,
        format!("the token is used up: its last use went into finding the KV version of {mount}"),
        "set `kv_version`, which saves a request, and use a new token; or use a token with at least two uses",
    )
}

/// The failure for a 404. With metadata in its body the version is deleted; with errors the mount does not exist.
pub(crate) fn absent(response: &Response, locator: &Locator, kv: Kv) -> Failure {
    match envelope(response)
        .and_then(|envelope| envelope.data)
        .and_then(versioned)
        .and_then(|data| data.metadata)
    {
        Some(VersionMetadata { destroyed: true, version, .. }) => Failure::not_found(
            format!("version {version} of {locator} is destroyed"),
            format!("it cannot be brought back: write a new version{}", another(locator, version)),
        ),
        Some(VersionMetadata { deletion_time, version, .. }) if is_time(&deletion_time) => {
            Failure::not_found(
                format!("version {version} of {locator} was deleted at {deletion_time}"),
                format!("bring it back with `{}`{}", undelete(locator, version), another(locator, version)),
            )
        }
        _ if has_errors(response) => no_mount(&locator.mount),
        _ => match locator.version() {
            Some(version) => Failure::not_found(
                format!("there is no version {version} of {locator}"),
                "name an existing version, or none for the newest",
            ),
            None => Failure::not_found(
                format!("there is no secret at {locator}"),
                locator.surplus(kv).unwrap_or_else(|| {
                    format!(
                        "store it there, or check the path, {} and `kv_version`; {LAST_SEGMENT}",
                        locator.check_mount()
                    )
                }),
            ),
        },
    }
}

/// A hint about other versions that an id could name instead of a deleted one.
fn another(locator: &Locator, gone: u64) -> String {
    match (locator.version(), gone) {
        (Some(_), _) => ", or name another version, or none for the newest".to_owned(),
        (None, ..=1) => String::new(),
        (None, _) => format!(", or name an older version (path#field#{})", gone - 1),
    }
}

/// Whether a 404 says that nothing is mounted there.
pub(crate) fn has_errors(response: &Response) -> bool {
    envelope(response).and_then(|envelope| envelope.errors).is_some_and(|errors| !errors.is_empty())
}

pub(crate) fn no_mount(mount: &Mount) -> Failure {
    let check = "check `mount` and `namespace`, or write the id with the right mount: mount:path#field";
    let remedy = if mount.is_default { check.to_owned() } else { format!("{check}; {COLON}") };
    Failure::not_found(format!("nothing is mounted at {mount}"), remedy)
}
