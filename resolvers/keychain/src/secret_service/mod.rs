//! The Secret Service of a Linux desktop, over D-Bus.
//!
//! Three trips: who is there, the searches with the session, the values. A read unlocks nothing that has a
//! password: that is what opens a window. On KeePassXC a search can open one too, so who is there is known before.
//!
//! The session could go out at once, were it not for gnome-keyring (to version 50 at least): it dies where
//! `OpenSession` is the first that it hears of a client while it is busy with another. So that is never the first call.
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

/// What an entry says of itself.
type Attributes = BTreeMap<String, String>;

/// A connection to what provides the keychain.
pub(crate) struct Service {
    bus: Connection,
    /// Where the bus is, for a person.
    place: String,
    wire: Wire,
    home: Home,
    session: OnceCell<Session>,
    /// Whether there is no default keychain, once that was asked.
    has_no_default: OnceCell<bool>,
    /// What KeePassXC has, if that is what provides the keychain.
    keepassxc: OnceCell<Option<Databases>>,
}

/// Values as they were given, by the paths of their entries.
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

    /// The session that values are given in, opened at the first call.
    async fn session(&self) -> Result<&Session, Failure> {
        let open = async || {
            let offer = self.wire.offer()?;
            let answer = self.ask(&PATH, SERVICE, "OpenSession", &offer.body()).await?;
            let (answer, path): (OwnedVariant, OwnedObjectPath) = take(&answer)?;
            offer.agree(answer, path)
        };
        self.session.get_or_try_init(open).await
    }

    /// The values of entries, by their paths; one that is locked or gone is left out.
    async fn values(&self, entries: Vec<OwnedObjectPath>) -> Result<Values<'_>, Failure> {
        let session = self.session().await?;
        let given = if entries.is_empty() {
            HashMap::new()
        } else {
            take(&self.ask(&PATH, SERVICE, "GetSecrets", &(entries, session.path())).await?)?
        };
        Ok(Values { session, given })
    }

    /// A value as it goes over the bus.
    async fn seal(&self, value: &Secret) -> Result<Wired, Failure> {
        self.session().await?.seal(value)
    }

    /// The collection that entries go into where nobody says otherwise; `None` where there is none.
    async fn default_collection(&self) -> Result<Option<OwnedObjectPath>, Failure> {
        let path: OwnedObjectPath = take(&self.ask(&PATH, SERVICE, "ReadAlias", &"default").await?)?;
        Ok(Some(path).filter(|path| path.as_str() != "/"))
    }

    /// Meets who provides the keychain: the first that it hears is what any provider answers, whoever asks.
    async fn meet(&self) -> Result<Option<Databases>, Failure> {
        let first = timeout(PATIENCE, self.ask(&PATH, SERVICE, "ReadAlias", &"session"));
        let Ok(answer) = first.await else { return Err(self.unmet().await) };
        let for_the_session: OwnedObjectPath = take(&answer?)?;
        // gnome-keyring has a keychain for that, and KeePassXC has not.
        if for_the_session.as_str() == "/" && self.is_keepassxc().await {
            return self.look().await.map(Some);
        }
        Ok(None)
    }

    /// The failure to meet who provides the keychain. The bus may have been starting it all the time.
    async fn unmet(&self) -> Failure {
        let asked = timeout(PATIENCE, self.answer(call_bus("NameHasOwner", NAME))).await;
        let is_there = asked.is_ok_and(|answer| answer.is_ok_and(|answer| take(&answer).unwrap_or(false)));
        silent(is_there)
    }

    /// What each entry says of itself.
    async fn attributes(&self, entries: &[OwnedObjectPath]) -> Vec<Result<Attributes, Failure>> {
        let asked = entries.iter().map(|entry| call(entry, PROPERTIES, "Get", &(ITEM, "Attributes")));
        self.ask_all(asked, value_of).await
    }

    /// A property of an object.
    fn property(
        &self,
        object: &ObjectPath<'_>,
        interface: &'static str,
        name: &str,
    ) -> impl Future<Output = Result<Message, Failure>> {
        self.answer(call(object, PROPERTIES, "Get", &(interface, name)))
    }
}

/// What an answer says, if it is what was asked for.
fn take<T: for<'a> Deserialize<'a> + Type>(answer: &Message) -> Result<T, Failure> {
    answer.body().deserialize().map_err(|error| classify(&error))
}

/// The value of a property that was asked for.
fn value_of<T: TryFrom<OwnedVariant, Error = zbus::Error>>(answer: &Message) -> Result<T, Failure> {
    T::try_from(take(answer)?).map_err(|error| classify(&error))
}
