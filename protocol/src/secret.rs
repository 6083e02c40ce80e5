//! The one type that holds a secret.

use std::fmt;

use zeroize::Zeroizing;

/// A secret: text that is wiped when dropped, and that only [`Secret::expose`] returns.
///
/// It has no `Display`, `Serialize`, `Clone` or `PartialEq`, and its `Debug` shows nothing, not even the length.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text, without a copy.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text itself. A review looks at every call: the text may be examined, sent to the store, written to the
    /// response or, if it is a session, cached for the next start, and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret");
    }
}
