//! Entries listed, written and deleted. What would need a window to be opened is refused instead.

use std::collections::HashMap;

use futures_util::future::join_all;
use secretref_protocol::{Failure, Listed, Listing, Name, Retry, Secret};
use zbus::{OwnedObjectPath, OwnedVariant, Variant};

use super::verdict::{locked, wants_a_window};
use super::{COLLECTION, ITEM, PATH, PROPERTIES, SERVICE, Service, take};
use crate::entry::{NOTHING_KEPT, changed, listed};
use crate::locator::{ACCOUNT, Locator};

/// gnome-keyring's own, which its PAM module and libraries use.
const INTERNAL: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

/// What `secret-tool` and keyring give to every entry.
const SCHEMA: (&str, &str) = ("xdg:schema", "org.freedesktop.Secret.Generic");

/// What KeePassXC adds to every entry; and what of all that it says is a name: its notes and more may be secret.
const OF_KEEPASSXC: [&str; 2] = ["Uuid", "Path"];
const NAMES: [&str; 3] = ["Title", "UserName", "Path"];

type Attributes = HashMap<String, String>;

impl Service {
    /// Every entry that can be looked at, those of `service` by their account alone.
    pub(crate) async fn list(&self, service: &str) -> Result<Listing, Failure> {
        let (unlocked, closed) = self.all().await?;
        let attributes = join_all(unlocked.iter().map(|entry| self.attributes(entry))).await;
        let mut listing = Listing::default();
        for (entry, attributes) in unlocked.iter().zip(attributes) {
            match attributes {
                Ok(attributes) => listing.found.extend(line(service, attributes)),
                Err(failure) => listing.unread.push((entry.to_string(), failure)),
            }
        }
        let unread = |collection| (collection, locked("this keychain"));
        listing.unread.extend(closed.into_iter().map(unread));
        Ok(listing)
    }

    /// Every entry that is not locked, and the keychains that are.
    async fn all(&self) -> Result<(Vec<OwnedObjectPath>, Vec<String>), Failure> {
        self.greet().await?;
        self.may_search().await?;
        if let Some(databases) = self.databases().await? {
            let locked = databases.locked.iter().map(ToString::to_string);
            return Ok((self.entries(databases).await?, locked.collect()));
        }
        let anything: HashMap<&str, &str> = HashMap::new();
        let answer = self.ask(PATH, SERVICE, "SearchItems", &anything).await?;
        let (unlocked, closed): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = take(&answer)?;
        let keychain = |entry: &OwnedObjectPath| Some(entry.as_str().rsplit_once('/')?.0.to_owned());
        let mut closed: Vec<String> = closed.iter().filter_map(keychain).collect();
        closed.dedup();
        Ok((unlocked, closed))
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
            let entry = self.only(found, locator).await?;
            return self.ask(entry.as_str(), ITEM, "SetSecret", &(secret,)).await.map(drop);
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
        let answer = self.ask(collection.as_str(), COLLECTION, "CreateItem", &body).await?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = take(&answer)?;
        self.done(&prompt).await
    }

    /// Deletes an entry, and says what is kept of it.
    pub(crate) async fn delete(&self, locator: &Locator) -> Result<&'static str, Failure> {
        self.greet().await?;
        let found = self.find(locator).await?;
        let entry = self.only(found, locator).await?;
        self.done(&take(&self.ask(entry.as_str(), ITEM, "Delete", &()).await?)?).await?;
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

    /// Unlocks the default keychain with its password, where the provider can do that without a window: gnome-keyring can.
    pub(crate) async fn unlock(&self, password: &Secret) -> Result<String, Failure> {
        self.greet().await?;
        let Some(collection) = self.default_collection().await? else { return Err(no_default()) };
        if !self.is_locked(&collection).await? {
            return Ok("the default keychain is unlocked already".to_owned());
        }
        let body = (&collection, self.seal(password).await?);
        self.ask(PATH, INTERNAL, "UnlockWithMasterPassword", &body).await.map_err(|failure| {
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

    async fn attributes(&self, entry: &OwnedObjectPath) -> Result<Attributes, Failure> {
        self.property(entry.as_str(), ITEM, "Attributes").await
    }

    /// Whether a collection is locked.
    pub(super) async fn is_locked(&self, collection: &OwnedObjectPath) -> Result<bool, Failure> {
        self.property(collection.as_str(), COLLECTION, "Locked").await
    }

    /// What a collection is called.
    pub(super) async fn label(&self, collection: &OwnedObjectPath) -> Result<String, Failure> {
        self.property(collection.as_str(), COLLECTION, "Label").await
    }

    pub(super) async fn property<T>(&self, object: &str, interface: &str, name: &str) -> Result<T, Failure>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        let value: OwnedVariant = take(&self.ask(object, PROPERTIES, "Get", &(interface, name)).await?)?;
        T::try_from(value).map_err(|error| super::verdict(&error.into()))
    }
}

fn no_default() -> Failure {
    Failure::misconfigured(
        "the provider has no default keychain",
        "make one: by logging in to the desktop, or with the provider's own program",
    )
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
