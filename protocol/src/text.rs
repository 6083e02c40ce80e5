//! Text for a terminal, a message or a log: what may be in it, and how it is quoted.

#[cfg(feature = "cli")]
use std::time::Duration;

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

/// Returns a length of time in the largest unit of which it has at least two, rounded down: `90 s`, `3 h`, `32 d`.
#[cfg(feature = "cli")]
#[must_use]
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
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

    #[test]
    #[cfg(feature = "cli")]
    fn a_time_has_one_unit() {
        let of = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [of(90), of(150), of(3600), of(90_000), of(2_764_800)],
            ["90 s", "2 min", "60 min", "25 h", "32 d"]
        );
    }
}
