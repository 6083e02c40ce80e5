//! The backend: how the shared engine reads from Vault and OpenBao.

use std::sync::Arc;

use http::HeaderValue;
use secretref_protocol::net::Transport;
use secretref_protocol::{Backend, Failure, Field, Name, Settings, Sink, Store};

use crate::auth::Credential;
use crate::locator::{Defaults, Kv, Locator};
use crate::read;
use crate::route::route;
use crate::session::Session;
use crate::settings::STORE;

/// A server, and the credential to read from it.
pub(crate) struct Vault {
    defaults: Defaults,
    credential: Credential,
    transport: Arc<Transport>,
}

impl Backend for Vault {
    const STORE: Store = STORE;
    type Locator = Locator;
    /// The namespace.
    type Scope = Option<String>;
    type Session = Session;

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self {
            defaults: Defaults {
                kv: if settings.text("kv_version") == Some("1") { Kv::V1 } else { Kv::V2 },
                mount: settings.required(&STORE, "mount")?.to_owned(),
                namespace: settings.text("namespace").map(str::to_owned),
            },
            credential: Credential::of(settings)?,
            transport: Arc::new(Transport::new(route(settings)?)?),
        })
    }

    fn locate(&self, name: &Name) -> Result<(Locator, Field), Failure> {
        Locator::of(name, &self.defaults)
    }

    fn scope(&self, locator: &Locator) -> Option<String> {
        locator.namespace.clone()
    }

    async fn session(&self, namespace: &Option<String>, reads: usize) -> Result<Session, Failure> {
        self.transport.expect(reads);
        let wrong = |what: &str| {
            Failure::misconfigured(format!("the {what} cannot be sent as a header"), "check its characters")
        };
        let mut token = HeaderValue::try_from(self.credential.token.expose()).map_err(|_| wrong("token"))?;
        token.set_sensitive(true);
        let namespace =
            namespace.as_ref().map(HeaderValue::try_from).transpose().map_err(|_| wrong("namespace"))?;
        Ok(Session::new(Arc::clone(&self.transport), token, namespace, self.credential.origin.clone()))
    }

    async fn fetch(&self, session: &Session, batch: &[Locator], sink: &Sink<'_, Locator>) {
        for locator in batch {
            let so_far = |failure| sink.note(locator, &failure);
            sink.settle(locator, read::read(session, locator, so_far).await);
        }
    }
}
