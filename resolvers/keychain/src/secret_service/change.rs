//! Entries listed, written and deleted. What would need a window to be opened is refused instead.

use std::collections::HashMap;

use secretref_protocol::{Failure, Listed, Listing, Name, Retry, Secret};
use zbus::{Message, OwnedObjectPath, OwnedVariant, Variant};

use super::calls::call;
use super::verdict::{locked, wants_a_window};
use super::{ITEM, PATH, PROPERTIES, SERVICE, Service, take};
use crate::entry::{changed, listed};
use crate::locator::{ACCOUNT, Locator};

const COLLECTION: &str = "org.freedesktop.Secret.Collection";

/// gnome-keyring's own, which its PAM module and libraries use.
const INTERNAL: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

/// What `secret-tool` and keyring give to every entry.
const SCHEMA: (&str, &str) = ("xdg:schema", "org.freedesktop.Secret.Generic");

type Attributes = HashMap<String, String>;

impl Service {
    /// Every entry that can be looked at, those of `service` by their account alone.
    pub(crate) async fn list(&self, service: &str) -> Result<Listing, Failure> {
        self.greet().await?;
        let all: HashMap<&str, &str> = HashMap::new();
        let answer = self.ask(&PATH, SERVICE, "SearchItems", &all).await?;
        let (unlocked, closed): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = take(&answer)?;
        let attributes = unlocked.iter().map(|entry| call(entry, PROPERTIES, "Get", &(ITEM, "Attributes")));
        let attributes = self.ask_all(attributes, attributes_of).await;
        let mut listing = Listing::default();
        for (entry, attributes) in unlocked.iter().zip(attributes) {
            match attributes {
                Ok(attributes) => listing.found.extend(line(service, attributes)),
                Err(failure) => listing.unread.push((entry.to_string(), failure)),
            }
        }
        let mut closed: Vec<_> = closed.iter().filter_map(|entry| entry.as_str().rsplit_once('/')).collect();
        closed.dedup_by_key(|(collection, _)| *collection);
        let unread = |(collection, _): (&str, &str)| (collection.to_owned(), locked("this keychain"));
        listing.unread.extend(closed.into_iter().map(unread));
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

    /// Unlocks the default keychain with its password, where the provider can do that without a window: gnome-keyring can.
    pub(crate) async fn unlock(&self, password: &Secret) -> Result<String, Failure> {
        self.greet().await?;
        let Some(collection) = self.default_collection().await? else { return Err(no_default()) };
        if !self.is_locked(&collection).await? {
            return Ok("the default keychain is unlocked already".to_owned());
        }
        let body = (&collection, self.seal(password).await?);
        self.ask(&PATH, INTERNAL, "UnlockWithMasterPassword", &body).await.map_err(|failure| {
            let is_known = !matches!(failure.asks_again(), Retry::Once(_));
            if is_known { failure } else { wants_a_window() }
        })?;
        Ok("the default keychain is unlocked".to_owned())
    }

    /// The collection that new entries go into.
    async fn writable(&self) -> Result<OwnedObjectPath, Failure> {
        let Some(collection) = self.default_collection().await? else {
            return Err(no_default());
        };
        if self.is_locked(&collection).await? {
            return Err(locked("the default keychain"));
        }
        Ok(collection)
    }

    /// Whether a collection is locked.
    pub(super) async fn is_locked(&self, collection: &OwnedObjectPath) -> Result<bool, Failure> {
        let value = self.property(collection, COLLECTION, "Locked").await?;
        bool::try_from(value).map_err(|error| super::verdict(&error))
    }

    /// What a collection is called.
    pub(super) async fn label(&self, collection: &OwnedObjectPath) -> Result<String, Failure> {
        let value = self.property(collection, COLLECTION, "Label").await?;
        String::try_from(value).map_err(|error| super::verdict(&error))
    }

    async fn property(
        &self,
        object: &OwnedObjectPath,
        interface: &'static str,
        name: &str,
    ) -> Result<OwnedVariant, Failure> {
        take(&self.ask(object, PROPERTIES, "Get", &(interface, name)).await?)
    }
}

fn attributes_of(answer: &Message) -> Result<Attributes, Failure> {
    Attributes::try_from(take::<OwnedVariant>(answer)?).map_err(|error| super::verdict(&error))
}

fn no_default() -> Failure {
    Failure::misconfigured(
        "the provider has no default keychain",
        "make one: by logging in to the desktop, or with the provider's own program",
    )
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
