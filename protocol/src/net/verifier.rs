//! Verifies a server's certificate, as the TLS library does, with one safe exception.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use super::roots::Anchors;
use crate::failure::Failure;

/// The verifier of the library, with one exception. The library refuses a CA certificate as that of a server, even if a
/// setting names it, and `openssl req -x509` creates such certificates. This verifier accepts one that a setting names and
/// that is equal byte by byte. Its validity, its names and the signature of the handshake are checked as usual.
#[derive(Debug)]
pub(super) struct Verifier {
    library: Arc<WebPkiServerVerifier>,
    anchors: Arc<Anchors>,
    /// The certificate of the first server that was refused.
    refused: OnceLock<Shown>,
}

/// What a refused server sent, for the hint about an unknown issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A self-signed certificate.
    SelfSigned,
    /// A certificate without any CA certificate.
    Alone,
    /// A certificate and those of CAs.
    Chain,
}

impl Verifier {
    pub(super) fn new(anchors: Arc<Anchors>, provider: Arc<CryptoProvider>) -> Result<Self, Failure> {
        let library = WebPkiServerVerifier::builder_with_provider(Arc::clone(&anchors.store), provider);
        let library =
            library.build().map_err(|_| Failure::internal("the TLS library accepts no trust anchors"))?;
        Ok(Self { library, anchors, refused: OnceLock::new() })
    }

    /// Returns the trusted authorities.
    pub(super) fn store(&self) -> &Arc<RootCertStore> {
        &self.anchors.store
    }

    /// Returns what the first refused server sent, if its certificate could be read.
    pub(super) fn refused(&self) -> Option<Shown> {
        self.refused.get().copied()
    }
}

/// Returns the cause of an error that has no variant of its own in `CertificateError`.
pub(super) fn cause(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

/// Whether a certificate was refused because it is a CA certificate. The library checks its validity before that.
pub(super) fn may_sign(error: &CertificateError) -> bool {
    matches!(cause(error), Some(webpki::Error::CaUsedAsEndEntity))
}

fn shown(first: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Option<Shown> {
    let certificate = EndEntityCert::try_from(first).ok()?;
    Some(match others {
        _ if certificate.issuer() == certificate.subject() => Shown::SelfSigned,
        [] => Shown::Alone,
        _ => Shown::Chain,
    })
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self.library.verify_server_cert(first, others, name, ocsp, now);
        let Err(Error::InvalidCertificate(wrong)) = &checked else { return checked };
        if may_sign(wrong) && self.anchors.named.contains(first) {
            verify_server_name(&ParsedCertificate::try_from(first)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        if let Some(shown) = shown(first, others) {
            let _ = self.refused.set(shown);
        }
        checked
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.library.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.library.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.library.supported_verify_schemes()
    }
}
