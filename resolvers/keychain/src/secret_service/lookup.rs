//! Finds the entries that match each locator of a batch.
//!
//! For each search gnome-keyring walks all its entries, so a hundred searches of a hundred entries take longer than reading
//! the attributes of each entry. If a batch has many locators of one service, the attributes of its entries are read instead.

use std::collections::{BTreeMap, HashMap};

use secretref_protocol::Failure;
use zbus::OwnedObjectPath;

use super::matching::Known;
use super::search::{Found, Search, together};
use super::{Attributes, Service};
use crate::locator::{ACCOUNT, Locator};

/// From this many locators of a service on, one more round trip for its entries pays.
const MANY: usize = 8;

/// Entries and their attributes.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) all: Vec<(OwnedObjectPath, Attributes)>,
    /// The positions of the entries by their account.
    by_account: HashMap<String, Vec<usize>>,
}

impl Service {
    /// Finds the entries of each locator, and returns the attributes that were read for that. In a small batch it does only
    /// the first search of each locator, and [`Service::look_further`] does the rest.
    pub(super) async fn look_up<'b>(&self, batch: &'b [Locator]) -> (Vec<Result<Found, Failure>>, Known) {
        if batch.len() <= MANY {
            let first = batch.iter().map(|locator| locator.searches().into_iter().take(1).collect());
            return (self.find_each(first.collect()).await, Known::default());
        }
        let learned = self.learn(batch).await;
        let known = |locator: &Locator| {
            let (_, entries) = learned.iter().find(|(service, _)| locator.service() == Some(service))?;
            Some(entries.find(locator))
        };
        let known: Vec<_> = batch.iter().map(known).collect();
        let open = |(locator, known): (&'b Locator, &Option<Found>)| {
            if known.is_some() { Vec::new() } else { locator.searches() }
        };
        let found = self.find_each(batch.iter().zip(&known).map(open).collect()).await;
        let found = known.into_iter().zip(found).map(|(known, found)| known.map_or(found, Ok)).collect();
        (found, learned.into_iter().flat_map(|(_, entries)| entries.all).collect())
    }

    /// Does the remaining searches. An account is usually found by the first one.
    pub(super) async fn look_further(&self, batch: &[Locator]) -> Vec<Result<Found, Failure>> {
        let left = if batch.len() <= MANY { usize::MAX } else { 0 };
        self.find_each(
            batch.iter().map(|locator| locator.searches().into_iter().skip(1).take(left).collect()).collect(),
        )
        .await
    }

    /// Finds the entries that match any of the searches of each locator.
    async fn find_each(&self, searches: Vec<Vec<Search<'_>>>) -> Vec<Result<Found, Failure>> {
        let counts: Vec<_> = searches.iter().map(Vec::len).collect();
        let mut found = self.search_all(searches.into_iter().flatten()).await.into_iter();
        counts.into_iter().map(|count| together(found.by_ref().take(count))).collect()
    }

    /// Reads the entries of the services that have many locators.
    async fn learn<'b>(&self, batch: &'b [Locator]) -> Vec<(&'b str, Entries)> {
        let mut counts = BTreeMap::new();
        for service in batch.iter().filter_map(Locator::service) {
            *counts.entry(service).or_insert(0) += 1;
        }
        counts.retain(|_, count| *count > MANY);
        let found = self.search_all(counts.keys().map(|service| vec![("service", *service)])).await;
        let mut known = Vec::new();
        for ((service, count), found) in counts.into_iter().zip(found) {
            // A locked entry shows no attributes; and if a service has many more entries, searches are cheaper.
            if let Ok(found) = found
                && found.locked.is_empty()
                && found.unlocked.len() <= 2 * count
                && let Ok(entries) = self.entries_of(found.unlocked).await
            {
                known.push((service, entries));
            }
        }
        known
    }

    async fn entries_of(&self, paths: Vec<OwnedObjectPath>) -> Result<Entries, Failure> {
        let attributes = self.attributes(&paths).await;
        let mut entries = Entries::default();
        for (path, attributes) in paths.into_iter().zip(attributes) {
            entries.add(path, attributes?);
        }
        Ok(entries)
    }
}

impl Entries {
    pub(super) fn add(&mut self, path: OwnedObjectPath, attributes: Attributes) {
        let mut accounts: Vec<_> = ACCOUNT.iter().filter_map(|key| attributes.get(*key)).collect();
        accounts.dedup();
        for account in accounts {
            self.by_account.entry(account.clone()).or_default().push(self.all.len());
        }
        self.all.push((path, attributes));
    }

    /// Finds the entries that a search for this locator would find. Pure.
    pub(super) fn find(&self, locator: &Locator) -> Found {
        let fits = |(path, said): &&(OwnedObjectPath, Attributes)| locator.is_met_by(path, said);
        let fitting: Vec<_> = match locator.account() {
            Some(account) => {
                let places = self.by_account.get(account).into_iter().flatten();
                places.map(|place| &self.all[*place]).filter(fits).collect()
            }
            None => self.all.iter().filter(fits).collect(),
        };
        Found { unlocked: fitting.into_iter().map(|(path, _)| path.clone()).collect(), locked: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use secretref_protocol::Name;

    use super::*;

    #[test]
    fn an_entry_answers_as_it_does_to_a_search() {
        let mut entries = Entries::default();
        for (path, attributes) in [
            ("/a", &[("service", "s"), ("username", "one")][..]),
            ("/b", &[("service", "s"), ("account", "two")]),
            ("/c", &[("service", "s"), ("username", "two"), ("host", "h")]),
            ("/d", &[("service", "s"), ("username", "three"), ("account", "three")]),
            ("/e", &[("service", "s"), ("username", "four"), ("account", "five")]),
        ] {
            let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            entries.add(OwnedObjectPath::try_from(path).unwrap(), attributes.collect());
        }
        for (account, host, want) in [
            ("one", None, &["/a"][..]),
            ("two", None, &["/b", "/c"]),
            ("two", Some("h"), &["/c"]),
            ("three", None, &["/d"]),
            ("four", None, &["/e"]),
            ("five", None, &["/e"]),
            ("one", Some("h"), &[]),
            ("none", None, &[]),
        ] {
            let others = host.map(|host| ("host".to_owned(), host.to_owned())).into_iter().collect();
            let name = Name { name: account.into(), others, is_entry: true, ..Name::default() };
            let (locator, _) = Locator::from_name(&name, "s").unwrap();
            let found: Vec<_> = entries.find(&locator).unlocked.iter().map(ToString::to_string).collect();
            assert_eq!(found, want, "{account} {host:?}");
        }
    }
}
