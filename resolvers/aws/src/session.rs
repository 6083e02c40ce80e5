//! A session: one region, with credentials for it.

use std::cell::Cell;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use secretref_aws_credentials::{Http, Identity, Session as Credentials, SignIn, sdk_config};
use secretref_protocol::net::{self, Transport};
use secretref_protocol::{Failure, Kind};
use tokio::sync::OnceCell;

use crate::answer::Binary;
use crate::batch_right::BatchRight;
use crate::endpoint::Server;
use crate::locator::{Locator, Scope, SecretId};
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
    caller: OnceCell<Identity>,
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
        let is_batch_denied = Cell::new(batch_right.as_ref().is_some_and(BatchRight::is_denied));
        Ok(Self {
            sign_in,
            credentials,
            scope: scope.clone(),
            client: Client::new(&config),
            origin: client.at(target, &server.url)?,
            binary,
            batch_right,
            is_batch_denied,
            caller: OnceCell::new(),
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

    /// Checks that a secret is in the account of the credentials, if the profile names no other.
    pub(crate) async fn check_account(&self, locator: &Locator) -> Result<(), Failure> {
        let SecretId::Arn(arn) = &locator.secret else { return Ok(()) };
        if !locator.own_account {
            return Ok(());
        }
        let own = &self.caller().await.map_err(unknown_account)?.account;
        if *own == arn.account {
            return Ok(());
        }
        Err(Failure::new(
            Kind::NotAllowed,
            format!("the ARN is in the account {}, and the credentials are of {own}", arn.account),
            "to read from another account, list the id in `allow`, or give it an entry in [ids]",
        ))
    }

    /// Whose the credentials are, as STS says. It is asked once.
    pub(crate) async fn caller(&self) -> Result<&Identity, Failure> {
        let ask = || self.sign_in.identity(&self.credentials, Some(&self.scope.region));
        self.caller.get_or_try_init(ask).await
    }
}

fn unknown_account(failure: Failure) -> Failure {
    failure
        .context("the account of the credentials is not known, and the id is an ARN")
        .hint("or list the id in `allow`: then the profile names the account")
}
