//! The client certificate and its key, for a server that asks for one.

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
use super::settings::{CLIENT_CERT, CLIENT_KEY};
use crate::failure::{Failure, Kind};
use crate::file;
use crate::run::Run;
use crate::settings::{Settings, warn_if_exposed};

/// A client certificate and its key, as PEM files.
#[derive(Debug)]
pub struct ClientIdentity {
    certificate: PathBuf,
    key: PathBuf,
    /// What messages call the settings of both.
    called: (&'static str, &'static str),
    /// The user that this process runs as.
    uid: u32,
}

impl ClientIdentity {
    /// Takes the paths from `client_cert` and `client_key`; reads no file.
    ///
    /// # Errors
    /// `MISCONFIGURED` if only one of them is set.
    pub fn from_settings(settings: &Settings) -> Result<Option<Self>, Failure> {
        let called = (settings.called(&CLIENT_CERT), settings.called(&CLIENT_KEY));
        let alone = |set: &str, unset: &str| {
            Failure::misconfigured(
                format!("`{set}` is set and `{unset}` is not"),
                "set both, or neither; they may name the same file",
            )
        };
        match (settings.path(&CLIENT_CERT)?, settings.path(&CLIENT_KEY)?) {
            (Some(certificate), Some(key)) => {
                Ok(Some(Self { certificate, key, called, uid: settings.uid() }))
            }
            (Some(_), None) => Err(alone(called.0, CLIENT_KEY.key)),
            (None, Some(_)) => Err(alone(called.1, CLIENT_CERT.key)),
            (None, None) => Ok(None),
        }
    }

    /// Reads both files, and warns in `run` if other users may read the key.
    ///
    /// The certificate is sent whichever authorities the server lists, as Vault's own client does: one that is used to sign
    /// in need not be signed by any of them.
    pub(super) fn load(&self, run: &Run) -> Result<Arc<dyn ResolvesClientCert>, Failure> {
        let chain = chain(&self.certificate, self.called.0)?;
        let key = self.read_key(run)?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        Ok(Arc::new(SingleCertAndKey::from(certified.map_err(|error| self.not_a_pair(&error))?)))
    }

    fn read_key(&self, run: &Run) -> Result<PrivateKeyDer<'static>, Failure> {
        let (text, metadata) = file::read_with_metadata(&self.key, self.called.1)?;
        warn_if_exposed(run, self.uid, &self.key, &metadata);
        PrivateKeyDer::from_pem_slice(pem(&text).unwrap_or_default()).map_err(|_| {
            let remedy = "write it as PEM: PKCS#8, PKCS#1 or SEC1, without a passphrase";
            wrong(&self.key, self.called.1, "contains no readable private key", remedy)
        })
    }

    fn not_a_pair(&self, error: &Error) -> Failure {
        let (certificate_key, key_key) = self.called;
        match error {
            Error::InconsistentKeys(_) => Failure::misconfigured(
                format!(
                    "the key in {} (`{key_key}`) does not belong to the certificate in {} (`{certificate_key}`)",
                    self.key.display(),
                    self.certificate.display()
                ),
                "set both to the files of one pair, with the client's own certificate first in its file",
            ),
            Error::InvalidCertificate(_) => wrong(
                &self.certificate,
                certificate_key,
                "contains a certificate that cannot be read",
                "have a new certificate issued",
            ),
            _ => wrong(
                &self.key,
                key_key,
                "contains an unsupported type of private key",
                "use RSA of 2048 bits or more, ECDSA on P-256 or P-384, or Ed25519",
            ),
        }
    }
}

fn chain(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let wrong = |why: &str| wrong(path, key, why, "set it to a PEM file with the client's certificate");
    let text = file::read(path, key)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem(&text).unwrap_or_default()).collect();
    let chain = chain.map_err(|_| wrong("is not valid PEM"))?;
    if chain.is_empty() { Err(wrong("contains no certificate")) } else { Ok(chain) }
}

fn wrong(path: &Path, key: &str, why: &str, remedy: &str) -> Failure {
    Failure::misconfigured(format!("{}, which `{key}` names, {why}", path.display()), remedy)
}

/// Returns the failure for an alert about the client's certificate (RFC 8446 §6.2), and nothing for other alerts. With
/// TLS 1.3 such an alert arrives after the handshake.
pub(super) fn refused(route: &Route, alert: Alert) -> Option<Failure> {
    let why = match alert {
        Alert::CertificateRequired
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::AccessDenied => "",
        Alert::UnknownCA => " (it does not trust the CA)",
        Alert::CertificateExpired => " (expired)",
        Alert::CertificateRevoked => " (revoked)",
        // The server trusts a CA of the same name with another key.
        Alert::DecryptError if route.identity.is_some() => "",
        _ => return None,
    };
    Some(match &route.identity {
        Some(identity) => Failure::new(
            Kind::Unauthenticated,
            format!("{route} rejected the client certificate in {}{why}", identity.certificate.display()),
            format!("set `{}` and `{}` to one that the server trusts", identity.called.0, identity.called.1),
        ),
        None => Failure::new(
            Kind::Unauthenticated,
            format!("{route} requires a client certificate"),
            format!("set `{}` and `{}`", CLIENT_CERT.key, CLIENT_KEY.key),
        ),
    })
}
