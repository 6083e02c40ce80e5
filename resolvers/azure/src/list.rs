//! Lists the secrets of a vault.

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models::{
    SecretAttributes, SecretClientListSecretPropertiesOptions as Options, SecretProperties,
};
use futures_util::TryStreamExt as _;
use secretref_protocol::{Failure, Field, Listed, Listing, Name};

use crate::locator::{Defaults, SecretName, beginning, resource};
use crate::refusal::{self, LIST};
use crate::session::Session;
use crate::time;
use crate::vault::Vault;

/// The most secrets listed, and the most pages asked for: a page can be empty.
const SECRETS: usize = 10_000;
const PAGES: usize = 2_000;

/// Finds the secrets whose ids begin with `prefix`: `openai`, or `other-vault/openai`.
pub(crate) async fn list(session: &Session, prefix: &str, defaults: &Defaults) -> Result<Listing, Failure> {
    let (vault, before, name) = beginning(prefix, defaults)?;
    let mut listing = Listing::default();
    let failed = |error| refusal::failure(&session.caller(), &error, &vault, &LIST.on_all());
    let listed = session.vault(&vault)?.list_secret_properties(None).map_err(failed)?;
    let mut pages = listed.into_pages();
    for page in 0.. {
        let failed = |error| refusal::failure(&session.caller(), &error, &vault, &LIST.on_all());
        let Some(response) = pages.try_next().await.map_err(failed)? else { break };
        let answer = response.into_model().map_err(|_| refusal::stranger(&vault))?;
        // The token goes to no other host, and not in clear text.
        if answer.next_link.is_some_and(|link| !vault.has(&link)) {
            return Err(refusal::leads_away(&vault));
        }
        let found = answer.value.into_iter().filter_map(|secret| found(secret, &vault, before, name));
        listing.found.extend(found);
        if listing.found.len() > SECRETS || page == PAGES {
            listing.found.truncate(SECRETS);
            listing.unread.push((vault.to_string(), too_much()));
            break;
        }
    }
    Ok(listing)
}

/// Asks for one secret's properties, to learn whether the vault can be reached and listed.
pub(crate) async fn probe(session: &Session, vault: &Vault) -> Result<(), Failure> {
    let failed = |error| refusal::failure(&session.caller(), &error, vault, &LIST.on_all());
    let options = Options { maxresults: Some(1), ..Options::default() };
    let pager = session.vault(vault)?.list_secret_properties(Some(options)).map_err(failed)?;
    pager.into_pages().try_next().await.map(drop).map_err(failed)
}

/// The entry of a listing, if its name begins with `name`, without case as in Key Vault itself.
fn found(secret: SecretProperties, vault: &Vault, before: &str, name: &str) -> Option<Listed> {
    let own = resource(secret.id.as_ref(), &secret)?.name;
    let begins = own.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    if !begins || SecretName::parse(&own).is_err() {
        return None;
    }
    let state = state(&secret.attributes.unwrap_or_default(), secret.managed, OffsetDateTime::now_utc());
    let keys = if before.is_empty() { Vec::new() } else { vec![("vault", vault.origin().to_owned())] };
    let named =
        Name { name: own.clone(), field: Some(Field::Whole), keys, is_entry: true, ..Name::default() };
    Some(Listed { id: format!("{before}{own}"), name: named, state })
}

/// What is to be known about a secret, if there is something.
fn state(attributes: &SecretAttributes, managed: Option<bool>, now: OffsetDateTime) -> Option<String> {
    let facts = [
        (attributes.enabled == Some(false)).then(|| "disabled".to_owned()),
        attributes
            .not_before
            .as_ref()
            .filter(|start| **start > now)
            .map(|start| format!("not valid before {}", time::text(start))),
        attributes.expires.as_ref().map(|end| {
            let verb = if *end <= now { "expired at" } else { "expires at" };
            format!("{verb} {}", time::text(end))
        }),
        (managed == Some(true)).then(|| "the key and certificate of a certificate".to_owned()),
    ];
    let facts: Vec<_> = facts.into_iter().flatten().collect();
    (!facts.is_empty()).then(|| facts.join(", "))
}

fn too_much() -> Failure {
    Failure::invalid_value(
        format!("the vault has more than {SECRETS} secrets or {PAGES} pages, and the rest is not listed"),
        "list with the beginning of a name: list openai",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_may_have_no_value_says_why() {
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let of = |attributes: &SecretAttributes, managed| state(attributes, managed, time(1000).unwrap());
        assert_eq!(of(&SecretAttributes::default(), None), None);
        let attributes =
            SecretAttributes { enabled: Some(false), expires: time(1000), ..SecretAttributes::default() };
        assert_eq!(of(&attributes, None).as_deref(), Some("disabled, expired at 1970-01-01T00:16:40Z"));
        let early =
            SecretAttributes { not_before: time(1001), expires: time(2000), ..SecretAttributes::default() };
        let said = "not valid before 1970-01-01T00:16:41Z, expires at 1970-01-01T00:33:20Z";
        assert_eq!(of(&early, None).as_deref(), Some(said));
    }
}
