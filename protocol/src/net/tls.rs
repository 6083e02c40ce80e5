//! TLS: the configuration of a route, and its handshakes.

use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use tokio_rustls::TlsConnector;

use super::alert_stream::AlertStream;
use super::stream::{Io, Stream};
use super::unverified::Unverified;
use super::verifier::Verifier;
use super::{Proxy, Roots, Route, TrustAnchors, Versions, certificate_info, client_identity, refusal};
use crate::failure::Failure;
use crate::streams::say;

/// The TLS side of a route.
pub(super) struct Tls {
    store: Arc<ClientConfig>,
    /// The configuration for an https proxy: the same authorities, and no client certificate.
    proxy: Option<Arc<ClientConfig>>,
    name: ServerName<'static>,
    /// Verifies the server's certificate, unless `tls_skip_verify` is set.
    verifier: Option<Arc<Verifier>>,
    /// The first alert with which the server ended a connection.
    alert: Arc<OnceLock<AlertDescription>>,
}

impl Tls {
    /// Prepares the handshakes of a route. Reads the files with certificates and keys.
    pub(super) fn new(route: &Route) -> Result<Self, Failure> {
        let (host, key) = match &route.server_name {
            Some(name) => (name.as_str(), "tls_server_name"),
            None => (route.address.host(), route.address.key()),
        };
        let name = name(host, key)?;
        let (mut store, verifier) = config(&route.trust, route)?;
        let proxy = match &route.proxy {
            Some(proxy) if proxy.address.is_secure() => Some(Arc::new(for_proxy(&store, route)?)),
            _ => None,
        };
        if let Some(identity) = &route.identity {
            store.client_auth_cert_resolver = identity.load(&route.run)?;
        }
        Ok(Self { store: Arc::new(store), proxy, name, verifier, alert: Arc::default() })
    }

    /// Performs the handshake with an https proxy over `io`.
    pub(super) async fn secure_proxy(
        &self,
        route: &Route,
        proxy: &Proxy,
        io: Box<dyn Io>,
    ) -> Result<Box<dyn Io>, Failure> {
        let Some(config) = self.proxy.clone() else {
            return Err(Failure::internal("an https proxy without TLS"));
        };
        let address = &proxy.address;
        let connected = TlsConnector::from(config).connect(name(address.host(), address.key())?, io).await;
        let stream = connected.map_err(|error| refusal::from_proxy(route, proxy, &error))?;
        Ok(Box::new(stream))
    }

    /// Performs the handshake with the server over `io`, and offers these versions of HTTP.
    pub(super) async fn secure(
        &self,
        route: &Route,
        io: Box<dyn Io>,
        http: Versions,
    ) -> Result<Stream, Failure> {
        let mut config = Arc::clone(&self.store);
        if http != route.http {
            Arc::make_mut(&mut config).alpn_protocols = alpn(http);
        }
        let connected = TlsConnector::from(config).connect(self.name.clone(), io).await;
        let verifier = self.verifier.as_deref();
        let stream = connected
            .map_err(|error| refusal::from_store(route, &error, verifier.and_then(Verifier::refused)))?;
        if route.run.is_traced() {
            certificate_info::record(
                &route.run,
                stream.get_ref().1,
                verifier.map(Verifier::store),
                route.trust.key,
            );
        }
        // RFC 7301: a server that ignores the extension speaks HTTP/1.1.
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Stream { io: Box::new(AlertStream { stream, alert: Arc::clone(&self.alert) }), is_h2 })
    }

    /// Returns the failure if the server refused the client certificate after the handshake.
    pub(super) fn refusal(&self, route: &Route) -> Option<Failure> {
        client_identity::refused(route, *self.alert.get()?)
    }
}

fn name(host: &str, key: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Failure::misconfigured(
            format!("`{key}` has a host that cannot be in a certificate"),
            "use a DNS name or an IP address",
        )
    })
}

/// Returns the configuration without a client certificate, and the verifier in it.
fn config(trust: &TrustAnchors, route: &Route) -> Result<(ClientConfig, Option<Arc<Verifier>>), Failure> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::internal("the TLS library has no protocol version"))?;
    let verifier = trust.load()?.map(|anchors| Verifier::new(anchors, provider)).transpose()?.map(Arc::new);
    let checked = builder.dangerous();
    let builder = if let Some(verifier) = &verifier {
        checked.with_custom_certificate_verifier(Arc::clone(verifier) as Arc<dyn ServerCertVerifier>)
    } else {
        // `check` and `doctor` show it as a warning of the handshake instead.
        if !route.run.is_traced() {
            say(format!(
                "warning: the certificate of {route} is not verified (`{}`): a machine in between can read the token",
                trust.key
            ));
        }
        checked.with_custom_certificate_verifier(Arc::new(Unverified(algorithms)))
    };
    let mut config = builder.with_no_client_auth();
    // The process ends before it could resume a session.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = alpn(route.http);
    Ok((config, verifier))
}

/// Returns the configuration for an https proxy. `tls_skip_verify` does not apply to it.
fn for_proxy(store: &ClientConfig, route: &Route) -> Result<ClientConfig, Failure> {
    let mut config = match route.trust.roots {
        Roots::Unchecked => config(&TrustAnchors::system(), route)?.0,
        _ => store.clone(),
    };
    config.alpn_protocols = alpn(Versions::H1);
    Ok(config)
}

/// Returns the names of the versions in a TLS handshake (RFC 7301 §6, RFC 9113 §3.2).
fn alpn(http: Versions) -> Vec<Vec<u8>> {
    match http {
        Versions::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Versions::H1 => vec![b"http/1.1".to_vec()],
        Versions::H2 => vec![b"h2".to_vec()],
    }
}
