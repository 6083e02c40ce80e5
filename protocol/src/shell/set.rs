//! `set ID` and `delete ID`.

use std::time::Instant;

use super::change::written_name;
use super::output::{explain, fail, print_note};
use super::prompt;
use super::session_task::{Done, Task, UNKNOWN_OUTCOME, run_task};
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::outcome::accept;
use crate::settings::Settings;
use crate::streams::say;
use crate::text::printable;
use crate::watchdog::{Limits, Watchdog};

/// Stores the value from stdin or a prompt under `id`, and reads it back.
pub(super) fn set<B: Manage>(settings: &Settings, id: &str, watchdog: &Watchdog) -> Exit {
    // NAME=value, as in a file. An id cannot contain =.
    if id.contains('=') {
        explain(None, &value_in_argument());
        return Exit::Usage;
    }
    // Checked first, so that a person does not type a value that cannot be written.
    if let Err(failure) = written_name(settings, id) {
        return end(settings, id, Err(failure));
    }
    let value = match prompt::value(id, watchdog) {
        Ok(value) => value,
        Err(stop) => return stop,
    };
    // The time limit starts after the person has typed.
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    end(
        settings,
        id,
        accept(value)
            .and_then(|value| run_task::<B>(settings, Limits { deadline, watchdog }, &Task::Set(id, &value))),
    )
}

/// The failure for a value on the command line. It does not repeat the value.
pub(super) fn value_in_argument() -> Failure {
    Failure::invalid_value(
        "a value cannot be an argument, because other users can read arguments; nothing was stored",
        "leave it out and type it at the prompt, or read it from a file with <FILE; then remove it from the shell's history",
    )
}

/// Deletes the field of `id`, or the whole secret if it has no other field. With `force` a whole secret is deleted for good.
pub(super) fn delete<B: Manage>(
    settings: &Settings,
    id: &str,
    (yes, force): (bool, bool),
    limits: Limits<'_>,
) -> Exit {
    if !yes {
        say(printable(format!("error: nothing was deleted: add --yes to delete {id}")));
        return Exit::Usage;
    }
    end(settings, id, run_task::<B>(settings, limits, &Task::Delete(id, force)))
}

fn end(settings: &Settings, id: &str, done: Result<Done, Failure>) -> Exit {
    match done {
        Ok(Done::Changed(text)) => {
            print_note(text);
            Exit::Done
        }
        Ok(_) => Exit::Internal,
        Err(failure) => {
            let failure = if settings.run().may_have_written(&failure) {
                failure.hint(UNKNOWN_OUTCOME)
            } else {
                failure
            };
            fail(failure.kind().is_of_id().then_some(id), &failure)
        }
    }
}
