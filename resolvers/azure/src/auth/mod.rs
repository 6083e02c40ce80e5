//! Sign-in: chooses the method. Each method has its own file.

mod answer;
mod arc;
mod certificate;
mod cli;
mod entra;
mod identity;
mod managed;
mod pkcs12;

use std::sync::Arc;

use secretref_protocol::net::Client;
use secretref_protocol::session_cache::{CacheKey, CachedSession, LoginError, NewSession, SessionCache};
use secretref_protocol::{Failure, Secret, Settings, file};

use crate::cloud::Cloud;
use crate::settings::{AUTH, CLIENT_CERTIFICATE, CLIENT_SECRET, FEDERATED_TOKEN_FILE, TENANT_ID};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use answer::token as token_in;
use certificate::Certificate;
use cli::Cli;
use entra::{Entra, Proof};
pub(crate) use identity::Identity;
use managed::Managed;

/// A way to get a token, and the cache of tokens.
pub(crate) struct Auth {
    method: Method,
    cache: SessionCache,
    key: CacheKey,
}

enum Method {
    /// A service principal or a federated identity, which Entra knows.
    Entra(Box<Entra>),
    /// The identity of this machine.
    Managed(Box<Managed>),
    /// The person who uses the Azure CLI.
    Cli(Box<Cli>),
}

impl Auth {
    /// Reads the method that `auth` names, or else the first that is configured. Reads the files of a credential at each
    /// start.
    pub(crate) fn from_settings(
        settings: &Settings,
        client: &Arc<Client>,
        cloud: &'static Cloud,
    ) -> Result<Self, Failure> {
        let method = match settings.text(&AUTH) {
            None => first(settings, client, cloud)?,
            Some(named) => {
                settings.check_used_by(named)?;
                match named {
                    "client_secret" => {
                        by_secret(settings, client, cloud, settings.credential(&CLIENT_SECRET)?)?
                    }
                    "client_certificate" => by_certificate(settings, client, cloud)?,
                    "workload_identity" => by_federation(settings, client, cloud)?,
                    "managed_identity" => managed(settings, client, cloud, "")?,
                    "cli" => Method::Cli(Box::new(Cli::from_settings(settings, cloud.audience)?)),
                    _ => return Err(Failure::internal("an unknown method of sign-in")),
                }
            }
        };
        let parts = match &method {
            Method::Entra(entra) => entra.place(),
            Method::Managed(managed) => managed.place(),
            Method::Cli(cli) => cli.place(),
        };
        let key = CacheKey::new(&["azure", &parts, cloud.audience]);
        Ok(Self { method, cache: SessionCache::from_settings(settings)?, key })
    }

    /// Returns a token that is not the `refused` one, and whose it is. Signs in if needed.
    pub(crate) async fn token(&self, refused: Option<&Secret>) -> Result<(CachedSession, Identity), Failure> {
        let sign_in = async || self.sign_in().await;
        let mut held = self.cache.obtain(&self.key, self.credential(), refused, &sign_in).await?;
        // A token whose file is damaged is replaced, like one that a vault refuses.
        if held.age.is_some() && !is_token(held.secret.expose()) {
            held = self.cache.obtain(&self.key, self.credential(), Some(&held.secret), &sign_in).await?;
        }
        let identity = match &self.method {
            Method::Entra(entra) => entra.identity(&held.secret),
            Method::Managed(managed) => managed.identity(&held.secret),
            Method::Cli(cli) => cli.identity(&held.secret),
        };
        Ok((held, identity))
    }

    async fn sign_in(&self) -> Result<NewSession, LoginError> {
        match &self.method {
            Method::Entra(entra) => entra.sign_in().await,
            Method::Managed(managed) => managed.sign_in().await,
            Method::Cli(cli) => cli.sign_in().await,
        }
    }

    /// What a cached token belongs to.
    fn credential(&self) -> &[u8] {
        match &self.method {
            Method::Entra(entra) => entra.credential(),
            Method::Managed(_) | Method::Cli(_) => b"",
        }
    }

    pub(crate) fn cache(&self) -> &SessionCache {
        &self.cache
    }

