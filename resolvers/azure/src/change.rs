//! Writes and deletes a secret.

use azure_core::http::RequestContent;
use azure_security_keyvault_secrets::models::{DeletedSecret, SetSecretParameters};
use secretref_protocol::{Failure, Kind, Secret};

use crate::locator::Locator;
use crate::read::ask;
use crate::refusal::{self, DELETE, SET};
use crate::session::Session;
use crate::time;

/// The most bytes of a value.
/// <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>
const LIMIT: usize = 25 * 1024;

/// Writes a new version of a secret, after the version `before` or as the first. Returns how to read what it replaced.
pub(crate) async fn put(
    session: &Session,
    locator: &Locator,
    content: &Secret,
    before: Option<&str>,
) -> Result<Option<String>, Failure> {
    if content.expose().len() > LIMIT {
        return Err(Failure::invalid_value(
            format!(
                "the value has {} bytes, and a secret of Key Vault at most {LIMIT}",
                content.expose().len()
            ),
            "store less in one secret",
        ));
    }
    check_unchanged(session, locator, before).await?;
    let failed = |error| refusal::failure(&session.caller(), &error, &locator.vault, &SET.on(locator));
    let parameters = SetSecretParameters { value: Some(content.expose().to_owned()), ..Default::default() };
    let parameters = RequestContent::try_from(parameters).map_err(failed)?;
    let vault = session.vault(&locator.vault)?;
    vault.set_secret(locator.name.as_str(), parameters, None).await.map_err(failed)?;
    Ok(before.map(|before| format!("store what `get {locator}##{before}` prints")))
}

/// Key Vault has no check-and-set. So the newest version is compared with the one that was read before: only a client that
/// writes between this and the change is not seen, and its version is kept.
async fn check_unchanged(session: &Session, locator: &Locator, before: Option<&str>) -> Result<(), Failure> {
    let vault = session.vault(&locator.vault)?;
    let newest = match ask(&vault, locator, &session.caller()).await {
        Ok(answer) => Some(answer.version),
        Err(failure) if failure.kind() == Kind::NotFound => None,
        Err(failure) => return Err(failure.changed_nothing()),
    };
    if newest.as_deref() == before { Ok(()) } else { Err(Failure::written_meanwhile(locator)) }
}

/// Deletes a secret with all its versions. Returns how to bring it back.
pub(crate) async fn delete(
    session: &Session,
    locator: &Locator,
    before: Option<&str>,
) -> Result<String, Failure> {
    check_unchanged(session, locator, before).await?;
    let failed = |error| refusal::failure(&session.caller(), &error, &locator.vault, &DELETE.on(locator));
    let vault = session.vault(&locator.vault)?;
    let response = vault.delete_secret(locator.name.as_str(), None).await.map_err(failed)?;
    let deleted = response.into_model().map_err(|_| refusal::stranger(&locator.vault))?;
    if deleted.recovery_id.is_none() {
        return Ok(format!(
            "{locator} and all its versions are deleted for good: the vault has no soft delete"
        ));
    }
    let until = until(&deleted);
    Ok(format!("{locator} and all its versions are deleted; {until}to bring them back: {}", recover(locator)))
}

/// `until TIME, `, if the time is known.
pub(crate) fn until(deleted: &DeletedSecret) -> String {
    let purge = deleted.scheduled_purge_date.as_ref();
    purge.map(|end| format!("until {}, ", time::text(end))).unwrap_or_default()
}

/// The command that recovers a deleted secret.
pub(crate) fn recover(locator: &Locator) -> String {
    format!("az keyvault secret recover --vault-name {} --name {}", locator.vault, locator.name)
}
