//! Entry points for the targets of `tests/fuzz`, which feed answers of a server to this crate.

use std::sync::{Arc, Mutex};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{
    BehaviorVersion, Config, Credentials, IdentityCache, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use futures_util::FutureExt as _;
use secretref_aws_credentials::{Refusal, Region};
use secretref_protocol::net::Response;
use secretref_protocol::{Document, Failure, Field, Name, Store};

use crate::answer::Binary;
use crate::batch::Page;
use crate::locator::{Defaults, Locator};
use crate::read::ask;
use crate::refusal::{Call, Signer, of_refusal};

/// The store with its table of settings.
pub const STORE: Store = crate::settings::STORE;

const REGION: &str = "eu-west-1";

/// Returns the text for the `SecretId` of a request, and the field of `name`.
///
/// # Errors
/// `INVALID_ID` if no request can be made of the name.
pub fn locate(name: &Name) -> Result<(String, Field), Failure> {
    let (locator, field) = locator(name)?;
    Ok((locator.secret.to_string(), field))
}

/// Interprets `response` as the answer to a read of `name`.
///
/// # Errors
/// What the server says instead of a secret, as a read of `name` would fail with it.
pub fn understand(response: Response, name: &Name) -> Result<Document, Failure> {
    let (locator, _) = locator(name)?;
    let client = client(response)?;
    let answer = ask(&client, &locator, &call(&locator)).now_or_never();
    answer.unwrap_or_else(|| Err(Failure::internal("a read that waits")))?.document(&locator, Binary::Text)
}

/// Interprets `response` as the answer to a batch; the outcome of `name`, if it says something about it.
///
/// # Errors
/// What the server says instead of a batch.
pub fn understand_batch(response: Response, name: &Name) -> Result<Option<Document>, Failure> {
    let (locator, _) = locator(name)?;
    let client = client(response)?;
    let sent =
        client.batch_get_secret_value().secret_id_list(locator.secret.to_string()).send().now_or_never();
    let output = sent.ok_or_else(|| Failure::internal("a read that waits"))?;
    let output = output.map_err(|error| match Refusal::of(&error) {
        Ok(refusal) => of_refusal(&refusal, &call(&locator)),
        Err(failure) => failure,
    })?;
    Page::new(output).outcome(&locator, Binary::Text, &call(&locator)).transpose()
}

fn locator(name: &Name) -> Result<(Locator, Field), Failure> {
    let region = Region::parse(REGION, "region")?;
    Locator::from_name(name, &Defaults { region: Ok(region), has_allow: true })
}

fn call(locator: &Locator) -> Call<'_> {
    let signer = Signer { origin: "the environment", key: None, is_kept: false };
    Call { action: "GetSecretValue", locator: Some(locator), place: &"https://aws.test", signer }
}

/// A client that gets this response.
fn client(response: Response) -> Result<Client, Failure> {
    let status = StatusCode::try_from(response.status.as_u16());
    let status = status.map_err(|_| Failure::invalid_id("a status", ""))?;
    let mut canned = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in &response.headers {
        if let Ok(value) = value.to_str() {
            canned.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    let canned = SharedHttpConnector::new(Canned(Arc::new(Mutex::new(Some(canned)))));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| canned.clone()))
        .region(aws_sdk_secretsmanager::config::Region::from_static(REGION))
        .endpoint_url("https://aws.test")
        .credentials_provider(Credentials::new("AKIA", "secret", None, None, "fuzz"))
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Ok(Client::from_conf(config))
}

/// Gives one response.
#[derive(Debug)]
struct Canned(Arc<Mutex<Option<HttpResponse>>>);

impl HttpConnector for Canned {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let response = self.0.lock().ok().and_then(|mut response| response.take());
        let none =
            || aws_smithy_runtime_api::client::result::ConnectorError::other("asked twice".into(), None);
        HttpConnectorFuture::ready(response.ok_or_else(none))
    }
}
