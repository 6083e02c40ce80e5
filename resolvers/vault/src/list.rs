//! Lists the secrets in a folder and in its subfolders.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream;
use http::StatusCode;
use secretref_protocol::net::Response;
use secretref_protocol::{Failure, Field, Kind, Listing};
use serde::Deserialize;
use serde_json::value::RawValue;
use vaultrs::api::kv2::responses::ListSecretsResponse;

use crate::folder::Folder;
use crate::kv_response::version;
use crate::locator::{Kv, segments};
use crate::permission_error::PermissionError;
use crate::read::{self, read};
use crate::server::{envelope, speaks_vault, stranger};
use crate::session::Session;

/// The maximum number of secrets listed.
const SECRETS: usize = 10_000;

/// The maximum depth of folders listed.
const DEPTH: usize = 50;

/// The maximum number of concurrent requests.
const AT_ONCE: usize = 64;

/// Finds every field of every secret whose id begins like `folder`.
pub(crate) async fn list(session: &Session, folder: &Folder<'_>) -> Result<Listing, Failure> {
    // Said before the first request, since the number of requests decides the kind of connection.
    session.server().expect(AT_ONCE);
    let kv = session.engine_to_list(&folder.mount).await?;
    let mut listing = Listing::default();
    let secrets = walk(session, folder, kv, &mut listing).await?;
    let fields = at_once(&secrets, async |path| fields(session, folder, kv, path).await).await;
    for (path, fields) in secrets.iter().zip(fields) {
        match fields {
            Ok(fields) => listing.found.extend(fields.iter().filter_map(|key| folder.listed(path, key))),
            Err(failure) => skip(&mut listing, folder.shown(path), failure)?,
        }
    }
    Ok(listing)
}

/// The paths of all secrets, level by level. A folder that cannot be listed goes to `unread`; the first one is a failure.
async fn walk(
    session: &Session,
    folder: &Folder<'_>,
    kv: Kv,
    listing: &mut Listing,
) -> Result<Vec<String>, Failure> {
    let top = names(session, folder, kv, &folder.path).await?;
    let paths = top.iter().filter(|name| folder.has(name)).map(|name| format!("{}{name}", folder.path));
    let (mut folders, mut secrets): (Vec<_>, Vec<_>) = paths.partition(is_folder);
    for depth in 0.. {
        if secrets.len() + folders.len() > SECRETS || (depth == DEPTH && !folders.is_empty()) {
            secrets.truncate(SECRETS);
            let whole = format!("{}/{}", folder.mount.path, folder.path);
            listing.unread.push((folder.mount.placed(&whole), too_much()));
            break;
        }
        let listed = at_once(&folders, async |path| names(session, folder, kv, path).await).await;
        let mut deeper = Vec::new();
        for (path, names) in folders.iter().zip(listed) {
            match names {
                Ok(names) => deeper.extend(names.iter().map(|name| format!("{path}{name}"))),
                Err(failure) => skip(listing, folder.shown(path), failure)?,
            }
        }
        if deeper.is_empty() {
            break;
        }
        let (inner, found): (Vec<_>, Vec<_>) = deeper.into_iter().partition(is_folder);
        secrets.extend(found);
        folders = inner;
    }
    Ok(secrets)
}

#[expect(clippy::ptr_arg, reason = "what `partition` gives")]
fn is_folder(path: &String) -> bool {
    path.ends_with('/')
}

/// Asks about every path, several at once. The answers are in the order of the paths.
async fn at_once<T>(
    paths: &[String],
    read: impl AsyncFn(&str) -> Result<T, Failure>,
) -> Vec<Result<T, Failure>> {
    stream::iter(paths).map(|path| read(path)).buffered(AT_ONCE).collect().await
}

/// The names in a folder; those of folders end in a slash.
/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#list-secrets>
async fn names(session: &Session, folder: &Folder<'_>, kv: Kv, path: &str) -> Result<Vec<String>, Failure> {
    if let Some(path) = path.strip_suffix('/') {
        segments(path, "path")?;
    }
    let server = session.server();
    let response = session.send(folder.request(kv, path), &folder.mount).await?;
    match response.status {
        StatusCode::OK => keys(&response).ok_or_else(|| stranger(server.route())),
        status if status.is_client_error() && !speaks_vault(&response) => Err(stranger(server.route())),
        StatusCode::NOT_FOUND if read::has_errors(&response) => Err(read::no_mount(&folder.mount)),
        StatusCode::NOT_FOUND => Ok(Vec::new()),
        StatusCode::FORBIDDEN => {
            let thing = folder.mount.placed(&format!("{}/{path}", folder.mount.path));
            Err(session
                .refused(&PermissionError::folder(thing, &folder.policy_path(kv, path), path.is_empty()))
                .await)
        }
        _ => Err(server.state(&response).await),
    }
}

fn keys(response: &Response) -> Option<Vec<String>> {
    let listed = serde_json::from_str(envelope(response)?.data?.get()).ok();
    listed.map(|listed: ListSecretsResponse| listed.keys)
}

/// The names of a secret's fields; none if its newest version is deleted.
async fn fields(session: &Session, folder: &Folder<'_>, kv: Kv, path: &str) -> Result<Vec<String>, Failure> {
    let locator = folder.locator(path, kv)?;
    if kv == Kv::V2 {
        let response = session.send(folder.subkeys_request(path), &folder.mount).await?;
        match response.status {
            StatusCode::OK => return subkeys(&response).ok_or_else(|| stranger(session.server().route())),
            StatusCode::NOT_FOUND if version(&response).is_some() => return Ok(Vec::new()),
            // Not every server and policy allows this. A token that may read the secret gets its fields from a read.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {}
            _ => return Err(session.server().state(&response).await),
        }
    }
    let whole = match read(session, &locator, |_| {}).await {
        Ok(document) => Field::Whole.take(&document, true)?,
        Err(failure) if failure.kind() == Kind::NotFound => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let fields =
        serde_json::from_str(whole.expose()).ok().map(|fields: Members<'_>| fields.into_keys().collect());
    fields.ok_or_else(|| stranger(session.server().route()))
}

/// The members of an object, by name.
type Members<'a> = BTreeMap<String, &'a RawValue>;

fn subkeys(response: &Response) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Subkeys<'a> {
        #[serde(borrow)]
        subkeys: Option<Members<'a>>,
    }
    let found = serde_json::from_str(envelope(response)?.data?.get()).ok();
    found.map(|found: Subkeys<'_>| found.subkeys.unwrap_or_default().into_keys().collect())
}

/// Records a folder or secret that cannot be read. Fails if the failure is not about that one alone: the list would be
/// incomplete without a sign of it.
fn skip(listing: &mut Listing, name: String, failure: Failure) -> Result<(), Failure> {
    if !failure.kind().is_of_id() && failure.kind() != Kind::RateLimited {
        return Err(failure);
    }
    listing.unread.push((name, failure));
    Ok(())
}

fn too_much() -> Failure {
    Failure::invalid_value(
        format!(
            "there are more than {SECRETS} secrets and folders, or more than {DEPTH} levels of folders: the list is not complete"
        ),
        "list a part of it: list providers/",
    )
}
