//! Reads a batch: all searches at once, then all values at once.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::{join, join3};
use secretref_protocol::{Document, Failure, FetchSink, Kind, Secret, shell_word};
use zbus::OwnedObjectPath;

use super::calls::{NAME, call};
use super::classify::locked;
use super::matching::Known;
use super::{ITEM, PATH, SERVICE, Service, Values, take};
use crate::locator::Locator;

/// How many of several matching entries a message names.
const SHOWN: usize = 4;

/// The attributes of a search.
pub(super) type Search<'a> = Vec<(&'a str, &'a str)>;

/// The entries that match a locator.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) unlocked: Vec<OwnedObjectPath>,
    pub(super) locked: Vec<OwnedObjectPath>,
}

/// Reads a batch, and settles each of its locators.
pub(crate) async fn fetch(service: &Service, batch: &[Locator], sink: &FetchSink<'_, Locator>) {
    let mut failed = read(service, batch, sink).await;
    if failed.iter().any(|(_, failure)| failure.kind() == Kind::Unavailable)
        && service.open_without_password().await
    {
        let again: Vec<_> = failed.into_iter().map(|(locator, _)| locator).collect();
        failed = read(service, &again, sink).await;
    }
    // The causes of failures are asked for after all other ids have their values.
    for (locator, failure) in failed {
        sink.settle(&locator, Err(service.explained(failure).await));
    }
}

/// Reads a batch, and returns the locators without a readable entry.
async fn read(
    service: &Service,
    batch: &[Locator],
    sink: &FetchSink<'_, Locator>,
) -> Vec<(Locator, Failure)> {
    if let Err(failure) = service.may_search().await {
        for locator in batch {
            sink.settle(locator, Err(failure.clone()));
        }
        return Vec::new();
    }
    let first = async {
        let (found, mut known) = service.look_up(batch).await;
        let early = found.iter().flatten().filter_map(Found::sole).cloned().collect();
        // The attributes of the entries are asked for while the session is opened.
        let (values, ()) =
            join(service.values(early), service.learn_of(found.iter().flatten(), &mut known)).await;
        (found, values, known)
    };
    // The values are read at the same time as the remaining searches.
    let ((found, early, mut known), _, more) =
        join3(first, service.session(), service.look_further(batch)).await;
    service.learn_of(more.iter().flatten(), &mut known).await;
    let (mut left, mut failed) = (Vec::new(), Vec::new());
    for ((locator, found), more) in batch.iter().zip(found).zip(more) {
        let found = found.and_then(|found| more.map(|more| found.and(more)));
        let found = match found.and_then(|found| known.matching(found, locator)) {
            Ok(found) => found,
            Err(failure) => {
                sink.settle(locator, Err(failure));
                continue;
            }
        };
        match (found.only(locator), &early) {
            (Ok(entry), Ok(values)) => match values.document(locator, &entry) {
                Some(document) => sink.settle(locator, document),
                None => left.push((locator, entry)),
            },
            (Ok(_), Err(failure)) => sink.settle(locator, Err(failure.clone())),
            (Err(failure), _) => failed.push((locator.clone(), failure)),
        }
    }
    if !left.is_empty() {
        settle(service, &left, sink).await;
    }
    failed
}

/// Settles locators with the values of their entries.
async fn settle(service: &Service, left: &[(&Locator, OwnedObjectPath)], sink: &FetchSink<'_, Locator>) {
    let values = service.values(left.iter().map(|(_, entry)| entry.clone()).collect()).await;
    for (locator, entry) in left {
        let document = values.as_ref().map_err(Clone::clone).and_then(|values| {
            values.document(locator, entry).unwrap_or_else(|| {
                Err(Failure::unavailable(
                    format!("{locator} was found, but its value was not returned: it was locked or deleted in the meantime"),
                    "try again",
                ))
            })
        });
        sink.settle(locator, document);
    }
}

impl Values<'_> {
    /// Returns the value of an entry as a document, or nothing if the provider did not return it.
    fn document(&self, locator: &Locator, entry: &OwnedObjectPath) -> Option<Result<Document, Failure>> {
        let bytes = self.session.open(self.given.get(entry)?.clone());
        let text = bytes.and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|error| Failure::not_text(format!("the value of {locator}"), error.as_bytes()))
        });
        Some(text.map(|text| Document::text(Secret::new(text))))
    }
}

impl Service {
    /// Finds all entries that match a locator.
    pub(super) async fn find(&self, locator: &Locator) -> Result<Found, Failure> {
        self.may_search().await?;
        let mut found = together(self.search_all(locator.searches()).await)?;
        if !found.locked.is_empty() && self.open_without_password().await {
            found = together(self.search_all(locator.searches()).await)?;
        }
        let mut known = Known::default();
        self.learn_of(std::iter::once(&found), &mut known).await;
        known.matching(found, locator)
    }

