//! `get ID…`: the values to stdout and nothing else, for a person or a script.

use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::streams::{Written, say, stdout_is_terminal, write_stdout};
use crate::watch::{GRACE, Watch};
use crate::wire::{does_not_fit, report};

/// Resolves `ids` and prints their values: one as it is, several with a line end after each, or all that is known of
/// them as `json`.
pub(super) fn get<B: Backend>(
    settings: &Settings,
    ids: Vec<String>,
    json: bool,
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    let limit = settings.max_output();
    answer::<B>(settings, &ids.into(), (deadline, watch), move |ids, answer| {
        if json { print_json(ids, &answer, limit, deadline) } else { print(ids, &answer, deadline) }
    })
}

fn print_json(ids: &[String], answer: &Answer, limit: usize, deadline: Deadline) -> Exit {
    let Some(report) = report(ids, &answer.outcomes, limit) else {
        explain(None, &does_not_fit());
        return Exit::Configuration;
    };
    for text in [report.expose(), "\n"] {
        if write_stdout(text.as_bytes(), deadline.later(GRACE)) == Written::Cut {
            return cut();
        }
    }
    exit(answer)
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
                        return cut();
                    }
                }
            }
            Err(failure) => explain(Some(id), failure),
        }
    }
    exit(answer)
}

fn cut() -> Exit {
    say("error: the value could not be written whole\n  hint: see whether the disk is full");
    Exit::Output
}

fn exit(answer: &Answer) -> Exit {
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
