//! Colours on a terminal.

use crate::environment::Environment;
use crate::streams::{stderr_is_terminal, stdout_is_terminal};

/// Whether the output to a stream has colours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style(bool);

/// The meaning of a colour.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    Good,
    Bad,
    Quiet,
}

impl Style {
    pub(super) fn for_stdout() -> Self {
        Self(stdout_is_terminal() && is_wanted())
    }

    pub(super) fn for_stderr() -> Self {
        Self(stderr_is_terminal() && is_wanted())
    }

    /// Returns the text in its colour (ECMA-48 SGR), or unchanged.
    pub(super) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Quiet => "2",
        };
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Follows <https://no-color.org>.
fn is_wanted() -> bool {
    is_able() && Environment::from_process().variable("NO_COLOR").is_none()
}

/// Whether the terminal supports control sequences. Without `TERM` it gets plain text.
pub(super) fn is_able() -> bool {
    Environment::from_process().variable("TERM").is_some_and(|term| term != "dumb")
}
