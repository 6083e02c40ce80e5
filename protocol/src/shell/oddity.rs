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

/// Whether a value is what an example has in place of a secret: `<your-key>`, `xxxx`, `changeme`.
fn is_placeholder(value: &str) -> bool {
    let text = value.trim().to_lowercase();
    let is_in = |open, close| text.starts_with(open) && text.ends_with(close) && !text.contains([' ', '\n']);
    let is_one = |c: char| (3..=40).contains(&text.len()) && text.chars().all(|other| other == c);
    let words = ["changeme", "change-me", "change_me", "placeholder", "todo", "replace-me", "replace_me"];
    let is_yours = |start: &str| text.starts_with(start) && text.contains("key") | text.contains("token");
    is_in('<', '>')
        || is_in('{', '}') && text.starts_with("{{")
        || ['x', '*', '.'].into_iter().any(is_one)
        || words.contains(&&*text)
        || ["your-", "your_", "my-api", "my_api"].into_iter().any(is_yours)
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
            ("{{ key }}", None),
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
