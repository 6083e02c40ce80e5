//! The backend: reads and changes secrets in Vault and OpenBao for the shared engine.

use std::sync::Arc;

use secretref_protocol::net::{Client, Role};
use secretref_protocol::{
    Backend, Failure, FetchSink, Field, Listing, Manage, Metadata, Name, Run, Secret, Settings, Store,
};

use crate::auth::Auth;
use crate::folder::Folder;
use crate::locator::{Defaults, Kv, Locator, segments};
use crate::route::address;
use crate::server::Server;
use crate::session::Session;
use crate::settings::{DEFAULT_MOUNT, KV_VERSION, MOUNT, NAMESPACE, STORE};
use crate::{change, list, read, token_status};

/// A server and a method to sign in to it.
pub(crate) struct Vault {
    defaults: Defaults,
    auth: Auth,
    server: Arc<Server>,
}

impl Backend for Vault {
    const STORE: Store = STORE;
    /// Of AWS's SDK, for `auth = "aws"`.
    const LIBRARY_VARIABLES: &'static [&'static str] = secretref_aws_credentials::LIBRARY_VARIABLES;
    type Locator = Locator;
    /// One sign-in serves every namespace: a token is valid in the namespaces below its own, too.
    type Scope = ();
    type Session = Session;

    fn configure(settings: &Settings) -> Result<Self, Failure> {
        let address = address(settings)?;
        let client = Arc::new(Client::from_settings(settings)?);
        let mount = settings.required(&MOUNT)?;
        if mount.trim_matches('/').is_empty() {
            return Err(Failure::misconfigured(
                "`mount` is empty",
                "set it to the mount of the secrets engine: `bao secrets list` shows it",
            ));
        }
        if segments(mount.trim_matches('/'), "mount").is_err() {
            return Err(Failure::misconfigured(
                "`mount` has an empty segment, a . or .. segment, or a control character",
                "write it as `bao secrets list` or `vault secrets list` shows it",
            ));
        }
        let kv = Kv::from_word(settings.text(&KV_VERSION));
        if kv.is_none() && mount.trim_end_matches('/').ends_with("/data") {
            return Err(Failure::misconfigured(
                "`mount` ends in /data, which the resolver adds by itself",
                "remove /data, or set `kv_version` if this is the mount's name",
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
        token_status::inspect(&self.auth, session).await
    }

    async fn sign_out(&self, (): &()) -> Result<Option<&'static str>, Failure> {
        self.auth.sign_out(&self.server).await
    }

    async fn fetch(&self, session: &Session, batch: &[Locator], sink: &FetchSink<'_, Locator>) {
        let run = &self.server.route().run;
        for locator in batch {
            if run.is_traced() {
                redact(run, locator);
            }
            let so_far = |failure| sink.note(locator, &failure);
            sink.settle(locator, read::read(session, locator, so_far).await);
        }
    }
}

impl Manage for Vault {
    const ASKED: &'static [&'static str] = &[
        "address",
        "auth",
        "role",
        "role_id",
        "secret_id_file",
        "jwt_file",
        "username",
        "password_file",
        "token_file",
        "ca_cert",
    ];

    const REQUIRED: &'static [(&'static str, &'static [&'static str])] = &[
        ("address", &[]),
        ("role", &["kubernetes", "aws"]),
        ("role_id", &["approle"]),
        ("username", &["userpass", "ldap"]),
        ("token_file", &["token_file"]),
    ];

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

/// Marks the path, mount and namespace of a secret as private.
fn redact(run: &Run, locator: &Locator) {
    for kv in [Kv::V1, Kv::V2] {
        run.redact("secret", locator.policy_path(kv));
    }
    run.redact("secret", locator.path.clone());
    // The usual mount is not private.
    if locator.mount.path != DEFAULT_MOUNT {
        run.redact("mount", locator.mount.path.clone());
    }
    run.redact("namespace", locator.mount.namespace.clone().unwrap_or_default());
}
