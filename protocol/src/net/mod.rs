//! The way to a store that is reached over HTTP: client, address, proxy, roots, identity, TLS, connection, pool.
//!
//! A [`Client`] has all origins of a run: the store, what one signs in at, the metadata service of an instance. A
//! [`Transport`] is one of them. It opens as few connections as will do, never one before it is needed, and knows of
//! each request whether to ask again. It is built on hyper's connection API rather than on a pooling client, because
//! what decides the speed of a resolve is how many connections are opened and when.

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
pub use roots::{Roots, TrustAnchors};
pub use settings::{NO_VARIABLES, SETTINGS, Variables, tls_settings};
pub use transport::Transport;

use crate::run::Run;
use crate::settings::Settings;

/// How to reach an origin.
#[derive(Debug)]
pub struct Route {
    /// Where it is.
    pub address: Address,
    /// What is there.
    pub role: Role,
    /// Whom to trust to be there.
    pub trust: Arc<TrustAnchors>,
    /// The name that the server's certificate must have, if not the address's host.
    pub server_name: Option<String>,
    /// Who the client is, for a server that asks for a certificate.
    pub identity: Option<Arc<ClientIdentity>>,
    /// What stands before it.
    pub proxy: Option<Proxy>,
    /// Which versions of HTTP to offer over TLS.
    pub http: Versions,
    /// How long a request may take, if not to the deadline.
    pub patience: Option<Duration>,
    /// The run that goes it, at this origin.
    pub run: Run,
}

impl Route {
    /// The route to the store at `address` with nothing else set.
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
            patience: None,
        }
    }

    /// The proxy that requests are sent to as they are, rather than through a tunnel: that of plain HTTP.
    fn forwarder(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !self.address.is_secure())
    }
}

/// The origin and what stands before it, for a message.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match &self.proxy {
            Some(proxy) => write!(f, " (through the proxy {})", proxy.address),
            None => Ok(()),
        }
    }
}

/// Which versions of HTTP to offer over TLS. Plain HTTP is always 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// Both, and the server chooses.
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
        match settings.text("http") {
            Some("h1") => Self::H1,
            Some("h2") => Self::H2,
            _ => Self::Auto,
        }
    }
}
