//! `check --config FILE`: resolves what a gateway's config asks this resolver for, before the gateway does.

mod provider;
mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::output::fail;
use super::session_task::OUTPUT_TIMEOUT;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::Config;
use crate::outcome::Outcome;
use crate::watchdog::Watchdog;
use provider::Checked;
pub(super) use provider::check;
use report::{Answered, Report};

/// The arguments of `check --config`.
#[derive(Debug)]
pub(super) struct ConfigCheckArgs {
    pub(super) path: PathBuf,
    pub(super) json: bool,
    /// The time in which nothing may expire, if one was given.
    pub(super) within: Option<Duration>,
}

/// Checks every exec provider of the config that starts this resolver, and resolves its ids in one run, as the gateway does.
pub(super) fn check_config<B: Manage>(args: &ConfigCheckArgs, watchdog: &Watchdog) -> Exit {
    let config = match Config::read_own(&args.path, Environment::from_process().uid) {
        Ok(config) => config,
        Err(failure) => {
            fail(None, &failure);
            return Exit::Configuration;
        }
    };
    let mut report = Report::new(args);
    for (name, provider) in &config.providers {
        let note = |_: &str, outcome: &Outcome| Answered::new(outcome);
        match check::<B, _>(&config, name, provider, watchdog, note) {
            Some(checked) => report.add(&config, name, checked),
            None => report.leave_out(name),
        }
    }
    let is_absent = |name: &str| !config.providers.contains_key(name);
    for reference in config.references.iter().filter(|reference| is_absent(&reference.provider)) {
        let what = format!("the config has no exec provider {} with a command", reference.provider);
        let failure = Failure::misconfigured(what, "add its provider block: `snippet` prints it");
        report.add_failed(reference, &failure);
    }
    if config.includes {
        report.warn("the config includes other files, which are not read here".to_owned());
    }
    watchdog.move_to(Deadline::new(Instant::now(), OUTPUT_TIMEOUT));
    report.print(Deadline::new(Instant::now(), OUTPUT_TIMEOUT))
}
