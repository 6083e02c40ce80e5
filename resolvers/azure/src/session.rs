//! A session: a token, and the vaults that are read with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use azure_security_keyvault_secrets::SecretClient;
use secretref_protocol::net::Client;
use secretref_protocol::session_cache::CachedSession;
use secretref_protocol::{Failure, Retry, Run, Secret};

use crate::auth::Identity;
use crate::client;
use crate::cloud::Cloud;
use crate::vault::Vault;

/// Reads and writes with one token.
pub(crate) struct Session {
    client: Arc<Client>,
    cloud: &'static Cloud,
    token: CachedSession,
    identity: Identity,
    vaults: RefCell<HashMap<Vault, Rc<SecretClient>>>,
    pub(crate) run: Run,
}

impl Session {
    pub(crate) fn new(
        client: &Arc<Client>,
        cloud: &'static Cloud,
        (token, identity): (CachedSession, Identity),
        run: &Run,
    ) -> Self {
        let vaults = RefCell::default();
        Self { client: Arc::clone(client), cloud, token, identity, vaults, run: run.clone() }
    }

    /// The token.
    pub(crate) fn token(&self) -> &Secret {
        &self.token.secret
    }

    /// The session, as it came out of the cache or of a sign-in.
    pub(crate) fn held(&self) -> &CachedSession {
        &self.token
    }

    /// Who signed in.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The SDK's client of a vault.
    pub(crate) fn vault(&self, vault: &Vault) -> Result<Rc<SecretClient>, Failure> {
        if let Some(known) = self.vaults.borrow().get(vault) {
            return Ok(Rc::clone(known));
        }
        let made = Rc::new(client::of_vault(vault, &self.client, self.token(), self.cloud.audience)?);
        self.vaults.borrow_mut().insert(vault.clone(), Rc::clone(&made));
        Ok(made)
    }

    /// The same failure, to be tried once more with a new token if this one is a cached one.
    pub(crate) fn unless_cached(&self, failure: Failure) -> Failure {
        if self.token.age.is_some() { failure.with_retry(Retry::Reauthenticate) } else { failure }
    }
}
