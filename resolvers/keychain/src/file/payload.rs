//! The payload of an age file: what follows its header, in chunks that are sealed each, and opened here all at once.
//!
//! age checks the header and finds the key. Its own reader of payloads brings a template engine along, and what it says in
//! seven languages: 0.2 MB that nobody would see. The construction is STREAM, and `RustCrypto`'s is the same.
//!
//! <https://github.com/C2SP/C2SP/blob/main/age.md#payload>

use age_core::format::FileKey;
use age_core::primitives::hkdf;
use age_core::secrecy::ExposeSecret as _;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::stream::DecryptorBE32;
use zeroize::Zeroizing;

/// The bytes of a nonce, which stands between header and chunks.
const NONCE: usize = 16;

/// The bytes of a chunk, with its tag; the last may have fewer.
const CHUNK: usize = 65_536 + 16;

/// All that is in the chunks, after the `read` part of a file that ends in the nonce; nothing where a byte is not as it
/// was written.
pub(super) fn open(key: &FileKey, read: &[u8], chunks: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = read.last_chunk::<NONCE>()?;
    let key = Zeroizing::new(hkdf(nonce, b"payload", key.expose_secret()));
    // A chunk's number has eleven bytes in age. These are the upper seven.
    let mut stream = DecryptorBE32::<ChaCha20Poly1305>::new((&*key).into(), &[0; 7].into());
    // As long as the whole, so that it need not grow and leave copies behind.
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
