//! The Secret Service of a Linux desktop, over D-Bus.
//!
//! A read takes three round trips: which provider it is, the searches with the session, the values. A read does not unlock
//! a keychain that has a password, because that opens a window. In KeePassXC a search can open one too, so the first trip
//! finds out which provider it is.
//!
//! The session is never opened by the first call: gnome-keyring (to version 50 at least) crashes if `OpenSession` is the
//! first call of a client while it is busy with another.
//!
//! <https://specifications.freedesktop.org/secret-service/latest/>

mod bus;
mod calls;
mod change;
mod classify;
mod collections;
mod inspect;
mod keepassxc;
mod keyrings;
mod lookup;
mod matching;
mod search;
mod unlock;
mod wire;

use std::collections::{BTreeMap, HashMap};

use secretref_protocol::{Failure, Home, Secret};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use zbus::{Connection, Message, ObjectPath, OwnedObjectPath, OwnedVariant, Type};

pub(crate) use bus::Bus;
use calls::{NAME, call, call_bus};
use classify::{PATIENCE, classify, silent};
use keepassxc::Databases;
pub(crate) use search::fetch;
pub(crate) use wire::Wire;
use wire::{Session, Wired};

static PATH: ObjectPath<'static> = ObjectPath::from_static_str_unchecked("/org/freedesktop/secrets");
const SERVICE: &str = "org.freedesktop.Secret.Service";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const ITEM: &str = "org.freedesktop.Secret.Item";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";

/// The attributes of an entry.
type Attributes = BTreeMap<String, String>;

/// A connection to the keychain provider.
pub(crate) struct Service {
    bus: Connection,
    /// The address of the bus, for messages.
    place: String,
    wire: Wire,
    home: Home,
    session: OnceCell<Session>,
    /// Whether there is no default keychain; empty until it is asked.
    has_no_default: OnceCell<bool>,
    /// The databases of KeePassXC, if it is the keychain provider.
    keepassxc: OnceCell<Option<Databases>>,
}

/// The values that the provider returned, by the paths of their entries.
struct Values<'s> {
    session: &'s Session,
    given: HashMap<OwnedObjectPath, Wired>,
}

impl Service {
    /// Connects to the bus. What provides the keychain is not asked yet.
    pub(crate) async fn connect(bus: &Bus, wire: Wire, home: Home) -> Result<Self, Failure> {
        let place = bus.to_string();
        Ok(Self {
            bus: bus.connect().await?,
            place,
            wire,
            home,
            session: OnceCell::new(),
            has_no_default: OnceCell::new(),
            keepassxc: OnceCell::new(),
        })
    }

    /// Returns the session for values, which the first call opens.
    async fn session(&self) -> Result<&Session, Failure> {
        let open = async || {
            let offer = self.wire.offer()?;
            let answer = self.ask(&PATH, SERVICE, "OpenSession", &offer.body()).await?;
            let (answer, path): (OwnedVariant, OwnedObjectPath) = take(&answer)?;
            offer.agree(answer, path)
        };
        self.session.get_or_try_init(open).await
    }

    /// Reads the values of entries. Locked or deleted ones are missing from the result.
    async fn values(&self, entries: Vec<OwnedObjectPath>) -> Result<Values<'_>, Failure> {
        let session = self.session().await?;
        let given = if entries.is_empty() {
            HashMap::new()
        } else {
            take(&self.ask(&PATH, SERVICE, "GetSecrets", &(entries, session.path())).await?)?
        };
        Ok(Values { session, given })
    }

    /// Prepares a value for the bus.
    async fn seal(&self, value: &Secret) -> Result<Wired, Failure> {
        self.session().await?.seal(value)
    }

    /// Returns the default collection, if there is one.
    async fn default_collection(&self) -> Result<Option<OwnedObjectPath>, Failure> {
        let path: OwnedObjectPath = take(&self.ask(&PATH, SERVICE, "ReadAlias", &"default").await?)?;
        Ok(Some(path).filter(|path| path.as_str() != "/"))
    }

    /// Finds out which program provides the keychain. The first call is one that every provider answers.
    async fn meet(&self) -> Result<Option<Databases>, Failure> {
        let first = timeout(PATIENCE, self.ask(&PATH, SERVICE, "ReadAlias", &"session"));
        let Ok(answer) = first.await else { return Err(self.unmet().await) };
        let for_the_session: OwnedObjectPath = take(&answer?)?;
        // gnome-keyring has a session keychain, and KeePassXC does not.
        if for_the_session.as_str() == "/" && self.is_keepassxc().await {
            return self.look().await.map(Some);
        }
        Ok(None)
    }

    /// Returns the failure if the provider does not answer. The bus may still be starting it.
    async fn unmet(&self) -> Failure {
        let asked = timeout(PATIENCE, self.answer(call_bus("NameHasOwner", NAME))).await;
        let is_there = asked.is_ok_and(|answer| answer.is_ok_and(|answer| take(&answer).unwrap_or(false)));
        silent(is_there)
    }

    /// Reads the attributes of entries.
    async fn attributes(&self, entries: &[OwnedObjectPath]) -> Vec<Result<Attributes, Failure>> {
        let asked = entries.iter().map(|entry| call(entry, PROPERTIES, "Get", &(ITEM, "Attributes")));
        self.ask_all(asked, value_of).await
    }

    /// Reads a property of an object.
    fn property(
        &self,
        object: &ObjectPath<'_>,
        interface: &'static str,
        name: &str,
    ) -> impl Future<Output = Result<Message, Failure>> {
        self.answer(call(object, PROPERTIES, "Get", &(interface, name)))
    }
}

/// Reads the content of an answer. Fails if it has another type.
fn take<T: for<'a> Deserialize<'a> + Type>(answer: &Message) -> Result<T, Failure> {
    answer.body().deserialize().map_err(|error| classify(&error))
}

/// Reads the value of a property.
fn value_of<T: TryFrom<OwnedVariant, Error = zbus::Error>>(answer: &Message) -> Result<T, Failure> {
    T::try_from(take(answer)?).map_err(|error| classify(&error))
}
