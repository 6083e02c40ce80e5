//! Checks the certificate that a server shows: as the library does, and takes one more that is safe.

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

/// The check of the library, which refuses a certificate that may sign others as a server's own, even one that a setting
/// names. `openssl req -x509` makes such certificates. Here one of those that a setting names, byte by byte, is taken: its
/// time, its names and the signature of the handshake are checked as for any other.
#[derive(Debug)]
pub(super) struct Verifier {
    library: Arc<WebPkiServerVerifier>,
    anchors: Arc<Anchors>,
    /// What the first refused server showed.
    refused: OnceLock<Shown>,
}

/// What there is to say of a certificate with an unknown issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It says that it has signed itself.
    SelfSigned,
    /// No certificate of an authority came with it.
    Alone,
    /// Neither.
    Chain,
}

impl Verifier {
    pub(super) fn new(anchors: Arc<Anchors>, provider: Arc<CryptoProvider>) -> Result<Self, Failure> {
        let library = WebPkiServerVerifier::builder_with_provider(Arc::clone(&anchors.store), provider);
        let library = library.build().map_err(|_| Failure::internal("nothing to check certificates by"))?;
        Ok(Self { library, anchors, refused: OnceLock::new() })
    }

    /// The trusted authorities.
    pub(super) fn store(&self) -> &Arc<RootCertStore> {
        &self.anchors.store
    }

    /// What a refused server showed, if its certificate could be read.
    pub(super) fn refused(&self) -> Option<Shown> {
        self.refused.get().copied()
    }
}

/// What the library has against a certificate, where the type for everybody has no word for it.
pub(super) fn cause(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

/// Whether what is against it is that it may sign others. The library looks at its time before that.
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
