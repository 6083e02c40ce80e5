//! `auth = "managed_identity"`: the identity of a virtual machine, of App Service, or of a machine with Azure Arc.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secretref_protocol::net::{ALLOW_HTTP, Address, Client, Request, Response, Role, Target};
use secretref_protocol::session_cache::{LoginError, NewSession};
use secretref_protocol::{Failure, Kind, Retry, Secret, Settings, Stage};
use tokio::time::timeout;

use super::answer::{self, now};
use super::arc;
use super::identity::Identity;
use crate::cloud::Cloud;
use crate::settings::{CLIENT_ID, IDENTITY_ENDPOINT, IDENTITY_HEADER, METADATA, OBJECT_ID, RESOURCE_ID};

/// How long to wait for a connection: the service is near if it exists, and on other machines nothing answers.
const PROBE: Duration = Duration::from_millis(300);

/// The identity of this machine.
pub(super) struct Managed {
    client: Arc<Client>,
    service: Issuer,
    audience: &'static str,
    /// The identity to ask for, if it is not the machine's own.
    assigned: Option<Assigned>,
    /// The methods that were not configured, for a message.
    tried: &'static str,
    run: secretref_protocol::Run,
}

/// Who gives the token.
enum Issuer {
    /// The instance metadata service of a virtual machine.
    Imds(String),
    /// The service that App Service starts next to a program, with the header that it requires.
    AppService(String, Secret),
    /// The agent of Azure Arc.
    Arc(String),
}

/// A user-assigned identity.
struct Assigned {
    setting: &'static str,
    id: String,
}

impl Managed {
    pub(super) fn from_settings(
        settings: &Settings,
        client: &Arc<Client>,
        cloud: &'static Cloud,
        tried: &'static str,
    ) -> Result<Self, Failure> {
        let assigned: Vec<_> = [&CLIENT_ID, &OBJECT_ID, &RESOURCE_ID]
            .into_iter()
            .filter_map(|setting| {
                Some(Assigned { setting: setting.key, id: settings.text(setting)?.to_owned() })
            })
            .collect();
        if let [one, other, ..] = &assigned[..] {
            return Err(Failure::misconfigured(
                format!("both `{}` and `{}` name an identity", one.setting, other.setting),
                "remove one of them",
            ));
        }
        Ok(Self {
            client: Arc::clone(client),
            service: Issuer::from_settings(settings)?,
            audience: cloud.audience,
            assigned: assigned.into_iter().next(),
            tried,
            run: settings.run().clone(),
        })
    }

    /// The part of a cache key that tells identities apart.
    pub(super) fn place(&self) -> String {
        let (Issuer::Imds(url) | Issuer::AppService(url, _) | Issuer::Arc(url)) = &self.service;
        let assigned = self.assigned.as_ref().map(|assigned| format!("{}={}", assigned.setting, assigned.id));
        format!("{url}\n{}\nmanaged_identity", assigned.unwrap_or_default())
    }

    pub(super) fn identity(&self, token: &Secret) -> Identity {
        let client = self.assigned.as_ref().filter(|assigned| assigned.setting == CLIENT_ID.key);
        Identity::new("the managed identity", token, client.map(|assigned| &*assigned.id), None)
    }

    /// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#get-a-token-using-http>
    pub(super) async fn sign_in(&self) -> Result<NewSession, LoginError> {
        let response = match &self.service {
            Issuer::Imds(url) => {
                let url = format!("{url}/metadata/identity/oauth2/token?api-version=2018-02-01");
                self.ask(METADATA.key, &self.url(&url), metadata_header()).await?
            }
            Issuer::AppService(url, header) => {
                let mut value = HeaderValue::try_from(header.expose()).map_err(|_| bad_header())?;
                value.set_sensitive(true);
                let url = format!("{url}?api-version=2019-08-01");
                self.ask(IDENTITY_ENDPOINT.key, &self.url(&url), [(X_IDENTITY_HEADER, value)]).await?
            }
            Issuer::Arc(url) => self.ask_arc(&format!("{url}?api-version=2020-06-01")).await?,
        };
        self.read(&response)
    }

