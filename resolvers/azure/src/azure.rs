//! The backend: reads and changes secrets in Azure Key Vault for the shared engine.

use std::sync::Arc;

use secretref_protocol::net::{Client, Transport};
use secretref_protocol::{
    Backend, Failure, FetchSink, Field, Listing, Manage, Metadata, Name, Run, Secret, Settings, Store,
};

use crate::auth::Auth;
use crate::client::VAULT as TARGET;
use crate::cloud::Cloud;
use crate::locator::{Defaults, Locator};
use crate::read::{OutsideWindow, read};
use crate::session::Session;
use crate::settings::{OUTSIDE_WINDOW, STORE, VAULT};
use crate::vault::Vault;
use crate::{change, list, token_status};

/// The vaults of a cloud, and a way to sign in to it.
pub(crate) struct Azure {
    defaults: Defaults,
    auth: Auth,
    client: Arc<Client>,
    outside: OutsideWindow,
    run: Run,
}

impl Backend for Azure {
    const STORE: Store = STORE;
    const PROGRAMS: &'static [&'static str] = &["cli"];
    type Locator = Locator;
    /// A token is for all vaults of a cloud.
    type Scope = ();
    type Session = Session;

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        let cloud = Cloud::from_settings(settings);
        let vault = settings
            .text(&VAULT)
            .map(|text| Vault::parse(text, cloud).map_err(|wrong| wrong.of_setting(settings.called(&VAULT))));
        let defaults = Defaults { vault: vault.transpose()?, cloud, allow: settings.allow() };
        let client = Arc::new(Client::from_settings(settings)?);
        if let Some(vault) = &defaults.vault {
            // Reads the trusted certificates, so that a wrong path is a failure of the settings.
            client.at(TARGET, vault.origin())?;
        }
        let auth = Auth::from_settings(settings, &client, cloud)?;
        let outside = match settings.text(&OUTSIDE_WINDOW) {
            Some("allow") => OutsideWindow::Allow,
            _ => OutsideWindow::Error,
        };
        Ok(Self { defaults, auth, client, outside, run: settings.run().clone() })
    }

    fn locate(&self, name: &Name) -> Result<(Locator, Field), Failure> {
        Locator::from_name(name, &self.defaults)
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
        for vault in self.expect(planned.iter().flatten())? {
            vault.connect_ahead().await;
        }
        let token = self.auth.token(refused.map(Session::token)).await?;
        Ok(Session::new(&self.client, self.defaults.cloud, token, &self.run))
    }

    async fn inspect(&self, session: &Session) -> Result<(), Failure> {
        token_status::inspect(&self.auth, session, self.defaults.vault.as_ref()).await
    }

    async fn sign_out(&self, (): &()) -> Result<Option<&'static str>, Failure> {
        Ok(self.auth.sign_out())
    }

    async fn fetch(&self, session: &Session, batch: &[Locator], sink: &FetchSink<'_, Locator>) {
        for locator in batch {
            if self.run.is_traced() {
                self.run.redact("secret", locator.name.as_str());
                self.run.redact("vault", locator.vault.to_string());
            }
            sink.settle(locator, read(session, locator, self.outside).await);
        }
    }
}

impl Azure {
    /// Announces the reads to each vault, so that the right number of connections is opened, and returns the vaults.
    fn expect<'l>(&self, planned: impl Iterator<Item = &'l Locator>) -> Result<Vec<Arc<Transport>>, Failure> {
        let mut reads: Vec<(&Vault, usize)> = Vec::new();
        for locator in planned {
            match reads.iter_mut().find(|(vault, _)| **vault == locator.vault) {
                Some((_, count)) => *count += 1,
                None => reads.push((&locator.vault, 1)),
            }
        }
        let transports = reads.into_iter().map(|(vault, count)| {
            let transport = self.client.at(TARGET, vault.origin())?;
            transport.expect(count);
            Ok(transport)
        });
        transports.collect()
    }
}

impl Manage for Azure {
    const ASKED: &'static [&'static str] = &[
        "vault",
        "auth",
        "tenant_id",
        "client_id",
        "client_secret_file",
        "client_certificate",
        "client_certificate_password_file",
        "federated_token_file",
    ];

    const REQUIRED: &'static [(&'static str, &'static [&'static str])] = &[
        ("vault", &[]),
        ("tenant_id", &["client_secret", "client_certificate", "workload_identity"]),
        ("client_id", &["client_secret", "client_certificate", "workload_identity"]),
        ("client_certificate", &["client_certificate"]),
        ("federated_token_file", &["workload_identity"]),
    ];

    /// A name has only letters, digits and dashes.
    fn new_id(path: &[String]) -> String {
        path.join("-").replace(['.', '_'], "-")
    }

    async fn list(&self, session: &Session, prefix: &str) -> Result<Listing, Failure> {
        list::list(session, prefix, &self.defaults).await
    }

    async fn put(
        &self,
        session: &Session,
        locator: &Locator,
        content: &Secret,
        over: Option<&Metadata>,
    ) -> Result<Option<String>, Failure> {
        change::put(session, locator, content, over.and_then(|over| over.version.as_deref())).await
    }

    async fn delete(&self, session: &Session, locator: &Locator, over: &Metadata) -> Result<String, Failure> {
        change::delete(session, locator, over.version.as_deref()).await
    }
}
