//! vaultrs's requests, sent over our transport: with its bounds, its deadline and its connections.
//!
//! Of a request of vaultrs's, path and method are taken. To have it executed there would link a URL library and an HTTP
//! client that nothing else here needs, a tenth of the binary; and what it makes of an answer holds the token itself.

use http::Method;
use rustify::Endpoint;
use rustify::enums::RequestMethod;
use secretref_protocol::net::Request;

/// The request that `endpoint` describes, without a body.
pub(crate) fn ask(endpoint: &impl Endpoint) -> Request {
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
