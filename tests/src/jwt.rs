//! Signed JSON web tokens (RFC 7519), as an issuer of the kit's own makes them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// An issuer with a key of its own (ES256).
#[derive(Debug)]
pub struct Issuer(EcdsaKeyPair);

impl Issuer {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
        Self(key.expect("a key"))
    }

    /// Its public key, as PEM.
    #[must_use]
    pub fn public_key(&self) -> String {
        // SubjectPublicKeyInfo (RFC 5480) of a point on P-256.
        let head = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let whole = [&head[..], self.0.public_key().as_ref()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(whole))
    }

    /// A token with these claims, good from a minute ago until `lasts` seconds from now.
    #[must_use]
    pub fn sign(&self, claims: &Value, lasts: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let now = i64::try_from(now).expect("a time");
        let mut whole = json!({"iat": now - 60, "nbf": now - 60, "exp": now + lasts});
        whole.as_object_mut().expect("an object").extend(claims.as_object().expect("claims").clone());
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encode(&json!({"alg": "ES256", "typ": "JWT"})), encode(&whole));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}
