//! The texts to look for: each value of the store as it is, and as files encode it. Pure.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::secret::Secret;

/// The fewest characters of a value that is looked for: a shorter one is found everywhere.
pub(super) const SHORTEST: usize = 8;

/// What RFC 3986 leaves as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text to look for.
pub(super) struct Needle {
    /// The number of its id.
    pub(super) id: usize,
    /// How a file has it: ` in base64`; nothing for the value itself.
    pub(super) form: &'static str,
    pub(super) text: Secret,
}

impl Needle {
    /// Prepares the search. It borrows the text, and copies nothing.
    pub(super) fn finder(&self) -> Finder<'_> {
        Finder::new(self.text.expose())
    }

    /// Whether a text has it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        text.contains(self.text.expose())
    }
}

/// Returns the forms of one value. The longest text to look for is three times as long as the value.
pub(super) fn needles(id: usize, value: &str) -> Vec<Needle> {
    let value = value.trim();
    let mut needles: Vec<Needle> = Vec::new();
    let mut add = |form, text: String| {
        let text = Secret::new(text);
        if text.expose().len() >= SHORTEST && needles.iter().all(|other| other.text.expose() != text.expose())
        {
            needles.push(Needle { id, form, text });
        }
    };
    add("", value.to_owned());
    let json = serde_json::to_string(value).unwrap_or_default();
    add(" in JSON", json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned());
    add(" in a URL", utf8_percent_encode(value, RESERVED).to_string());
    for alphabet in [&STANDARD, &URL_SAFE] {
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        for shift in 0..3 {
            add(" in base64", in_base64(&engine, value, shift));
        }
    }
    add(
        " in UTF-16",
        longest_run(value)
            .chars()
            .flat_map(|c| [c, '\0'])
            .collect::<String>()
            .trim_end_matches('\0')
            .to_owned(),
    );
    if let Some(line) = longest_line(value) {
        add(", a line of it", line.to_owned());
    }
    needles
}

/// Returns the part of the base64 text that a value has in it, whatever is before and after it. `shift` is how many bytes of
/// its group of three are before it.
fn in_base64(engine: &GeneralPurpose, value: &str, shift: usize) -> String {
    let padded = Secret::new("\0".repeat(shift) + value);
    let text = Secret::new(engine.encode(padded.expose()));
    // The first characters have bits of what is before the value, and the last has bits of what follows.
    let start = [0, 2, 3][shift];
    let end = padded.expose().len() * 8 / 6;
    text.expose().get(start..end).unwrap_or_default().to_owned()
}

/// Returns the longest part of a value that every form of UTF-16 text has with a zero between two characters.
fn longest_run(value: &str) -> &str {
    let is_other = |c: char| !c.is_ascii() || c.is_ascii_control();
    // JSON writes these two in another way.
    let is_other_in_json = |c: char| is_other(c) || "\"\\".contains(c);
    let longest = |run: Option<_>| run.filter(|run: &&str| run.len() >= SHORTEST);
    longest(value.split(is_other_in_json).max_by_key(|run| run.len()))
        .or_else(|| longest(value.split(is_other).max_by_key(|run| run.len())))
        .unwrap_or_default()
}

/// Returns the longest line of a value of several lines, which a file can have with other line ends.
fn longest_line(value: &str) -> Option<&str> {
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= 16 && !line.starts_with("-----"));
    lines.max_by_key(|line| line.len()).filter(|line| line.len() < value.len())
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn is_found(value: &str, text: &str) -> bool {
        needles(0, value).iter().any(|needle| needle.finder().find(text.as_bytes()).is_some())
    }

    #[test]
    fn a_value_is_found_in_each_form() {
        let value = "sk-ü/key \"1\"+\n2";
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "x", "xy", "@host"] {
                let text = format!("{before}{value}{after}");
                assert!(is_found(value, &text));
                assert!(is_found(value, &format!("Basic {}", BASE64_STANDARD.encode(&text))), "{text}");
                assert!(is_found(value, &serde_json::to_string(&text).unwrap()));
            }
        }
        assert!(is_found(value, "https://u:sk-%C3%BC%2Fkey%20%221%22%2B%0A2@host"));
        assert!(!is_found(value, "sk-other-key"));
        let pem = "-----BEGIN X-----\nMC4CAQAwBQYDK2VwBCIEIJ+x\n-----END X-----\n";
        assert!(is_found(pem, "\"-----BEGIN X-----\r\n  MC4CAQAwBQYDK2VwBCIEIJ+x\r\n"));
        assert!(!is_found(pem, "-----BEGIN X-----\nother"));
    }

    #[test]
    fn a_plain_value_has_few_forms() {
        let forms: Vec<_> = needles(0, "sk-abcdefgh").iter().map(|needle| needle.form).collect();
        assert_eq!(forms, ["", " in base64", " in base64", " in base64", " in UTF-16"]);
    }

    #[test]
    fn a_value_is_found_in_utf_16() {
        let text = |value: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            value.encode_utf16().flat_map(bytes).collect()
        };
        for value in ["sk-abcdefgh", "ü\"sk-abcdefgh"] {
            for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                let text = text(&format!("\u{feff}key={value}\r\n"), bytes);
                assert!(
                    needles(0, value).iter().any(|needle| needle.finder().find(&text).is_some()),
                    "{value}"
                );
            }
        }
    }
}
