//! Lists, writes and deletes entries. A change that would open a window fails instead.

use std::collections::BTreeMap;

use secretref_protocol::{Failure, Listed, Listing, Name, Secret};
use zbus::{OwnedObjectPath, Variant};

use super::classify::{default_locked, wants_a_window};
use super::keyrings::collection_of;
use super::lookup::Entries;
use super::{Attributes, COLLECTION, ITEM, PATH, SERVICE, Service, take, value_of};
use crate::entry::{NOTHING_KEPT, changed, listed};
use crate::locator::{ACCOUNT, COLLECTION_KEY, Locator, keychain_of};

/// The attribute that `secret-tool` and keyring give to every entry.
const SCHEMA: (&str, &str) = ("xdg:schema", "org.freedesktop.Secret.Generic");

/// The attributes that KeePassXC adds to every entry, and those that are names. The others, such as notes, may be secret.
const OF_KEEPASSXC: [&str; 2] = ["Uuid", "Path"];
const NAMES: [&str; 3] = ["Title", "UserName", "Path"];

/// The attribute that is unique for every entry of KeePassXC.
const UUID: &str = OF_KEEPASSXC[0];

/// The keys of an `[ids]` entry that are not attributes.
const WORDS: [&str; 5] = ["name", "field", "line", "version", COLLECTION_KEY];

impl Service {
    /// Lists every readable entry. Those of `service` are listed by account.
    pub(crate) async fn list(&self, service: &str) -> Result<Listing, Failure> {
        self.may_search().await?;
        self.open_without_password().await;
        let collections = self.collections().await?;
        let mut listing = Listing::default();
        for closed in collections.iter().filter(|collection| collection.is_locked) {
            listing.unread.push((closed.label.clone(), self.closed(closed, "it").await));
        }
        // If everything is locked, a provider may ask a person to unlock something before it searches.
        if listing.unread.len() == collections.len() {
            return Ok(listing);
        }
        let unlocked = self.all().await?;
        let said = self.attributes(&unlocked).await;
        let mut entries = Entries::default();
        for (entry, said) in unlocked.into_iter().zip(said) {
            match said {
                Ok(said) => entries.add(entry, said),
                Err(failure) => listing.unread.push((entry.to_string(), failure)),
            }
        }
        for (entry, said) in &entries.all {
            match lone_line(service, &entries, entry, said) {
                Some(Ok(line)) => listing.found.push(line),
                // Each of the entries that match one id has this failure.
                Some(Err(unread)) if listing.unread.iter().all(|(id, _)| *id != unread.0) => {
                    listing.unread.push(unread);
                }
                Some(Err(_)) | None => {}
            }
        }
        Ok(listing)
    }

    /// Returns every entry that is not locked.
    async fn all(&self) -> Result<Vec<OwnedObjectPath>, Failure> {
        if let Some(databases) = self.databases().await? {
            return self.entries(databases).await;
        }
        let anything: BTreeMap<&str, &str> = BTreeMap::new();
        let answer = self.ask(&PATH, SERVICE, "SearchItems", &anything).await?;
        let (unlocked, _): (_, Vec<OwnedObjectPath>) = take(&answer)?;
        Ok(unlocked)
    }

    /// Writes the value of an entry, and creates the entry if it does not exist.
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
        if was_there {
            let entry = self.only(found, locator).await?;
            if let Some(collection) = collection_of(&entry) {
                self.can_hold(&collection, content).await?;
            }
            let secret = self.seal(content).await?;
            return self.ask(&entry, ITEM, "SetSecret", &(secret,)).await.map(drop);
        }
        let collection = self.writable(locator).await?;
        self.can_hold(&collection, content).await?;
        let secret = self.seal(content).await?;
        let searches = locator.searches();
        let own = searches.first().into_iter().flatten().copied().chain([SCHEMA]);
        let attributes: BTreeMap<&str, &str> = own.collect();
        let properties = BTreeMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(locator.to_string())),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes)),
        ]);
        let body = (properties, secret, false);
        let answer = self.ask(&collection, COLLECTION, "CreateItem", &body).await?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = take(&answer)?;
        self.done(&prompt).await
    }

    /// Deletes an entry, and says what remains of it.
    pub(crate) async fn delete(&self, locator: &Locator) -> Result<&'static str, Failure> {
        let found = self.find(locator).await?;
        let entry = self.only(found, locator).await?;
        self.done(&take(&self.ask(&entry, ITEM, "Delete", &()).await?)?).await?;
        let is_keepassxc = self.databases().await?.is_some();
        let kept = "KeePassXC keeps it in the recycle bin, if the database has one";
        Ok(if is_keepassxc { kept } else { NOTHING_KEPT })
    }

    /// Completes a change. Fails if a person would have to answer first.
    async fn done(&self, prompt: &OwnedObjectPath) -> Result<(), Failure> {
        match (prompt.as_str(), self.databases().await?) {
            ("/", _) => Ok(()),
            (_, Some(_)) => self.see_through(prompt).await,
            (_, None) => Err(wants_a_window()),
        }
    }

    /// Returns the collection that a new entry goes into.
    async fn writable(&self, locator: &Locator) -> Result<OwnedObjectPath, Failure> {
        self.open_without_password().await;
        if let Some(name) = locator.collection() {
            return self.named(name).await;
        }
        let Some(collection) = self.default_collection().await? else {
            return Err(self.no_default().await);
        };
        if self.is_locked(&collection).await? {
            return Err(default_locked("the default keychain"));
        }
        Ok(collection)
    }

    /// Returns the collection with a name, if it is unlocked.
    async fn named(&self, name: &str) -> Result<OwnedObjectPath, Failure> {
        let collections = self.collections().await?;
        let names: Vec<_> = collections.iter().map(|collection| keychain_of(&collection.path)).collect();
        match collections.iter().find(|collection| keychain_of(&collection.path) == name) {
            Some(collection) if collection.is_locked => {
                Err(self.closed(collection, &format!("the keychain {name}")).await)
            }
            Some(collection) => Ok(collection.path.clone()),
            None => Err(Failure::not_found(
                format!("there is no keychain {name}"),
                format!("set `collection` to one of these: {}", names.join(", ")),
            )),
        }
    }

    /// Returns whether a collection is locked.
    pub(super) async fn is_locked(&self, collection: &OwnedObjectPath) -> Result<bool, Failure> {
        value_of(&self.property(collection, COLLECTION, "Locked").await?)
    }

    /// Returns the label of a collection.
    pub(super) async fn label(&self, collection: &OwnedObjectPath) -> Result<String, Failure> {
        value_of(&self.property(collection, COLLECTION, "Label").await?)
    }
}

