//! Invisible characters in a value that are seldom intended, and that make a service refuse it. Pure.

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
    } else {
        None
    }
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
        ] {
            let odd = oddity(value);
            assert_eq!(odd.is_some(), want.is_some(), "{value:?}: {odd:?}");
            assert!(odd.unwrap_or_default().contains(want.unwrap_or_default()), "{value:?}: {odd:?}");
        }
    }
}
