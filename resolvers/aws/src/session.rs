//! A session: one region, with credentials for it.

use std::cell::Cell;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use secretref_aws_credentials::{Http, Identity, PlainUserAgent, Session as Credentials, SignIn, sdk_config};
use secretref_protocol::Failure;
use secretref_protocol::net::{self, Transport};
use tokio::sync::Mutex;

use crate::answer::Binary;
use crate::batch_right::BatchRight;
use crate::endpoint::Server;
use crate::locator::{Locator, Scope};
use crate::refusal::{Call, Signer};

/// The most bytes of an answer. A batch has up to 20 secrets of 64 KiB, and JSON may write a byte with six.
const ANSWER: usize = 8 << 20;

/// Reads and writes the secrets of one region.
pub(crate) struct Session {
    sign_in: Arc<SignIn>,
    credentials: Credentials,
    scope: Scope,
    client: Client,
    origin: Arc<Transport>,
    binary: Binary,
    batch_right: Option<BatchRight>,
    is_batch_denied: Cell<bool>,
    /// What STS said last about the credentials.
    caller: Mutex<Option<Result<Identity, Failure>>>,
    /// How often STS was asked.
    caller_asked: Cell<u32>,
}

impl Session {
    /// Makes a session with these credentials. `batch_right` is given if there is something to read in batches.
    pub(crate) fn new(
        (sign_in, credentials): (Arc<SignIn>, Credentials),
        (client, server): (&Arc<net::Client>, &Server),
        scope: &Scope,
        binary: Binary,
        batch_right: Option<BatchRight>,
    ) -> Result<Self, Failure> {
        let target = server.target();
        let http = Http::new(Arc::clone(client), target).limit(ANSWER);
        let config =
            sdk_config(http, &server.endpoint, scope.region.as_str(), Some(credentials.credentials()));
        let config = Builder::from(&config).interceptor(PlainUserAgent).build();
        let is_batch_denied = Cell::new(batch_right.as_ref().is_some_and(BatchRight::is_denied));
        Ok(Self {
            sign_in,
            credentials,
            scope: scope.clone(),
            client: Client::from_conf(config),
            origin: client.at(target, &server.url)?,
            binary,
            batch_right,
            is_batch_denied,
            caller: Mutex::new(None),
            caller_asked: Cell::new(0),
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn binary(&self) -> Binary {
        self.binary
    }

    /// The server, for a message.
    pub(crate) fn place(&self) -> &dyn Display {
        self.origin.route()
    }

    /// A request of this session, for the failure if it is refused.
    pub(crate) fn call<'c>(&'c self, action: &'static str, locator: Option<&'c Locator>) -> Call<'c> {
        let signer = Signer {
            origin: self.credentials.origin(),
            key: self.credentials.secret_place(),
            is_kept: self.credentials.is_kept_for(Duration::ZERO),
        };
        Call { action, locator, place: self.place(), signer }
    }

    /// Announces the requests for these batches.
    pub(crate) fn expect(&self, planned: &[Vec<Locator>]) {
        let requests = if self.may_batch() { planned.len() } else { planned.iter().map(Vec::len).sum() };
        self.origin.expect(requests);
    }

    /// Whether batches were not refused so far.
    pub(crate) fn may_batch(&self) -> bool {
        !self.is_batch_denied.get()
    }

    /// Remembers, for later starts too, that these credentials may not read in batches.
    pub(crate) async fn batch_is_denied(&self) {
        if !self.is_batch_denied.replace(true)
            && let Some(right) = &self.batch_right
        {
            right.deny().await;
        }
    }

    /// Whose the credentials are, as STS says. It is asked once for all that wait at the same time, and not again if it has
    /// told it.
    pub(crate) async fn caller(&self) -> Result<Identity, Failure> {
        let before = self.caller_asked.get();
        let mut known = self.caller.lock().await;
        if self.caller_asked.get() == before && !known.as_ref().is_some_and(Result::is_ok) {
            *known = Some(self.sign_in.identity(&self.credentials, Some(&self.scope.region)).await);
            self.caller_asked.set(before + 1);
        }
        known.clone().unwrap_or_else(|| Err(Failure::internal("an identity that was not asked for")))
    }
}
