//! TLS: what is offered in a handshake, and what it means when one fails.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connect::{Io, Stream};
use super::unverified::Unverified;
use super::{Proxy, Route, Versions, identity};
use crate::failure::{Failure, Retry};
use crate::streams::say;

/// The TLS side of a route.
pub(super) struct Tls {
    store: Arc<ClientConfig>,
    /// The same authorities for a proxy over TLS, which learns nothing of who the client is.
    proxy: Option<Arc<ClientConfig>>,
    name: ServerName<'static>,
    /// What the server ended a connection with, first of all.
    alert: Arc<OnceLock<AlertDescription>>,
}

impl Tls {
    /// Reads the files of certificates and keys.
    pub(super) fn of(route: &Route) -> Result<Self, Failure> {
        let (host, key) = match &route.server_name {
            Some(name) => (name.as_str(), "tls_server_name"),
            None => (route.address.host(), route.address.key()),
        };
        let name = name(host, key)?;
        let mut store = config(route)?;
        let proxy = route.proxy.as_ref().filter(|proxy| proxy.address.is_secure()).map(|_| {
            let mut config = store.clone();
            config.alpn_protocols = alpn(Versions::H1);
            Arc::new(config)
        });
        if let Some(identity) = &route.identity {
            store.client_auth_cert_resolver = identity.load()?;
        }
        Ok(Self { store: Arc::new(store), proxy, name, alert: Arc::default() })
    }

    /// Shakes hands with a proxy over `io`.
    pub(super) async fn secure_proxy(
        &self,
        route: &Route,
        proxy: &Proxy,
        io: Box<dyn Io>,
    ) -> Result<Box<dyn Io>, Failure> {
        let Some(config) = self.proxy.clone() else { return Err(Failure::internal("a proxy without TLS")) };
        let address = &proxy.address;
        let connected = TlsConnector::from(config).connect(name(address.host(), address.key())?, io).await;
        let stream = connected.map_err(|error| {
            let (why, remedy) = match tls_error(&error) {
                Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => route.trust.missed(),
                Some(TlsError::InvalidCertificate(wrong)) => {
                    (format!("is not valid ({wrong})"), format!("check `{}`", address.key()))
                }
                _ => {
                    return Failure::unavailable(
                        format!("the proxy {address} does not complete a TLS handshake"),
                        format!(
                            "see whether `{}` means http://: that is how most proxies are spoken to",
                            address.key()
                        ),
                    )
                    .retry(Retry::No);
                }
            };
            Failure::unavailable(format!("the certificate of the proxy {address} {why}"), remedy)
                .retry(Retry::No)
        })?;
        Ok(Box::new(stream))
    }

    /// Shakes hands over `io`, offering these versions of HTTP.
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
        let stream = connected.map_err(|error| refused(route, &error))?;
        // RFC 7301: a server that ignores the question speaks HTTP/1.1.
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Stream { io: Box::new(Heard { stream, alert: Arc::clone(&self.alert) }), is_h2 })
    }

    /// Whether the server refused the client's certificate on a connection that seemed to be open.
    pub(super) fn refusal(&self, route: &Route) -> Option<Failure> {
        identity::refused(route, *self.alert.get()?)
    }
}

fn name(host: &str, key: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Failure::misconfigured(
            format!("`{key}` has a host that no certificate can name"),
            "use a DNS name or an IP address",
        )
    })
}

/// What holds for everybody whom TLS is spoken with.
fn config(route: &Route) -> Result<ClientConfig, Failure> {
    let provider = ring::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::internal("the TLS library has no protocol version"))?;
    let builder = if let Some(roots) = route.trust.load()? {
        builder.with_root_certificates(roots)
    } else {
        say(format!(
            "warning: the certificate of {route} is not checked (`{}`): whoever is in between can read the token",
            route.trust.key
        ));
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(algorithms)))
    };
    let mut config = builder.with_no_client_auth();
    // The process ends before it could come back to a session.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = alpn(route.http);
    Ok(config)
}

/// The names of the versions in a TLS handshake (RFC 7301 §6, RFC 9113 §3.2).
fn alpn(http: Versions) -> Vec<Vec<u8>> {
    match http {
        Versions::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Versions::H1 => vec![b"http/1.1".to_vec()],
        Versions::H2 => vec![b"h2".to_vec()],
    }
}

/// A stream that keeps the alert which ended it: HTTP/2 makes a text of the error, and a failure is not read from texts.
struct Heard {
    stream: TlsStream<Box<dyn Io>>,
    alert: Arc<OnceLock<AlertDescription>>,
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read
            && let Some(TlsError::AlertReceived(alert)) = tls_error(error)
        {
            let _ = self.alert.set(*alert);
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.hear(cx, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.hear(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Heard {
    /// Where a server has closed, writing may fail before its last words are read.
    fn hear<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(wrote, Poll::Ready(Err(_))) {
            let _ = Pin::new(self).poll_read(cx, &mut ReadBuf::new(&mut [0; 1]));
        }
        wrote
    }
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

fn refused(route: &Route, error: &io::Error) -> Failure {
    match tls_error(error) {
        None => Failure::unavailable(
            format!("{route} ended the TLS handshake ({})", error.kind()),
            "see whether this port speaks TLS, or whether http:// is meant",
        ),
        Some(TlsError::InvalidCertificate(wrong)) => {
            let (why, remedy) = refused_certificate(route, wrong);
            Failure::unavailable(format!("the certificate of {route} {why}"), remedy).retry(Retry::No)
        }
        Some(TlsError::AlertReceived(alert)) if let Some(failure) = identity::refused(route, *alert) => {
            failure
        }
        Some(_) => Failure::unavailable(
            format!("{route} does not complete a TLS handshake"),
            "see whether this port speaks TLS 1.2 or 1.3, or whether http:// is meant",
        )
        .retry(Retry::No),
    }
}

/// What is wrong with the server's certificate, and what to do.
fn refused_certificate(route: &Route, wrong: &CertificateError) -> (String, String) {
    use CertificateError as Wrong;
    let (why, remedy) = match wrong {
        // A bad signature: a trusted authority of the same name, but with another key.
        Wrong::UnknownIssuer | Wrong::BadSignature => return route.trust.missed(),
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            ("has expired", "renew it on the server, and check this machine's clock")
        }
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            ("is not valid yet", "check this machine's clock")
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            return match &route.server_name {
                Some(name) => (
                    format!("is not for the name {name}"),
                    "set `tls_server_name` to a name that the certificate has".into(),
                ),
                None => (
                    "is for another name".into(),
                    format!(
                        "write `{}` with a name that the certificate has, or set `tls_server_name` to it",
                        route.address.key()
                    ),
                ),
            };
        }
        other => {
            let (host, port) = (route.address.host(), route.address.port());
            let look =
                format!("openssl s_client -connect {host}:{port} </dev/null | openssl x509 -noout -text");
            return (
                format!("is not valid ({other})"),
                format!("have it issued anew; to look at it: {look}"),
            );
        }
    };
    (why.into(), remedy.into())
}
