//! Reads one secret.

use azure_core::http::headers::HeaderName;
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::SecretClient;
use azure_security_keyvault_secrets::models::{
    Secret as Read, SecretAttributes, SecretClientGetSecretOptions,
};
use secretref_protocol::{Document, Failure, Kind, Metadata, Run, Secret, Stage};

use crate::change::{recover, until};
use crate::locator::{Locator, resource};
use crate::refusal::{self, GET};
use crate::session::{Caller, Session};
use crate::time;
use crate::vault::Vault;

/// The name of a request in the vault's log.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// What to do about a secret that is read before or after its time: Key Vault itself gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutsideWindow {
    /// It is a failure.
    Error,
    /// It is a value.
    Allow,
}

/// A vault's answer about the secret and version that were asked for.
pub(crate) struct Answer {
    read: Read,
    /// The version.
    pub(crate) version: String,
    request: Option<String>,
}

/// Reads one version of one secret.
pub(crate) async fn read(
    session: &Session,
    locator: &Locator,
    outside: OutsideWindow,
) -> Result<Document, Failure> {
    let vault = session.vault(&locator.vault)?;
    match ask(&vault, locator, &session.caller()).await {
        Ok(answer) => {
            let now = OffsetDateTime::now_utc();
            if session.run.is_traced() {
                let expires = answer.read.attributes.as_ref().and_then(|attributes| attributes.expires);
                warn_before_end(&session.run, locator, expires, now);
            }
            answer.document(outside, now, &locator.vault)
        }
        Err(failure) => Err(if_deleted(session, &vault, locator, failure).await),
    }
}

/// Asks a vault for a secret. An answer about another one is a failure.
pub(crate) async fn ask(
    vault: &SecretClient,
    locator: &Locator,
    caller: &Caller<'_>,
) -> Result<Answer, Failure> {
    let options =
        SecretClientGetSecretOptions { secret_version: locator.version.clone(), ..Default::default() };
    let read = vault.get_secret(locator.name.as_str(), Some(options)).await;
    let response =
        read.map_err(|error| refusal::failure(caller, &error, &locator.vault, &GET.on(locator)))?;
    let request = response.headers().get_optional_string(&REQUEST_ID);
    let stranger = || refusal::stranger(&locator.vault).request(request.as_deref());
    let read: Read = response.into_model().map_err(|_| stranger())?;
    let version = version_of(&read, locator).ok_or_else(stranger)?;
    Ok(Answer { read, version, request })
}

impl Answer {
    /// The document, unless this is not the time for it.
    pub(crate) fn document(
        self,
        outside: OutsideWindow,
        now: OffsetDateTime,
        vault: &Vault,
    ) -> Result<Document, Failure> {
        let attributes = self.read.attributes.unwrap_or_default();
        if outside == OutsideWindow::Error {
            within(&attributes, now)?;
        }
        let value = self.read.value.map(Secret::new).ok_or_else(|| refusal::stranger(vault))?;
        let text = |time: Option<OffsetDateTime>| time.as_ref().map(time::text);
        Ok(Document::text(value).with_metadata(Metadata {
            version: Some(self.version),
            created: text(attributes.created),
            not_before: text(attributes.not_before),
            expires: text(attributes.expires),
            request: self.request,
        }))
    }
}

/// Asks whether a missing secret is deleted, which only `check` and `doctor` do: the vault answers both with the same code.
async fn if_deleted(session: &Session, vault: &SecretClient, locator: &Locator, failure: Failure) -> Failure {
    if failure.kind() != Kind::NotFound || locator.version.is_some() || !session.run.is_traced() {
        return failure;
    }
    let deleted = vault.get_deleted_secret(locator.name.as_str(), None).await;
    let Some(deleted) = deleted.ok().and_then(|response| response.into_model().ok()) else { return failure };
    let at = deleted.deleted_date.as_ref().map(|at| format!(" at {}", time::text(at)));
    Failure::not_found(
        format!("{locator} was deleted{}", at.unwrap_or_default()),
        format!("{}bring it back with: {}", until(&deleted), recover(locator)),
    )
}

/// How many days before its end a secret is warned of.
const SOON: i64 = 30;

fn warn_before_end(run: &Run, locator: &Locator, expires: Option<OffsetDateTime>, now: OffsetDateTime) {
    let Some(end) = expires.filter(|end| *end > now) else { return };
    let days = (end - now).whole_days();
    if days <= SOON {
        let remedy = "store a new value with a later expiry date";
        run.warn(Stage::Read, format!("{locator} expires in {days} d, at {}: {remedy}", time::text(&end)));
    }
}

/// The version in an answer, if the answer is about the secret and version that were asked for.
fn version_of(read: &Read, locator: &Locator) -> Option<String> {
    let id = resource(read.id.as_ref(), read)?;
    let is_asked = |version: &String| locator.version.as_ref().is_none_or(|asked| asked == version);
    let is_vault = !locator.vault.is_known() || id.vault_url.eq_ignore_ascii_case(locator.vault.origin());
    let version = id.version.map(|version| version.to_ascii_lowercase()).filter(is_asked);
    version.filter(|_| is_vault && id.name.eq_ignore_ascii_case(locator.name.as_str()))
}

/// Fails before and after the time that the secret is for. Pure.
fn within(attributes: &SecretAttributes, now: OffsetDateTime) -> Result<(), Failure> {
    let outside = |what: &str, at: &OffsetDateTime, fix: &str| {
        let remedy = format!(
            "{fix}, or set outside_window = \"allow\" to read it all the same, as Key Vault itself does"
        );
        Err(Failure::invalid_value(format!("the secret {what} {}", time::text(at)), remedy))
    };
    match (&attributes.not_before, &attributes.expires) {
        (_, Some(expires)) if *expires <= now => {
            outside("expired at", expires, "store a new value, or set another expiry date")
        }
        (Some(start), _) if *start > now => {
            outside("is not valid before", start, "wait, or set another activation date")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_time() {
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let said = |start, end| {
            let attributes =
                SecretAttributes { not_before: start, expires: end, ..SecretAttributes::default() };
            within(&attributes, time(1000).unwrap()).err().map(|failure| failure.what().to_owned())
        };
        assert_eq!(said(None, None), None);
        assert_eq!(said(time(1000), time(1001)), None);
        assert_eq!(said(None, time(1000)).as_deref(), Some("the secret expired at 1970-01-01T00:16:40Z"));
        let early = "the secret is not valid before 1970-01-01T00:16:41Z";
        assert_eq!(said(time(1001), None).as_deref(), Some(early));
    }
}
