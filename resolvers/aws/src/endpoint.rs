//! The endpoint of Secrets Manager: that of a setting, else that of the region by the SDK's own rules.

use aws_sdk_secretsmanager::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use futures_util::FutureExt as _;
use secretref_aws_credentials::settings::{USE_DUALSTACK_ENDPOINT, USE_FIPS_ENDPOINT};
use secretref_aws_credentials::{Endpoint, Region};
use secretref_protocol::Failure;
use secretref_protocol::net::{Role, Target};

/// The server of one region.
pub(crate) struct Server {
    pub(crate) url: String,
    /// The same, for the SDK.
    pub(crate) endpoint: Endpoint,
}

impl Server {
    /// Finds the server of a region. Pure.
    pub(crate) fn of_region(endpoint: &Endpoint, region: &Region) -> Result<Self, Failure> {
        let params = Params::builder()
            .region(region.as_str())
            .use_fips(endpoint.fips)
            .use_dual_stack(endpoint.dual_stack)
            .set_endpoint(endpoint.url.clone())
            .build();
        let params = params.map_err(|_| Failure::internal("the parameters of an endpoint"))?;
        let resolved = DefaultResolver::new().resolve_endpoint(&params).now_or_never().and_then(Result::ok);
        let resolved = resolved.ok_or_else(|| {
            let (fips, dual) = (USE_FIPS_ENDPOINT.key, USE_DUALSTACK_ENDPOINT.key);
            Failure::misconfigured(
                format!("AWS has no endpoint of Secrets Manager with these properties in {region}"),
                format!("check `{}`, `{fips}` and `{dual}`", endpoint.key),
            )
        })?;
        let url = resolved.url().to_owned();
        Ok(Self { endpoint: Endpoint { url: Some(url.clone()), ..endpoint.clone() }, url })
    }

    pub(crate) fn target(&self) -> Target {
        self.endpoint.target(Role::Store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_where_the_sdk_says() {
        for (region, fips, dual_stack, url) in [
            ("eu-west-1", false, false, "https://secretsmanager.eu-west-1.amazonaws.com"),
            ("us-east-1", true, false, "https://secretsmanager-fips.us-east-1.amazonaws.com"),
            ("us-east-1", true, true, "https://secretsmanager-fips.us-east-1.amazonaws.com"),
            ("cn-north-1", false, false, "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
            ("eusc-de-east-1", false, false, "https://secretsmanager.eusc-de-east-1.amazonaws.eu"),
        ] {
            let endpoint = Endpoint { url: None, fips, dual_stack, key: "region" };
            let region = Region::parse(region, "region").unwrap();
            assert_eq!(Server::of_region(&endpoint, &region).unwrap().url, url);
        }
        let url = Some("http://127.0.0.1:1".to_owned());
        let own = Endpoint { url, fips: false, dual_stack: false, key: "endpoint_url" };
        let region = Region::parse("eu-west-1", "region").unwrap();
        assert_eq!(Server::of_region(&own, &region).unwrap().url, "http://127.0.0.1:1");
    }
}
