//! What `install` asks at a terminal: the settings that most profiles of the store have.

use std::time::{Duration, Instant};

use super::complain;
use super::hints::methods;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::run::Run;
use crate::settings::{Flags, Settings};
use crate::store::{Kind, Setting, Store, table};
use crate::streams::{Got, read_on, say, whisper};
use crate::watchdog::{GRACE, Watchdog};

/// How long a person may take for all answers.
pub(super) const PATIENCE: Duration = Duration::from_hours(24);

/// Asks for each setting that the store names and no flag sets, and returns the flags with the answers.
pub(super) fn ask<B: Manage>(
    mut flags: Flags,
    environment: &Environment,
    run: &Run,
    watchdog: &Watchdog,
) -> Result<Flags, Failure> {
    let deadline = Deadline::new(Instant::now(), PATIENCE);
    watchdog.move_to(deadline.later(GRACE));
    let load = |flags: &Flags| Settings::load(&B::STORE, flags, None, environment, run);
    debug_assert!(
        B::ASKED.iter().all(|key| table(&B::STORE).any(|setting| setting.key == *key)),
        "the store has no setting of a key in ASKED"
    );
    let asked = B::ASKED.iter().filter_map(|key| table(&B::STORE).find(|setting| setting.key == *key));
    for setting in asked {
        let settings = load(&flags)?;
        if flags.iter().any(|(key, _)| *key == setting.key) || !settings.is_of_method(setting) {
            continue;
        }
        let now = settings.shown(setting.key);
        let is_required = is_required::<B>(setting, &settings) && now.is_none();
        let prompt = prompt(&B::STORE, setting, (now.as_deref(), is_required));
        loop {
            let Some(text) = line(&prompt, deadline)? else {
                if !is_required {
                    break;
                }
                let what = format!("`{}` is required", setting.key);
                complain(&Failure::misconfigured(what, "write a value, or press Ctrl-C to write no profile"));
                continue;
            };
            flags.push((setting.key, vec![text]));
            match load(&flags) {
                Ok(_) => break,
                Err(failure) => complain(&failure),
            }
            flags.pop();
        }
    }
    Ok(flags)
}

/// Whether a profile cannot do without a setting, with the chosen way to sign in.
fn is_required<B: Manage>(setting: &Setting, settings: &Settings) -> bool {
    let is_needed = |methods: &[&str]| {
        methods.is_empty() || settings.auth().is_some_and(|method| methods.contains(&method))
    };
    B::REQUIRED.iter().any(|(key, methods)| *key == setting.key && is_needed(methods))
}

/// Returns the question: what the setting is, its words, what each way to sign in uses, and the value that an empty answer
/// keeps.
fn prompt(store: &Store, setting: &Setting, (now, is_required): (Option<&str>, bool)) -> String {
    let words = match setting.kind {
        Kind::Choice(words) => format!(" ({})", words.join(", ")),
        _ => String::new(),
    };
    let default = setting.help.split_once("default: ").map(|(_, default)| default);
    let now = match now.or(default) {
        _ if is_required => "(required)".to_owned(),
        now => format!("[{}]", now.unwrap_or("none")),
    };
    let methods = methods(store, setting);
    format!("{}: {}{words}\n{methods}{} {now}: ", setting.key, setting.help, setting.key)
}

/// Reads a line from the terminal; `None` if it is empty.
fn line(prompt: &str, deadline: Deadline) -> Result<Option<String>, Failure> {
    whisper(prompt);
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\n") {
        if read_on(&mut bytes, deadline) != Got::More {
            say("");
            let what = "the terminal was closed; nothing was written";
            return Err(Failure::misconfigured(what, "run the command again, or add --yes"));
        }
    }
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok((!text.is_empty()).then_some(text))
}
