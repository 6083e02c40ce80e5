//! The endpoints of AWS: which URL a setting or the AWS profile gives a service, else the SDK's own rules.

use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use futures_util::FutureExt as _;
use secretref_protocol::net::{Role, Target};
use secretref_protocol::{Failure, Setting, Settings, Source};

use crate::profile_files::ProfileFiles;
use crate::region::Region;
use crate::settings::{SSO_ENDPOINT_URL, STS_ENDPOINT_URL, USE_DUALSTACK_ENDPOINT, USE_FIPS_ENDPOINT};

/// The endpoint of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its URL, if a setting or the AWS profile gives it. Then the SDK's rules do not apply, nor do FIPS and dual-stack.
    pub url: Option<String>,
    /// Whether the FIPS endpoint is used.
    pub fips: bool,
    /// Whether the dual-stack endpoint is used.
    pub dual_stack: bool,
    /// The setting that the host is derived from, for a message.
    pub key: &'static str,
}

/// What settings and profile say of endpoints.
pub(crate) struct Endpoints {
    pub(crate) sts: Endpoint,
    pub(crate) sso: Endpoint,
}

impl Endpoints {
    /// For a store that has no settings of endpoints.
    pub(crate) fn usual(region_key: &'static str) -> Self {
        let usual = Endpoint { url: None, fips: false, dual_stack: false, key: region_key };
        Self { sts: usual.clone(), sso: usual }
    }

    pub(crate) fn from_settings(settings: &Settings, files: &ProfileFiles) -> Self {
        Self {
            sts: Endpoint::from_settings(settings, files, &STS_ENDPOINT_URL, "sts"),
            sso: Endpoint::from_settings(settings, files, &SSO_ENDPOINT_URL, "sso"),
        }
    }
}

impl Endpoint {
    /// Reads the endpoint of a service: its `setting`, else the AWS profile's URL for it. `service` is its name there.
    pub(crate) fn from_settings(
        settings: &Settings,
        files: &ProfileFiles,
        setting: &Setting<str>,
        service: &str,
    ) -> Self {
        let profile = files.own();
        let switch = |setting: &Setting<bool>, key: &str| match settings.source(setting) {
            None | Some(Source::Default) => profile.is_some_and(|profile| profile.is_on(key)),
            Some(_) => settings.is_on(setting),
        };
        let of_profile = || profile.and_then(|profile| profile.endpoint_url(service));
        let url = settings.text(setting).or_else(of_profile).map(|url| url.trim_end_matches('/').to_owned());
        Self {
            fips: url.is_none() && switch(&USE_FIPS_ENDPOINT, "use_fips_endpoint"),
            dual_stack: url.is_none() && switch(&USE_DUALSTACK_ENDPOINT, "use_dualstack_endpoint"),
            key: if url.is_some() { settings.called(setting) } else { "region" },
            url,
        }
    }

    /// Returns a text that tells endpoints of a region apart.
    pub(crate) fn mark(&self) -> String {
        format!("{} {} {}", self.url.as_deref().unwrap_or_default(), self.fips, self.dual_stack)
    }

    /// Returns the target of requests to it.
    #[must_use]
    pub fn target(&self, role: Role) -> Target {
        Target { role, key: self.key }
    }
}

/// The region of the global endpoint of STS, in the SDK's rules.
const GLOBAL: &str = "aws-global";

/// Returns the URL of STS and the region that signatures for it name. Without a region it is the global endpoint.
///
/// # Errors
/// `MISCONFIGURED` if the region's partition has no such endpoint.
pub(crate) fn sts(endpoint: &Endpoint, region: Option<&Region>) -> Result<(String, String), Failure> {
    let name = region.map_or(GLOBAL, Region::as_str);
    let signing = region.map_or("us-east-1", Region::as_str).to_owned();
    if let Some(url) = &endpoint.url {
        return Ok((url.clone(), signing));
    }
    let params =
        Params::builder().region(name).use_fips(endpoint.fips).use_dual_stack(endpoint.dual_stack).build();
    let params = params.map_err(|_| Failure::internal("the parameters of an endpoint"))?;
    let resolved = DefaultResolver::new().resolve_endpoint(&params).now_or_never().and_then(Result::ok);
    let resolved = resolved.ok_or_else(|| {
        Failure::misconfigured(
            format!("AWS has no endpoint of STS with these properties in {name}"),
            format!(
                "check `{}`, `{}` and `{}`",
                endpoint.key, USE_FIPS_ENDPOINT.key, USE_DUALSTACK_ENDPOINT.key
            ),
        )
    })?;
    Ok((resolved.url().to_owned(), signing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sts_is_where_the_sdk_says() {
        for (region, fips, url) in [
            (None, false, "https://sts.amazonaws.com"),
            (Some("eu-central-1"), false, "https://sts.eu-central-1.amazonaws.com"),
            (Some("eu-central-9"), false, "https://sts.eu-central-9.amazonaws.com"),
            (Some("us-east-1"), true, "https://sts-fips.us-east-1.amazonaws.com"),
            (Some("cn-north-1"), false, "https://sts.cn-north-1.amazonaws.com.cn"),
            (Some("us-gov-west-1"), false, "https://sts.us-gov-west-1.amazonaws.com"),
            (Some("us-iso-east-1"), false, "https://sts.us-iso-east-1.c2s.ic.gov"),
            (Some("us-isob-east-1"), false, "https://sts.us-isob-east-1.sc2s.sgov.gov"),
            (Some("eu-isoe-west-1"), false, "https://sts.eu-isoe-west-1.cloud.adc-e.uk"),
            (Some("us-isof-south-1"), false, "https://sts.us-isof-south-1.csp.hci.ic.gov"),
            (Some("eusc-de-east-1"), false, "https://sts.eusc-de-east-1.amazonaws.eu"),
        ] {
            let region = region.map(|region| Region::parse(region, "region").unwrap());
            let endpoint = Endpoint { fips, ..Endpoints::usual("region").sts };
            let (found, signing) = sts(&endpoint, region.as_ref()).unwrap();
            assert_eq!(found, url);
            assert_eq!(signing, region.as_ref().map_or("us-east-1", Region::as_str));
        }
        let own = Endpoint { url: Some("http://127.0.0.1:1".into()), ..Endpoints::usual("region").sts };
        let region = Region::parse("eu-central-1", "region").unwrap();
        assert_eq!(sts(&own, Some(&region)).unwrap().0, "http://127.0.0.1:1");
    }
}
