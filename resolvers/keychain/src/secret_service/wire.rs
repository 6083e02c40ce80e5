//! How values are sent over the bus: in plain, on a socket that only this user and the bus can read; or encrypted, so that a
//! program that monitors the bus cannot read them.
//!
//! <https://specifications.freedesktop.org/secret-service/latest/transfer-secrets.html>

use std::fmt;

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use crypto_bigint::modular::constant_mod::ResidueParams;
use crypto_bigint::{Encoding as _, U1024, const_residue, impl_modulus};
use hkdf::Hkdf;
use rustix::rand::{GetRandomFlags, getrandom};
use secretref_protocol::{Failure, Kind, Secret};
use sha2::Sha256;
use zbus::{OwnedObjectPath, OwnedVariant, Variant};
use zeroize::Zeroizing;

/// A value on the bus: session, parameters, value, content type.
pub(super) type Wired = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// The kind of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    Encrypted,
}

/// What this side sends to open a session.
pub(super) enum Offer {
    Plain,
    /// The private half of a key.
    Encrypted(Zeroizing<[u8; EXPONENT]>),
}

/// An open session.
pub(super) struct Session {
    path: OwnedObjectPath,
    key: Option<Zeroizing<[u8; 16]>>,
}

// The second Oakley group, RFC 2409 §6.2, with the generator 2.
impl_modulus!(
    Group,
    U1024,
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff"
);

/// The length of the private exponent in bytes. It has more than twice the bits of the group's strength.
const EXPONENT: usize = 32;

impl Wire {
    /// Reads the setting `session`.
    pub(crate) fn from_word(word: Option<&str>) -> Self {
        if word == Some("encrypted") { Self::Encrypted } else { Self::Plain }
    }

    pub(super) fn offer(self) -> Result<Offer, Failure> {
        match self {
            Self::Plain => Ok(Offer::Plain),
            Self::Encrypted => random().map(Zeroizing::new).map(Offer::Encrypted),
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Encrypted => "encrypted",
        })
    }
}

impl Offer {
    /// Returns the arguments of `OpenSession`.
    pub(super) fn body(&self) -> (&'static str, Variant<'static>) {
        match self {
            Self::Plain => ("plain", Variant::from("")),
            Self::Encrypted(exponent) => {
                let public = power(U1024::from_u8(2), exponent);
                ("dh-ietf1024-sha256-aes128-cbc-pkcs7", Variant::from(public.to_be_bytes().to_vec()))
            }
        }
    }

    /// Makes the session from the answer of the other side.
    pub(super) fn agree(self, answer: OwnedVariant, path: OwnedObjectPath) -> Result<Session, Failure> {
        let Self::Encrypted(exponent) = self else { return Ok(Session { path, key: None }) };
        let other = Vec::<u8>::try_from(answer).map_err(|error| super::classify(&error))?;
        let key = shared(&exponent, &other).ok_or_else(|| broken("its half of the session's key"))?;
        Ok(Session { path, key: Some(key) })
    }
}

impl Session {
    pub(super) fn path(&self) -> &OwnedObjectPath {
        &self.path
    }

    /// Prepares a value for the other side.
    pub(super) fn seal(&self, value: &Secret) -> Result<Wired, Failure> {
        let bytes = value.expose().as_bytes();
        let (parameters, bytes) = match &self.key {
            None => (Vec::new(), bytes.to_vec()),
            Some(key) => {
                let start: [u8; 16] = random()?;
                let cipher = cbc::Encryptor::<Aes128>::new((&**key).into(), &start.into());
                (start.to_vec(), cipher.encrypt_padded_vec_mut::<Pkcs7>(bytes))
            }
        };
        Ok((self.path.clone(), parameters, bytes, "text/plain".to_owned()))
    }

