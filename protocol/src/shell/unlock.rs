//! `unlock [ID]`: unlocks the store with its password, or creates it with a new one.

use std::time::Instant;

use super::output::{explain, fail, print_note};
use super::prompt;
use super::session_task::{Done, Task, run_task};
use crate::backend::{Lock, Manage};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::secret::Secret;
use crate::settings::Settings;
use crate::streams::stdin_is_terminal;
use crate::watchdog::{Limits, Watchdog};

/// How often a person can try a password.
const TRIES: usize = 3;

/// Unlocks the store, or the part of it that has `id`. Asks for a password only if one is needed.
pub(super) fn unlock<B: Manage>(settings: &Settings, id: Option<&str>, watchdog: &Watchdog) -> Exit {
    let attempt = |password: Option<&Secret>| {
        // The time limit starts after the person has typed.
        let deadline = Deadline::new(Instant::now(), settings.timeout());
        match run_task::<B>(settings, Limits { deadline, watchdog }, &Task::Unlock(id, password))? {
            Done::Unlocked(lock) => Ok(lock),
            _ => Err(Failure::internal("the store did not report its lock")),
        }
    };
    match attempt(None) {
        Ok(Lock::Closed(what)) => with_password(&what, &attempt, watchdog),
        Ok(Lock::Absent(why)) => {
            print_note(why);
            prompt::new_password(watchdog).map_or_else(|stop| stop, |password| end(attempt(Some(&password))))
        }
        Ok(Lock::Open(said)) => {
            print_note(said);
            prompt::drain(Deadline::new(Instant::now(), settings.timeout()));
            Exit::Done
        }
        Err(failure) => fail(None, &failure),
    }
}

fn with_password(
    what: &str,
    attempt: &dyn Fn(Option<&Secret>) -> Result<Lock, Failure>,
    watchdog: &Watchdog,
) -> Exit {
    let mut left = if stdin_is_terminal() { TRIES } else { 1 };
    loop {
        let password = match prompt::password(&format!("password of {what}: "), watchdog) {
            Ok(password) => password,
            Err(stop) => return stop,
        };
        left -= 1;
        match attempt(Some(&password)) {
            Err(failure) if failure.kind() == Kind::Unauthenticated && left > 0 => explain(None, &failure),
            done => return end(done),
        }
    }
}

fn end(unlocked: Result<Lock, Failure>) -> Exit {
    match unlocked {
        Ok(Lock::Open(said)) => {
            print_note(said);
            Exit::Done
        }
        Ok(_) => fail(None, &Failure::internal("the store took the password and is still locked")),
        Err(failure) => fail(None, &failure),
    }
}
