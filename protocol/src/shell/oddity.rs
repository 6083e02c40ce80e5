//! What is seldom intended in a value, and makes a service refuse it: invisible characters, and placeholders. Pure.

/// Returns what is odd about a value, if anything is.
pub(super) fn oddity(value: &str) -> Option<&'static str> {
    let line = value.trim_end_matches(['\r', '\n']);
    if value.starts_with('\u{feff}') {
        Some("begins with a byte order mark, which is stored as part of it")
    } else if is_utf16(value) {
        Some("looks like UTF-16: store it as UTF-8")
    } else if value.contains('\0') {
        Some("contains a NUL character")
    } else if line.len() < value.len() && !line.contains('\n') {
        Some("ends with a line break, which is stored as part of it")
    } else if is_placeholder(line) {
        Some("looks like a placeholder")
    } else {
        None
    }
}

/// Whether a value is what an example has in place of a secret: `<your-key>`, `sk-xxxx`, `changeme`. A value with digits in it,
/// or one of several lines, is probably not.
fn is_placeholder(value: &str) -> bool {
    let text = value.trim().to_lowercase();
    let is_short = text.len() <= 64 && !text.contains('\n');
    is_short && (is_bracketed(&text) || is_filled(&text) || WORDS.contains(&&*text) || is_request(&text))
}

/// What scripts and examples have in place of a value.
const WORDS: [&str; 13] = [
    "changeme",
    "change-me",
    "change_me",
    "change me",
    "changeit",
    "placeholder",
    "todo",
    "replaceme",
    "replace-me",
    "replace_me",
    "secret",
    "null",
    "undefined",
];

/// `<your key>`, `{{key}}`, `${KEY}`.
fn is_bracketed(text: &str) -> bool {
    let within = |open: &str, close: &str| text.strip_prefix(open).and_then(|text| text.strip_suffix(close));
    let inner = within("<", ">").or_else(|| within("{{", "}}")).or_else(|| within("${", "}"));
    inner.is_some_and(|inner| !inner.contains(['<', '>', '{', '}', '"']))
}

/// `xxxx`, `***`, `sk-...`.
fn is_filled(text: &str) -> bool {
    let last = text.rsplit(['-', '_']).next().unwrap_or(text);
    let is_one = |c: char| last.chars().all(|other| other == c) && last.len() >= 3;
    is_one('*') || is_one('.') || is_one('x') && (last.len() > 3 || last.len() == text.len())
}

/// `your-api-key-here`, `sk-your-key`, `example-token`, `INSERT_KEY`.
fn is_request(text: &str) -> bool {
    let words: Vec<_> = text.split([' ', '-', '_']).collect();
    let asks = ["your", "insert", "replace", "enter", "example"];
    // A key can begin with the name of its kind, such as sk-ant-.
    let is_asked = words.iter().take(3).any(|word| asks.contains(word)) || text.starts_with("yourapi");
    let is_named = ["key", "token", "password", "secret", "apikey"].iter().any(|name| text.contains(name));
    is_asked && is_named && !text.contains(|c: char| c.is_ascii_digit())
        || ["my-api", "my_api"].iter().any(|start| text.starts_with(start) && text.len() <= 14)
}

/// Whether every second byte is NUL, as it is for letters and digits in UTF-16.
fn is_utf16(value: &str) -> bool {
    let is_nul = |start: usize| value.len() > 2 && value.bytes().skip(start).step_by(2).all(|byte| byte == 0);
    is_nul(0) || is_nul(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seldom_meant_is_named() {
        for (value, want) in [
            ("sk-1", None),
            ("-----BEGIN-----\nx\n-----END-----\n", None),
            (" sk-1 ", None),
            ("\u{feff}sk-1", Some("byte order mark")),
            ("s\0k\0", Some("UTF-16")),
            ("\0s\0k", Some("UTF-16")),
            ("sk-1\0", Some("NUL")),
            ("sk-1\n", Some("line break")),
            ("sk-1\r\n", Some("line break")),
            ("sk-1\n\n", Some("line break")),
            ("", None),
            ("<your-key>", Some("placeholder")),
            ("xxxx", Some("placeholder")),
            ("YOUR_API_KEY", Some("placeholder")),
            ("your-token-here", Some("placeholder")),
            ("changeme", Some("placeholder")),
            ("{{ key }}", Some("placeholder")),
            ("<your api key>", Some("placeholder")),
            ("${OPENAI_API_KEY}", Some("placeholder")),
            ("sk-xxxxxxxx", Some("placeholder")),
            ("sk-...", Some("placeholder")),
            ("your-api-key-here", Some("placeholder")),
            ("sk-ant-your-key", Some("placeholder")),
            ("INSERT_KEY_HERE", Some("placeholder")),
            ("example-openai-key-not-real", Some("placeholder")),
            ("null", Some("placeholder")),
            ("correct-horse-battery-staple", None),
            ("my-api-gateway-token-of-production", None),
            ("your-key-8f3a91c2", None),
            ("{\"key\":\"xxxx\"}", None),
            ("a-xxx", None),
            ("secret-of-the-house", None),
            ("<RSAKeyValue><D>secret</D></RSAKeyValue>", None),
            ("{{key}}", Some("placeholder")),
            ("xx", None),
            ("<p>some text</p>\n<p>", None),
            ("your-name", None),
        ] {
            let odd = oddity(value);
            assert_eq!(odd.is_some(), want.is_some(), "{value:?}: {odd:?}");
            assert!(odd.unwrap_or_default().contains(want.unwrap_or_default()), "{value:?}: {odd:?}");
        }
    }
}