    /// Removes the cached token. Entra has no way to end one.
    pub(crate) fn sign_out(&self) -> Option<&'static str> {
        let had = self.cache.session(&self.key).is_some();
        let was_refused = self.cache.was_refused(&self.key);
        self.cache.remove(&self.key);
        match (had, was_refused) {
            (true, _) => {
                Some("the cached token is removed; Entra cannot end it, so it stays valid until it expires")
            }
            (false, true) => {
                Some("no token is cached; the cached refusal is cleared, and the next start signs in")
            }
            (false, false) => None,
        }
    }
}

/// Whether it can be sent as a token: visible characters of ASCII alone.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The first method that is configured. A method that is configured in part is a failure: the next is not tried in its place,
/// so that a run never reads as another identity than its author meant.
fn first(settings: &Settings, client: &Arc<Client>, cloud: &'static Cloud) -> Result<Method, Failure> {
    let secret = settings.credential(&CLIENT_SECRET)?;
    if secret.is_some() || !settings.relies_on(&CLIENT_SECRET).is_empty() {
        return by_secret(settings, client, cloud, secret);
    }
    if settings.path(&CLIENT_CERTIFICATE)?.is_some() {
        return by_certificate(settings, client, cloud);
    }
    if settings.path(&FEDERATED_TOKEN_FILE)?.is_some() {
        return by_federation(settings, client, cloud);
    }
    // The identity of a machine has its tenant: who names one means a service principal.
    if settings.text(&TENANT_ID).is_some() {
        return Err(Failure::misconfigured(
            format!("`{}` is set, and nothing to sign in with at that tenant", settings.called(&TENANT_ID)),
            "set `client_secret_file`, `client_certificate` or `federated_token_file`; or remove it to sign in as this machine",
        ));
    }
    managed(settings, client, cloud, UNSET)
}

/// Said when the last method of the order fails, too.
const UNSET: &str = "client_secret: `client_secret_file` is not set; client_certificate: `client_certificate` is not set; \
                     workload_identity: `federated_token_file` is not set; managed_identity: ";

fn by_secret(
    settings: &Settings,
    client: &Client,
    cloud: &'static Cloud,
    found: Option<(Secret, String)>,
) -> Result<Method, Failure> {
    let (secret, origin) = found.ok_or_else(|| settings.no_credential("client secret", &CLIENT_SECRET))?;
    if secret.expose().trim().is_empty() || secret.expose().contains(char::is_control) {
        return Err(Failure::misconfigured(
            format!("the client secret from {origin} is empty or has several lines, so it was not sent"),
            "write only the secret's value there, on one line",
        ));
    }
    entra(settings, client, cloud, Proof::Secret(secret, origin))
}

fn by_certificate(settings: &Settings, client: &Client, cloud: &'static Cloud) -> Result<Method, Failure> {
    let path = settings.path(&CLIENT_CERTIFICATE)?.ok_or_else(|| not_set(CLIENT_CERTIFICATE.key))?;
    let certificate = Certificate::from_settings(settings, &path)?;
    entra(settings, client, cloud, Proof::Certificate(Box::new(certificate)))
}

/// Kubernetes writes the file, and makes it readable for every process of the pod.
fn by_federation(settings: &Settings, client: &Client, cloud: &'static Cloud) -> Result<Method, Failure> {
    let path = settings.path(&FEDERATED_TOKEN_FILE)?.ok_or_else(|| not_set(FEDERATED_TOKEN_FILE.key))?;
    let assertion = file::read_secret(&path, FEDERATED_TOKEN_FILE.key)?;
    if !is_token(assertion.expose()) {
        return Err(Failure::misconfigured(
            format!("{} has no token in it, so it was not sent", path.display()),
            "check `federated_token_file` and the annotations of the service account",
        ));
    }
    entra(settings, client, cloud, Proof::Assertion(assertion, path.display().to_string()))
}

fn not_set(key: &str) -> Failure {
    Failure::misconfigured(format!("`{key}` is not set"), format!("set `{key}` in the profile"))
}

fn entra(
    settings: &Settings,
    client: &Client,
    cloud: &'static Cloud,
    proof: Proof,
) -> Result<Method, Failure> {
    Entra::from_settings(settings, client, cloud, proof).map(|entra| Method::Entra(Box::new(entra)))
}

fn managed(
    settings: &Settings,
    client: &Arc<Client>,
    cloud: &'static Cloud,
    tried: &'static str,
) -> Result<Method, Failure> {
    Managed::from_settings(settings, client, cloud, tried).map(|managed| Method::Managed(Box::new(managed)))
}
