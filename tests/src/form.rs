//! What a client has encoded: a path, and the fields of a form.

use std::collections::HashMap;

/// The fields of a form.
#[must_use]
pub fn fields(body: &[u8]) -> HashMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

/// Undoes the encoding of a form.
#[must_use]
pub fn decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

/// Undoes percent-encoding.
#[must_use]
pub fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("UTF-8")
}