    /// The URL with the resource and the identity asked for.
    fn url(&self, url: &str) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let url = format!("{url}&resource={}", encoded(self.audience));
        match &self.assigned {
            None => url,
            Some(assigned) => {
                let key = match (assigned.setting, &self.service) {
                    ("object_id", Issuer::AppService(..)) => "principal_id",
                    ("resource_id", Issuer::AppService(..)) => "mi_res_id",
                    ("resource_id", _) => "msi_res_id",
                    (key, _) => key,
                };
                format!("{url}&{key}={}", encoded(&assigned.id))
            }
        }
    }

    async fn ask(
        &self,
        key: &'static str,
        url: &str,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Response, Failure> {
        let request = Request::get(url).headers(headers).without_time_limit();
        let mut sent = std::pin::pin!(self.client.send(Target { role: Role::Metadata, key }, request));
        match timeout(PROBE, &mut sent).await {
            Ok(response) => response.map_err(|failure| self.absent(Some(failure))),
            // It takes its time, but it is there.
            Err(_) if self.is_connected(url) => sent.await.map_err(|failure| self.absent(Some(failure))),
            Err(_) => Err(self.absent(None)),
        }
    }

    /// Whether there is a connection to the service at `url`. There may be one to a vault already.
    fn is_connected(&self, url: &str) -> bool {
        let is_open = |step: &secretref_protocol::Step| {
            let is_here = step.origin.as_ref().is_some_and(|origin| url.starts_with(&**origin));
            is_here && step.stage == Stage::Connection && step.took.is_some() && step.failure.is_none()
        };
        self.run.steps().iter().any(is_open)
    }

    /// The agent answers with the name of a file that only it and its group can read, and wants to see the file's content.
    async fn ask_arc(&self, url: &str) -> Result<Response, Failure> {
        let url = self.url(url);
        let response = self.ask(IDENTITY_ENDPOINT.key, &url, metadata_header()).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let value = arc::authorization(&response)?.ok_or_else(|| self.stranger())?;
        let headers = metadata_header().into_iter().chain([(header::AUTHORIZATION, value)]);
        self.ask(IDENTITY_ENDPOINT.key, &url, headers).await
    }

    fn read(&self, response: &Response) -> Result<NewSession, LoginError> {
        let status = response.status.as_u16();
        let unavailable =
            |what: &str| Failure::unavailable(format!("{} {what} ({status})", self.name()), "try again");
        match status {
            200 => answer::token(&response.body, now()).ok_or_else(|| self.stranger().into()),
            400 => Err(self.no_identity().into()),
            401 | 403 => Err(Failure::new(
                Kind::Unauthenticated,
                format!("{} does not let this process ask for a token ({status})", self.name()),
                self.service.hint(),
            )
            .into()),
            // https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance
            404 | 410 | 429 | 500..=599 => {
                let pause = response.retry_after().unwrap_or(Duration::from_millis(500));
                Err(unavailable("cannot give a token at this moment").with_retry(Retry::After(pause)).into())
            }
            _ => Err(self.stranger().into()),
        }
    }

    /// The failure for a request that is right but for its identity.
    fn no_identity(&self) -> Failure {
        let (what, remedy) = match &self.assigned {
            Some(Assigned { setting, id }) => (
                format!("this machine has no managed identity with the `{setting}` {id}"),
                format!("assign it to the machine, or set `{setting}` to that of an identity that `az vm identity show` lists"),
            ),
            None => (
                "this machine has no system-assigned identity, or it has several user-assigned ones".to_owned(),
                "set `client_id` to the client id of the identity to use (az identity list shows it), or give the machine an \
                 identity: az vm identity assign"
                    .to_owned(),
            ),
        };
        Failure::new(Kind::Unauthenticated, format!("{}{what}", self.before()), remedy)
    }

    /// The failure for a service that is not there, or does not answer.
    fn absent(&self, why: Option<Failure>) -> Failure {
        let name = self.name();
        let what = why.map_or_else(
            || format!("{name} does not answer within {} ms", PROBE.as_millis()),
            |failure| failure.what().to_owned(),
        );
        let remedy = "on a machine outside Azure, set `client_secret_file`, `client_certificate` or `federated_token_file` with \
                      `tenant_id` and `client_id`; in Azure, give the machine an identity";
        Failure::new(Kind::Unavailable, format!("no way to sign in: {}{what}", self.before()), remedy)
    }

    fn before(&self) -> &'static str {
        self.tried
    }

    fn name(&self) -> &'static str {
        match &self.service {
            Issuer::Imds(_) => "the instance metadata service",
            Issuer::AppService(..) => "the identity service of App Service",
            Issuer::Arc(_) => "the agent of Azure Arc",
        }
    }

    fn stranger(&self) -> Failure {
        Failure::unavailable(
            format!("the reply at the address of {} is not from it", self.name()),
            "check `metadata` and `identity_endpoint`, and whether this machine is in Azure",
        )
        .with_retry(Retry::No)
    }
}

impl Issuer {
    fn from_settings(settings: &Settings) -> Result<Self, Failure> {
        let header = settings.credential(&IDENTITY_HEADER)?;
        match (endpoint(settings)?, header) {
            (Some(url), Some((header, _))) => Ok(Self::AppService(url, header)),
            (Some(url), None) => Ok(Self::Arc(url)),
            (None, _) => {
                let url = settings.text(&METADATA).unwrap_or("http://169.254.169.254");
                Address::parse_metadata(settings.called(&METADATA), url, false)?;
                Ok(Self::Imds(url.trim_end_matches('/').to_owned()))
            }
        }
    }
}

impl Issuer {
    /// What to do if the service refuses this process.
    fn hint(&self) -> &'static str {
        match self {
            Self::Imds(_) => {
                "check the machine's rules on who may ask its metadata service, and that no proxy is in front of it"
            }
            Self::AppService(..) => {
                "check `identity_header`, and that IDENTITY_ENDPOINT and IDENTITY_HEADER are of the same start of the app"
            }
            Self::Arc(_) => arc::GROUP,
        }
    }
}

/// The URL of the setting `identity_endpoint`, which is sent to as it is written.
fn endpoint(settings: &Settings) -> Result<Option<String>, Failure> {
    let Some(url) = settings.text(&IDENTITY_ENDPOINT) else { return Ok(None) };
    let (called, allow_http) = (settings.called(&IDENTITY_ENDPOINT), settings.is_on(&ALLOW_HTTP));
    let origin = Address::parse(called, url, true)?.to_string();
    Address::parse_metadata(called, &origin, allow_http)?;
    Ok(Some(url.to_owned()))
}

const X_IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");

fn metadata_header() -> [(HeaderName, HeaderValue); 1] {
    [(HeaderName::from_static("metadata"), HeaderValue::from_static("true"))]
}

/// Everything but the unreserved characters of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn bad_header() -> Failure {
    Failure::misconfigured(
        "`identity_header` has a character that a header cannot have",
        "pass on IDENTITY_HEADER as App Service sets it",
    )
}
