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
use secretref_protocol::{Failure, Secret, hex};

/// How long an assertion is valid, in seconds.
const LASTS: u64 = 600;

/// A certificate and its key.
pub(super) struct Certificate {
    key: KeyPair,
    /// The SHA-256 hash of the certificate, by which Entra finds it.
    thumbprint: Vec<u8>,
    /// The text of the file, which a cached token belongs to.
    text: Secret,
    origin: String,
}

impl Certificate {
    /// Reads a certificate and an RSA key from PEM.
    pub(super) fn from_pem(text: Secret, path: &Path) -> Result<Self, Failure> {
        let origin = path.display().to_string();
        let wrong =
            |why: &str, remedy: &str| Failure::misconfigured(format!("{origin} {why}"), remedy.to_owned());
        let both = "write the certificate and its key into it, both as PEM";
        let pem = text.expose().as_bytes();
        let certificate =
            CertificateDer::from_pem_slice(pem).map_err(|_| wrong("has no certificate in PEM", both))?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
            wrong(
                "has no key in PEM, or one with a passphrase",
                "write the key into it without a passphrase: openssl rsa -in KEY",
            )
        })?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(key) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => KeyPair::from_der(key.secret_pkcs1_der()),
            _ => {
                return Err(wrong(
                    "has a key that is not RSA",
                    "use a certificate with an RSA key: Entra takes no other",
                ));
            }
        };
        let key = key.map_err(|_| {
            wrong(
                "has no RSA key of 2048 to 4096 bits",
                "use a certificate with such a key: Entra takes no other",
            )
        })?;
        let thumbprint = digest(&SHA256, &certificate).as_ref().to_vec();
        Ok(Self { key, thumbprint, text, origin })
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
