//! Compares the entries that a provider returns for a search with what was asked.
//!
//! Only the attributes of an entry count. A provider may return others too: `KeePassXC` does not look into a protected
//! attribute, and returns its entry for every search of the service.

use std::collections::HashMap;

use secretref_protocol::Failure;
use zbus::OwnedObjectPath;

use super::search::Found;
use super::{Attributes, Service};
use crate::locator::Locator;

/// The prefix of attributes that gnome-keyring shows only as hashes, because their keychain is locked.
const HASHED: &str = "gkr:compat:hashed:";

/// The attributes of entries, as far as they are known.
#[derive(Default)]
pub(super) struct Known(HashMap<OwnedObjectPath, Result<Attributes, Failure>>);

impl Service {
    /// Reads the attributes of the entries that are not known yet.
    pub(super) async fn learn_of(&self, found: impl Iterator<Item = &Found>, known: &mut Known) {
        let mut new = Vec::new();
        for entry in found.flat_map(Found::entries) {
            if !known.0.contains_key(entry) {
                known.0.insert(entry.clone(), Ok(Attributes::default()));
                new.push(entry.clone());
            }
        }
        if !new.is_empty() {
            let said = self.attributes(&new).await;
            known.0.extend(new.into_iter().zip(said));
        }
    }
}

impl Known {
    /// Returns the entries that match the locator. Pure.
    pub(super) fn matching(&self, found: Found, locator: &Locator) -> Result<Found, Failure> {
        let mut matching = Found::default();
        for entry in found.unlocked {
            match self.0.get(&entry) {
                Some(Ok(said)) if locator.is_met_by(&entry, said) => matching.unlocked.push(entry),
                Some(Err(failure)) => return Err(failure.clone()),
                _ => {}
            }
        }
        // A locked entry may show no attributes. Its value is not returned anyway.
        let says = |said: &Attributes| !said.is_empty() && !said.keys().any(|key| key.starts_with(HASHED));
        for entry in found.locked {
            match self.0.get(&entry) {
                _ if !locator.is_in(&entry) => {}
                Some(Ok(said)) if says(said) && !locator.is_met_by(&entry, said) => {}
                _ => matching.locked.push(entry),
            }
        }
        Ok(matching)
    }
}

impl FromIterator<(OwnedObjectPath, Attributes)> for Known {
    fn from_iter<I: IntoIterator<Item = (OwnedObjectPath, Attributes)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(entry, said)| (entry, Ok(said))).collect())
    }
}

#[cfg(test)]
mod tests {
    use secretref_protocol::{Name, Retry};

    use super::*;

    #[test]
    fn an_entry_is_what_it_says_of_itself() {
        let path = |name: &str| OwnedObjectPath::try_from(name).unwrap();
        let said = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let own = said(&[("service", "s"), ("account", "a"), ("more", "x")]);
        let other = said(&[("service", "s"), ("username", "b")]);
        let hashed = said(&[("gkr:compat:hashed:service", "0f"), ("xdg:schema", "s")]);
        let silent = Attributes::default();
        let entries = [("/own", own), ("/other", other), ("/hashed", hashed), ("/silent", silent)];
        let mut known: Known = entries.into_iter().map(|(name, said)| (path(name), said)).collect();
        let (locator, _) = Locator::from_name(&Name { name: "s/a".into(), ..Name::default() }, "x").unwrap();
        for (unlocked, locked, want) in [
            (&["/own"][..], &[][..], "/own|"),
            (&["/other"], &[], "|"),
            (&["/silent"], &[], "|"),
            (&["/hashed"], &[], "|"),
            (&["/own", "/other", "/silent"], &[], "/own|"),
            (&[], &["/own", "/other", "/hashed", "/silent"], "|/own/hashed/silent"),
        ] {
            let paths = |names: &[&str]| names.iter().map(|name| path(name)).collect();
            let found = Found { unlocked: paths(unlocked), locked: paths(locked) };
            let found = known.matching(found, &locator).unwrap();
            let text =
                |paths: Vec<OwnedObjectPath>| paths.iter().map(ToString::to_string).collect::<String>();
            assert_eq!(format!("{}|{}", text(found.unlocked), text(found.locked)), want);
        }
        let gone = Failure::unavailable("gone", "");
        known.0.insert(path("/own"), Err(gone));
        let found = Found { unlocked: vec![path("/own")], locked: Vec::new() };
        assert_eq!(known.matching(found, &locator).unwrap_err().retry(), Retry::Soon);
    }
}
