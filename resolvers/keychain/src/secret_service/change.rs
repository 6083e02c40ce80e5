//! Entries listed, written and deleted. What would need a window to be opened is refused instead.

use std::collections::HashMap;

use secretref_protocol::{Failure, Listed, Listing, Name, Secret};
use zbus::{Message, ObjectPath, OwnedObjectPath, OwnedVariant, Variant};

use super::calls::call;
use super::verdict::{default_locked, no_default, wants_a_window};
use super::{COLLECTION, ITEM, PATH, PROPERTIES, SERVICE, Service, take};
use crate::entry::{changed, listed};
use crate::locator::{ACCOUNT, Locator};

/// What `secret-tool` and keyring give to every entry.
const SCHEMA: (&str, &str) = ("xdg:schema", "org.freedesktop.Secret.Generic");

type Attributes = HashMap<String, String>;

impl Service {
    /// Every entry that can be looked at, those of `service` by their account alone.
    pub(crate) async fn list(&self, service: &str) -> Result<Listing, Failure> {
        let collections = self.collections().await?;
        let closed = collections.iter().filter(|collection| collection.is_locked);
        let unread = closed.map(|collection| (collection.label.clone(), collection.locked("it"))).collect();
        let mut listing = Listing { found: Vec::new(), unread };
        // A provider may ask a person to unlock something before it searches where all is locked.
        if listing.unread.len() == collections.len() {
            return Ok(listing);
        }
        let all: HashMap<&str, &str> = HashMap::new();
        let answer = self.ask(&PATH, SERVICE, "SearchItems", &all).await?;
        let (unlocked, _): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = take(&answer)?;
        let attributes = unlocked.iter().map(|entry| call(entry, PROPERTIES, "Get", &(ITEM, "Attributes")));
        let attributes = self.ask_all(attributes, value_of::<Attributes>).await;
        for (entry, attributes) in unlocked.iter().zip(attributes) {
            match attributes {
                Ok(attributes) => listing.found.extend(line(service, attributes)),
                Err(failure) => listing.unread.push((entry.to_string(), failure)),
            }
        }
        Ok(listing)
    }

    /// Writes the value of an entry; makes it where there was none.
    pub(crate) async fn put(
        &self,
        locator: &Locator,
        content: &Secret,
        was_there: bool,
    ) -> Result<(), Failure> {
        self.greet().await?;
        let found = self.find(locator).await?;
        if found.is_nothing() == was_there {
            return Err(changed(locator));
        }
        let secret = self.seal(content).await?;
        if was_there {
            let entry = found.only(locator)?;
            return self.ask(&entry, ITEM, "SetSecret", &(secret,)).await.map(drop);
        }
        let searches = locator.searches();
        let own = searches.first().into_iter().flatten().copied().chain([SCHEMA]);
        let attributes: HashMap<&str, &str> = own.collect();
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(locator.to_string())),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes)),
        ]);
        let collection = self.writable().await?;
        let body = (properties, secret, false);
        let answer = self.ask(&collection, COLLECTION, "CreateItem", &body).await?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = take(&answer)?;
        done(&prompt)
    }

    /// Deletes an entry.
    pub(crate) async fn delete(&self, locator: &Locator) -> Result<(), Failure> {
        self.greet().await?;
        let entry = self.find(locator).await?.only(locator)?;
        done(&take(&self.ask(&entry, ITEM, "Delete", &()).await?)?)
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
        self.property(collection, COLLECTION, "Locked").await
    }

    /// What a collection is called.
    pub(super) async fn label(&self, collection: &OwnedObjectPath) -> Result<String, Failure> {
        self.property(collection, COLLECTION, "Label").await
    }

    pub(super) async fn property<T>(
        &self,
        object: &ObjectPath<'_>,
        interface: &'static str,
        name: &str,
    ) -> Result<T, Failure>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        value_of(&self.ask(object, PROPERTIES, "Get", &(interface, name)).await?)
    }
}

/// The value of a property.
fn value_of<T>(answer: &Message) -> Result<T, Failure>
where
    T: TryFrom<OwnedVariant>,
    T::Error: Into<zbus::Error>,
{
    T::try_from(take(answer)?).map_err(|error| super::verdict(&error.into()))
}

/// A change that needs no answer of a person.
fn done(prompt: &OwnedObjectPath) -> Result<(), Failure> {
    if prompt.as_str() == "/" { Ok(()) } else { Err(wants_a_window()) }
}

/// What to list of an entry; nothing where no attribute tells it from others.
fn line(default: &str, mut attributes: Attributes) -> Option<Listed> {
    attributes.remove(SCHEMA.0);
    let given = |key: &&str| attributes.get(*key).filter(|value| !value.is_empty());
    if let (Some(service), Some(account)) = (given(&"service"), ACCOUNT.iter().find_map(given)) {
        return Some(listed(default, service, account));
    }
    let mut others: Vec<_> = attributes.into_iter().collect();
    others.sort_unstable();
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
            (&[SCHEMA], None),
        ] {
            let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let line = line("openclaw", attributes.collect());
            assert_eq!(line.map(|line| line.id).as_deref(), want);
        }
    }
}
