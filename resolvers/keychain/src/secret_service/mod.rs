//! The Secret Service of a Linux desktop, over D-Bus.
//!
//! Two trips after the greeting: all searches and the session go out together, then all values come at once. Nothing here
//! asks the provider to unlock: that is what opens a window.
//!
//! <https://specifications.freedesktop.org/secret-service/latest/>

mod bus;
mod search;
mod verdict;

use std::collections::HashMap;

use secretref_protocol::{Document, Failure, Secret};
use tokio::sync::OnceCell;
use zbus::{Connection, DynamicType, Message, OwnedObjectPath};

pub(crate) use bus::Bus;
pub(crate) use search::fetch;
use verdict::{PATIENCE, silent, verdict};

const NAME: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";

/// A connection to what provides the keychain.
pub(crate) struct Service {
    bus: Connection,
    session: OnceCell<OwnedObjectPath>,
}

/// A value as it goes over the bus: session, parameters, value, type of content.
type Wired = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

impl Service {
    /// Connects to the bus. What provides the keychain is not asked yet.
    pub(crate) async fn connect(bus: &Bus) -> Result<Self, Failure> {
        Ok(Self { bus: bus.connect().await?, session: OnceCell::new() })
    }

    /// The session that values are given in, opened at the first call.
    ///
    /// It is the first thing that the provider is asked for, which the bus may have to start for it.
    async fn session(&self) -> Result<&OwnedObjectPath, Failure> {
        let open = async || {
            let body = ("plain", zbus::Variant::from(""));
            let answer = tokio::time::timeout(PATIENCE, self.ask(PATH, SERVICE, "OpenSession", &body)).await;
            let Ok(answer) = answer else { return Err(silent(self.has_provider().await)) };
            let (_, session): (zbus::OwnedVariant, OwnedObjectPath) = take(&answer?)?;
            Ok(session)
        };
        self.session.get_or_try_init(open).await
    }

    /// The values of entries, by their paths; one that is locked or gone is left out.
    async fn values(&self, entries: &[OwnedObjectPath]) -> Result<HashMap<OwnedObjectPath, Wired>, Failure> {
        let session = self.session().await?;
        take(&self.ask(PATH, SERVICE, "GetSecrets", &(entries, session)).await?)
    }

    /// The collection that entries go into where nobody says otherwise; `None` where there is none.
    async fn default_collection(&self) -> Result<Option<OwnedObjectPath>, Failure> {
        let path: OwnedObjectPath = take(&self.ask(PATH, SERVICE, "ReadAlias", &"default").await?)?;
        Ok(Some(path).filter(|path| path.as_str() != "/"))
    }

    /// Whether something on the bus has the name: only the bus itself is asked.
    async fn has_provider(&self) -> bool {
        let ask = self.bus.call_method(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            Some("org.freedesktop.DBus"),
            "NameHasOwner",
            &NAME,
        );
        let answer = tokio::time::timeout(PATIENCE, ask).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.body().deserialize().unwrap_or(false)))
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
}

/// What an answer says, if it is what was asked for.
fn take<T: for<'a> serde::Deserialize<'a> + zbus::Type>(answer: &Message) -> Result<T, Failure> {
    answer.body().deserialize().map_err(|error| verdict(&error))
}

/// A value as a document.
fn document((_, _, value, _): Wired, place: &impl std::fmt::Display) -> Result<Document, Failure> {
    let text = String::from_utf8(value).map_err(|_| {
        Failure::invalid_value(
            format!("the value of {place} is not UTF-8 text"),
            "store it anew, binary data as base64",
        )
    })?;
    Ok(Document::text(Secret::new(text)))
}
