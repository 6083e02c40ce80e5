//! What a person changes: listing, writing and deleting secrets.

use secretref_protocol::{About, Failure, Listing, Manage, Secret};

use crate::locator::Locator;
use crate::session::Session;
use crate::vault::Vault;

impl Manage for Vault {
    async fn list(&self, _session: &Session, _prefix: &str) -> Result<Listing, Failure> {
        Err(Failure::internal("not written yet"))
    }

    async fn put(
        &self,
        _session: &Session,
        _locator: &Locator,
        _content: &Secret,
        _over: Option<&About>,
    ) -> Result<(), Failure> {
        Err(Failure::internal("not written yet"))
    }

    async fn delete(&self, _session: &Session, _locator: &Locator) -> Result<String, Failure> {
        Err(Failure::internal("not written yet"))
    }
}
