//! The way to a store that is reached over HTTP: address, proxy, roots, identity, TLS, connection, lanes.
//!
//! A [`Transport`] is one origin. It opens as few connections as will do, never one before it is needed, and knows of
//! each request whether to ask again. It is built on hyper's connection API rather than on a pooling client, because
//! what decides the speed of a resolve is how many connections are opened and when.

mod address;
mod chain;
mod connect;
mod heard;
mod identity;
mod lanes;
mod message;
mod proxy;
mod refusal;
mod roots;
mod stream;
mod tls;
mod transport;
mod tunnel;
mod unverified;

use std::fmt;

pub use address::Address;
pub use identity::Identity;
pub use message::{Replay, Request, Response};
pub use proxy::Proxy;
pub use roots::{Roots, Trust};
pub use transport::Transport;

use crate::run::Run;
use crate::store::{Kind, Setting};

/// The settings of every store that is reached over HTTP. What the environment says for all programs has the names here
/// that it has there.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "allow_http",
        kind: Kind::Switch,
        env: &[],
        default: Some("false"),
        steers: true,
        help: "let an http:// address lead beyond this machine, in clear text",
    },
    Setting {
        key: "http",
        kind: Kind::Choice(&["auto", "h1", "h2"]),
        env: &[],
        default: Some("auto"),
        steers: false,
        help: "the version of HTTP over TLS: what the server prefers, or this one",
    },
    Setting {
        key: "http_proxy",
        kind: Kind::Text,
        env: &["HTTP_PROXY", "http_proxy"],
        default: None,
        steers: true,
        help: "the proxy for an http:// address that is not this machine, if `proxy` is not set",
    },
    Setting {
        key: "https_proxy",
        kind: Kind::Text,
        env: &["HTTPS_PROXY", "https_proxy"],
        default: None,
        steers: true,
        help: "the proxy for an https:// address that is not this machine, if `proxy` is not set",
    },
    Setting {
        key: "keep_session",
        kind: Kind::Text,
        env: &[],
        default: Some("auto"),
        steers: true,
        help: "where sessions are kept between starts: auto (the user's runtime folder), off, or a folder",
    },
    Setting {
        key: "no_proxy",
        kind: Kind::Text,
        env: &["NO_PROXY", "no_proxy"],
        default: None,
        steers: true,
        help: "what is reached without a proxy: hosts, .domains, addresses, networks, with commas; or *",
    },
    Setting {
        key: "proxy_auth_file",
        kind: Kind::Path,
        env: &[],
        default: None,
        steers: true,
        help: "a file with user:password for the proxy",
    },
    Setting {
        key: "ssl_cert_file",
        kind: Kind::Path,
        env: &["SSL_CERT_FILE"],
        default: None,
        steers: true,
        help: "the file of the system's trusted certificates, if not the usual one",
    },
];

/// How to reach an origin.
#[derive(Debug)]
pub struct Route {
    /// Where it is.
    pub address: Address,
    /// Whom to trust to be there.
    pub trust: Trust,
    /// The name that the server's certificate must have, if not the address's host.
    pub server_name: Option<String>,
    /// Who the client is, for a server that asks for a certificate.
    pub identity: Option<Identity>,
    /// What stands before it.
    pub proxy: Option<Proxy>,
    /// Which versions of HTTP to offer over TLS.
    pub http: Versions,
    /// The run that goes it.
    pub run: Run,
}

impl Route {
    /// The route to `address` with nothing else set.
    #[must_use]
    pub fn to(address: Address, run: &Run) -> Self {
        let trust = Trust { key: "ca_cert", roots: Roots::System };
        Self {
            address,
            trust,
            server_name: None,
            identity: None,
            proxy: None,
            http: Versions::Auto,
            run: run.clone(),
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
    /// The value of the setting `http`.
    #[must_use]
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("h1") => Self::H1,
            Some("h2") => Self::H2,
            _ => Self::Auto,
        }
    }
}
