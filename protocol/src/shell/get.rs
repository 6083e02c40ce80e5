//! `get ID…`: prints only the values to stdout.

use serde::{Serialize, Serializer};

use super::check::note_ignored;
use super::failure_report::FailureReport;
use super::output::{explain, explain_all, print};
use super::progress::Progress;
use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::document::Metadata;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::does_not_fit;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::streams::stdout_is_terminal;
use crate::watchdog::Limits;
use crate::wire::fit;

/// Resolves `ids` and prints their values: a single one exactly, several on separate lines, or as `json` with their
/// metadata. If no id can have a value, a note names the variables that a person may have relied on.
pub(super) fn get<B: Backend>(
    settings: &Settings,
    ids: Vec<String>,
    json: bool,
    environment: &Environment,
    Limits { deadline, watchdog }: Limits<'_>,
) -> Exit {
    let limit = settings.max_output();
    let ignored = settings.ignored(environment);
    let progress = Progress::start(settings.run(), watchdog);
    answer::<B>(settings, &ids.into(), Limits { deadline, watchdog }, move |ids, answer| {
        progress.end();
        if json {
            print_json(ids, answer, limit, deadline)
        } else {
            print_values(ids, &answer, &ignored, deadline)
        }
    })
}

fn print_json(ids: &[String], mut answer: Answer, limit: usize, deadline: Deadline) -> Exit {
    let Some(report) = report(ids, &mut answer, limit) else {
        explain(None, &does_not_fit());
        return Exit::Configuration;
    };
    let cut = print(report.expose(), deadline).or_else(|| print("\n", deadline));
    cut.unwrap_or_else(|| answer.shell_exit())
}

fn print_values(ids: &[String], answer: &Answer, ignored: &[&str], deadline: Deadline) -> Exit {
    let ends_lines = ids.len() > 1 || stdout_is_terminal();
    for value in answer.outcomes.iter().flatten() {
        let line_end = if ends_lines && !value.expose().ends_with('\n') { "\n" } else { "" };
        if let Some(cut) = print(value.expose(), deadline).or_else(|| print(line_end, deadline)) {
            return cut;
        }
    }
    explain_all(ids, answer);
    if answer.exit != Exit::Done {
        note_ignored(ignored);
    }
    answer.shell_exit()
}

/// What `get --json` prints: the gateway's response, with remedies, and with the metadata of each value in `about`.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(rename = "protocolVersion")]
    version: u8,
    values: Members<'a, &'a str>,
    errors: Members<'a, FailureReport>,
    about: Members<'a, About<'a>>,
}

/// A JSON object with its members in this order.
struct Members<'a, T>(Vec<(&'a str, T)>);

impl<T: Serialize> Serialize for Members<'_, T> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        json.collect_map(self.0.iter().map(|(id, member)| (id, member)))
    }
}

/// The metadata of a value that a person or a script asks for.
#[derive(Serialize)]
struct About<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<&'a str>,
}

impl<'a> About<'a> {
    fn new(metadata: &'a Metadata) -> Self {
        Self {
            version: metadata.version.as_deref(),
            created: metadata.created.as_deref(),
            not_before: metadata.not_before.as_deref(),
            expires: metadata.expires.as_deref(),
        }
    }
}

/// Returns the report as JSON. A value for which a gateway's response has no room becomes an error in `answer`. `None` if
/// not even the errors fit.
fn report(ids: &[String], answer: &mut Answer, limit: usize) -> Option<Secret> {
    let (_, replaced) = fit(ids, &answer.outcomes, limit)?;
    for at in replaced {
        answer.outcomes[at] = Err(does_not_fit());
    }
    let all = || ids.iter().map(String::as_str).zip(&answer.outcomes);
    let values = || all().filter_map(|(id, outcome)| Some((id, outcome.as_ref().ok()?)));
    let errors = all().filter_map(|(id, outcome)| Some((id, FailureReport::new(outcome.as_ref().err()?))));
    let report = Report {
        version: 1,
        values: Members(values().map(|(id, value)| (id, value.expose())).collect()),
        errors: Members(errors.collect()),
        about: Members(values().map(|(id, value)| (id, About::new(value.metadata()))).collect()),
    };
    serde_json::to_string(&report).ok().map(Secret::new)
}
