//! The payload of an age file: the chunks after its header, each of them encrypted. They are decrypted here all at once.
//!
//! The crate age checks the header and finds the key. Its reader of payloads would add a template engine and messages in
//! seven languages to the binary, 0.2 MB in all. The construction is STREAM, which `RustCrypto` has too.
//!
//! <https://github.com/C2SP/C2SP/blob/main/age.md#payload>

use age_core::format::FileKey;
use age_core::primitives::hkdf;
use age_core::secrecy::ExposeSecret as _;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::stream::DecryptorBE32;
use zeroize::Zeroizing;

/// The length of the nonce between header and chunks, in bytes.
const NONCE: usize = 16;

/// The length of a chunk with its tag, in bytes; the last may be shorter.
const CHUNK: usize = 65_536 + 16;

/// Decrypts the chunks. `read` is the file before them, which ends in the nonce. `None` if any byte was altered.
pub(super) fn open(key: &FileKey, read: &[u8], chunks: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = read.last_chunk::<NONCE>()?;
    let key = Zeroizing::new(hkdf(nonce, b"payload", key.expose_secret()));
    // The number of a chunk has eleven bytes in age. These are the upper seven.
    let mut stream = DecryptorBE32::<ChaCha20Poly1305>::new((&*key).into(), &[0; 7].into());
    // With room for all chunks, so that it does not grow and leave copies in memory.
    let mut plain = Zeroizing::new(Vec::with_capacity(chunks.len()));
    let mut chunks = chunks.chunks(CHUNK);
    let last = chunks.next_back()?;
    for chunk in chunks {
        plain.extend(&*Zeroizing::new(stream.decrypt_next(chunk).ok()?));
    }
    let last = Zeroizing::new(stream.decrypt_last(last).ok()?);
    let is_needed = plain.is_empty() || !last.is_empty();
    plain.extend(&*last);
    is_needed.then_some(plain)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::PathBuf;
    use std::process::Command;
    use std::str::FromStr as _;

    use age::{DecryptError, Decryptor, x25519};
    use age_core::format::Stanza;
    use miniz_oxide::inflate::decompress_to_vec_zlib;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// The test vectors of the C2SP, which the sources of age carry.
    #[allow(clippy::disallowed_methods, reason = "a test asks Cargo where the sources are")]
    fn vectors() -> Vec<(String, Vec<u8>)> {
        let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let metadata = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version=1", "--filter-platform", &platform, "--manifest-path"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .output()
            .expect("cargo");
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("metadata");
        let packages = metadata["packages"].as_array().expect("packages");
        let age = packages.iter().find(|package| package["name"] == "age").expect("age");
        let manifest = PathBuf::from(age["manifest_path"].as_str().expect("a path"));
        let folder = manifest.with_file_name("tests").join("testdata/testkit");
        let files =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let file = |path: PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("a vector"))
        };
        files.map(|entry| file(entry.expect("an entry").path())).collect()
    }

    /// An identity that keeps the key of the file.
    struct Keeper(x25519::Identity, Cell<Option<FileKey>>);

    impl age::Identity for Keeper {
        fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
            let opened = self.0.unwrap_stanza(stanza);
            if let Some(Ok(key)) = &opened {
                self.1.set(Some(FileKey::new(Box::new(*key.expose_secret()))));
            }
            opened
        }
    }

    /// What is in a file, as this reader has it.
    fn read(sealed: &[u8], identity: &str) -> Option<Zeroizing<Vec<u8>>> {
        let keeper = Keeper(x25519::Identity::from_str(identity).ok()?, Cell::default());
        let mut rest = sealed;
        let decryptor = Decryptor::new_buffered(&mut rest).ok()?;
        decryptor.decrypt(std::iter::once(&keeper as _)).map(drop).ok()?;
        open(&keeper.1.take()?, &sealed[..sealed.len() - rest.len()], rest)
    }

    #[test]
    fn the_test_vectors_of_age() {
        let (mut opened, mut payloads) = (0, 0);
        for (name, vector) in vectors() {
            let end = vector.windows(2).position(|bytes| bytes == b"\n\n").expect("a head");
            let (head, body) = (std::str::from_utf8(&vector[..end]).expect("text"), &vector[end + 2..]);
            let said = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            let Some(identity) = said("identity").filter(|_| said("armored").is_none()) else { continue };
            let inflated =
                said("compressed").map(|_| decompress_to_vec_zlib(body).expect("a compressed vector"));
            let body = inflated.as_deref().unwrap_or(body);
            let (plain, expect) = (read(body, identity), said("expect").expect("what is expected"));
            payloads += usize::from(expect == "payload failure");
            match (&plain, expect) {
                (Some(plain), "success") => {
                    let hash = format!("{:x}", Sha256::digest(&**plain));
                    assert_eq!(Some(hash.as_str()), said("payload"), "{name}");
                    opened += 1;
                }
                (None, "success") => assert!(head.contains("passphrase"), "{name} does not open"),
                // age's own reader of headers takes these, for files of its first versions.
                (Some(_), "header failure")
                    if ["stanza_missing_body", "stanza_missing_final_line"].contains(&name.as_str()) => {}
                (Some(_), _) => panic!("{name} opens: {expect}"),
                (None, _) => {}
            }
        }
        assert!(
            opened >= 10 && payloads >= 10,
            "{opened} of the vectors open, {payloads} have a broken payload"
        );
    }
}
