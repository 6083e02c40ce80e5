//! The Secret Service of a Linux desktop, over D-Bus.
//!
//! Three trips after the greeting: all searches together, the session as soon as one is answered, all values together. Nothing here asks the provider
//! to unlock: that is what opens a window. One trip before them, to the bus alone, asks whether KeePassXC is there: that can open one for a search.
//!
//! The session could go out with the searches, were it not for gnome-keyring (to version 50 at least): it dies where
//! `OpenSession` is the first that it hears of a client while it is busy with another. So that is never the first call.
//!
//! <https://specifications.freedesktop.org/secret-service/latest/>

mod bus;
mod calls;
mod change;
mod collections;
mod inspect;
mod keepassxc;
mod lookup;
mod search;
mod unlock;
mod verdict;
mod wire;

use std::cell;
use std::collections::{BTreeMap, HashMap};

use secretref_protocol::{Failure, Secret};
use serde::Deserialize;
use tokio::sync::{Notify, OnceCell};
use zbus::{Connection, Message, ObjectPath, OwnedObjectPath, OwnedVariant, Type};

pub(crate) use bus::Bus;
use calls::call;
use keepassxc::Databases;
pub(crate) use search::fetch;
use verdict::verdict;
pub(crate) use wire::Wire;
use wire::{Session, Wired};

const PATH: ObjectPath<'static> = ObjectPath::from_static_str_unchecked("/org/freedesktop/secrets");
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
    session: OnceCell<Session>,
    /// What became of the first thing that the provider was asked.
    first: cell::OnceCell<Result<(), Failure>>,
    /// Told when that is known.
    hears: Notify,
    /// What KeePassXC has, if that is what provides the keychain.
    keepassxc: OnceCell<Option<Databases>>,
}

impl Service {
    /// Connects to the bus. What provides the keychain is not asked yet.
    pub(crate) async fn connect(bus: &Bus, wire: Wire) -> Result<Self, Failure> {
        let place = bus.to_string();
        Ok(Self {
            bus: bus.connect().await?,
            place,
            wire,
            session: OnceCell::new(),
            first: cell::OnceCell::new(),
            hears: Notify::new(),
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

    /// The same, once the provider has answered something that is asked beside.
    async fn session_then(&self) -> Result<&Session, Failure> {
        let hears = self.hears.notified();
        if self.first.get().is_none() {
            hears.await;
        }
        match self.first.get() {
            Some(Err(silent)) => Err(silent.clone()),
            _ => self.session().await,
        }
    }

    /// The values of entries, by their paths; one that is locked or gone is left out.
    async fn values(
        &self,
        session: &Session,
        entries: &[OwnedObjectPath],
    ) -> Result<HashMap<OwnedObjectPath, Wired>, Failure> {
        take(&self.ask(&PATH, SERVICE, "GetSecrets", &(entries, session.path())).await?)
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

    /// Asks for something that any provider answers, whoever asks: what follows is then not the first it hears.
    async fn greet(&self) -> Result<(), Failure> {
        if let Some(first) = self.first.get() {
            return first.clone();
        }
        self.ask(&PATH, PROPERTIES, "Get", &(SERVICE, "Collections")).await.map(drop)
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
    answer.body().deserialize().map_err(|error| verdict(&error))
}

/// The value of a property that was asked for.
fn value_of<T: TryFrom<OwnedVariant, Error = zbus::Error>>(answer: &Message) -> Result<T, Failure> {
    T::try_from(take(answer)?).map_err(|error| verdict(&error))
}
