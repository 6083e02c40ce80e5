//! What is a keychain to a person and a collection to the Secret Service: which there are, and whether they are locked.

use futures_util::future::{join, join_all};
use secretref_protocol::Failure;
use zbus::{OwnedObjectPath, OwnedVariant};

use super::verdict::{default_locked, locked, verdict};
use super::{PATH, PROPERTIES, SERVICE, Service, take};

pub(super) const COLLECTION: &str = "org.freedesktop.Secret.Collection";

/// A collection, as it is now.
pub(super) struct Collection {
    pub(super) label: String,
    pub(super) is_locked: bool,
    /// Whether it is the one that new entries go into.
    pub(super) is_default: bool,
}

impl Service {
    /// All there are.
    pub(super) async fn collections(&self) -> Result<Vec<Collection>, Failure> {
        let service = OwnedObjectPath::try_from(PATH).map_err(|error| verdict(&error.into()))?;
        let paths = self.property(&service, SERVICE, "Collections").await?;
        let paths = Vec::<OwnedObjectPath>::try_from(paths).map_err(|error| verdict(&error))?;
        let default = self.default_collection().await?;
        let looks = paths.iter().map(async |path| {
            let (label, is_locked) = join(self.label(path), self.is_locked(path)).await;
            let is_default = default.as_ref() == Some(path);
            Ok(Collection { label: label?, is_locked: is_locked?, is_default })
        });
        join_all(looks).await.into_iter().collect()
    }

    /// Whether a collection is locked.
    pub(super) async fn is_locked(&self, collection: &OwnedObjectPath) -> Result<bool, Failure> {
        let value = self.property(collection, COLLECTION, "Locked").await?;
        bool::try_from(value).map_err(|error| verdict(&error))
    }

    /// What a collection is called.
    pub(super) async fn label(&self, collection: &OwnedObjectPath) -> Result<String, Failure> {
        let value = self.property(collection, COLLECTION, "Label").await?;
        String::try_from(value).map_err(|error| verdict(&error))
    }

    pub(super) async fn property(
        &self,
        object: &OwnedObjectPath,
        interface: &str,
        name: &str,
    ) -> Result<OwnedVariant, Failure> {
        take(&self.ask(object.as_str(), PROPERTIES, "Get", &(interface, name)).await?)
    }
}

impl Collection {
    /// The failure of `what` for want of this one's password.
    pub(super) fn locked(&self, what: &str) -> Failure {
        if self.is_default { default_locked(what) } else { locked(what) }
    }
}
