//! Collections, as the Secret Service calls keychains: which exist, and whether they are locked.

use secretref_protocol::Failure;
use zbus::OwnedObjectPath;

use super::classify::{default_locked, locked};
use super::keepassxc::database_locked;
use super::{PATH, SERVICE, Service, value_of};
use crate::locator::keychain_of;

/// A collection and its state.
pub(super) struct Collection {
    pub(super) path: OwnedObjectPath,
    pub(super) label: String,
    pub(super) is_locked: bool,
    /// Whether new entries go into it.
    pub(super) is_default: bool,
}

impl Service {
    /// Returns all collections. There are two or three, so they are read one after the other.
    pub(super) async fn collections(&self) -> Result<Vec<Collection>, Failure> {
        let paths: Vec<OwnedObjectPath> = value_of(&self.property(&PATH, SERVICE, "Collections").await?)?;
        let default = self.default_collection().await?;
        let mut collections = Vec::with_capacity(paths.len());
        for path in paths {
            let (label, is_locked) = (self.label(&path).await?, self.is_locked(&path).await?);
            // In KeePassXC the label may be empty.
            let label = if label.is_empty() { keychain_of(&path).to_owned() } else { label };
            let is_default = default.as_ref() == Some(&path);
            collections.push(Collection { path, label, is_locked, is_default });
        }
        Ok(collections)
    }

    /// Returns the failure that `what` is locked, with the way to unlock it for this provider.
    pub(super) async fn closed(&self, collection: &Collection, what: &str) -> Failure {
        match self.databases().await {
            Ok(Some(_)) => database_locked(what),
            _ if collection.is_default => default_locked(what),
            _ => locked(what),
        }
    }
}
