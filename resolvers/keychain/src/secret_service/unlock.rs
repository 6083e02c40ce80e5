//! A keychain unlocked, or the first one made, with a password.
//!
//! Over an interface of gnome-keyring's own, which its PAM module uses: the Secret Service has the provider ask for the
//! password, in a window.

use std::collections::BTreeMap;

use secretref_protocol::{Failure, Kind, Lock, Secret};
use zbus::{OwnedObjectPath, Variant};

use super::classify::not_from_here;
use super::keyrings::collection_of;
use super::{COLLECTION, PATH, PROPERTIES, SERVICE, Service, take};
use crate::locator::Locator;

const INTERNAL: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

/// The name by which gnome-keyring takes a keychain for the default, and unlocks it at a login, and what it shows then.
const FIRST: (&str, &str) = ("login", "Login");

impl Service {
    /// Unlocks the default keychain, or the one that has `locator`; makes the default one where there is none.
    pub(crate) async fn unlock(
        &self,
        locator: Option<&Locator>,
        password: Option<&Secret>,
    ) -> Result<Lock, Failure> {
        self.databases().await?;
        let collection = match locator {
            Some(locator) => Some(self.collection_of(locator).await?),
            None => self.default_collection().await?,
        };
        let Some(collection) = collection else {
            self.takes_passwords().await?;
            if self.unread_file().await.is_some() {
                return Err(self.no_default().await);
            }
            let absent = "there is no keychain yet: one is made, with a new password";
            return match password {
                None => Ok(Lock::Absent(absent)),
                Some(password) => self.make(password).await,
            };
        };
        let name = format!("the keychain {}", self.label(&collection).await?);
        if !self.is_locked(&collection).await? {
            return Ok(Lock::Open(format!("{name} is unlocked already")));
        }
        self.takes_passwords().await?;
        match password {
            Some(password) => self
                .open(&collection, password)
                .await
                .map(|more| format!("{name} is unlocked{more}"))
                .map(Lock::Open),
            None => match self.try_password(&collection, &Secret::new(String::new())).await {
                Ok(()) => Ok(Lock::Open(format!(
                    "{name} is unlocked: it has no password, and its file keeps values in clear text"
                ))),
                Err(failure) if failure.kind() == Kind::Unauthenticated => Ok(Lock::Closed(name)),
                Err(failure) => Err(failure),
            },
        }
    }

    /// Unlocks a collection with its password. What more there is to say.
    async fn open(&self, collection: &OwnedObjectPath, password: &Secret) -> Result<&'static str, Failure> {
        match self.try_password(collection, password).await {
            Err(failure) if failure.kind() == Kind::Unauthenticated => {
                // Who has made it by `echo PASSWORD | gnome-keyring-daemon --unlock` cannot know, and cannot type it.
                let line = Secret::new(format!("{}\n", password.expose()));
                let opened = self.try_password(collection, &line).await;
                opened
                    .map(|()| "; its password ends with the line end that `echo` writes")
                    .map_err(|_| failure)
            }
            done => done.map(|()| ""),
        }
    }

    pub(super) async fn try_password(
        &self,
        collection: &OwnedObjectPath,
        password: &Secret,
    ) -> Result<(), Failure> {
        let body = (collection, self.seal(password).await?);
        self.ask(&PATH, INTERNAL, "UnlockWithMasterPassword", &body).await.map(drop)
    }

    /// Makes the first keychain, as gnome-keyring itself does at the first login.
    async fn make(&self, password: &Secret) -> Result<Lock, Failure> {
        let label = ("org.freedesktop.Secret.Collection.Label", Variant::from(FIRST.0));
        let body = (BTreeMap::from([label]), self.seal(password).await?);
        let answer = self.ask(&PATH, INTERNAL, "CreateWithMasterPassword", &body).await?;
        let made: OwnedObjectPath = take(&answer)?;
        // The keychain is there: under which name a person sees it is no reason to fail.
        let label = (COLLECTION, "Label", Variant::from(FIRST.1));
        let _ = self.ask(&made, PROPERTIES, "Set", &label).await;
        if self.default_collection().await?.as_ref() != Some(&made) {
            self.ask(&PATH, SERVICE, "SetAlias", &("default", &made)).await?;
        }
        let said =
            "the keychain Login is made, and unlocked; it is locked again at the next start of the machine";
        Ok(Lock::Open(said.to_owned()))
    }

    /// Fails where the provider asks for passwords by itself.
    async fn takes_passwords(&self) -> Result<(), Failure> {
        let answer = self.ask(&PATH, "org.freedesktop.DBus.Introspectable", "Introspect", &()).await?;
        let interfaces: String = take(&answer)?;
        if interfaces.contains(INTERNAL) { Ok(()) } else { Err(not_from_here(&self.provider().await?)) }
    }

    /// The collection that has an entry; of several, one that is locked.
    async fn collection_of(&self, locator: &Locator) -> Result<OwnedObjectPath, Failure> {
        let found = self.find(locator).await?;
        match found.entries().last().and_then(collection_of) {
            Some(path) => Ok(path),
            None => self.only(found, locator).await,
        }
    }
}