    /// Returns the only entry that matches a locator.
    pub(super) async fn only(&self, found: Found, locator: &Locator) -> Result<OwnedObjectPath, Failure> {
        match found.only(locator) {
            Err(failure) => Err(self.explained(failure).await),
            entry => entry,
        }
    }

    /// Returns the entries that each search finds.
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

/// Adds the entries that are not in the list yet.
fn add(entries: &mut Vec<OwnedObjectPath>, others: Vec<OwnedObjectPath>) {
    if entries.is_empty() {
        *entries = others;
        return;
    }
    let known: HashSet<_> = entries.iter().cloned().collect();
    entries.extend(others.into_iter().filter(|other| !known.contains(other)));
}

/// Joins what several searches found.
pub(super) fn together(found: impl IntoIterator<Item = Result<Found, Failure>>) -> Result<Found, Failure> {
    found.into_iter().try_fold(Found::default(), |found, more| more.map(|more| found.and(more)))
}

impl Found {
    /// Joins what two searches found.
    fn and(mut self, other: Self) -> Self {
        add(&mut self.unlocked, other.unlocked);
        add(&mut self.locked, other.locked);
        self
    }

    /// Returns the only entry, if there is one and it is not locked.
    fn sole(&self) -> Option<&OwnedObjectPath> {
        match (self.unlocked.as_slice(), self.locked.as_slice()) {
            ([entry], []) => Some(entry),
            _ => None,
        }
    }

    /// Returns all entries, the locked ones last.
    pub(super) fn entries(&self) -> impl Iterator<Item = &OwnedObjectPath> {
        self.unlocked.iter().chain(&self.locked)
    }

    /// Returns whether there is no entry.
    pub(super) fn is_nothing(&self) -> bool {
        self.unlocked.is_empty() && self.locked.is_empty()
    }

    /// Returns the only entry, or the failure. Pure.
    pub(super) fn only(self, locator: &Locator) -> Result<OwnedObjectPath, Failure> {
        let count = self.unlocked.len() + self.locked.len();
        if count > 1 {
            return Err(self.ambiguous(locator));
        }
        match (self.unlocked.into_iter().next(), count) {
            (_, 0) => Err(Failure::not_found(
                format!("there is no entry {locator} in the keychain"),
                "check service and account, or run `list` to see the entries; without a / an id is an account of `service`",
            )),
            (Some(entry), _) => Ok(entry),
            (None, _) => Err(locked(format!("the keychain with {locator}"))),
        }
    }

    /// Returns the failure if several entries match: where they are, and the command that deletes one of them.
    fn ambiguous(&self, locator: &Locator) -> Failure {
        let paths: Vec<&str> = self.entries().map(|entry| entry.as_str()).collect();
        let places: Vec<_> = paths.iter().map(|path| path.rsplit('/').nth(1).unwrap_or_default()).collect();
        let names = paths.iter().zip(&places).take(SHOWN);
        let names: Vec<_> = names
            .map(|(path, place)| format!("{place}/{}", path.rsplit('/').next().unwrap_or_default()))
            .collect();
        let more = if paths.len() > SHOWN { ", …" } else { "" };
        let choice = if places.iter().any(|place| *place != places[0]) {
            format!("name the keychain in [ids] (collection = \"{}\")", places[0])
        } else {
            "give the id an entry in [ids] with an attribute that only one of them has".to_owned()
        };
        Failure::new(
            Kind::Ambiguous,
            format!("{} entries of the keychain match {locator}: {}{more}", paths.len(), names.join(", ")),
            format!(
                "{choice}; or see them with `secret-tool search --all{}`, and delete one, such as {}: `dbus-send \
                 --session --print-reply --dest={NAME} {} {ITEM}.Delete`",
                searched(locator),
                names.last().map_or("", String::as_str),
                paths[..names.len()].last().unwrap_or(&""),
            ),
        )
    }
}

/// Returns the arguments for `secret-tool`: only the service if there is one, because the account can be in two attributes.
fn searched(locator: &Locator) -> String {
    let all = locator.searches().into_iter().next().unwrap_or_default();
    let own = all.into_iter().filter(|(key, _)| locator.service().is_none() || *key == "service");
    own.map(|(key, value)| format!(" {} {}", shell_word(key), shell_word(value))).collect::<Vec<_>>().concat()
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
        let only = found.only(&Locator::Attributes(vec![("a".into(), "it's".into())]));
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
        assert_eq!(locked("it").retry(), Retry::No);
    }
}
