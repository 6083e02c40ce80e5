//! `list [PREFIX]`: prints the ids in a store, ready to paste.

use std::time::Instant;

use super::failure_report::FailureReport;
use super::listing::SortedListing;
use super::output::{fail, print, print_note};
use super::session_task::{Done, OUTPUT_TIMEOUT, Task, run_task};
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::text::printable;
use crate::watchdog::Limits;

/// Prints the ids that begin with `prefix`, one per line.
pub(super) fn list<B: Manage>(
    settings: &Settings,
    prefix: &str,
    json: bool,
    Limits { deadline, watchdog }: Limits<'_>,
) -> Exit {
    let sorted = match run_task::<B>(settings, Limits { deadline, watchdog }, &Task::List(prefix)) {
        Ok(Done::Listed(sorted)) => sorted,
        Ok(_) => return Exit::Internal,
        Err(failure) => return fail(None, &failure),
    };
    let text = if json {
        format!("{}\n", serde_json::to_string(&sorted).unwrap_or_default())
    } else {
        sorted.ids.iter().flat_map(|id| [id, "\n"]).collect()
    };
    let cut = print(&text, Deadline::new(Instant::now(), OUTPUT_TIMEOUT));
    if !json {
        say(&sorted, prefix);
    }
    // An unread folder may contain the wanted id.
    cut.unwrap_or(if sorted.unread.is_empty() { Exit::Done } else { Exit::IdFailed })
}

fn say(sorted: &SortedListing, prefix: &str) {
    if sorted.ids.is_empty() && sorted.unnamed.is_empty() && sorted.unread.is_empty() {
        let begins = if prefix.is_empty() {
            String::new()
        } else {
            format!(" that begin with {}; `check` tries a whole id", printable(prefix.to_owned()))
        };
        print_note(format!("found no ids{begins}"));
    }
    for (id, state) in &sorted.states {
        print_note(format!("{id}: {state}"));
    }
    for unread in &sorted.unread {
        let FailureReport { code, message, remedy } = &unread.failure;
        print_note(format!("{}: {message} ({code}): {remedy}", unread.name));
    }
    if sorted.not_allowed > 0 {
        print_note(format!("`allow` excludes {}", sorted.not_allowed));
    }
    if !sorted.unnamed.is_empty() {
        let lines: Vec<_> = sorted.unnamed.iter().map(|unnamed| unnamed.alias.as_str()).collect();
        print_note(format!(
            "some names cannot be ids; to give them ids, add this to the end of a profile:\n[ids]\n{}",
            lines.join("\n")
        ));
    }
}
