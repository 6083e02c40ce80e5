//! The encryption of a store, by an age X25519 identity.
//!
//! Without the identity a file can be neither read nor made. The header has the stanza of age and one more, which other
//! tools ignore. It contains a mark of the identity, which tells a file for another identity from an altered file; and a
//! proof that the writer has the identity, which is a hash of it and of the file's key. Without the proof, any program
//! could encrypt a file to the public key.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::Write as _;
use std::iter::once;

use age::secrecy::ExposeSecret as _;
use age::{DecryptError, Decryptor, EncryptError, Encryptor, x25519};
use age_core::format::{FileKey, Stanza};
use age_core::primitives::hkdf;
use secretref_protocol::{Failure, Secret};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::payload;

/// The tag of the stanza with mark and proof.
const TAG: &str = "secretref-identity";

/// An identity.
pub(super) struct Key(x25519::Identity);

/// Why a file cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The file is not encrypted to this identity.
    OtherIdentity,
    /// The file is encrypted to this identity, but its writer may not have the identity.
    OtherWriter,
    /// The file is truncated, altered or not an age file.
    Altered,
}

impl Key {
    /// Generates an identity.
    pub(super) fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// Parses an identity file, as `age-keygen` and [`Key::text`] write it. The error says what is wrong with it.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, &'static str> {
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).map_err(|_| "is not text")?;
        let lines = text
            .trim_start_matches('\u{feff}')
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut keys = lines.map(str::parse);
        match (keys.next(), keys.next()) {
            (Some(Ok(identity)), None) => Ok(Self(identity)),
            (None, _) => Err("contains no key"),
            (Some(Ok(_)), Some(_)) => Err("contains more than one key"),
            (Some(Err(_)), _) => Err("has no line AGE-SECRET-KEY-1…, which an X25519 identity must have"),
        }
    }

    /// Returns the text of an identity file.
    pub(super) fn text(&self) -> Secret {
        let key = self.0.to_string();
        Secret::new(format!(
            "# made by secretref-keychain; this key is needed to read store.age, and is enough to read it\n{}\n",
            key.expose_secret()
        ))
    }

    /// Encrypts.
    pub(super) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, Failure> {
        let (recipient, mark) = (self.0.to_public(), Mark(self));
        let recipients: [&dyn age::Recipient; 2] = [&recipient, &mark];
        let bug = || Failure::internal("the store cannot be encrypted");
        let encryptor = Encryptor::with_recipients(recipients.into_iter()).map_err(|_| bug())?;
        let mut writer = encryptor.wrap_output(Vec::new()).map_err(|_| bug())?;
        writer.write_all(plain).and_then(|()| writer.finish()).map_err(|_| bug())
    }

    /// Decrypts the whole file, or nothing.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let mut rest = sealed;
        let decryptor = Decryptor::new_buffered(&mut rest).map_err(|_| Broken::Altered)?;
        let opener = Opener { key: self, broken: Cell::new(None), opened: Cell::default() };
        let header = decryptor.decrypt(once(&opener as _)).map(drop);
        let broken = opener.broken.take();
        let Some(key) = header.ok().and_then(|()| opener.opened.take()) else {
            return Err(broken.filter(|broken| *broken == Broken::OtherIdentity).unwrap_or(Broken::Altered));
        };
        if let Some(broken) = broken {
            return Err(broken);
        }
        payload::open(&key, &sealed[..sealed.len() - rest.len()], rest).ok_or(Broken::Altered)
    }

    /// Returns the proof for a file's key, which can only be computed with the identity.
    fn proof(&self, file: &FileKey) -> [u8; 32] {
        hkdf(file.expose_secret(), TAG.as_bytes(), self.0.to_string().expose_secret().as_bytes())
    }

    fn mark(&self) -> String {
        let hash = Sha256::digest(format!("{TAG} {}", self.0.to_public()));
        hash[..16].iter().fold(String::new(), |mark, byte| format!("{mark}{byte:02x}"))
    }
}

/// Adds mark and proof to a header.
struct Mark<'k>(&'k Key);

impl age::Recipient for Mark<'_> {
    fn wrap_file_key(&self, file: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let body = self.0.proof(file).to_vec();
        let stanza = Stanza { tag: TAG.to_owned(), args: vec![self.0.mark()], body };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// An identity that also checks the proof, or the mark if the file is not for this identity.
struct Opener<'k> {
    key: &'k Key,
    broken: Cell<Option<Broken>>,
    /// The key of the file, after it was found.
    opened: Cell<Option<FileKey>>,
}

