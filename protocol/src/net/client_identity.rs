//! Who the client is, for a server that asks for a certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription as Alert, Error};

use super::Route;
use super::roots::pem;
use crate::failure::{Failure, Kind};
use crate::file;
use crate::settings::Settings;

/// The settings of the two files.
const CERTIFICATE: &str = "client_cert";
const KEY: &str = "client_key";

/// A certificate and its key, as PEM files.
#[derive(Debug)]
pub struct ClientIdentity {
    certificate: PathBuf,
    key: PathBuf,
    /// What messages call the settings of both.
    called: (&'static str, &'static str),
}

impl ClientIdentity {
    /// What the settings `client_cert` and `client_key` name; one without the other is a mistake.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, Failure> {
        let called = (settings.called(CERTIFICATE), settings.called(KEY));
        let alone = |set: &str, unset: &str| {
            Failure::misconfigured(
                format!("`{set}` is set and `{unset}` is not"),
                "set both, or neither; they may name the same file",
            )
        };
        match (settings.path(CERTIFICATE)?, settings.path(KEY)?) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key, called })),
            (Some(_), None) => Err(alone(called.0, KEY)),
            (None, Some(_)) => Err(alone(called.1, CERTIFICATE)),
            (None, None) => Ok(None),
        }
    }

    /// Reads both files. The certificate is shown whatever authorities the server lists, as Vault's own client does:
    /// a certificate to sign in with need not be signed by one of them.
    pub(super) fn load(&self) -> Result<Arc<dyn ResolvesClientCert>, Failure> {
        let chain = chain(&self.certificate, self.called.0)?;
        let (certificate_key, key_key) = self.called;
        let text = file::read(&self.key, key_key)?;
        let key = PrivateKeyDer::from_pem_slice(pem(&text).unwrap_or_default()).map_err(|_| {
            let why = "holds no private key that can be read";
            wrong(&self.key, key_key, why, "write it as PEM: PKCS#8, PKCS#1 or SEC1, without a passphrase")
        })?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let certified = certified.map_err(|error| match error {
            Error::InconsistentKeys(_) => Failure::misconfigured(
                format!(
                    "the key in {} (`{key_key}`) does not belong to the certificate in {} (`{certificate_key}`)",
                    self.key.display(),
                    self.certificate.display()
                ),
                "name the two files of one pair, the client's own certificate first in its file",
            ),
            Error::InvalidCertificate(_) => wrong(
                &self.certificate,
                certificate_key,
                "holds a certificate that cannot be read",
                "have it issued anew",
            ),
            _ => wrong(
                &self.key,
                key_key,
                "holds a private key of an unknown kind",
                "use RSA of 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519",
            ),
        })?;
        Ok(Arc::new(SingleCertAndKey::from(certified)))
    }
}

fn chain(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let wrong = |why: &str| wrong(path, key, why, "name a PEM file with the client's certificate");
    let text = file::read(path, key)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem(&text).unwrap_or_default()).collect();
    let chain = chain.map_err(|_| wrong("is not PEM throughout"))?;
    if chain.is_empty() { Err(wrong("holds no certificate")) } else { Ok(chain) }
}

fn wrong(path: &Path, key: &str, why: &str, remedy: &str) -> Failure {
    Failure::misconfigured(format!("{}, which `{key}` names, {why}", path.display()), remedy)
}

/// What the server says of the client's certificate, if that is what its alert is about (RFC 8446 §6.2). Over TLS 1.3
/// it comes only after the handshake.
pub(super) fn refused(route: &Route, alert: Alert) -> Option<Failure> {
    let why = match alert {
        Alert::CertificateRequired
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::AccessDenied => "",
        Alert::UnknownCA => " (it does not trust its authority)",
        Alert::CertificateExpired => " (expired)",
        Alert::CertificateRevoked => " (revoked)",
        // An authority of the same name, but with another key.
        Alert::DecryptError if route.identity.is_some() => "",
        _ => return None,
    };
    Some(match &route.identity {
        Some(identity) => Failure::new(
            Kind::Unauthenticated,
            format!(
                "{route} does not accept the client certificate in {}{why}",
                identity.certificate.display()
            ),
            format!("set `{}` and `{}` to one that the server trusts", identity.called.0, identity.called.1),
        ),
        None => Failure::new(
            Kind::Unauthenticated,
            format!("{route} asks for a client certificate"),
            format!("set `{CERTIFICATE}` and `{KEY}`"),
        ),
    })
}
