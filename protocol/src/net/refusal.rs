//! What it means when a handshake of TLS fails.

use std::io;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error as TlsError};

use super::verifier::{self, Shown};
use super::{Address, Proxy, Role, Route, certificate_info, client_identity};
use crate::failure::{Failure, Retry};

/// Why there is no connection to the store, which showed this.
pub(super) fn from_store(route: &Route, error: &io::Error, shown: Option<Shown>) -> Failure {
    match tls_error(error) {
        None => Failure::unavailable(
            format!("{route} ended the TLS handshake ({})", error.kind()),
            "see whether this port speaks TLS, or whether http:// is meant",
        ),
        Some(TlsError::InvalidCertificate(wrong)) => {
            let (why, remedy) = refused_certificate(route, wrong, shown);
            Failure::unavailable(format!("the certificate of {route} {why}"), remedy).with_retry(Retry::No)
        }
        Some(TlsError::AlertReceived(alert))
            if let Some(failure) = client_identity::refused(route, *alert) =>
        {
            failure
        }
        Some(_) => Failure::unavailable(
            format!("{route} does not complete a TLS handshake"),
            "see whether this port speaks TLS 1.2 or 1.3, or whether http:// is meant",
        )
        .with_retry(Retry::No),
    }
}

/// Why there is no connection to a proxy that is spoken to over TLS.
pub(super) fn from_proxy(route: &Route, proxy: &Proxy, error: &io::Error) -> Failure {
    use CertificateError as Wrong;
    let (address, key) = (&proxy.address, proxy.address.key());
    let (why, remedy) = match tls_error(error) {
        Some(TlsError::InvalidCertificate(wrong)) => match wrong {
            Wrong::UnknownIssuer | Wrong::BadSignature => route.trust.missed(None),
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                ("is for another name".to_owned(), format!("check the host in `{key}`"))
            }
            other => flaw(other, address),
        },
        _ => {
            return Failure::unavailable(
                format!("the proxy {address} does not complete a TLS handshake"),
                format!("see whether http:// is meant in `{key}`, as it is for most proxies"),
            )
            .with_retry(Retry::No);
        }
    };
    Failure::unavailable(format!("the certificate of the proxy {address} {why}"), remedy)
        .with_retry(Retry::No)
}

/// What is wrong with the server's certificate, and what to do.
fn refused_certificate(route: &Route, wrong: &CertificateError, shown: Option<Shown>) -> (String, String) {
    use CertificateError as Wrong;
    match wrong {
        // That of the handshake: there was nothing against the certificate.
        Wrong::BadSignature if shown.is_none() => (
            "belongs to another key than the server has".into(),
            "give the server the key of its certificate, or see which machine answers there".into(),
        ),
        // A bad signature: a trusted authority of the same name, but with another key.
        Wrong::UnknownIssuer | Wrong::BadSignature => route.trust.missed(shown),
        // A certificate that may sign others, as `openssl req -x509` makes it.
        _ if shown == Some(Shown::SelfSigned) && verifier::may_sign(wrong) => route.trust.missed(shown),
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => for_others(route, wrong),
        other => flaw(other, &route.address),
    }
}

/// What is wrong with a certificate, whoever shows it, and what to do.
fn flaw(wrong: &CertificateError, address: &Address) -> (String, String) {
    use CertificateError as Wrong;
    use webpki::Error as Cause;
    let again = |how: &str| format!("have it issued again {how}");
    match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } => {
            let since = match wrong {
                Wrong::ExpiredContext { not_after, time } => {
                    certificate_info::ends(span(*not_after), span(*time))
                }
                _ => "expired".to_owned(),
            };
            (format!("has {since}"), "renew it on the server, and check this machine's clock".into())
        }
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            ("is not valid yet".into(), "check this machine's clock".into())
        }
        Wrong::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            let with =
                if is_sha_1(signature_algorithm_id) { "SHA-1" } else { "an algorithm that is not supported" };
            (format!("is signed with {with}, or the one of its authority is"), again("with SHA-256"))
        }
        Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => (
            "is not one for a server".into(),
            again("with serverAuth among the purposes of its key (extendedKeyUsage)"),
        ),
        other => match verifier::cause(other) {
            Some(Cause::UnsupportedCertVersion) => (
                "is of X.509 version 1 or 2".into(),
                again("as version 3, with the server's name in subjectAltName"),
            ),
            Some(Cause::CaUsedAsEndEntity) => (
                "is the one of an authority".into(),
                "have a certificate issued for the server, or set `ca_cert` to a copy of the server's own"
                    .into(),
            ),
            _ => {
                let place = address.host_and_port();
                let look = format!("echo | openssl s_client -connect {place} | openssl x509 -noout -text");
                ("is not valid".into(), format!("look at it, and have it issued again: {look}"))
            }
        },
    }
}

/// Whether it is the number of a signature by SHA-1: with RSA (RFC 8017 §A.2.4) or with ECDSA (RFC 3279 §2.2.3).
fn is_sha_1(algorithm: &[u8]) -> bool {
    let rsa = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05";
    let ecdsa = b"\x2a\x86\x48\xce\x3d\x04\x01";
    [&rsa[..], ecdsa].iter().any(|number| algorithm.windows(number.len()).any(|window| window == *number))
}

/// What it means that the certificate is for other names than the server is asked by. Which they are is said to somebody
/// who watches alone: they are the server's words.
fn for_others(route: &Route, wrong: &CertificateError) -> (String, String) {
    if let CertificateError::NotValidForNameContext { presented, .. } = wrong {
        certificate_info::record_names(&route.run, &certificate_info::presented(presented));
    }
    match &route.server_name {
        Some(name) => (
            format!("is not for the name {name}"),
            "set `tls_server_name` to a name that the certificate has (`doctor --names` shows them)".into(),
        ),
        None if route.role == Role::Store => (
            "is for another name".into(),
            route.address.check(format!(
                "write `{}` with a name that the certificate has (`doctor --names` shows them), or set \
                 `tls_server_name` to it",
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
