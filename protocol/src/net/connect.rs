//! One connection: name, TCP, TLS. Each step that fails says which it was.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error as TlsError};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Address, Route};
use crate::failure::{Failure, Retry};

/// How long one address may take before the next is tried beside it (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// How long to wait before the one more try after a refused connection: a store that is just starting.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

pub(super) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether both sides agreed on HTTP/2 (RFC 7301). A server that ignores the question speaks HTTP/1.1.
    pub(super) fn is_h2(&self) -> bool {
        matches!(self, Self::Secure(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2"))
    }
}

/// Connects to the route's address; `tls` is there when it is https.
pub(super) async fn connect(route: &Route, tls: Option<Arc<ClientConfig>>) -> Result<Stream, Failure> {
    let address = &route.address;
    let tcp = tcp(address, &look_up(address).await?).await?;
    // A request is written at once; without this it may wait for an acknowledgement first.
    let _ = tcp.set_nodelay(true);
    let Some(tls) = tls else { return Ok(Stream::Plain(tcp)) };
    let name = ServerName::try_from(address.host().to_owned()).map_err(|_| {
        Failure::misconfigured(
            format!("`{}` has a host that no certificate can name", address.key()),
            "use a DNS name or an IP address",
        )
    })?;
    let stream =
        TlsConnector::from(tls).connect(name, tcp).await.map_err(|error| refused_by_tls(route, &error))?;
    Ok(Stream::Secure(Box::new(stream)))
}

async fn look_up(address: &Address) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = address.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port())]);
    }
    // RFC 6761 §6.3: this name is this machine, whatever a name server says.
    if address.host().eq_ignore_ascii_case("localhost") {
        let here: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(here.map(|ip| SocketAddr::new(ip, address.port())).to_vec());
    }
    let found: Vec<_> = match lookup_host((address.host(), address.port())).await {
        Ok(found) => found.collect(),
        Err(_) => Vec::new(),
    };
    if found.is_empty() {
        return Err(Failure::unavailable(
            format!("the name {} cannot be looked up", address.host()),
            format!("check the spelling of `{}` and this machine's name servers", address.key()),
        ));
    }
    Ok(found)
}

/// The first of the addresses that answers; each starts a moment after the one before it, or as soon as that failed.
async fn tcp(address: &Address, found: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut waiting = found.iter();
    let mut trying = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(next) = waiting.next() {
            trying.push(TcpStream::connect(*next));
        } else if trying.is_empty() {
            return Err(unreachable_store(address, &last));
        }
        let stagger = async {
            if waiting.len() == 0 { std::future::pending().await } else { tokio::time::sleep(STAGGER).await }
        };
        tokio::select! {
            biased;
            Some(tried) = trying.next() => match tried {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = stagger => {}
        }
    }
}

fn unreachable_store(address: &Address, error: &io::Error) -> Failure {
    let what = format!("no connection to {address} ({error})");
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            let remedy = format!("see whether the store runs, and whether `{}` has its port", address.key());
            Failure::unavailable(what, remedy).retry(Retry::Once(REFUSED_PAUSE))
        }
        _ => Failure::unavailable(what, format!("check `{}`, the network and its firewalls", address.key())),
    }
}

fn refused_by_tls(route: &Route, error: &io::Error) -> Failure {
    let address = &route.address;
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) else {
        return Failure::unavailable(
            format!("{address} ended the TLS handshake ({})", error.kind()),
            "see whether this port speaks TLS, or whether http:// is meant",
        );
    };
    let TlsError::InvalidCertificate(wrong) = tls else {
        let what = format!("{address} does not complete a TLS handshake");
        let remedy = "see whether this port speaks TLS 1.2 or 1.3, or whether http:// is meant";
        return Failure::unavailable(what, remedy).retry(Retry::No);
    };
    let (why, remedy) = refused_certificate(route, wrong);
    Failure::unavailable(format!("the certificate of {address} {why}"), remedy).retry(Retry::No)
}

/// What is wrong with the server's certificate, and what to do.
fn refused_certificate(route: &Route, wrong: &CertificateError) -> (String, String) {
    use CertificateError as Wrong;
    let (why, remedy) = match wrong {
        // A bad signature: a trusted authority of the same name, but with another key.
        Wrong::UnknownIssuer | Wrong::BadSignature => {
            return match &route.ca {
                Some(ca) => (
                    format!("is signed by no certificate of {}", ca.display()),
                    format!("put the certificate of its authority into that file (`{}`)", route.ca_key),
                ),
                None => (
                    "is signed by an authority that is not trusted".into(),
                    format!("set `{}` to the certificate of that authority", route.ca_key),
                ),
            };
        }
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            ("has expired", "renew it on the server, and check this machine's clock")
        }
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            ("is not valid yet", "check this machine's clock")
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            let remedy = format!("write `{}` with a name that the certificate has", route.address.key());
            return ("is for another name".into(), remedy);
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
