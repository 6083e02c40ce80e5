//! Builds requests from vaultrs's endpoints, to send them with our transport: its limits, deadline and connections.
//!
//! Only the method and the path of an endpoint are used, for lists, deletes and what the server says of tokens. CONTRIBUTING.md
//! says why not more.

use http::Method;
use rustify::Endpoint;
use rustify::enums::RequestMethod;
use secretref_protocol::net::Request;

/// Returns the request that `endpoint` describes, without a body. Parts of its path must be percent-encoded.
pub(crate) fn request(endpoint: &impl Endpoint) -> Request {
    let path = format!("/v1/{}", endpoint.path().trim_start_matches('/'));
    match endpoint.method() {
        // LIST is a method of Vault's own, which not every proxy lets through. This means the same.
        RequestMethod::LIST => Request::get(format!("{path}?list=true")),
        method => Request::new(plain(&method), path),
    }
}

fn plain(method: &RequestMethod) -> Method {
    match method {
        RequestMethod::CONNECT => Method::CONNECT,
        RequestMethod::DELETE => Method::DELETE,
        RequestMethod::GET | RequestMethod::LIST => Method::GET,
        RequestMethod::HEAD => Method::HEAD,
        RequestMethod::OPTIONS => Method::OPTIONS,
        RequestMethod::PATCH => Method::PATCH,
        RequestMethod::POST => Method::POST,
        RequestMethod::PUT => Method::PUT,
        RequestMethod::TRACE => Method::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use vaultrs::api::kv2::requests::ReadSecretRequest;
    use vaultrs::api::token::requests::RevokeTokenSelfRequest;

    use super::*;

    /// Why paths are encoded here, and why sign-out has a path of its own. If this fails, vaultrs can be used for more.
    #[test]
    fn what_vaultrs_would_send() {
        assert_eq!(RevokeTokenSelfRequest {}.path(), "\t/auth/token/revoke-self");
        let sent = |path: &str| {
            let read = ReadSecretRequest { mount: "kv".into(), path: path.into(), version: None };
            read.request("https://vault.example.com/v1").unwrap().uri().path().to_owned()
        };
        assert_eq!(sent("a/../b"), "/v1/kv/data/a/b");
        assert_eq!(sent("a%20b"), "/v1/kv/data/a%2520b");
    }
}
