//! What a person changes: listing, writing and deleting secrets.

use secretref_protocol::{Failure, Listing, Manage, Metadata, Secret};

use crate::folder::Folder;
use crate::locator::Locator;
use crate::session::Session;
use crate::vault::Vault;
use crate::{change, list};

impl Manage for Vault {
    async fn list(&self, session: &Session, prefix: &str) -> Result<Listing, Failure> {
        list::list(session, &Folder::new(prefix, &self.defaults)?).await
    }

    async fn put(
        &self,
        session: &Session,
        locator: &Locator,
        content: &Secret,
        over: Option<&Metadata>,
    ) -> Result<Option<String>, Failure> {
        change::put(session, locator, content, over).await
    }

    async fn delete(&self, session: &Session, locator: &Locator, over: &Metadata) -> Result<String, Failure> {
        change::delete(session, locator, over).await
    }
}
