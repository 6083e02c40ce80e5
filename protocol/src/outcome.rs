//! The outcome of one id, and which values a gateway accepts.

use crate::document::Value;
use crate::failure::Failure;
use crate::secret::Secret;

/// The outcome of one id: its value, or why it has none.
pub type Outcome = Result<Value, Failure>;

/// The values that a gateway refuses because they mark a redacted secret, compared after trimming.
const REDACTION_WORDS: [&str; 10] = [
    "__OPENCLAW_REDACTED__",
    "REDACTED",
    "xoxb-REDACTED",
    "xapp-REDACTED",
    "***",
    "[redacted]",
    "[REDACTED]",
    "<redacted>",
    "[REDACTED_PRIVATE_KEY]",
    "[REDACTED CREDENTIAL]",
];

/// Returns `value` if a gateway accepts it as a secret.
///
/// # Errors
///
/// `INVALID_VALUE` if the value is blank, or is one of the gateway's own words for a redacted secret.
pub fn accept(value: Secret) -> Result<Secret, Failure> {
    // JavaScript's `trim` takes a byte order mark for white space; Rust's does not.
    let text = value.expose().trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(Failure::invalid_value("the value is empty or blank", "store a value in it"));
    }
    if REDACTION_WORDS.contains(&text) {
        return Err(Failure::invalid_value(
            "the value is a word that stands for a redacted secret",
            "store the secret itself",
        ));
    }
    Ok(value)
}

/// Returns the failure of a value that does not fit in the response.
#[must_use]
pub fn does_not_fit() -> Failure {
    Failure::invalid_value(
        "the value does not fit in the response",
        "raise max_output, and the gateway's maxOutputBytes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_would_stop_at_these() {
        for blank in ["", " ", "\n\t", "\u{feff}", "\u{a0}"] {
            assert!(accept(Secret::new(blank.into())).is_err(), "{blank:?}");
        }
        for word in REDACTION_WORDS {
            assert!(accept(Secret::new(format!(" {word}\n"))).is_err(), "{word}");
        }
        assert_eq!(accept(Secret::new(" padded\n".into())).unwrap().expose(), " padded\n");
    }
}
