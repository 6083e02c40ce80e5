//! The backend: reads and changes secrets in AWS Secrets Manager for the shared engine.

use std::sync::Arc;

use secretref_aws_credentials::{Endpoint, Region, SignIn};
use secretref_protocol::net::Client;
use secretref_protocol::session_cache::SessionCache;
use secretref_protocol::{
    Backend, Failure, FetchSink, Field, Listing, Manage, Metadata, Name, Run, Secret, Settings, Store,
};

use crate::answer::Binary;
use crate::batch_right::BatchRight;
use crate::endpoint::Server;
use crate::locator::{Defaults, Locator, Scope, SecretId};
use crate::session::Session;
use crate::settings::{BINARY, STORE};
use crate::{batch, change, inspect, list, read};

/// Secrets Manager, and a way to sign in to it.
pub(crate) struct SecretsManager {
    client: Arc<Client>,
    sign_in: Arc<SignIn>,
    endpoint: Endpoint,
    defaults: Defaults,
    binary: Binary,
    cache: Arc<SessionCache>,
    run: Run,
}

impl Backend for SecretsManager {
    const STORE: Store = STORE;
    const LIBRARY_VARIABLES: &'static [&'static str] = secretref_aws_credentials::LIBRARY_VARIABLES;
    const PROGRAMS: &'static [&'static str] = &["process"];
    type Locator = Locator;
    type Scope = Scope;
    type Session = Session;

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        let client = Arc::new(Client::from_settings(settings)?);
        let sign_in = SignIn::from_settings(settings, Arc::clone(&client))?;
        if settings.run().is_traced() {
            sign_in.redact();
        }
        let endpoint = sign_in.store().cloned().ok_or_else(|| Failure::internal("no endpoint"))?;
        Ok(Self {
            client,
            endpoint,
            defaults: Defaults { region: sign_in.region().cloned(), has_allow: settings.has_allow() },
            sign_in: Arc::new(sign_in),
            binary: if settings.text(&BINARY) == Some("base64") { Binary::Base64 } else { Binary::Text },
            cache: Arc::new(SessionCache::from_settings(settings)?),
            run: settings.run().clone(),
        })
    }

    fn locate(&self, name: &Name) -> Result<(Locator, Field), Failure> {
        Locator::from_name(name, &self.defaults)
    }

    fn default_scope(&self) -> Result<Scope, Failure> {
        Ok(Scope { region: self.defaults.region.clone()?, role_arn: None })
    }

    /// The credentials of a sign-in are those of no region.
    fn sign_out_scope(&self) -> Result<Scope, Failure> {
        self.default_scope()
            .or_else(|_| Ok(Scope { region: Region::parse("aws-global", "region")?, role_arn: None }))
    }

    fn scope(&self, locator: &Locator) -> Scope {
        locator.scope.clone()
    }

    /// Versions are read alone: a batch has the newest of each secret.
    fn batches(&self, locators: Vec<Locator>) -> Vec<Vec<Locator>> {
        let (newest, others): (Vec<_>, Vec<_>) =
            locators.into_iter().partition(|locator| locator.version.is_current());
        let batches = newest.chunks(batch::SIZE).map(<[Locator]>::to_vec);
        batches.chain(others.into_iter().map(|locator| vec![locator])).collect()
    }

    async fn session(
        &self,
        scope: &Scope,
        planned: &[Vec<Locator>],
        refused: Option<&Session>,
    ) -> Result<Session, Failure> {
        let server = Server::of_region(&self.endpoint, &scope.region)?;
        let refused = refused.map(Session::credentials);
        let credentials =
            self.sign_in.session(scope.role_arn.as_deref(), Some(&scope.region), refused).await?;
        let right = planned.iter().any(|batch| batch.len() > 1).then(|| self.batch_right(&server, scope));
        let signed_in = (Arc::clone(&self.sign_in), credentials);
        let session = Session::new(signed_in, (&self.client, &server), scope, self.binary, right)?;
        session.expect(planned);
        Ok(session)
    }

    async fn sign_out(&self, scope: &Scope) -> Result<Option<&'static str>, Failure> {
        if let Ok(server) = Server::of_region(&self.endpoint, &scope.region) {
            self.batch_right(&server, scope).forget();
        }
        self.sign_in.sign_out(scope.role_arn.as_deref())
    }

    async fn inspect(&self, session: &Session) -> Result<(), Failure> {
        inspect::inspect(session, &self.run).await
    }

    async fn fetch(&self, session: &Session, batch: &[Locator], sink: &FetchSink<'_, Locator>) {
        if self.run.is_traced() {
            for locator in batch {
                redact(&self.run, locator);
            }
        }
        read::fetch(session, batch, sink).await;
    }
}

impl Manage for SecretsManager {
    const HAS_FORCE: bool = true;

    const ASKED: &'static [&'static str] = &[
        "region",
        "auth",
        "aws_profile",
        "aws_credentials_file",
        "web_identity_token_file",
        "credential_process",
        "role_arn",
    ];

    /// The last segment is a field, so that the credentials of one owner share a secret.
    fn new_id(path: &[String]) -> String {
        match path {
            [name @ .., field] if !name.is_empty() => format!("{}#{field}", name.join("/")),
            _ => path.join("/"),
        }
    }

    fn scope_of_prefix(&self, prefix: &str) -> Result<Scope, Failure> {
        match list::region(prefix)? {
            Some(region) => Ok(Scope { region, role_arn: None }),
            None => self.default_scope(),
        }
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
        change::put(session, locator, content, over).await
    }

    async fn delete(&self, session: &Session, locator: &Locator, over: &Metadata) -> Result<String, Failure> {
        change::delete(session, locator, over).await
    }

    async fn delete_for_good(
        &self,
        session: &Session,
        locator: &Locator,
        over: &Metadata,
    ) -> Result<String, Failure> {
        change::delete_for_good(session, locator, over).await
    }
}

impl SecretsManager {
    fn batch_right(&self, server: &Server, scope: &Scope) -> BatchRight {
        let role = scope.role_arn.as_deref().unwrap_or_default();
        let trust = self.client.trust_mark();
        let parts = [&server.url, scope.region.as_str(), role, &self.sign_in.origin(), &trust];
        BatchRight::new(Arc::clone(&self.cache), &parts)
    }
}

/// Marks the name and the account of a secret as private.
fn redact(run: &Run, locator: &Locator) {
    match &locator.secret {
        SecretId::Name(name) => run.redact("secret", name.as_str()),
        SecretId::Arn(arn) => {
            run.redact("secret", arn.to_string());
            run.redact("secret", arn.resource());
            run.redact("secret", arn.name().unwrap_or_default());
            run.redact("account", arn.account.as_str());
        }
    }
    if let Some(version) = locator.version.named() {
        run.redact("version", version);
    }
}
