//! Text for a terminal, a message or a log: what may be in it, and how it is quoted.

/// Returns `text` with a replacement character for each one that [`is_unprintable`], line ends included: words of a
/// server or a file cannot move a terminal's cursor, turn its text around or start a line.
pub(crate) fn printable(text: String) -> String {
    if text.contains(is_unprintable) { text.replace(is_unprintable, "\u{fffd}") } else { text }
}

/// Returns `text` as [`printable`] does, but keeps its line ends.
#[cfg(feature = "cli")]
pub(crate) fn printable_lines(text: &str) -> String {
    text.replace(|c| c != '\n' && is_unprintable(c), "\u{fffd}")
}

/// Says that a character is not for display: it is a control character, or one of Unicode's bidirectional algorithm
/// (UAX #9).
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the ending of a word for `count` things.
#[cfg(feature = "cli")]
pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Returns `text` as a JSON string, which is a string of TOML too.
pub(crate) fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| r#""""#.to_owned())
}

/// Returns `text` as one word of a shell's command line, in quotes if it needs them.
#[must_use]
pub fn shell_word(text: &str) -> String {
    // Not `!`, which an interactive bash replaces.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_shell_is_quoted_if_it_must_be() {
        for (text, want) in [
            ("prod/db-1", "prod/db-1"),
            ("arn:aws:x:y:1:secret:a@b=c+d", "arn:aws:x:y:1:secret:a@b=c+d"),
            ("rds!db-0f", "'rds!db-0f'"),
            ("my dev", "'my dev'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), want);
        }
    }
}
