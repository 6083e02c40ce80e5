//! Unlocks a keychain with a password, or creates the first one.
//!
//! It uses an interface of gnome-keyring, which also its PAM module uses: with the Secret Service alone, the provider asks
//! for the password in a window.

use std::collections::BTreeMap;

use secretref_protocol::{Failure, Kind, Lock, Secret};
use zbus::{OwnedObjectPath, Variant};

use super::classify::not_from_here;
use super::keyrings::collection_of;
use super::{COLLECTION, PATH, PROPERTIES, SERVICE, Service, take};
use crate::locator::Locator;

const INTERNAL: &str = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";

/// The name of the keychain that gnome-keyring takes as the default and unlocks at login, and its label.
const FIRST: (&str, &str) = ("login", "Login");

impl Service {
    /// Unlocks the default keychain, or the one with `locator`. Creates the default keychain if there is none.
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
            let absent = "there is no keychain yet: a new one is created, with a new password";
            return match password {
                None => Ok(Lock::Absent(absent)),
                Some(password) => self.make(password).await,
            };
        };
        let name = format!("the keychain {}", self.label(&collection).await?);
        if !self.is_locked(&collection).await? {
            return Ok(Lock::Open(format!("{name} is already unlocked")));
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

    /// Unlocks a collection with its password. Returns a remark for the person, which may be empty.
    async fn open(&self, collection: &OwnedObjectPath, password: &Secret) -> Result<&'static str, Failure> {
        match self.try_password(collection, password).await {
            Err(failure) if failure.kind() == Kind::Unauthenticated => {
                // A keychain created by `echo PASSWORD | gnome-keyring-daemon --unlock` has a line end in its password, which
                // a person cannot type.
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

    /// Creates the first keychain, as gnome-keyring itself does at the first login.
    async fn make(&self, password: &Secret) -> Result<Lock, Failure> {
        let label = ("org.freedesktop.Secret.Collection.Label", Variant::from(FIRST.0));
        let body = (BTreeMap::from([label]), self.seal(password).await?);
        let answer = self.ask(&PATH, INTERNAL, "CreateWithMasterPassword", &body).await?;
        let made: OwnedObjectPath = take(&answer)?;
        // The keychain exists: a missing label is not a reason to fail.
        let label = (COLLECTION, "Label", Variant::from(FIRST.1));
        let _ = self.ask(&made, PROPERTIES, "Set", &label).await;
        if self.default_collection().await?.as_ref() != Some(&made) {
            self.ask(&PATH, SERVICE, "SetAlias", &("default", &made)).await?;
        }
        let said =
            "created and unlocked the keychain Login; it is locked again at the next start of the machine";
        Ok(Lock::Open(said.to_owned()))
    }

    /// Fails if the provider takes passwords only in its own window.
    async fn takes_passwords(&self) -> Result<(), Failure> {
        let answer = self.ask(&PATH, "org.freedesktop.DBus.Introspectable", "Introspect", &()).await?;
        let interfaces: String = take(&answer)?;
        if interfaces.contains(INTERNAL) { Ok(()) } else { Err(not_from_here(&self.provider().await?)) }
    }

    /// Returns the collection of an entry; if several match, a locked one.
    async fn collection_of(&self, locator: &Locator) -> Result<OwnedObjectPath, Failure> {
        let found = self.find(locator).await?;
        match found.entries().last().and_then(collection_of) {
            Some(path) => Ok(path),
            None => self.only(found, locator).await,
        }
    }
}
