//! The backend: how the shared engine reads from Vault and OpenBao.

use std::sync::Arc;

use secretref_protocol::net::{Client, Role};
use secretref_protocol::{Backend, Failure, FetchSink, Field, Name, Settings, Store};

use crate::auth::Auth;
use crate::locator::{Defaults, Kv, Locator};
use crate::route::address;
use crate::server::Server;
use crate::session::Session;
use crate::settings::{KV_VERSION, MOUNT, NAMESPACE, STORE};
use crate::{inspect, read};

/// A server, and how to sign in to it.
pub(crate) struct Vault {
    pub(crate) defaults: Defaults,
    auth: Auth,
    server: Arc<Server>,
}

impl Backend for Vault {
    const STORE: Store = STORE;
    type Locator = Locator;
    /// One sign-in serves every namespace: a token is good in those below its own, too.
    type Scope = ();
    type Session = Session;

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        let address = address(settings)?;
        let client = Client::from_settings(settings)?;
        let mount = settings.required(&MOUNT)?;
        if mount.trim_matches('/').is_empty() {
            return Err(Failure::misconfigured(
                "`mount` is empty",
                "write where the secrets engine is mounted",
            ));
        }
        let kv = Kv::from_word(settings.text(&KV_VERSION));
        if kv.is_none() && mount.trim_end_matches('/').ends_with("/data") {
            return Err(Failure::misconfigured(
                "`mount` ends in /data, which is added to it",
                "leave /data out, or set `kv_version` if the mount is called so",
            ));
        }
        let auth = Auth::from_settings(settings, &client)?;
        if settings.run().is_traced() {
            auth.redact(settings.run());
        }
        Ok(Self {
            defaults: Defaults {
                kv,
                mount: mount.to_owned(),
                namespace: settings.text(&NAMESPACE).map(str::to_owned),
            },
            auth,
            server: Arc::new(Server::new(client.origin(Role::Store, address)?, settings.text(&NAMESPACE))?),
        })
    }

    fn locate(&self, name: &Name) -> Result<(Locator, Field), Failure> {
        Locator::from_name(name, &self.defaults)
    }

    fn surplus(&self, locator: &Locator) -> Option<String> {
        locator.surplus(locator.mount.kv.unwrap_or(Kv::V2))
    }

    fn default_scope(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn scope(&self, _: &Locator) {}

    async fn session(
        &self,
        (): &(),
        planned: &[Vec<Locator>],
        refused: Option<&Session>,
    ) -> Result<Session, Failure> {
        self.server.expect(planned.len());
        let token = self.auth.token(&self.server, refused.and_then(Session::granted)).await?;
        Ok(Session::new(Arc::clone(&self.server), token))
    }

    async fn inspect(&self, session: &Session) -> Result<(), Failure> {
        inspect::inspect(&self.auth, session).await
    }

    async fn sign_out(&self, (): &()) -> Result<Option<&'static str>, Failure> {
        self.auth.sign_out(&self.server).await
    }

    async fn fetch(&self, session: &Session, batch: &[Locator], sink: &FetchSink<'_, Locator>) {
        let run = &self.server.route().run;
        for locator in batch {
            if run.is_traced() {
                inspect::redact(run, locator);
            }
            let so_far = |failure| sink.note(locator, &failure);
            sink.settle(locator, read::read(session, locator, so_far).await);
        }
    }
}
