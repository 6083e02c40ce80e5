//! The failure for a TLS handshake that did not complete.

use std::io;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error as TlsError};

use super::roots::{Roots, TrustAnchors, is_of_system};
use super::verifier::{self, Shown};
use super::{Address, Proxy, Role, Route, certificate_info, client_identity};
use crate::failure::{Failure, Retry};

/// Returns the failure for the server's own handshake. `shown` is the certificate that the server sent.
pub(super) fn from_store(route: &Route, error: &io::Error, shown: Option<Shown>) -> Failure {
    match tls_error(error) {
        None => Failure::unavailable(
            format!("{route} ended the TLS handshake ({})", error.kind()),
            "check that this port speaks TLS and is the right one, or use http:// if it has no TLS",
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
            "check that this port speaks TLS 1.2 or 1.3 and is the right one, or use http:// if it has no TLS",
        )
        .with_retry(Retry::No),
    }
}

/// Returns the failure for a handshake with an https proxy.
pub(super) fn from_proxy(route: &Route, proxy: &Proxy, error: &io::Error) -> Failure {
    use CertificateError as Wrong;
    let (address, key) = (&proxy.address, proxy.address.key());
    let (why, remedy) = match tls_error(error) {
        Some(TlsError::InvalidCertificate(wrong)) => match wrong {
            Wrong::UnknownIssuer | Wrong::BadSignature => unknown_issuer(&route.trust, None),
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                ("is for another name".to_owned(), format!("check the host in `{key}`"))
            }
            other => flaw(other, address),
        },
        _ => {
            return Failure::unavailable(
                format!("the proxy {address} does not complete a TLS handshake"),
                format!("try http:// in `{key}`, which most proxies use"),
            )
            .with_retry(Retry::No);
        }
    };
    Failure::unavailable(format!("the certificate of the proxy {address} {why}"), remedy)
        .with_retry(Retry::No)
}

/// Explains why the server's certificate was refused, and how to fix it.
fn refused_certificate(route: &Route, wrong: &CertificateError, shown: Option<Shown>) -> (String, String) {
    use CertificateError as Wrong;
    match wrong {
        // The signature of the handshake: the certificate itself was accepted.
        Wrong::BadSignature if shown.is_none() => (
            "does not match the server's private key".into(),
            "configure the server with the key of its certificate, or check which machine answers at this address".into(),
        ),
        // A bad signature: a trusted CA has the same name and another key.
        Wrong::UnknownIssuer | Wrong::BadSignature => unknown_issuer(&route.trust, shown),
        // A CA certificate, such as `openssl req -x509` creates.
        _ if shown == Some(Shown::SelfSigned) && verifier::may_sign(wrong) => unknown_issuer(&route.trust, shown),
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => wrong_name(route, wrong),
        other => flaw(other, &route.address),
    }
}

/// Explains a flaw of a certificate, of the server or a proxy at `address`, and how to fix it.
fn flaw(wrong: &CertificateError, address: &Address) -> (String, String) {
    use CertificateError as Wrong;
    use webpki::Error as Cause;
    let again = |how: &str| format!("reissue it {how}");
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
            let with = if is_sha_1(signature_algorithm_id) { "SHA-1" } else { "an unsupported algorithm" };
            (format!("is signed with {with}, or that of its CA is"), again("with SHA-256"))
        }
        Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => {
            ("is not for servers".into(), again("with serverAuth in its extendedKeyUsage"))
        }
        other => match verifier::cause(other) {
            Some(Cause::UnsupportedCertVersion) => (
                "has X.509 version 1 or 2".into(),
                again("as version 3, with the server's name in subjectAltName"),
            ),
            Some(Cause::CaUsedAsEndEntity) => (
                "is a CA certificate".into(),
                "have a certificate issued for the server, or set `ca_cert` to a copy of the server's own"
                    .into(),
            ),
            _ => {
                let place = address.host_and_port();
                let look = format!("echo | openssl s_client -connect {place} | openssl x509 -noout -text");
                ("is not valid".into(), format!("reissue it; to inspect it: {look}"))
            }
        },
    }
}

/// Whether the object identifier is that of a signature with SHA-1: by RSA (RFC 8017 §A.2.4) or ECDSA (RFC 3279 §2.2.3).
fn is_sha_1(algorithm: &[u8]) -> bool {
    let rsa = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05";
    let ecdsa = b"\x2a\x86\x48\xce\x3d\x04\x01";
    [&rsa[..], ecdsa].iter().any(|number| algorithm.windows(number.len()).any(|window| window == *number))
}

/// Explains a certificate for another name. Only `doctor` shows the names in it, because the server chose their text.
fn wrong_name(route: &Route, wrong: &CertificateError) -> (String, String) {
    if let CertificateError::NotValidForNameContext { presented, .. } = wrong {
        if presented.is_empty() {
            return (
                "has no subjectAltName, and a name in its subject alone does not count".into(),
                "reissue it with the server's name or IP address in subjectAltName".into(),
            );
        }
        certificate_info::record_names(&route.run, &certificate_info::presented(presented));
    }
    match &route.server_name {
        Some(name) => (
            format!("is not for the name {name}"),
            "set `tls_server_name` to a name in the certificate (`doctor --names` shows them)".into(),
        ),
        None if route.role == Role::Store => (
            "is for another name".into(),
            route.address.check(format!(
                "use a name in the certificate (`doctor --names` shows them) in `{}`, or set `tls_server_name` to it",
                route.address.key()
            )),
        ),
        None => (
            "is for another name".into(),
            route
                .address
                .check(format!("use a name in the certificate (`doctor --names` shows them) in `{}`", route.address.key())),
        ),
    }
}

fn span(time: UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// Returns the TLS error in an error of a stream, if there is one.
pub(super) fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

/// Explains that no trusted CA signed the certificate: the end of the sentence "the certificate of … ", and the hint to fix it.
fn unknown_issuer(trust: &TrustAnchors, shown: Option<Shown>) -> (String, String) {
    let is_own = shown == Some(Shown::SelfSigned);
    let whose = if is_own { "the server's own certificate" } else { "the certificate of its CA" };
    let own = if matches!(trust.roots, Roots::Bundle(_)) { "ca_cert" } else { trust.key };
    let place = match &trust.roots {
        Roots::System => None,
        Roots::File(path) | Roots::Bundle(path) if is_of_system(path) => {
            Some((path.display().to_string(), None))
        }
        Roots::Bundle(path) => Some((path.display().to_string(), None)),
        Roots::File(path) => Some((path.display().to_string(), Some("that file"))),
        Roots::Folder(path) => Some((path.display().to_string(), Some("that folder"))),
        Roots::Text(_) | Roots::Unchecked => Some((format!("`{}`", trust.key), Some("it"))),
    };
    let why = match &place {
        None if is_own => "is self-signed, and is not trusted".to_owned(),
        None => "is signed by a CA that is not trusted".to_owned(),
        Some((place, _)) if is_own => format!("is self-signed, and is not in {place}"),
        Some((place, _)) => format!("is not signed by any CA in {place}"),
    };
    let remedy = match place.and_then(|(_, into)| into) {
        Some(into) => format!("add {whose} to {into} (`{}`)", trust.key),
        None if is_own => format!("set `{own}` to a copy of {whose}"),
        None => format!("set `{own}` to the certificate of that CA"),
    };
    let alone = match shown {
        Some(Shown::Alone) => {
            "; the server sends no CA certificate: if an intermediate CA signed its own, configure the server to send \
             that one too"
        }
        _ => "",
    };
    (why, remedy + alone)
}