impl age::Identity for Opener<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.key.0.unwrap_stanza(stanza)
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let opened = self.key.0.unwrap_stanzas(stanzas);
        if opened.is_none() {
            let mark = self.key.mark();
            let is_own = |stanza: &Stanza| stanza.tag == TAG && stanza.args == [mark.as_str()];
            if !stanzas.iter().any(is_own) {
                self.broken.set(Some(Broken::OtherIdentity));
            }
        }
        if let Some(Ok(key)) = &opened {
            let proof = self.key.proof(key);
            if !stanzas.iter().any(|stanza| stanza.tag == TAG && stanza.body == proof) {
                self.broken.set(Some(Broken::OtherWriter));
            }
            self.opened.set(Some(FileKey::new(Box::new(*key.expose_secret()))));
        }
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

    /// Mark and proof as another writer could copy them.
    struct Copied(String, Vec<u8>);

    impl age::Recipient for Copied {
        fn wrap_file_key(&self, _: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
            let stanza = Stanza { tag: TAG.to_owned(), args: vec![self.0.clone()], body: self.1.clone() };
            Ok((vec![stanza], HashSet::new()))
        }
    }

    fn parse(text: &str) -> Result<Key, &'static str> {
        Key::parse(text.into())
    }

    #[test]
    fn an_identity_is_written_and_read() {
        let key = Key::generate();
        let again = parse(key.text().expose()).unwrap();
        assert_eq!(again.mark(), key.mark());
        assert!(parse(&format!("# public key: age1…\r\n{OTHER}\r\n\n")).is_ok());
        for (text, why) in [
            ("", "no key"),
            ("# a comment\n", "no key"),
            ("AGE-SECRET-KEY-1GQ9778\n", "no line"),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n", "no line"),
            (&format!("{OTHER}\n{OTHER}\n"), "more than one"),
        ] {
            assert!(parse(text).err().unwrap().contains(why), "{text}");
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_identity_alone() {
        let (key, other) = (Key::generate(), parse(OTHER).unwrap());
        let lengths = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000];
        for plain in lengths.map(|length| vec![7; length]) {
            let sealed = key.seal(&plain).unwrap();
            assert_eq!(*key.open(&sealed).unwrap(), plain);
            assert_eq!(other.open(&sealed).unwrap_err(), Broken::OtherIdentity);
        }
    }

    #[test]
    fn other_tools_pass_over_the_mark() {
        let key = Key::generate();
        for plain in [b"plain".to_vec(), vec![7; 131_072]] {
            let sealed = key.seal(&plain).unwrap();
            assert_eq!(age::decrypt(&key.0, &sealed).unwrap(), plain);
        }
    }

    /// The public half of an identity is no secret: `age-keygen` writes it into the file of the identity, and prints it.
    #[test]
    fn a_file_of_another_writer_is_told_from_an_altered_one() {
        let (key, own) = (Key::generate(), Key::generate());
        let foreign = age::encrypt(&key.0.to_public(), b"plain").unwrap();
        assert_eq!(key.open(&foreign).unwrap_err(), Broken::OtherWriter);
        // With the mark, which is in every store, and a proof of another identity.
        let proof = own.proof(&FileKey::new(Box::new([7; 16]))).to_vec();
        let copied = Copied(key.mark(), proof);
        let recipients: [&dyn age::Recipient; 2] = [&key.0.to_public(), &copied];
        let encryptor = Encryptor::with_recipients(recipients.into_iter()).unwrap();
        let mut writer = encryptor.wrap_output(Vec::new()).unwrap();
        writer.write_all(b"plain").unwrap();
        assert_eq!(key.open(&writer.finish().unwrap()).unwrap_err(), Broken::OtherWriter);
    }

    #[test]
    fn any_byte_that_is_altered_or_missing_or_too_much_is_noticed() {
        let key = Key::generate();
        let sealed = key.seal(b"a value of some length").unwrap();
        for at in 0..sealed.len() {
            for flip in [1, 0x20, 0x80] {
                let mut altered = sealed.clone();
                altered[at] ^= flip;
                assert_eq!(key.open(&altered).unwrap_err(), Broken::Altered, "byte {at} ^ {flip}");
            }
            assert_eq!(key.open(&sealed[..at]).unwrap_err(), Broken::Altered, "cut at {at}");
            let doubled = [&sealed[..=at], &sealed[at..]].concat();
            assert_eq!(key.open(&doubled).unwrap_err(), Broken::Altered, "byte {at} twice");
        }
        assert_eq!(key.open(&[&sealed[..], b"\n"].concat()).unwrap_err(), Broken::Altered);
    }

    #[test]
    fn a_cut_between_two_chunks_is_noticed() {
        let key = Key::generate();
        let sealed = key.seal(&vec![7; 3 * 65_536]).unwrap();
        let payload = sealed.len() - 3 * (65_536 + 16);
        for chunks in 0..3 {
            let cut = payload + chunks * (65_536 + 16);
            assert_eq!(key.open(&sealed[..cut]).unwrap_err(), Broken::Altered, "{chunks}");
        }
    }
}
