//! `get ID…`: the values to stdout and nothing else, for a person or a script.

use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::streams::{Written, say, stdout_is_terminal, write_stdout};
use crate::watch::{GRACE, Watch};

/// Resolves `ids` and prints their values: one as it is, several with a line end after each.
pub(super) fn get<B: Backend>(
    settings: &Settings,
    ids: Vec<String>,
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    answer::<B>(settings, &ids.into(), (deadline, watch), move |ids, answer| print(ids, &answer, deadline))
}

fn print(ids: &[String], answer: &Answer, deadline: Deadline) -> Exit {
    // One cause for all of them is no id's own, and said once.
    if let (false, [Err(first), rest @ ..]) = (answer.exit == Exit::Done, &answer.outcomes[..])
        && rest.iter().all(|other| other.as_ref().is_err_and(|other| other == first))
    {
        explain(None, first);
        return answer.exit;
    }
    let ends_lines = ids.len() > 1 || stdout_is_terminal();
    for (id, outcome) in ids.iter().zip(&answer.outcomes) {
        match outcome {
            Ok(value) => {
                let line_end = if ends_lines && !value.expose().ends_with('\n') { "\n" } else { "" };
                for text in [value.expose(), line_end] {
                    if write_stdout(text.as_bytes(), deadline.later(GRACE)) == Written::Cut {
                        say(
                            "error: the value could not be written whole\n  hint: see whether the disk is full",
                        );
                        return Exit::Output;
                    }
                }
            }
            Err(failure) => explain(Some(id), failure),
        }
    }
    match answer.exit {
        Exit::Done if answer.outcomes.iter().any(Result::is_err) => Exit::IdFailed,
        exit => exit,
    }
}

/// Says on stderr what failed and what to do.
pub(super) fn explain(id: Option<&str>, failure: &Failure) {
    let id = id.map(|id| format!("{id}: ")).unwrap_or_default();
    say(format!("error: {id}{} ({})\n  hint: {}", failure.what(), failure.kind().code(), failure.remedy()));
}
