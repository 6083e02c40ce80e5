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
