//! The services that issue credentials, with the SDK's clients.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::user_agent::{ApiMetadata, AwsUserAgent};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::Env;
use secretref_protocol::Failure;
use secretref_protocol::net::{Role, Target};
use secretref_protocol::session_cache::LoginError;

use crate::endpoints::{self, Endpoint};
use crate::http::Http;
use crate::keys::Keys;
use crate::region::Region;
use crate::session::Session;
use crate::sign_in::SignIn;
use crate::source::Source;
use crate::sts::Identity;
use crate::{process, sso, sts};

impl SignIn {
    /// Returns credentials that a service or a program issues.
    pub(crate) async fn issued(&self, source: &Source, region: Option<&Region>) -> Result<Keys, LoginError> {
        match source {
            Source::Process(source) => {
                let left = self.timeout.saturating_sub(self.run.elapsed());
                Ok(process::credentials(source, self.home.as_deref(), left).await?)
            }
            Source::WebIdentity(source) => {
                let client = self.sts(region, None)?;
                sts::web_identity(&client, source, &self.session_name(source.session_name.as_deref())).await
            }
            Source::Sso(source) => sso::credentials(&self.sso(&source.region)?, source).await,
            Source::Role(source) => {
                let base = self.obtain(&source.base, region, None).await?;
                let client = self.sts(region, Some(base.keys.for_sdk()))?;
                sts::assume(&client, source, &self.session_name(source.session_name.as_deref())).await
            }
            _ => Err(Failure::internal("a source that issues nothing").into()),
        }
    }

    /// Asks AWS whose the credentials of a session are.
    ///
    /// # Errors
    /// The failure of the request.
    pub async fn identity(&self, session: &Session, region: Option<&Region>) -> Result<Identity, Failure> {
        let client = self.sts(self.region.as_ref().or(region), Some(session.credentials()))?;
        sts::identity(&client, (&session.origin, session.secret_place())).await
    }

    /// The name of the session that AWS's logs show. By default it leads to the line of this run in the system's log.
    fn session_name(&self, given: Option<&str>) -> String {
        given.map_or_else(|| format!("secretref-{}", self.run.id()), str::to_owned)
    }

    fn sts(
        &self,
        region: Option<&Region>,
        credentials: Option<Credentials>,
    ) -> Result<aws_sdk_sts::Client, Failure> {
        let (url, signing) = endpoints::sts(&self.endpoints.sts, region)?;
        let endpoint = Endpoint { url: Some(url), ..self.endpoints.sts.clone() };
        let http = Http::new(Arc::clone(&self.client), endpoint.target(Role::SignIn));
        let config = sdk_config(http, &endpoint, signing, credentials);
        let config = aws_sdk_sts::config::Builder::from(&config).interceptor(PlainUserAgent).build();
        Ok(aws_sdk_sts::Client::from_conf(config))
    }

    fn sso(&self, region: &str) -> Result<aws_sdk_sso::Client, Failure> {
        let region = Region::parse(region, "sso_region")?;
        let target = Target {
            key: if self.endpoints.sso.url.is_some() { self.endpoints.sso.key } else { "sso_region" },
            role: Role::SignIn,
        };
        let http = Http::new(Arc::clone(&self.client), target);
        let config = sdk_config(http, &self.endpoints.sso, region.as_str().to_owned(), None);
        let config = aws_sdk_sso::config::Builder::from(&config).interceptor(PlainUserAgent).build();
        Ok(aws_sdk_sso::Client::from_conf(config))
    }
}

/// Names the SDK in the header `user-agent`, and not the surroundings of the process: the SDK would read them from the
/// environment by itself, and send no request if they have a line break.
#[derive(Debug)]
pub struct PlainUserAgent;

#[dyn_dispatch_hint]
impl Intercept for PlainUserAgent {
    fn name(&self) -> &'static str {
        "PlainUserAgent"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(api) = config.load::<ApiMetadata>() {
            let plain = AwsUserAgent::new_from_environment(Env::from_slice(&[]), api.clone());
            config.interceptor_state().store_put(plain);
        }
        Ok(())
    }
}

/// Returns the configuration of a service's client: over our transport, without retries and timeouts of the SDK, and without
/// anything that is read from the process.
#[must_use]
pub fn sdk_config(
    http: Http,
    endpoint: &Endpoint,
    region: impl Into<String>,
    credentials: Option<Credentials>,
) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_types::region::Region::new(region.into()))
        .http_client(http)
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    config.set_endpoint_url(endpoint.url.clone());
    if endpoint.url.is_none() {
        config.set_use_fips(Some(endpoint.fips)).set_use_dual_stack(Some(endpoint.dual_stack));
    }
    config.set_credentials_provider(credentials.map(SharedCredentialsProvider::new));
    config.build()
}
