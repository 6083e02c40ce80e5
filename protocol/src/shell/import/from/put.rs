//! Stores the credentials that were chosen, each unless the store has it already.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{Chosen, with_hint};
use crate::answer::answer;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::outcome::{Outcome, accept, does_not_fit};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::shell::import::file::store;
use crate::shell::output::{explain, explain_all, print_note};
use crate::watchdog::{Limits, Watchdog};

/// How many ids are read at once.
const AT_ONCE: usize = 50;

/// What became of the credentials.
pub(super) struct Stored {
    /// Whether the store has the value, for each one that was chosen.
    pub(super) is_there: Vec<bool>,
    /// How many were written now.
    pub(super) new: usize,
    pub(super) exit: Exit,
}

/// Stores each value, reads it back and compares it. One that is there already is not written again; another value is replaced
/// only with `force`.
pub(super) fn put_all<B: Manage>(
    settings: &Settings,
    chosen: &[Chosen<'_>],
    force: bool,
    watchdog: &Watchdog,
) -> Stored {
    let mut stored = Stored { is_there: Vec::new(), new: 0, exit: Exit::Done };
    for chosen in chosen.chunks(AT_ONCE) {
        let ids = chosen.iter().map(|chosen| chosen.id.clone()).collect();
        let (before, exit) = read_all::<B>(settings, ids, watchdog);
        if exit != Exit::Done {
            stored.exit = exit;
            break;
        }
        for (chosen, before) in chosen.iter().zip(before) {
            match put::<B>(settings, chosen, before, force, watchdog) {
                Ok(is_new) => {
                    stored.new += usize::from(is_new);
                    stored.is_there.push(true);
                }
                Err(failure) => {
                    explain(Some(&chosen.id), &with_hint(failure.clone()));
                    stored.is_there.push(false);
                    stored.exit = Exit::from_failure(&failure);
                    if !failure.kind().is_of_id() {
                        return stored;
                    }
                }
            }
        }
    }
    stored
}

/// Reads ids in one run, and by itself each one whose value does not fit in the response of all. The exit code is that of a failure which is not that of single ids; it is explained then.
pub(in crate::shell::import) fn read_all<B: Manage>(
    settings: &Settings,
    ids: Vec<String>,
    watchdog: &Watchdog,
) -> (Vec<Outcome>, Exit) {
    let (mut outcomes, exit) = read_once::<B>(settings, ids.clone(), watchdog);
    if exit != Exit::Done || ids.len() < 2 {
        return (outcomes, exit);
    }
    for (id, outcome) in ids.into_iter().zip(&mut outcomes) {
        if outcome.as_ref().is_err_and(|failure| *failure == does_not_fit()) {
            let (again, exit) = read_once::<B>(settings, vec![id], watchdog);
            if exit != Exit::Done {
                return (Vec::new(), exit);
            }
            if let Some(again) = again.into_iter().next() {
                *outcome = again;
            }
        }
    }
    (outcomes, exit)
}

fn read_once<B: Manage>(settings: &Settings, ids: Vec<String>, watchdog: &Watchdog) -> (Vec<Outcome>, Exit) {
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    watchdog.move_to(deadline);
    let found = Arc::new(Mutex::new(Vec::new()));
    let outcomes = Arc::clone(&found);
    let exit = answer::<B>(settings, &ids.into(), Limits { deadline, watchdog }, move |ids, answer| {
        if answer.exit != Exit::Done {
            explain_all(ids, &answer);
        }
        let exit = answer.exit;
        *outcomes.lock().unwrap_or_else(PoisonError::into_inner) = answer.outcomes;
        exit
    });
    (std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner)), exit)
}

/// Stores one value. Returns whether it was written now.
fn put<B: Manage>(
    settings: &Settings,
    chosen: &Chosen<'_>,
    before: Outcome,
    force: bool,
    watchdog: &Watchdog,
) -> Result<bool, Failure> {
    let Chosen { id, value, .. } = chosen;
    accept(Secret::new(value.expose().to_owned()))?;
    match before {
        Ok(before) if before.expose() == value.expose() => {
            print_note(format!("{id} has this value already"));
            return Ok(false);
        }
        Ok(_) if !force => {
            let remedy =
                "compare them, and add --force to replace it, or --prefix TEXT to store it elsewhere";
            return Err(Failure::invalid_value("the store has another value under this id", remedy));
        }
        Err(failure) if failure.kind() == Kind::InvalidValue && !force => {
            let what = format!("the store has something else under this id: {}", failure.what());
            let remedy =
                "look at it, and add --force to replace it, or --prefix TEXT to store this elsewhere";
            return Err(Failure::invalid_value(what, remedy));
        }
        Err(failure) if !matches!(failure.kind(), Kind::NotFound | Kind::InvalidValue) => {
            return Err(failure);
        }
        _ => {}
    }
    store::<B>(settings, id, value, watchdog)?;
    Ok(true)
}
