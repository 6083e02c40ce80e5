//! Writes and deletes a secret.

use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_smithy_types::date_time::Format;
use secretref_protocol::{Failure, Kind, Metadata, Secret, shell_word};

use crate::locator::{CURRENT, Locator, SecretId, Version};
use crate::read::answer;
use crate::refusal::{failure, name_is_marked, restore};
use crate::session::Session;

/// The stage of the version before the newest.
const PREVIOUS: &str = "AWSPREVIOUS";

/// Writes the whole content of a secret: creates it, or adds a version after `over`. Returns the command that makes the
/// version `over` the newest again.
pub(crate) async fn put(
    session: &Session,
    locator: &Locator,
    content: &Secret,
    over: Option<&Metadata>,
) -> Result<Option<String>, Failure> {
    match over.and_then(|over| over.version.as_deref()) {
        Some(before) => update(session, locator, content, before).await.map(Some),
        None => create(session, locator, content).await.map(|()| None),
    }
}

/// Adds a version after the version `before`.
///
/// Secrets Manager has no check-and-set. So the newest version is compared with `before`, and after the write the version
/// before it is: a version that another client wrote in between is not lost, but it is no longer the newest.
async fn update(
    session: &Session,
    locator: &Locator,
    content: &Secret,
    before: &str,
) -> Result<String, Failure> {
    if answer(session, locator).await?.version_id() != before {
        return Err(Failure::written_meanwhile(locator));
    }
    let after = put_value(session, locator, content).await?;
    let replaced = Locator { version: Version::Stage(PREVIOUS.to_owned()), ..locator.clone() };
    match answer(session, &replaced).await {
        Ok(replaced) if replaced.version_id() != before => Err(Failure::invalid_value(
            format!("another client wrote {locator} at the same time, and this change replaced that one"),
            format!("to bring the other one back: {}", make_current(locator, replaced.version_id(), &after)),
        )),
        _ => Ok(make_current(locator, before, &after)),
    }
}

/// Adds a version, and returns its id. The SDK adds a token, by which Secrets Manager sees that it was sent twice.
async fn put_value(session: &Session, locator: &Locator, content: &Secret) -> Result<String, Failure> {
    let request = session.client().put_secret_value().secret_id(locator.secret.to_string());
    let put = request.secret_string(content.expose()).send().await;
    let put = put.map_err(|error| failure(&error, &session.call("PutSecretValue", Some(locator))))?;
    Ok(put.version_id.unwrap_or_default())
}

async fn create(session: &Session, locator: &Locator, content: &Secret) -> Result<(), Failure> {
    let SecretId::Name(name) = &locator.secret else {
        let remedy = "check the ARN, or write the name of a new secret";
        return Err(Failure::not_found(
            format!("there is no secret {locator}, and its ARN is not known before"),
            remedy,
        ));
    };
    let created = session.client().create_secret().name(name).secret_string(content.expose()).send().await;
    let Err(error) = created else { return Ok(()) };
    if !error.as_service_error().is_some_and(CreateSecretError::is_resource_exists_exception) {
        return Err(failure(&error, &session.call("CreateSecret", Some(locator))));
    }
    let found = session.client().get_secret_value().secret_id(name).send().await;
    let Err(error) = found else { return Err(Failure::written_meanwhile(locator)) };
    if error.as_service_error().is_some_and(GetSecretValueError::is_invalid_request_exception) {
        return Err(name_is_marked(locator));
    }
    match failure(&error, &session.call("GetSecretValue", Some(locator))) {
        // It has no value yet.
        failure if failure.kind() == Kind::NotFound => put_value(session, locator, content).await.map(|_| ()),
        failure => Err(failure),
    }
}

/// Deletes a secret at once, with all its versions.
pub(crate) async fn delete_for_good(
    session: &Session,
    locator: &Locator,
    over: &Metadata,
) -> Result<String, Failure> {
    check_unchanged(session, locator, over).await?;
    let request = session.client().delete_secret().secret_id(locator.secret.to_string());
    let deleted = request.force_delete_without_recovery(true).send().await;
    deleted.map_err(|error| failure(&error, &session.call("DeleteSecret", Some(locator))))?;
    Ok(format!("{locator} is deleted for good"))
}

async fn check_unchanged(session: &Session, locator: &Locator, over: &Metadata) -> Result<(), Failure> {
    if Some(answer(session, locator).await?.version_id()) != over.version.as_deref() {
        return Err(Failure::written_meanwhile(locator));
    }
    Ok(())
}

/// Deletes a secret. Secrets Manager keeps it for 30 days, and can restore it.
pub(crate) async fn delete(session: &Session, locator: &Locator, over: &Metadata) -> Result<String, Failure> {
    check_unchanged(session, locator, over).await?;
    let deleted = session.client().delete_secret().secret_id(locator.secret.to_string()).send().await;
    let deleted = deleted.map_err(|error| failure(&error, &session.call("DeleteSecret", Some(locator))))?;
    let until = deleted.deletion_date.and_then(|date| date.fmt(Format::DateTime).ok());
    let until = until.map(|date| format!(" for good at {date}")).unwrap_or_default();
    Ok(format!(
        "{locator} cannot be read any more, and is deleted{until}; to restore it before: {}",
        restore(locator)
    ))
}

/// The command that makes one version the newest in place of another.
fn make_current(locator: &Locator, version: &str, newest: &str) -> String {
    format!(
        "aws secretsmanager update-secret-version-stage --region {} --secret-id {} --version-stage {CURRENT} \
         --move-to-version-id {version} --remove-from-version-id {newest}",
        locator.scope.region,
        shell_word(&locator.secret.to_string())
    )
}
