//! The Secret Service of a Linux desktop, over D-Bus.
//!
//! Two trips after the greeting: all searches and the session go out together, then all values come at once. Nothing here
//! asks the provider to unlock: that is what opens a window.
//!
//! <https://specifications.freedesktop.org/secret-service/latest/>

mod bus;
mod change;
mod inspect;
mod search;
mod verdict;
mod wire;

use std::collections::HashMap;

use secretref_protocol::{Failure, Secret};
use tokio::sync::OnceCell;
use zbus::{Connection, DynamicType, Message, OwnedObjectPath, OwnedVariant};

pub(crate) use bus::Bus;
pub(crate) use search::fetch;
use verdict::{PATIENCE, silent, verdict};
pub(crate) use wire::Wire;
use wire::{Session, Wired};

const NAME: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const ITEM: &str = "org.freedesktop.Secret.Item";

/// A connection to what provides the keychain.
pub(crate) struct Service {
    bus: Connection,
    /// Where the bus is, for a person.
    place: String,
    wire: Wire,
    session: OnceCell<Session>,
}

impl Service {
    /// Connects to the bus. What provides the keychain is not asked yet.
    pub(crate) async fn connect(bus: &Bus, wire: Wire) -> Result<Self, Failure> {
        let place = bus.to_string();
        Ok(Self { bus: bus.connect().await?, place, wire, session: OnceCell::new() })
    }

    /// The session that values are given in, opened at the first call.
    ///
    /// It is the first thing that the provider is asked for, which the bus may have to start for it.
    async fn session(&self) -> Result<&Session, Failure> {
        let open = async || {
            let offer = self.wire.offer()?;
            let body = offer.body();
            let answer = self.ask(PATH, SERVICE, "OpenSession", &body);
            match tokio::time::timeout(PATIENCE, answer).await {
                Ok(answer) => {
                    let (answer, path): (OwnedVariant, OwnedObjectPath) = take(&answer?)?;
                    offer.agree(answer, path)
                }
                Err(_) => Err(silent(self.has_provider().await)),
            }
        };
        self.session.get_or_try_init(open).await
    }

    /// The values of entries, by their paths; one that is locked or gone is left out.
    async fn values(&self, entries: &[OwnedObjectPath]) -> Result<HashMap<OwnedObjectPath, Wired>, Failure> {
        let session = self.session().await?.path();
        take(&self.ask(PATH, SERVICE, "GetSecrets", &(entries, session)).await?)
    }

    /// A value as it goes over the bus.
    async fn seal(&self, value: &Secret) -> Result<Wired, Failure> {
        self.session().await?.seal(value)
    }

    /// The collection that entries go into where nobody says otherwise; `None` where there is none.
    async fn default_collection(&self) -> Result<Option<OwnedObjectPath>, Failure> {
        let path: OwnedObjectPath = take(&self.ask(PATH, SERVICE, "ReadAlias", &"default").await?)?;
        Ok(Some(path).filter(|path| path.as_str() != "/"))
    }

    /// Whether something on the bus has the name.
    async fn has_provider(&self) -> bool {
        let answer = tokio::time::timeout(PATIENCE, self.ask_bus("NameHasOwner", &NAME)).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| take(&answer).unwrap_or(false)))
    }

    async fn ask<B: serde::Serialize + DynamicType>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<Message, Failure> {
        let asked = self.bus.call_method(Some(NAME), path, Some(interface), method, body).await;
        asked.map_err(|error| verdict(&error))
    }

    /// Asks the bus itself.
    async fn ask_bus(&self, method: &str, name: &&str) -> Result<Message, Failure> {
        let bus = "org.freedesktop.DBus";
        let asked = self.bus.call_method(Some(bus), "/org/freedesktop/DBus", Some(bus), method, name).await;
        asked.map_err(|error| verdict(&error))
    }
}

/// What an answer says, if it is what was asked for.
fn take<T: for<'a> serde::Deserialize<'a> + zbus::Type>(answer: &Message) -> Result<T, Failure> {
    answer.body().deserialize().map_err(|error| verdict(&error))
}
