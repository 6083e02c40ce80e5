//! What is remembered of a value: its version, or a keyed mark if its store has no versions. Never the value.

use std::fs::File;
use std::io::Read as _;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::document::Value;
use crate::failure::Failure;
use crate::hex;
use crate::secret::Secret;
use crate::system_error::words;

/// The bytes of a mark: enough to see a change. A longer one would tell a reader of the state file no more.
const LENGTH: usize = 8;

/// The key of the marks of one state file, in hexadecimal digits.
#[derive(Clone)]
pub(super) struct Key(std::sync::Arc<Secret>);

impl Key {
    /// Makes a random key.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(super) fn new() -> Result<Self, Failure> {
        let mut bytes = [0; 32];
        // Every system has it, and it never gives fewer.
        let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
        read.map_err(|error| {
            let what = format!("/dev/urandom cannot be read ({})", words(&error));
            Failure::misconfigured(what, "a container needs the usual devices in /dev")
        })?;
        Ok(Self::read(hex(&bytes)))
    }

    /// Takes a key from a state file.
    pub(super) fn read(text: String) -> Self {
        Self(Secret::new(text).into())
    }

    /// Returns the key for the state file.
    pub(super) fn text(&self) -> &str {
        self.0.expose()
    }

    /// Returns what is remembered of a value. A version alone does not count: a secret that was deleted and made again can
    /// have the same one.
    pub(super) fn mark(&self, id: &str, value: &Value) -> String {
        let about = value.metadata();
        match (&about.version, &about.created) {
            (Some(version), Some(created)) => format!("version {version} of {created}"),
            _ => format!("mark {}", self.keyed(id, value.expose())),
        }
    }

    /// The id is a part of it, so that equal values of two ids have marks of their own.
    fn keyed(&self, id: &str, value: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.text().as_bytes()) else {
            return String::new();
        };
        for part in [id, "\0", value] {
            mac.update(part.as_bytes());
        }
        hex(&mac.finalize().into_bytes()[..LENGTH])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::document::Metadata;

    fn value(text: &str, version: Option<&str>, created: Option<&str>) -> Value {
        let about = Metadata {
            version: version.map(str::to_owned),
            created: created.map(str::to_owned),
            ..Metadata::default()
        };
        Value::new(Secret::new(text.into()), Arc::new(about))
    }

    #[test]
    fn a_version_with_its_time_or_a_mark_of_the_value() {
        let key = Key::read("00".repeat(32));
        let mark = |id, text, version, created| key.mark(id, &value(text, version, created));
        assert_eq!(mark("a", "x", Some("3"), Some("2026-11-30")), "version 3 of 2026-11-30");
        let one = mark("a", "x", None, None);
        assert_eq!(one.len(), "mark ".len() + 2 * LENGTH);
        assert_eq!(one, mark("a", "x", Some("1"), None));
        assert_ne!(one, mark("a", "y", None, None));
        assert_ne!(one, mark("b", "x", None, None));
        assert_ne!(one, Key::read("11".repeat(32)).mark("a", &value("x", None, None)));
        assert_ne!(Key::new().expect("a key").text(), Key::new().expect("a key").text());
    }
}
