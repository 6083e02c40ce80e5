//! What it means when a handshake of TLS fails.

use std::io;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error as TlsError};

use super::{Proxy, Role, Route, chain, identity};
use crate::failure::{Failure, Retry};

/// Why there is no connection to the store.
pub(super) fn of_store(route: &Route, error: &io::Error) -> Failure {
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

/// Why there is no connection to a proxy that is spoken to over TLS.
pub(super) fn of_proxy(route: &Route, proxy: &Proxy, error: &io::Error) -> Failure {
    use CertificateError as Wrong;
    let (address, key) = (&proxy.address, proxy.address.key());
    let (why, remedy) = match tls_error(error) {
        Some(TlsError::InvalidCertificate(Wrong::UnknownIssuer | Wrong::BadSignature)) => {
            route.trust.missed()
        }
        Some(TlsError::InvalidCertificate(wrong)) => {
            (format!("is not valid ({wrong})"), format!("check the host in `{key}`, or have it issued anew"))
        }
        _ => {
            return Failure::unavailable(
                format!("the proxy {address} does not complete a TLS handshake"),
                format!("see whether http:// is meant in `{key}`, as it is for most proxies"),
            )
            .retry(Retry::No);
        }
    };
    Failure::unavailable(format!("the certificate of the proxy {address} {why}"), remedy).retry(Retry::No)
}

/// What is wrong with the server's certificate, and what to do.
fn refused_certificate(route: &Route, wrong: &CertificateError) -> (String, String) {
    use CertificateError as Wrong;
    let (why, remedy) = match wrong {
        // A bad signature: a trusted authority of the same name, but with another key.
        Wrong::UnknownIssuer | Wrong::BadSignature => return route.trust.missed(),
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            let since = match wrong {
                Wrong::ExpiredContext { not_after, time } => chain::ends(span(*not_after), span(*time)),
                _ => "expired".to_owned(),
            };
            return (format!("has {since}"), "renew it on the server, and check this machine's clock".into());
        }
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            ("is not valid yet", "check this machine's clock")
        }
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => return for_others(route, wrong),
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

/// What it means that the certificate is for other names than the server is asked by. Which they are is said to somebody
/// who watches alone: they are the server's words.
fn for_others(route: &Route, wrong: &CertificateError) -> (String, String) {
    if let CertificateError::NotValidForNameContext { presented, .. } = wrong {
        chain::note_names(&route.run, &chain::presented(presented));
    }
    match &route.server_name {
        Some(name) => (
            format!("is not for the name {name}"),
            "set `tls_server_name` to a name that the certificate has".into(),
        ),
        None if route.role == Role::Store => (
            "is for another name".into(),
            route.address.check(format!(
                "write `{}` with a name that the certificate has, or set `tls_server_name` to it",
                route.address.key()
            )),
        ),
        None => (
            "is for another name".into(),
            route
                .address
                .check(format!("write `{}` with a name that the certificate has", route.address.key())),
        ),
    }
}

fn span(time: UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// What TLS has against a connection, where it is TLS that has.
pub(super) fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}