/// Returns the line of an entry in a listing: one that leads to this entry only, or the failure if there is none.
fn lone_line(
    default: &str,
    entries: &Entries,
    entry: &OwnedObjectPath,
    said: &Attributes,
) -> Option<Result<Listed, (String, Failure)>> {
    let mut line = line(default, said.clone())?;
    let find = |line: &Listed| {
        let (locator, _) = Locator::from_name(&line.name, default)?;
        entries.find(&locator).only(&locator)
    };
    if find(&line).is_ok() {
        return Some(Ok(line));
    }
    let keychain = keychain_of(&collection_of(entry)?).to_owned();
    line.id = format!("{} in {keychain}", line.id);
    if is_of_keepassxc(said) {
        let others = said.get_key_value(UUID).map(|(key, value)| (key.clone(), value.clone()));
        line.name = Name { others: others.into_iter().collect(), is_entry: true, ..Name::default() };
    } else {
        let is_said =
            |key: &str| key == "service" || key == SCHEMA.0 || ACCOUNT.contains(&key) || WORDS.contains(&key);
        let more = said.iter().filter(|(key, _)| !line.name.name.is_empty() && !is_said(key));
        let more: Vec<_> = more.map(|(key, value)| (key.clone(), value.clone())).collect();
        line.name.others.extend(more);
        line.name.others.push((COLLECTION_KEY.to_owned(), keychain));
    }
    Some(match find(&line) {
        Ok(_) => Ok(line),
        Err(failure) => Err((line.id, failure)),
    })
}

/// Returns the shortest line for an entry, or nothing if no attribute identifies it.
fn line(default: &str, mut attributes: Attributes) -> Option<Listed> {
    attributes.remove(SCHEMA.0);
    // In an entry of [ids] these have another meaning.
    attributes.retain(|key, _| !WORDS.contains(&key.as_str()));
    let given = |key: &&str| attributes.get(*key).filter(|value| !value.is_empty());
    if let (Some(service), Some(account)) = (given(&"service"), ACCOUNT.iter().find_map(given)) {
        return Some(listed(default, service, account));
    }
    if is_of_keepassxc(&attributes) {
        attributes.retain(|key, value| NAMES.contains(&key.as_str()) && !value.is_empty());
    }
    let others: Vec<_> = attributes.into_iter().collect();
    let words: Vec<_> = others.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let name = Name { others, is_entry: true, ..Name::default() };
    (!words.is_empty()).then(|| Listed { id: words.join(" "), name, state: None })
}

fn is_of_keepassxc(attributes: &Attributes) -> bool {
    OF_KEEPASSXC.iter().all(|key| attributes.contains_key(*key))
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
            (&[("service", "smtp"), ("username", "")], Some("service=smtp username=")),
            (&[("name", "x"), ("collection", "y"), ("Title", "Mail")], Some("Title=Mail")),
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

    #[test]
    fn what_is_listed_leads_to_one_entry() {
        let mut entries = Entries::default();
        for (path, attributes) in [
            ("login/1", &[("service", "openclaw"), ("username", "openai")][..]),
            ("session/1", &[("service", "openclaw"), ("username", "openai")]),
            ("login/2", &[("service", "openclaw"), ("username", "mail")]),
            ("login/3", &[("service", "smtp"), ("username", "")]),
            ("login/4", &[("service", "twice"), ("username", "a"), ("host", "x")]),
            ("login/5", &[("service", "twice"), ("username", "a"), ("host", "y")]),
            ("login/6", &[("service", "equal"), ("username", "a")]),
            ("login/7", &[("service", "equal"), ("username", "a")]),
        ] {
            let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let path = format!("/org/freedesktop/secrets/collection/{path}");
            entries.add(OwnedObjectPath::try_from(path).unwrap(), attributes.collect());
        }
        let lines: Vec<_> = entries
            .all
            .iter()
            .filter_map(|(entry, said)| lone_line("openclaw", &entries, entry, said))
            .map(|line| {
                line.map_or_else(|(id, failure)| format!("{id}: {}", failure.kind().code()), |line| line.id)
            })
            .collect();
        let want = [
            "openai in login",
            "openai in session",
            "mail",
            "service=smtp username=",
            "twice/a in login",
            "twice/a in login",
            "equal/a in login: AMBIGUOUS_DUPLICATE_KEY",
            "equal/a in login: AMBIGUOUS_DUPLICATE_KEY",
        ];
        assert_eq!(lines, want);
    }
}
