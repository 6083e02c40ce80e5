//! `unlock`: the keychain of this machine opened with its password.

use std::time::Instant;

use super::act::{Done, Task, act};
use super::prompt;
use super::speak::{fail, note};
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::watch::Watch;

/// Asks for the password, and unlocks the store with it.
pub(super) fn unlock<B: Manage>(settings: &Settings, watch: &Watch) -> Exit {
    let password = match prompt::password(watch) {
        Ok(password) => password,
        Err(stop) => return stop,
    };
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    match act::<B>(settings, (deadline, watch), &Task::Unlock(&password)) {
        Ok(Done::Changed(text)) => {
            note(text);
            Exit::Done
        }
        Ok(Done::Listed(_)) => Exit::Internal,
        Err(failure) => fail(None, &failure),
    }
}
