//! The format of inputs, and the checks of every failure and every value.
#![allow(clippy::missing_panics_doc, reason = "a target fails by panicking")]

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use secretref_protocol::fuzz::Id;
use secretref_protocol::net::Response;
use secretref_protocol::{Failure, Kind, Name};
use serde_json::Value;

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

/// The response of an input `WORD STATUS ID` with lines of headers below it, then the body: the word, the name, and the
/// response.
pub fn response(input: &[u8]) -> Option<(&str, Name, Response)> {
    let mut parts = parts(input);
    let mut lines = std::str::from_utf8(parts.next()?).ok()?.lines();
    let mut words = lines.next()?.split(' ');
    let word = words.next()?;
    let status = StatusCode::from_bytes(words.next()?.as_bytes()).ok()?;
    let name = Name::from_id(&Id::parse(words.next()?).ok()?).ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    let headers: HeaderMap = lines.filter_map(header).take(8).collect();
    Some((word, name, Response { status, headers, body: parts.next().unwrap_or_default().to_vec() }))
}

/// The JSON of a body. A member that is not read need not be UTF-8.
pub fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_str(&String::from_utf8_lossy(body)).ok()
}

/// The same, for its structure alone: nor need an escape in such a member be one, as half a surrogate pair is none. Each
/// escape then reads as a slash.
pub fn outline(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let mut text = text.chars();
    let mut plain = String::new();
    while let Some(c) = text.next() {
        let is_escape = c == '\\' && text.next().is_some();
        plain.push(if is_escape { '/' } else { c });
    }
    json(body).or_else(|| serde_json::from_str(&plain).ok())
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
