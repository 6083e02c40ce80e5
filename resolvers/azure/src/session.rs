//! A session: a token, and the vaults that are read with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use azure_security_keyvault_secrets::SecretClient;
use secretref_protocol::net::Client;
use secretref_protocol::session_cache::CachedSession;
use secretref_protocol::{Failure, Run, Secret};

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

/// Who reads and writes, for the failure of a request.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'s> {
    pub(crate) identity: &'s Identity,
    /// Whether the token is from the cache.
    pub(crate) is_cached: bool,
    pub(crate) run: &'s Run,
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

    /// Who reads and writes.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller { identity: &self.identity, is_cached: self.token.age.is_some(), run: &self.run }
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
}
