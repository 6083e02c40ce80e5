//! The format of inputs, and the checks of every failure and every value.
#![allow(clippy::missing_panics_doc, reason = "a target fails by panicking")]

use secretref_protocol::{Failure, Kind};

/// A secret of an input, which must not appear in a message.
pub const CANARY: &str = "hvs.canary";

/// Values that a gateway refuses to start with.
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

/// The parts of an input, which lines of two dashes separate; then nothing but empty ones.
pub fn parts(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    const LINE: &[u8] = b"\n--\n";
    std::iter::from_fn(move || {
        let end = input.windows(LINE.len()).position(|window| window == LINE);
        let part = &input[..end.unwrap_or(input.len())];
        input = end.map_or(b"", |end| &input[end + LINE.len()..]);
        Some(part)
    })
}

/// The same for an input that is text.
pub fn texts(input: &str) -> impl Iterator<Item = &str> {
    input.split("\n--\n").chain(std::iter::repeat(""))
}

/// A failure is not a bug, does not control a terminal, and repeats only those parts of the input that may be `quoted`.
pub fn check_failure(failure: &Failure, quoted: &str) {
    let message = failure.to_string();
    assert!(failure.kind() != Kind::Internal, "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(!message.contains(CANARY) || quoted.contains(CANARY), "{message}");
}

/// A gateway accepts every value.
pub fn check_value(value: &str) {
    let trimmed = value.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    assert!(!trimmed.is_empty() && !REDACTION_WORDS.contains(&trimmed), "{value:?}");
}
