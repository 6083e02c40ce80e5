//! Writes and deletes a secret.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use secretref_protocol::net::{Request, Response};
use secretref_protocol::{Failure, Metadata, Secret};
use serde_json::value::RawValue;
use vaultrs::api::kv1::requests::DeleteSecretRequest;
use vaultrs::api::kv2::requests::DeleteLatestSecretVersionRequest;

use crate::client;
use crate::kv_response::version;
use crate::locator::{Kv, Locator, encode};
use crate::permission_error::PermissionError;
use crate::read::absent;
use crate::server::{speaks_vault, stranger};
use crate::session::Session;
use crate::undo::{rollback, undelete};

/// Writes the JSON object of a secret's fields. With KV version 2 it becomes the version after `over`; returns the command
/// that restores `over`.
pub(crate) async fn put(
    session: &Session,
    locator: &Locator,
    content: &Secret,
    over: Option<&Metadata>,
) -> Result<Option<String>, Failure> {
    if serde_json::from_str::<BTreeMap<String, &RawValue>>(content.expose()).is_err() {
        return Err(Failure::invalid_value(
            "the value is not a JSON object, and a secret of Vault is a set of fields",
            "name the field to write: path#field",
        ));
    }
    let kv = session.engine_to_write(&locator.mount).await?;
    let read = over.map(|over| read_as(kv, over, locator)).transpose()?.flatten();
    let before = match (kv, read) {
        (Kv::V1, _) => None,
        (Kv::V2, Some(version)) => Some(version),
        (Kv::V2, None) => match newest(session, locator).await? {
            Newest { is_there: true, .. } => return Err(Failure::written_meanwhile(locator)),
            newest => Some(newest.version),
        },
    };
    let body = body(content, before).expose().as_bytes().to_vec();
    let request = Request::new(Method::POST, locator.request_path(kv)).body(body);
    let response = session.send(request, &locator.mount).await?;
    if response.status == StatusCode::BAD_REQUEST && speaks_vault(&response) {
        return Err(match before {
            Some(before) if newest(session, locator).await?.version != before => {
                Failure::written_meanwhile(locator)
            }
            _ => refused(session),
        });
    }
    // The first write of a path needs `create`. A policy with that alone would be of little use.
    let capabilities = if over.is_some() { "`update`" } else { "`create` and `update`" };
    done(session, locator, &response, kv, &session.permission_error("write", capabilities, locator, kv))
        .await?;
    Ok(read.map(|version| rollback(locator, version)))
}

/// Deletes a secret; with version 2 of the engine, its newest version.
/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#delete-latest-version-of-secret>
///
/// The server deletes the newest version, whichever that is, and can restore it. So a version that another client wrote at
/// the same time is reported, with the command that restores it.
pub(crate) async fn delete(session: &Session, locator: &Locator, over: &Metadata) -> Result<String, Failure> {
    let kv = session.engine_to_write(&locator.mount).await?;
    let read = read_as(kv, over, locator)?;
    if read.is_some() && Some(newest(session, locator).await?.version) != read {
        return Err(Failure::written_meanwhile(locator));
    }
    let response = session.send(delete_request(locator, kv), &locator.mount).await?;
    done(session, locator, &response, kv, &session.permission_error("delete", "`delete`", locator, kv))
        .await?;
    if kv == Kv::V1 {
        return Ok(format!("{locator} is deleted for good: KV version 1 keeps no older version"));
    }
    Ok(match newest(session, locator).await {
        Ok(Newest { is_there: false, version }) if version > 0 => {
            let undelete = undelete(locator, version);
            if read.is_some_and(|read| read != version) {
                return Err(Failure::invalid_value(
                    format!(
                        "another client wrote version {version} of {locator} at the same time, and that version was deleted"
                    ),
                    format!("to bring it back: {undelete}"),
                ));
            }
            format!("version {version} of {locator} is deleted; to bring it back: {undelete}")
        }
        _ => format!("the newest version of {locator} is deleted; `bao kv undelete` brings it back"),
    })
}

