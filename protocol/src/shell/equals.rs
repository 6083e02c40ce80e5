//! `check ID --equals`: whether the stored value is the one on stdin. It prints neither.

use std::time::Instant;

use super::output::{explain, print_note};
use super::prompt;
use crate::answer::answer;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::streams::say;
use crate::watchdog::{Limits, Watchdog};

/// Reads a value from stdin or a prompt, and compares it with the one in the store.
pub(super) fn equals<B: Backend>(settings: &Settings, ids: Vec<String>, watchdog: &Watchdog) -> Exit {
    let [id] = &ids[..] else {
        say("error: --equals compares the value of one id");
        return Exit::Usage;
    };
    let given = match prompt::value(id, watchdog) {
        Ok(given) => given,
        Err(stop) => return stop,
    };
    // The time limit starts after the person has typed.
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    watchdog.move_to(deadline);
    answer::<B>(settings, &ids.into(), Limits { deadline, watchdog }, move |ids, answer| {
        for (id, outcome) in ids.iter().zip(&answer.outcomes) {
            match outcome {
                Ok(stored) if stored.expose() == given.expose() => print_note(format!("{id} has this value")),
                Ok(_) => {
                    let remedy = "store it with `set`; compare with line breaks and spaces in mind";
                    explain(Some(id), &Failure::invalid_value("the store has another value", remedy));
                    return Exit::IdFailed;
                }
                Err(failure) => explain(Some(id), failure),
            }
        }
        answer.shell_exit()
    })
}
