//! What is a keychain to a person and a collection to the Secret Service: which there are, and whether they are locked.

use secretref_protocol::Failure;
use zbus::OwnedObjectPath;

use super::classify::{default_locked, locked};
use super::keepassxc::database_locked;
use super::{PATH, SERVICE, Service, value_of};
use crate::locator::keychain_of;

/// A collection, as it is now.
pub(super) struct Collection {
    pub(super) path: OwnedObjectPath,
    pub(super) label: String,
    pub(super) is_locked: bool,
    /// Whether it is the one that new entries go into.
    pub(super) is_default: bool,
}

impl Service {
    /// All there are: two or three, looked at one after the other.
    pub(super) async fn collections(&self) -> Result<Vec<Collection>, Failure> {
        let paths: Vec<OwnedObjectPath> = value_of(&self.property(&PATH, SERVICE, "Collections").await?)?;
        let default = self.default_collection().await?;
        let mut collections = Vec::with_capacity(paths.len());
        for path in paths {
            let (label, is_locked) = (self.label(&path).await?, self.is_locked(&path).await?);
            // KeePassXC may have none for it.
            let label = if label.is_empty() { keychain_of(&path).to_owned() } else { label };
            let is_default = default.as_ref() == Some(&path);
            collections.push(Collection { path, label, is_locked, is_default });
        }
        Ok(collections)
    }

    /// The failure of `what` for want of a collection's password, with what this provider is unlocked by.
    pub(super) async fn closed(&self, collection: &Collection, what: &str) -> Failure {
        match self.databases().await {
            Ok(Some(_)) => database_locked(what),
            _ if collection.is_default => default_locked(what),
            _ => locked(what),
        }
    }
}
