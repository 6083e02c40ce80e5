//! From locators to values: all searches at once, then all values at once.

use std::collections::BTreeMap;

use futures_util::future::join;
use secretref_protocol::{Document, Failure, Kind, Secret, Sink};
use zbus::OwnedObjectPath;

use super::calls::call;
use super::verdict::locked;
use super::wire::{Session, Wired};
use super::{PATH, SERVICE, Service, take};
use crate::locator::Locator;

/// Attributes to search by.
pub(super) type Search<'a> = Vec<(&'a str, &'a str)>;

/// What answers to a locator.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) unlocked: Vec<OwnedObjectPath>,
    pub(super) locked: Vec<OwnedObjectPath>,
}

/// Reads a batch, and settles each of its locators.
pub(crate) async fn fetch(service: &Service, batch: &[Locator], sink: &Sink<'_, Locator>) {
    if let Err(failure) = service.may_search().await {
        return batch.iter().for_each(|locator| sink.settle(locator, Err(failure.clone())));
    }
    let (found, session) = join(service.look_up(batch), service.session()).await;
    let mut entries = Vec::new();
    for (locator, found) in batch.iter().zip(found) {
        let entry = match found {
            Ok(found) => service.only(found, locator).await,
            Err(failure) => Err(failure),
        };
        match entry {
            Ok(entry) => entries.push((locator, entry)),
            Err(failure) => sink.settle(locator, Err(failure)),
        }
    }
    if !entries.is_empty() {
        settle(service, session, &entries, sink).await;
    }
}

/// Gets the values of entries that were found.
async fn settle(
    service: &Service,
    session: Result<&Session, Failure>,
    entries: &[(&Locator, OwnedObjectPath)],
    sink: &Sink<'_, Locator>,
) {
    let paths: Vec<_> = entries.iter().map(|(_, path)| path.clone()).collect();
    let given = async {
        let session = session?;
        Ok::<_, Failure>((session, service.values(session, &paths).await?))
    };
    let (session, mut values) = match given.await {
        Ok(given) => given,
        Err(failure) => {
            return entries.iter().for_each(|(locator, _)| sink.settle(locator, Err(failure.clone())));
        }
    };
    for (locator, path) in entries {
        let value = match values.remove(path) {
            Some(value) => document(session, value, locator),
            None => Err(Failure::unavailable(
                format!("{locator} was found and then not given: it was locked or deleted meanwhile"),
                "ask again",
            )),
        };
        sink.settle(locator, value);
    }
}

/// A value as a document.
fn document(session: &Session, value: Wired, locator: &Locator) -> Result<Document, Failure> {
    let text = String::from_utf8(session.open(value)?).map_err(|_| {
        Failure::invalid_value(
            format!("the value of {locator} is not UTF-8 text"),
            "store it anew, binary data as base64",
        )
    })?;
    Ok(Document::text(Secret::new(text)))
}

impl Service {
    /// All that answers to a locator.
    pub(super) async fn find(&self, locator: &Locator) -> Result<Found, Failure> {
        self.may_search().await?;
        together(self.search_all(locator.searches()).await)
    }

    /// The one entry there is among what answers to a locator.
    pub(super) async fn only(&self, found: Found, locator: &Locator) -> Result<OwnedObjectPath, Failure> {
        match found.only(locator) {
            Err(failure) => Err(self.explained(failure).await),
            entry => entry,
        }
    }

    /// What answers to each search.
    pub(super) async fn search_all(
        &self,
        searches: impl IntoIterator<Item = Search<'_>>,
    ) -> Vec<Result<Found, Failure>> {
        let calls = searches.into_iter().map(|attributes| {
            let attributes: BTreeMap<_, _> = attributes.into_iter().collect();
            call(&PATH, SERVICE, "SearchItems", &attributes)
        });
        let found = |answer: &_| take(answer).map(|(unlocked, locked)| Found { unlocked, locked });
        self.ask_all(calls, found).await
    }
}

/// Adds what is not there yet.
fn add(entries: &mut Vec<OwnedObjectPath>, others: Vec<OwnedObjectPath>) {
    let new: Vec<_> = others.into_iter().filter(|other| !entries.contains(other)).collect();
    entries.extend(new);
}

/// What answers to one of several searches.
pub(super) fn together(found: impl IntoIterator<Item = Result<Found, Failure>>) -> Result<Found, Failure> {
    found.into_iter().try_fold(Found::default(), |found, more| more.map(|more| found.and(more)))
}

impl Found {
    /// What answers to one of two searches.
    fn and(mut self, other: Self) -> Self {
        add(&mut self.unlocked, other.unlocked);
        add(&mut self.locked, other.locked);
        self
    }

    /// All of it, what is locked at the end.
    pub(super) fn entries(&self) -> impl Iterator<Item = &OwnedObjectPath> {
        self.unlocked.iter().chain(&self.locked)
    }

    /// Whether nothing answers.
    pub(super) fn is_nothing(&self) -> bool {
        self.unlocked.is_empty() && self.locked.is_empty()
    }

    /// The one entry there is. Pure.
    fn only(self, locator: &Locator) -> Result<OwnedObjectPath, Failure> {
        let count = self.unlocked.len() + self.locked.len();
        match (self.unlocked.into_iter().next(), count) {
            (_, 0) => Err(Failure::not_found(
                format!("there is no entry {locator} in the keychain"),
                "check service and account, or see what there is with `list`; without a / an id is an account of `service`",
            )),
            (Some(entry), 1) => Ok(entry),
            (None, 1) => Err(locked(format!("the keychain that has {locator}"))),
            _ => Err(Failure::new(
                Kind::Ambiguous,
                format!("{count} entries of the keychain answer to {locator}"),
                "delete all but one, or say more of its attributes in [ids]",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use secretref_protocol::Retry;

    use super::*;

    fn found(unlocked: &[&str], locked: &[&str]) -> Found {
        let paths =
            |names: &[&str]| names.iter().map(|name| OwnedObjectPath::try_from(*name).unwrap()).collect();
        Found { unlocked: paths(unlocked), locked: paths(locked) }
    }

    fn only(found: Found) -> Result<String, &'static str> {
        let only = found.only(&Locator::File("x".into()));
        only.map(|path| path.to_string()).map_err(|failure| failure.kind().code())
    }

    #[test]
    fn one_entry_is_what_was_asked_for() {
        assert_eq!(only(found(&["/a"], &[])), Ok("/a".into()));
        assert_eq!(only(found(&[], &[])), Err("NOT_FOUND"));
        assert_eq!(only(found(&[], &["/a"])), Err("UNAVAILABLE"));
        assert_eq!(only(found(&["/a"], &["/b"])), Err("AMBIGUOUS_DUPLICATE_KEY"));
        assert_eq!(only(found(&["/a", "/b"], &[])), Err("AMBIGUOUS_DUPLICATE_KEY"));
    }

    #[test]
    fn what_two_searches_find_is_one_entry() {
        let two = |one, other| together([Ok(found(&[one], &[])), Ok(found(&[other], &[]))]).map(only);
        assert_eq!(two("/a", "/a").unwrap(), Ok("/a".into()));
        assert_eq!(two("/a", "/b").unwrap(), Err("AMBIGUOUS_DUPLICATE_KEY"));
    }

    #[test]
    fn what_is_locked_stays_so() {
        assert_eq!(locked("it").asks_again(), Retry::No);
    }
}
