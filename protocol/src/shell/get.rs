//! `get ID…`: the values to stdout and nothing else, for a person or a script.

use super::output::{explain, explain_all, print};
use super::progress::Progress;
use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::streams::stdout_is_terminal;
use crate::watchdog::Watchdog;
use crate::wire::{does_not_fit, report};

/// Resolves `ids` and prints their values: one as it is, several with a line end after each, or all that is known of
/// them as `json`.
pub(super) fn get<B: Backend>(
    settings: &Settings,
    ids: Vec<String>,
    json: bool,
    (deadline, watchdog): (Deadline, &Watchdog),
) -> Exit {
    let limit = settings.max_output();
    let progress = Progress::start(settings.run(), watchdog);
    answer::<B>(settings, &ids.into(), (deadline, watchdog), move |ids, answer| {
        progress.end();
        if json { print_json(ids, &answer, limit, deadline) } else { print_values(ids, &answer, deadline) }
    })
}

fn print_json(ids: &[String], answer: &Answer, limit: usize, deadline: Deadline) -> Exit {
    let Some(report) = report(ids, &answer.outcomes, limit) else {
        explain(None, &does_not_fit());
        return Exit::Configuration;
    };
    let cut = print(report.expose(), deadline).or_else(|| print("\n", deadline));
    cut.unwrap_or_else(|| answer.shell_exit())
}

fn print_values(ids: &[String], answer: &Answer, deadline: Deadline) -> Exit {
    let ends_lines = ids.len() > 1 || stdout_is_terminal();
    for value in answer.outcomes.iter().flatten() {
        let line_end = if ends_lines && !value.expose().ends_with('\n') { "\n" } else { "" };
        if let Some(cut) = print(value.expose(), deadline).or_else(|| print(line_end, deadline)) {
            return cut;
        }
    }
    explain_all(ids, answer);
    answer.shell_exit()
}
