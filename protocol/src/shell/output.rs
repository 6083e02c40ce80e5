//! Output for a person: data on stdout, everything else on stderr.

use std::time::Duration;

use super::style::{Style, Tone};
use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::streams::{Written, say, write_stdout};
use crate::text::{printable, printable_lines};
use crate::watchdog::GRACE;

/// Prints data. If it cannot be written completely, reports that and returns the exit code.
pub(super) fn print(text: &str, deadline: Deadline) -> Option<Exit> {
    if write_stdout(text.as_bytes(), deadline.later(GRACE)) == Written::Done {
        return None;
    }
    say("error: could not write the whole output\n  hint: check that the disk is not full");
    Some(Exit::Output)
}

/// Prints a failure: what failed, and what to do.
pub(super) fn explain(id: Option<&str>, failure: &Failure) {
    let style = Style::for_stderr();
    let id = id.map(|id| printable(format!("{id}: "))).unwrap_or_default();
    let (error, hint) = (style.tone(Tone::Bad, "error:"), style.tone(Tone::Quiet, "hint:"));
    say(format!("{error} {id}{} ({})\n  {hint} {}", failure.what(), failure.kind().code(), failure.remedy()));
}

/// Prints a failure and returns its exit code.
pub(super) fn fail(id: Option<&str>, failure: &Failure) -> Exit {
    explain(id, failure);
    Exit::from_failure(failure)
}

/// Explains every failed id. If all ids failed for the same general cause, it is printed once.
pub(super) fn explain_all(ids: &[String], answer: &Answer) {
    if let (false, [Err(first), rest @ ..]) = (answer.exit == Exit::Done, &answer.outcomes[..])
        && rest.iter().all(|other| other.as_ref().is_err_and(|other| other == first))
    {
        return explain(None, first);
    }
    for (id, outcome) in ids.iter().zip(&answer.outcomes) {
        if let Err(failure) = outcome {
            explain(Some(id), failure);
        }
    }
}

/// Prints a note.
pub(super) fn print_note(text: impl AsRef<str>) {
    let text = printable_lines(text.as_ref());
    say(format!("{} {text}", Style::for_stderr().tone(Tone::Quiet, "note:")));
}

/// Prints a warning.
pub(super) fn warn(text: impl AsRef<str>) {
    let text = printable_lines(text.as_ref());
    say(format!("{} {text}", Style::for_stderr().tone(Tone::Bad, "warning:")));
}

/// Formats microseconds as `12.3 ms`.
pub(super) fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

/// Converts a time to microseconds, the unit of reports.
pub(super) fn micros(time: Duration) -> u64 {
    time.as_micros().try_into().unwrap_or(u64::MAX)
}
