//! A keychain provider of the kit's own, for what real ones do not do on request: it never answers one search, or it answers
//! a search with entries that do not match.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use futures_util::StreamExt as _;
use serde::Serialize;
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, DynamicType, Message, MessageStream, OwnedObjectPath, OwnedVariant, Variant};

use crate::keyring::Session;

/// Attributes of an entry or of a search.
type Attributes = BTreeMap<String, String>;

/// A value as it goes over the bus.
type Wired = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// A provider that is not started yet.
#[derive(Debug, Default)]
pub struct Provider {
    entries: Vec<Entry>,
    silent: Option<&'static str>,
    is_loose: bool,
    unlocked: Vec<String>,
    locked: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    path: OwnedObjectPath,
    attributes: Attributes,
    value: Vec<u8>,
}

impl Provider {
    /// With an entry in a collection.
    #[must_use]
    pub fn entry(mut self, collection: &str, attributes: &[(&str, &str)], value: &str) -> Self {
        let attributes =
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if !self.locked.iter().any(|locked| locked == collection) {
            self.unlocked.push(collection.to_owned());
        }
        let path = path(&format!("{collection}/{}", self.entries.len()));
        self.entries.push(Entry { path, attributes, value: value.into() });
        self
    }

    /// With this collection locked. Call this before adding its entries.
    #[must_use]
    pub fn locked(mut self, collection: &str) -> Self {
        self.locked.push(collection.to_owned());
        self
    }

    /// Never answers a search that contains this value.
    #[must_use]
    pub fn silent_at(mut self, value: &'static str) -> Self {
        self.silent = Some(value);
        self
    }

    /// Answers every search with all entries of its service, as KeePassXC does with entries whose account is protected.
    #[must_use]
    pub fn loose(mut self) -> Self {
        self.is_loose = true;
        self
    }

    /// Provides the keychain of a session that has none. It ends with the session.
    pub fn serve(self, session: &Session) {
        let (bus, (ready, is_ready)) = (session.bus(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(self.answer_all(bus, || ready.send(()).expect("a test")));
        });
        is_ready.recv().expect("it is on the bus");
    }

    async fn answer_all(mut self, bus: PathBuf, ready: impl Fn()) {
        let address = format!("unix:path={}", bus.display());
        let builder = Builder::address(address.as_str()).name("org.freedesktop.secrets");
        let connection = builder.build().await.expect("a connection");
        let mut calls = MessageStream::from(&connection);
        ready();
        while let Some(Ok(call)) = calls.next().await {
            if call.message_type() == Type::MethodCall {
                self.answer(&connection, &call).await;
            }
        }
    }

    async fn answer(&mut self, connection: &Connection, call: &Message) {
        let header = call.header();
        let member = header.member().map(|member| member.as_str().to_owned()).unwrap_or_default();
        let at: OwnedObjectPath = header.path().expect("a path").to_owned().into();
        match member.as_str() {
            "ReadAlias" => reply(connection, call, &path("login")).await,
            "OpenSession" => reply(connection, call, &(Variant::from(""), path("session"))).await,
            "SearchItems" => {
                let search: Attributes = call.body().deserialize().expect("attributes");
                if !search.values().any(|value| Some(value.as_str()) == self.silent) {
                    reply(connection, call, &self.found(&search)).await;
                }
            }
            "GetSecrets" => {
                let (paths, session): (Vec<OwnedObjectPath>, OwnedObjectPath) =
                    call.body().deserialize().expect("paths");
                let entries = self.entries.iter().filter(|entry| paths.contains(&entry.path));
                let secret = |entry: &Entry| {
                    let secret = (session.clone(), Vec::<u8>::new(), entry.value.clone(), "text/plain");
                    (entry.path.clone(), secret)
                };
                reply(connection, call, &entries.map(secret).collect::<HashMap<_, _>>()).await;
            }
            "Get" => {
                let (_, property): (String, String) = call.body().deserialize().expect("a property");
                let value = self.property(&at, &property);
                reply(connection, call, &value).await;
            }
            "SetSecret" => {
                let ((_, _, value, _),): (Wired,) = call.body().deserialize().expect("a secret");
                let entry = self.entries.iter_mut().find(|entry| entry.path == at).expect("an entry");
                entry.value = value;
                reply(connection, call, &()).await;
            }
            "CreateItem" => {
                let (properties, (_, _, value, _), _): (HashMap<String, OwnedVariant>, Wired, bool) =
                    call.body().deserialize().expect("an entry");
                let attributes = properties["org.freedesktop.Secret.Item.Attributes"].try_clone();
                let attributes: HashMap<String, String> =
                    attributes.expect("attributes").try_into().expect("attributes");
                let made = path(&format!("login/{}", self.entries.len()));
                self.entries.push(Entry {
                    path: made.clone(),
                    attributes: attributes.into_iter().collect(),
                    value,
                });
                reply(connection, call, &(made, root())).await;
            }
            "Delete" => {
                self.entries.retain(|entry| entry.path != at);
                reply(connection, call, &root()).await;
            }
            "Introspect" => {
                reply(connection, call, &"org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface").await;
            }
            "UnlockWithMasterPassword" => {
                let (opened, _): (OwnedObjectPath, Wired) = call.body().deserialize().expect("a collection");
                self.locked.retain(|locked| path(locked) != opened);
                reply(connection, call, &()).await;
            }
            other => panic!("nothing asks for {other}"),
        }
    }

    /// The results of a search: unlocked, and locked.
    fn found(&self, search: &Attributes) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        let is_found = |entry: &&Entry| {
            let fits =
                |key: &str| search.get(key).is_none_or(|value| entry.attributes.get(key) == Some(value));
            if self.is_loose { fits("service") } else { search.keys().all(|key| fits(key)) }
        };
        let found = self.entries.iter().filter(is_found).map(|entry| entry.path.clone());
        found.partition(|path| !self.is_locked(path))
    }

    fn is_locked(&self, at: &OwnedObjectPath) -> bool {
        self.locked.iter().any(|locked| at.as_str().starts_with(path(locked).as_str()))
    }

    fn property(&self, at: &OwnedObjectPath, property: &str) -> Variant<'static> {
        match property {
            "Attributes" => {
                let entry = self.entries.iter().find(|entry| entry.path == *at).expect("an entry");
                Variant::from(entry.attributes.clone().into_iter().collect::<HashMap<_, _>>())
            }
            "Collections" => {
                let mut names: Vec<_> = self.unlocked.iter().chain(&self.locked).collect();
                names.sort_unstable();
                names.dedup();
                Variant::from(
                    names.into_iter().map(|name| path(name).into()).collect::<Vec<zbus::ObjectPath<'_>>>(),
                )
            }
            "Locked" => Variant::from(self.is_locked(at)),
            "Label" => Variant::from(at.rsplit('/').next().unwrap_or_default().to_owned()),
            other => panic!("nothing asks for {other}"),
        }
    }
}

async fn reply<B: Serialize + DynamicType>(connection: &Connection, call: &Message, body: &B) {
    connection.reply(&call.header(), body).await.expect("the bus takes it");
}

fn path(name: &str) -> OwnedObjectPath {
    format!("/org/freedesktop/secrets/collection/{name}").try_into().expect("a path")
}

fn root() -> OwnedObjectPath {
    "/".try_into().expect("a path")
}
