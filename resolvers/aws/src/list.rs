//! Lists the secrets of a region, and the fields of one secret.

use std::collections::BTreeMap;
use std::fmt::Display;

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry};
use secretref_aws_credentials::Region;
use secretref_protocol::{Failure, Field, Listed, Listing, Name, Retry};
use serde_json::value::RawValue;

use crate::arn::Arn;
use crate::locator::{Defaults, Locator};
use crate::read::read;
use crate::refusal::{failure, not_aws};
use crate::session::Session;

/// The maximum number of secrets listed.
const SECRETS: usize = 10_000;

/// The most secrets of one page.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html>
const PAGE: i32 = 100;

/// The most pages in a row without a secret. AWS may answer with some, as it filters after it has taken a page.
const EMPTY_PAGES: usize = 20;

/// The beginning of ids: `prod/`, `arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/`, or `prod/db#` for the fields
/// of one secret.
struct Prefix<'p> {
    /// The beginning up to the name, if it is that of an ARN.
    arn: Option<&'p str>,
    /// The beginning of the name.
    name: &'p str,
    /// The beginning of the field, if the name is complete.
    field: Option<&'p str>,
}

impl<'p> Prefix<'p> {
    fn parse(text: &'p str) -> Result<Self, Failure> {
        let (text, field) = text.split_once('#').map_or((text, None), |(text, field)| (text, Some(field)));
        if !text.starts_with("arn:") {
            return Ok(Self { arn: None, name: text, field });
        }
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        match parts[..] {
            ["arn", _, "secretsmanager", _, _, "secret", name] => {
                Ok(Self { arn: Some(&text[..text.len() - name.len()]), name, field })
            }
            _ => Err(Failure::invalid_id(
                "not the beginning of the ARN of a secret",
                "write it up to the name: list arn:aws:secretsmanager:REGION:ACCOUNT:secret:",
            )),
        }
    }

    /// The region of the ARN.
    fn region(&self) -> Result<Option<Region>, Failure> {
        let region = self.arn.and_then(|arn| arn.split(':').nth(3));
        region.map(|region| Region::parse(region, "region")).transpose()
    }

    /// Whether a secret matches. With a field the whole name is given, or the whole ARN.
    fn has(&self, arn: &Arn, name: &str) -> bool {
        let (begins, text) = match self.arn {
            Some(begins) => (format!("{begins}{}", self.name), arn.to_string()),
            None => (self.name.to_owned(), name.to_owned()),
        };
        match self.field {
            Some(_) => text == begins || name == self.name,
            None => text.starts_with(&begins),
        }
    }

    /// The filter for names that begin so. A name that ends in a part of the suffix of an ARN has no such beginning.
    fn filter(&self) -> Option<Filter> {
        let name = if self.field.is_some() { "" } else { self.name };
        let begins =
            if self.arn.is_some() { name.rsplit_once('-').map_or(name, |(begins, _)| begins) } else { name };
        let filter = Filter::builder().key(FilterNameStringType::Name).values(begins).build();
        (!begins.is_empty()).then_some(filter)
    }
}

/// The region that ids with this beginning are in, if they name one.
pub(crate) fn region(prefix: &str) -> Result<Option<Region>, Failure> {
    Prefix::parse(prefix)?.region()
}

/// Finds the secrets whose id begins like `prefix`. Reads a secret only if the prefix asks for its fields.
pub(crate) async fn list(session: &Session, prefix: &str, defaults: &Defaults) -> Result<Listing, Failure> {
    let prefix = Prefix::parse(prefix)?;
    let mut listing = Listing::default();
    let secrets = secrets(session, &prefix, &mut listing).await?;
    for (arn, name) in secrets {
        let is_own = defaults.region.as_ref().is_ok_and(|own| *own == arn.region) && prefix.arn.is_none();
        let id = if is_own { name } else { arn.to_string() };
        let named = Name { name: id.clone(), is_entry: true, ..Name::default() };
        match prefix.field {
            None => listing.found.push(Listed { id, name: named, state: None }),
            Some(begins) => fields(session, &id, named, begins, defaults, &mut listing).await?,
        }
    }
    Ok(listing)
}

