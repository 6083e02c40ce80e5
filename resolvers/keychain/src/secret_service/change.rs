//! Entries listed, written and deleted. What would need a window to be opened is refused instead.

use std::collections::BTreeMap;

use secretref_protocol::{Failure, Listed, Listing, Name, Secret};
use zbus::{OwnedObjectPath, Variant};

use super::verdict::{default_locked, no_default, wants_a_window};
use super::{Attributes, COLLECTION, ITEM, PATH, SERVICE, Service, take, value_of};
use crate::entry::{NOTHING_KEPT, changed, listed};
use crate::locator::{ACCOUNT, Locator};

/// What `secret-tool` and keyring give to every entry.
const SCHEMA: (&str, &str) = ("xdg:schema", "org.freedesktop.Secret.Generic");

/// What KeePassXC adds to every entry; and what of all that it says is a name: its notes and more may be secret.
const OF_KEEPASSXC: [&str; 2] = ["Uuid", "Path"];
const NAMES: [&str; 3] = ["Title", "UserName", "Path"];

impl Service {
    /// Every entry that can be looked at, those of `service` by their account alone.
    pub(crate) async fn list(&self, service: &str) -> Result<Listing, Failure> {
        self.may_search().await?;
        let collections = self.collections().await?;
        let mut listing = Listing::default();
        for closed in collections.iter().filter(|collection| collection.is_locked) {
            listing.unread.push((closed.label.clone(), self.closed(closed, "it").await));
        }
        // A provider may ask a person to unlock something before it searches where all is locked.
        if listing.unread.len() == collections.len() {
            return Ok(listing);
        }
        let unlocked = self.all().await?;
        for (entry, attributes) in unlocked.iter().zip(self.attributes(&unlocked).await) {
            match attributes {
                Ok(attributes) => listing.found.extend(line(service, attributes)),
                Err(failure) => listing.unread.push((entry.to_string(), failure)),
            }
        }
        Ok(listing)
    }

    /// Every entry that is not locked.
    async fn all(&self) -> Result<Vec<OwnedObjectPath>, Failure> {
        if let Some(databases) = self.databases().await? {
            return self.entries(databases).await;
        }
        let anything: BTreeMap<&str, &str> = BTreeMap::new();
        let answer = self.ask(&PATH, SERVICE, "SearchItems", &anything).await?;
        let (unlocked, _): (_, Vec<OwnedObjectPath>) = take(&answer)?;
        Ok(unlocked)
    }

    /// Writes the value of an entry; makes it where there was none.
    pub(crate) async fn put(
        &self,
        locator: &Locator,
        content: &Secret,
        was_there: bool,
    ) -> Result<(), Failure> {
        let found = self.find(locator).await?;
        if found.is_nothing() == was_there {
            return Err(changed(locator));
        }
        let secret = self.seal(content).await?;
        if was_there {
            let entry = self.only(found, locator).await?;
            return self.ask(&entry, ITEM, "SetSecret", &(secret,)).await.map(drop);
        }
        let searches = locator.searches();
        let own = searches.first().into_iter().flatten().copied().chain([SCHEMA]);
        let attributes: BTreeMap<&str, &str> = own.collect();
        let properties = BTreeMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(locator.to_string())),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes)),
        ]);
        let collection = self.writable().await?;
        let body = (properties, secret, false);
        let answer = self.ask(&collection, COLLECTION, "CreateItem", &body).await?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = take(&answer)?;
        self.done(&prompt).await
    }

    /// Deletes an entry, and says what is kept of it.
    pub(crate) async fn delete(&self, locator: &Locator) -> Result<&'static str, Failure> {
        let found = self.find(locator).await?;
        let entry = self.only(found, locator).await?;
        self.done(&take(&self.ask(&entry, ITEM, "Delete", &()).await?)?).await?;
        let is_keepassxc = self.databases().await?.is_some();
        let kept = "KeePassXC keeps it in the recycle bin, where the database has one";
        Ok(if is_keepassxc { kept } else { NOTHING_KEPT })
    }

    /// Sees to it that a change is made, if that needs no answer of a person.
    async fn done(&self, prompt: &OwnedObjectPath) -> Result<(), Failure> {
        match (prompt.as_str(), self.databases().await?) {
            ("/", _) => Ok(()),
            (_, Some(_)) => self.see_through(prompt).await,
            (_, None) => Err(wants_a_window()),
        }
    }

    /// The collection that new entries go into.
    async fn writable(&self) -> Result<OwnedObjectPath, Failure> {
        let Some(collection) = self.default_collection().await? else {
            return Err(no_default());
        };
        if self.is_locked(&collection).await? {
            return Err(default_locked("the default keychain"));
        }
        Ok(collection)
    }

    /// Whether a collection is locked.
    pub(super) async fn is_locked(&self, collection: &OwnedObjectPath) -> Result<bool, Failure> {
        value_of(&self.property(collection, COLLECTION, "Locked").await?)
    }

    /// What a collection is called.
    pub(super) async fn label(&self, collection: &OwnedObjectPath) -> Result<String, Failure> {
        value_of(&self.property(collection, COLLECTION, "Label").await?)
    }
}

/// What to list of an entry; nothing where no attribute tells it from others.
fn line(default: &str, mut attributes: Attributes) -> Option<Listed> {
    attributes.remove(SCHEMA.0);
    let given = |key: &&str| attributes.get(*key).filter(|value| !value.is_empty());
    if let (Some(service), Some(account)) = (given(&"service"), ACCOUNT.iter().find_map(given)) {
        return Some(listed(default, service, account));
    }
    if OF_KEEPASSXC.iter().all(|key| attributes.contains_key(*key)) {
        attributes.retain(|key, value| NAMES.contains(&key.as_str()) && !value.is_empty());
    }
    let others: Vec<_> = attributes.into_iter().collect();
    let words: Vec<_> = others.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let name = Name { others, is_entry: true, ..Name::default() };
    (!words.is_empty()).then(|| Listed { id: words.join(" "), name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_is_listed_as() {
        for (attributes, want) in [
            (&[("service", "openclaw"), ("username", "openai"), SCHEMA][..], Some("openai")),
            (&[("service", "github.com"), ("account", "me"), ("application", "x")], Some("github.com/me")),
            (&[("Title", "Mail"), ("UserName", "me")], Some("Title=Mail UserName=me")),
            (&[("service", "smtp")], Some("service=smtp")),
            (
                &[
                    ("Title", "Mail"),
                    ("UserName", ""),
                    ("Notes", "secret"),
                    ("Path", "/a/Mail"),
                    ("Uuid", "0f"),
                ],
                Some("Path=/a/Mail Title=Mail"),
            ),
            (&[SCHEMA], None),
        ] {
            let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let line = line("openclaw", attributes.collect());
            assert_eq!(line.map(|line| line.id).as_deref(), want);
        }
    }
}
