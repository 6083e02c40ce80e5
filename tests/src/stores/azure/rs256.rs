//! JSON web tokens signed with RSA (RFC 7515, RFC 7518 §3.3), by a key of the kit's own.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// The key of Entra, made with openssl for this kit alone: ring signs with RSA, but makes no keys.
pub const ENTRA: &str = include_str!("keys/entra.pem");
/// The key of a client, and of a cluster that Entra trusts.
pub const CLIENT: &str = include_str!("keys/client.pem");

/// An issuer of tokens.
#[derive(Debug)]
pub struct Issuer(KeyPair);

impl Issuer {
    /// The issuer with this key.
    pub fn new(pem: &str) -> Self {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
        Self(KeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("an RSA key"))
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let encode = |part: &Value| BASE64.encode(part.to_string());
        let text =
            format!("{}.{}", encode(&json!({"alg": "RS256", "typ": "JWT", "kid": "kit"})), encode(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature);
        signed.expect("a signature");
        format!("{text}.{}", BASE64.encode(signature))
    }

    /// The header and the claims of a token that this key has signed and whose time it is.
    pub fn verify(&self, token: &str) -> Option<(Value, Value)> {
        let (text, signature) = token.rsplit_once('.')?;
        let (head, claims) = text.split_once('.')?;
        let part = |part: &str| serde_json::from_slice::<Value>(&BASE64.decode(part).ok()?).ok();
        let (head, claims) = (part(head)?, part(claims)?);
        let algorithm: &dyn VerificationAlgorithm = match head["alg"].as_str()? {
            "RS256" => &RSA_PKCS1_2048_8192_SHA256,
            "PS256" => &RSA_PSS_2048_8192_SHA256,
            _ => return None,
        };
        let key = UnparsedPublicKey::new(algorithm, self.0.public_key().as_ref());
        key.verify(text.as_bytes(), &BASE64.decode(signature).ok()?).ok()?;
        Some((head, claims))
    }
}

/// Whether it is between the `nbf` and the `exp` of the claims.
pub fn is_time_of(claims: &Value) -> bool {
    let time = |claim: &str| claims[claim].as_u64();
    time("nbf").is_none_or(|start| start <= now()) && time("exp").is_some_and(|end| now() < end)
}

/// The time in seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}
