//! HTTP for stores on a network: client, address, proxy, trust anchors, client identity, TLS, connections.
//!
//! A [`Client`] has all origins of a run: the store, the sign-in service, the metadata service of an instance. A
//! [`Transport`] is one of them. It opens as few connections as possible, each only when it is needed, and repeats only
//! requests that may be repeated. It is built on hyper's connection API instead of a pooling client, because the number
//! and the time of new connections decide how fast a resolve is.

mod address;
mod alert_stream;
mod certificate_info;
mod client;
mod client_identity;
mod connect;
mod message;
mod pool;
mod proxy;
mod refusal;
mod roots;
mod settings;
mod stream;
mod tls;
mod transport;
mod tunnel;
mod unverified;
mod verifier;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use address::Address;
pub use client::{Client, Role, Target};
pub use client_identity::ClientIdentity;
pub use message::{Replay, Request, Response};
pub use proxy::Proxy;
pub(crate) use roots::check_certificates;
pub use roots::{Roots, TrustAnchors};
use settings::HTTP;
pub(crate) use settings::KEEP_SESSION;
pub use settings::{ALLOW_HTTP, CLIENT_CERT, NO_VARIABLES, SETTINGS, Variables, tls_settings};
pub use transport::Transport;

use crate::run::Run;
use crate::settings::Settings;

/// How to reach an origin.
#[derive(Debug)]
pub struct Route {
    /// Its address.
    pub address: Address,
    /// Its role.
    pub role: Role,
    /// The authorities that its certificate may be from.
    pub trust: Arc<TrustAnchors>,
    /// The name that its certificate must have, if not the host of the address.
    pub server_name: Option<String>,
    /// The client certificate, for a server that asks for one.
    pub identity: Option<Arc<ClientIdentity>>,
    /// The proxy, if there is one.
    pub proxy: Option<Proxy>,
    /// The versions of HTTP to offer over TLS.
    pub http: Versions,
    /// The time limit of a request, if it is shorter than the deadline.
    pub time_limit: Option<Duration>,
    /// The run it serves. Its steps are those at this origin.
    pub run: Run,
}

impl Route {
    /// Returns the route to a store at `address` without other settings.
    #[cfg(test)]
    fn to(address: Address, run: &Run) -> Self {
        Self {
            run: run.at(&address),
            address,
            role: Role::Store,
            trust: Arc::new(TrustAnchors::system()),
            server_name: None,
            identity: None,
            proxy: None,
            http: Versions::Auto,
            time_limit: None,
        }
    }

    /// Returns the proxy that requests are sent to without a tunnel: that for plain HTTP.
    fn forwarder(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !self.address.is_secure())
    }
}

/// The origin and its proxy, for a message.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match &self.proxy {
            Some(proxy) => write!(f, " (through the proxy {})", proxy.address),
            None => Ok(()),
        }
    }
}

/// The versions of HTTP to offer over TLS. Without TLS it is always 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// Both; the server chooses.
    Auto,
    /// HTTP/1.1.
    H1,
    /// HTTP/2.
    H2,
}

impl Versions {
    /// Reads the setting `http`.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Self {
        match settings.text(&HTTP) {
            Some("h1") => Self::H1,
            Some("h2") => Self::H2,
            _ => Self::Auto,
        }
    }
}