fn delete_request(locator: &Locator, kv: Kv) -> Request {
    let (mount, path) = (encode(&locator.mount.path), encode(&locator.path));
    match kv {
        Kv::V1 => client::request(&DeleteSecretRequest { mount, path }),
        Kv::V2 => client::request(&DeleteLatestSecretVersionRequest { mount, path }),
    }
}

/// Turns the answer to a change into its result.
async fn done(
    session: &Session,
    locator: &Locator,
    response: &Response,
    kv: Kv,
    denied: &PermissionError,
) -> Result<(), Failure> {
    match response.status {
        status if status.is_success() => Ok(()),
        StatusCode::PAYLOAD_TOO_LARGE => Err(refused(session)),
        status if status.is_client_error() && !speaks_vault(response) => {
            Err(stranger(session.server().route()))
        }
        StatusCode::FORBIDDEN => Err(session.refused(denied).await),
        StatusCode::NOT_FOUND => Err(absent(response, locator, kv)),
        StatusCode::BAD_REQUEST => Err(refused(session)),
        _ => Err(session.server().state(response).await),
    }
}

/// The newest version of a secret: its number, or 0 if there never was one.
struct Newest {
    version: u64,
    /// Whether it is neither deleted nor destroyed.
    is_there: bool,
}

async fn newest(session: &Session, locator: &Locator) -> Result<Newest, Failure> {
    let response = session.send(Request::get(locator.request_path(Kv::V2)), &locator.mount).await?;
    match response.status {
        StatusCode::OK | StatusCode::NOT_FOUND => Ok(Newest {
            version: version(&response).unwrap_or(0),
            is_there: response.status == StatusCode::OK,
        }),
        _ => {
            let denied = session.permission_error("read", "`read`", locator, Kv::V2);
            done(session, locator, &response, Kv::V2, &denied).await?;
            Err(stranger(session.server().route()))
        }
    }
}

/// Returns the version that a change replaces: none with KV version 1. Fails if the secret was read with another KV version
/// than the server names, so that a change never writes what was found at another path.
fn read_as(kv: Kv, over: &Metadata, locator: &Locator) -> Result<Option<u64>, Failure> {
    let version = over.version.as_ref().and_then(|version| version.parse().ok());
    if version.is_some() == (kv == Kv::V2) {
        return Ok(version);
    }
    let what = format!(
        "{locator} was read with another KV version than that of its engine, and nothing was changed"
    );
    Err(Failure::misconfigured(what, "set `kv_version`"))
}

/// The body to send: the fields alone, or with KV version 2 also the version that must be the newest (check-and-set). <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#create-update-secret>
fn body(content: &Secret, before: Option<u64>) -> Secret {
    let Some(before) = before else { return Secret::new(content.expose().to_owned()) };
    let head = format!("{{\"options\":{{\"cas\":{before}}},\"data\":");
    Secret::new([&head, content.expose(), "}"].concat())
}

fn refused(session: &Session) -> Failure {
    Failure::invalid_value(
        format!("{} refused to store this secret (too large, or not valid)", session.server().route()),
        "check the size of the secret and the number of its fields, and read the server's log",
    )
}

#[cfg(test)]
mod tests {
    use secretref_protocol::{Field, Name};

    use super::*;
    use crate::locator::Defaults;

    /// A deletion leads to the very path that was read.
    #[test]
    fn a_deletion_goes_to_the_path_of_the_read() {
        let defaults = Defaults { kv: None, mount: "team/kv".into(), namespace: None };
        for path in ["a/b", "ä b?", "a:b", "a%20b", "a+b;c", "%2e%2e/a"] {
            let name =
                Name { name: path.into(), field: Some(Field::Whole), is_entry: true, ..Name::default() };
            let (locator, _) = Locator::from_name(&name, &defaults).unwrap();
            for kv in [Kv::V1, Kv::V2] {
                assert_eq!(delete_request(&locator, kv).path(), locator.request_path(kv));
            }
        }
    }

    #[test]
    fn the_fields_are_sent_to_the_letter() {
        let content = Secret::new(r#"{"n":1.10,"k":"q\""}"#.into());
        assert_eq!(body(&content, None).expose(), content.expose());
        assert_eq!(body(&content, Some(7)).expose(), r#"{"options":{"cas":7},"data":{"n":1.10,"k":"q\""}}"#);
    }
}
