//! A certificate and its key in a PKCS#12 file (RFC 7292), as Windows and Key Vault export them.

use std::path::Path;

use p12_keystore::error::Error;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secretref_protocol::Failure;

use crate::settings::CLIENT_CERTIFICATE_PASSWORD_FILE;

/// Whether a file begins as a DER sequence does, as PKCS#12 is one.
pub(super) fn is_it(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30)
}

/// Returns the certificates and the key. An empty password opens a file without one.
pub(super) fn open(
    bytes: &[u8],
    password: &str,
    path: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Failure> {
    let store = KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Strict);
    let store = store.map_err(|error| unopened(&error, password, path))?;
    let pair = store.private_key_chain().map(|(_, chain)| {
        let certificates = chain.certs().iter().map(|one| CertificateDer::from(one.as_der().to_vec()));
        (certificates.collect(), PrivateKeyDer::Pkcs8(chain.key().as_der().to_vec().into()))
    });
    pair.ok_or_else(|| {
        Failure::misconfigured(
            format!("{} has no certificate with its key", path.display()),
            "export the certificate together with its private key",
        )
    })
}

fn unopened(error: &Error, password: &str, path: &Path) -> Failure {
    let (file, key) = (path.display(), CLIENT_CERTIFICATE_PASSWORD_FILE.key);
    match error {
        Error::MacError(_) if password.is_empty() => Failure::misconfigured(
            format!("{file} needs a password"),
            format!("write it to a file, and set `{key}` to that"),
        ),
        Error::MacError(_) => Failure::misconfigured(
            format!("the password does not open {file}"),
            format!("check the file that `{key}` names, or export the certificate again"),
        ),
        _ => Failure::misconfigured(
            format!("{file} is not PKCS#12, or is encrypted in a way that is not known here"),
            format!("convert it to PEM: openssl pkcs12 -legacy -noenc -in {file} -out client.pem"),
        ),
    }
}