/// The ARNs and names of all secrets that match, page by page.
async fn secrets(
    session: &Session,
    prefix: &Prefix<'_>,
    listing: &mut Listing,
) -> Result<Vec<(Arn, String)>, Failure> {
    let (mut found, mut token, mut empty) = (Vec::new(), None, 0);
    loop {
        let request = session.client().list_secrets().max_results(PAGE).set_next_token(token.clone());
        let page = request.set_filters(prefix.filter().map(|filter| vec![filter])).send().await;
        let page = page.map_err(|error| failure(&error, &session.call("ListSecrets", None)))?;
        let entries = page.secret_list.unwrap_or_default();
        empty = if entries.is_empty() { empty + 1 } else { 0 };
        for entry in entries {
            let (arn, name) = named(entry).ok_or_else(|| not_aws(session.place(), 200))?;
            if prefix.has(&arn, &name) {
                found.push((arn, name));
            }
        }
        if found.len() > SECRETS {
            found.truncate(SECRETS);
            listing.unread.push((prefix.name.to_owned(), too_much()));
            return Ok(found);
        }
        let next = page.next_token.filter(|next| !next.is_empty());
        match next {
            None => return Ok(found),
            next if next == token || empty > EMPTY_PAGES => return Err(endless(session.place())),
            next => token = next,
        }
    }
}

fn endless(place: &dyn Display) -> Failure {
    Failure::unavailable(
        format!("{place} answers with one page after another, and nothing new is on them"),
        "check `endpoint_url`, and the proxy in front of it",
    )
    .with_retry(Retry::No)
}

fn named(entry: SecretListEntry) -> Option<(Arn, String)> {
    Some((Arn::parse(&entry.arn?).ok()?, entry.name?))
}

/// Reads a secret, and adds its fields that begin like `begins`. A secret that is not a JSON object has none.
async fn fields(
    session: &Session,
    id: &str,
    named: Name,
    begins: &str,
    defaults: &Defaults,
    listing: &mut Listing,
) -> Result<(), Failure> {
    let (locator, _) = Locator::from_name(&named, defaults)?;
    let whole = match read(session, &locator).await {
        Ok(document) => Field::Whole.take(&document, true)?,
        Err(failure) if failure.kind().is_of_id() => {
            listing.unread.push((id.to_owned(), failure));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(whole.expose()).unwrap_or_default();
    for key in members.keys() {
        let field = Field::member(key);
        if field.text().starts_with(begins) {
            let id = format!("{id}#{}", field.text());
            listing.found.push(Listed {
                id,
                name: Name { field: Some(field), ..named.clone() },
                state: None,
            });
        }
    }
    Ok(())
}

fn too_much() -> Failure {
    Failure::invalid_value(
        format!("there are more than {SECRETS} secrets: the list is not complete"),
        "list a part of it: list prod/",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:";

    fn has(prefix: &str, name: &str) -> bool {
        let arn = Arn::parse(&format!("{ARN}{name}-AbCdE1")).unwrap();
        Prefix::parse(prefix).unwrap().has(&arn, name)
    }

    #[test]
    fn a_beginning_is_that_of_a_name_or_of_an_arn() {
        assert!(has("", "prod/db") && has("pro", "prod/db") && !has("rod", "prod/db"));
        assert!(has(&format!("{ARN}prod/"), "prod/db") && has(&format!("{ARN}prod/db-Ab"), "prod/db"));
        assert!(!has(&format!("{ARN}prod/").replace("west-2", "west-1"), "prod/db"));
        assert!(has("prod/db#", "prod/db") && !has("prod/#", "prod/db"));
        assert!(has(&format!("{ARN}prod/db-AbCdE1#k"), "prod/db"));
        assert_eq!(region(ARN).unwrap().unwrap().as_str(), "eu-west-2");
        assert!(region("prod/").unwrap().is_none());
        assert!(
            region("arn:aws:ssm:").is_err()
                && region("arn:aws:secretsmanager:evil.example/:1:secret:").is_err()
        );
    }

    #[test]
    fn aws_filters_by_the_name_alone() {
        let of =
            |prefix: &str| Prefix::parse(prefix).unwrap().filter().map(|filter| filter.values()[0].clone());
        assert_eq!(of("prod/").as_deref(), Some("prod/"));
        assert_eq!(of(&format!("{ARN}prod/db-Ab")).as_deref(), Some("prod/db"));
        assert_eq!((of(""), of(ARN)), (None, None));
    }
}
