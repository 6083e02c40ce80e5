//! `auth = "client_certificate"`: an assertion signed with the key of a certificate (RFC 7523), by ring.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::rsa::KeyPair;
use ring::signature::RSA_PSS_SHA256;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secretref_protocol::{Failure, Secret, Settings, hex};

use super::pkcs12;
use crate::settings::{CLIENT_CERTIFICATE, CLIENT_CERTIFICATE_PASSWORD};

/// How long an assertion is valid, in seconds.
const LASTS: u64 = 600;

/// A certificate and its key.
pub(super) struct Certificate {
    key: KeyPair,
    /// The SHA-256 hash of the certificate, by which Entra finds it.
    thumbprint: Vec<u8>,
    /// The file as text, which a cached token belongs to.
    text: Secret,
    origin: String,
}

impl Certificate {
    /// Reads the certificate and its key from the file at `path`: PEM or PKCS#12.
    pub(super) fn from_settings(settings: &Settings, path: &Path) -> Result<Self, Failure> {
        let bytes = settings.read_private(path, CLIENT_CERTIFICATE.key)?;
        let (certificates, key) = if pkcs12::is_it(&bytes) {
            let password = settings.credential(&CLIENT_CERTIFICATE_PASSWORD)?.map(|(password, _)| password);
            pkcs12::open(&bytes, password.as_ref().map_or("", Secret::expose), path)?
        } else {
            pem(&bytes, path)?
        };
        let key = rsa(&key, path)?;
        let certificate = of_key(&certificates, &key).ok_or_else(|| {
            wrong(
                path,
                "has a key that belongs to none of its certificates",
                "write a certificate and its own key into it",
            )
        })?;
        let text = Secret::new(BASE64.encode(&bytes));
        let thumbprint = digest(&SHA256, certificate).as_ref().to_vec();
        Ok(Self { key, thumbprint, text, origin: path.display().to_string() })
    }

    pub(super) fn credential(&self) -> &[u8] {
        self.text.expose().as_bytes()
    }

    /// The file and the thumbprint, for a message.
    pub(super) fn origin(&self) -> String {
        format!("{} (SHA-256 {})", self.origin, hex(&self.thumbprint))
    }

    /// Signs an assertion that this is `client`, for the service at `audience`.
    /// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>
    pub(super) fn assertion(&self, client: &str, audience: &str) -> Result<Secret, Failure> {
        let random = SystemRandom::new();
        let mut id = [0; 16];
        let failed = |_| Failure::internal("no random bytes, or no signature");
        random.fill(&mut id).map_err(failed)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let head =
            serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": BASE64.encode(&self.thumbprint)});
        let claims = serde_json::json!({
            "aud": audience, "iss": client, "sub": client, "jti": hex(&id), "nbf": now, "exp": now + LASTS,
        });
        let text = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &random, text.as_bytes(), &mut signature).map_err(failed)?;
        Ok(Secret::new(format!("{text}.{}", BASE64.encode(signature))))
    }
}

/// The certificate of a key. A file may have its authorities, too, in any order. The key in a certificate is written as here
/// (RFC 8017, appendix A.1.1).
fn of_key<'c>(
    certificates: &'c [CertificateDer<'static>],
    key: &KeyPair,
) -> Option<&'c CertificateDer<'static>> {
    let public = key.public().as_ref();
    certificates.iter().find(|certificate| certificate.windows(public.len()).any(|part| part == public))
}

/// The certificates and the key of a file.
type Found = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn pem(bytes: &[u8], path: &Path) -> Result<Found, Failure> {
    let both = "write the certificate and its key into it, both as PEM";
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(bytes).flatten().collect();
    if certificates.is_empty() {
        return Err(wrong(path, "has no certificate in PEM", both));
    }
    let key = PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        wrong(
            path,
            "has no key in PEM, or one with a passphrase",
            "write the key into it without a passphrase: openssl rsa -in KEY",
        )
    })?;
    Ok((certificates, key))
}

/// The key, which Entra only takes if it is RSA.
fn rsa(key: &PrivateKeyDer<'_>, path: &Path) -> Result<KeyPair, Failure> {
    let pair = match key {
        PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
        _ => {
            return Err(wrong(
                path,
                "has a key that is not RSA",
                "use a certificate with an RSA key: Entra takes no other",
            ));
        }
    };
    pair.map_err(|_| {
        wrong(
            path,
            "has no RSA key of 2048 to 4096 bits",
            "use a certificate with such a key: Entra takes no other",
        )
    })
}

fn wrong(path: &Path, why: &str, remedy: &str) -> Failure {
    Failure::misconfigured(format!("{} {why}", path.display()), remedy.to_owned())
}
