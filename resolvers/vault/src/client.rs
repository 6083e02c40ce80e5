//! vaultrs's requests, sent over our transport: with its bounds, its deadline and its connections.
//!
//! Of a request of vaultrs's, path and method are taken. To have it executed there would link a URL library and an HTTP
//! client that nothing else here needs, a tenth of the binary; and what it makes of an answer holds the token itself.

use http::Method;
use rustify::Endpoint;
use rustify::enums::RequestMethod;
use secretref_protocol::net::Ask;

/// The request that `endpoint` describes, without a body.
pub(crate) fn ask(endpoint: &impl Endpoint) -> Ask {
    let path = endpoint.path();
    Ask { method: method(&endpoint.method()), ..Ask::get(format!("/v1/{}", path.trim_start_matches('/'))) }
}

fn method(method: &RequestMethod) -> Method {
    match method {
        RequestMethod::CONNECT => Method::CONNECT,
        RequestMethod::DELETE => Method::DELETE,
        RequestMethod::GET => Method::GET,
        RequestMethod::HEAD => Method::HEAD,
        // RFC 9110 §9.1 leaves methods open; this one is Vault's own, and the same as GET with ?list=true.
        RequestMethod::LIST => Method::from_bytes(b"LIST").unwrap_or(Method::GET),
        RequestMethod::OPTIONS => Method::OPTIONS,
        RequestMethod::PATCH => Method::PATCH,
        RequestMethod::POST => Method::POST,
        RequestMethod::PUT => Method::PUT,
        RequestMethod::TRACE => Method::TRACE,
    }
}