    /// Returns the bytes of a value.
    pub(super) fn open(&self, (_, parameters, value, _): Wired) -> Result<Vec<u8>, Failure> {
        let Some(key) = &self.key else { return Ok(value) };
        let cipher = cbc::Decryptor::<Aes128>::new_from_slices(&**key, &parameters).ok();
        let opened = cipher.and_then(|cipher| cipher.decrypt_padded_vec_mut::<Pkcs7>(&value).ok());
        opened.ok_or_else(|| broken("a value"))
    }
}

/// Computes the shared key. Returns nothing if the other half is so weak that anyone could compute the key.
fn shared(exponent: &[u8; EXPONENT], other: &[u8]) -> Option<Zeroizing<[u8; 16]>> {
    let other = other.strip_prefix(&[0]).unwrap_or(other);
    let mut bytes = [0; U1024::BYTES];
    bytes.get_mut(U1024::BYTES.checked_sub(other.len())?..)?.copy_from_slice(other);
    let other = U1024::from_be_bytes(bytes);
    let last = Group::MODULUS.wrapping_sub(&U1024::ONE);
    if other <= U1024::ONE || other >= last {
        return None;
    }
    let secret = Zeroizing::new(power(other, exponent).to_be_bytes());
    let mut key = Zeroizing::new([0; 16]);
    Hkdf::<Sha256>::new(None, &*secret).expand(&[], &mut *key).ok()?;
    Some(key)
}

/// Computes `base` to the power of `exponent` in the group, in constant time.
fn power(base: U1024, exponent: &[u8; EXPONENT]) -> U1024 {
    let mut bytes = Zeroizing::new([0; U1024::BYTES]);
    bytes[U1024::BYTES - EXPONENT..].copy_from_slice(exponent);
    const_residue!(base, Group).pow_bounded_exp(&U1024::from_be_bytes(*bytes), EXPONENT * 8).retrieve()
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(count) if count == N => Ok(bytes),
        _ => Err(Failure::internal("no random bytes from the system")),
    }
}

fn broken(what: &str) -> Failure {
    Failure::new(
        Kind::Unavailable,
        format!("the keychain provider encrypted {what} in a way that cannot be decrypted"),
        "set session = \"plain\"",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> OwnedObjectPath {
        OwnedObjectPath::try_from("/s").unwrap()
    }

    #[test]
    fn both_sides_come_to_one_key_and_read_each_other() {
        let (ours, theirs) = (Wire::Encrypted.offer().unwrap(), Wire::Encrypted.offer().unwrap());
        let half = |offer: &Offer| OwnedVariant::try_from(offer.body().1).unwrap();
        let (our_half, their_half) = (half(&ours), half(&theirs));
        let (ours, theirs) =
            (ours.agree(their_half, path()).unwrap(), theirs.agree(our_half, path()).unwrap());
        for text in ["", "value", "a value of more than one block, and a line end\n"] {
            let sealed = ours.seal(&Secret::new(text.into())).unwrap();
            assert!(text.is_empty() || !sealed.2.windows(5).any(|bytes| bytes == b"value"));
            assert_eq!(theirs.open(sealed).unwrap(), text.as_bytes());
        }
        let mut sealed = ours.seal(&Secret::new("value".into())).unwrap();
        sealed.2.pop();
        assert_eq!(theirs.open(sealed).unwrap_err().kind(), Kind::Unavailable);
    }

    #[test]
    fn half_a_key_that_everybody_could_come_to_is_refused() {
        let last = Group::MODULUS.wrapping_sub(&U1024::ONE).to_be_bytes();
        for half in [&[][..], &[0], &[1], &last, &Group::MODULUS.to_be_bytes(), &[7; 200]] {
            assert!(shared(&[3; EXPONENT], half).is_none());
        }
        assert!(shared(&[3; EXPONENT], &[2]).is_some());
    }

    #[test]
    fn a_plain_session_gives_bytes_as_they_are() {
        let session = Offer::Plain.agree(OwnedVariant::from(0_u8), path()).unwrap();
        let sealed = session.seal(&Secret::new("value".into())).unwrap();
        assert_eq!(sealed.2, b"value");
        assert_eq!(session.open(sealed).unwrap(), b"value");
    }
}
