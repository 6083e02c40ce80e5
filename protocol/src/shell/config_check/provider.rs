//! One provider of a config: whether the gateway would start it, and what it would answer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};

use super::super::cli::{CommandLine, Verb, read};
use super::super::load;
use super::super::only_reads::refuse_program;
use crate::answer::answer;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::{self, Config, ExecProvider, FirstLine};
use crate::outcome::Outcome;
use crate::profile::{Profile, other_resolver};
use crate::run::Run;
use crate::settings::Settings;
use crate::store::Store;
use crate::watchdog::{Limits, Watchdog};

/// How much later than the resolver itself the watchdog ends a check that hangs.
const SLACK: Duration = Duration::from_millis(500);

/// What was found about a provider.
pub(in crate::shell) struct Checked<T> {
    pub(in crate::shell) command: PathBuf,
    /// Why the gateway cannot start it, or why it cannot run.
    pub(in crate::shell) failures: Vec<Failure>,
    pub(in crate::shell) warnings: Vec<String>,
    /// The result for each id, in the order of the config.
    pub(in crate::shell) ids: Vec<(String, T)>,
    /// How the gateway's run would end.
    pub(in crate::shell) exit: Exit,
    pub(in crate::shell) took: Duration,
    /// What else expires: the token, and the certificate of the server.
    pub(in crate::shell) ends: Vec<(&'static str, Duration)>,
    /// Those that the resolver does not replace by itself.
    pub(in crate::shell) to_replace: Vec<(&'static str, Duration)>,
}

/// Checks a provider; `None` if it does not start this resolver. `note` makes what is kept of an id and its outcome.
pub(in crate::shell) fn check<B: Manage, T: Send + 'static>(
    config: &Config,
    name: &str,
    provider: &ExecProvider,
    watchdog: &Watchdog,
    note: impl Fn(&str, &Outcome) -> T + Clone + Send + Sync + 'static,
) -> Option<Checked<T>> {
    let start = start(&provider.command, &B::STORE)?;
    let environment = environment(config, provider);
    let ids = config.ids(name);
    let mut checked = Checked {
        command: provider.command.clone(),
        failures: rule(&provider.command, environment.uid),
        warnings: Vec::new(),
        ids: Vec::new(),
        exit: Exit::Done,
        took: Duration::ZERO,
        ends: Vec::new(),
        to_replace: Vec::new(),
    };
    let run = Run::traced(Instant::now());
    let settings = start.and_then(|first| settings::<B>(first, provider, &environment, &run));
    match settings {
        // What the rule says is then the cause of this failure, too.
        Err(_) if !checked.failures.is_empty() && access(&provider.command, Access::READ_OK).is_err() => {}
        Err(failure) => checked.failures.push(failure),
        Ok(settings) => {
            checked.warnings = differences(&settings, provider);
            if checked.failures.is_empty() {
                let limits = (provider.timeout(), watchdog);
                (checked.ids, checked.exit) = resolve::<B, T>(&settings, ids.clone(), limits, note.clone());
                checked.warnings.extend(run.warnings().into_iter().map(|(_, warning)| warning));
                checked.ends = run.known_ends();
                checked.to_replace = run.to_replace();
            }
        }
    }
    checked.took = run.elapsed();
    if let Some(failure) = checked.failures.first() {
        checked.exit = Exit::Configuration;
        checked.ids = ids.into_iter().map(|id| (id.clone(), note(&id, &Err(failure.clone())))).collect();
    }
    Some(checked)
}

/// Returns the first arguments with which the kernel starts this resolver, or why it cannot; `None` for other commands.
fn start(command: &Path, store: &Store) -> Option<Result<Vec<String>, Failure>> {
    let is_named = |path: &Path| path.file_name().is_some_and(|name| name == store.binary);
    let is_own =
        |path: &Path| is_named(path) || gateway::own_path().is_ok_and(|own| gateway::is_same(path, &own));
    let path = command.display().to_string();
    let line = match FirstLine::read(command) {
        _ if is_own(command) || !command.exists() => return Some(Ok(Vec::new())),
        Some(FirstLine::Profile(program)) if !is_own(&program) => return None,
        // The settings then say why it cannot be read.
        None if is_toml(command) => return Some(Ok(vec!["--profile".to_owned(), path])),
        line => line?,
    };
    match line.fault(store, command) {
        None => Some(Ok(vec!["--profile".to_owned(), path])),
        Some(_) if !is_meant(command, store) => None,
        Some((why, remedy)) => {
            Some(Err(Failure::misconfigured(format!("the first line of {path} {why}"), remedy)))
        }
    }
}

/// Whether a file without a right first line is meant as a profile of this store.
fn is_meant(command: &Path, store: &Store) -> bool {
    let Ok(text) = std::fs::read_to_string(command) else { return false };
    other_resolver(store, &text).is_none() && (is_toml(command) || Profile::is_of(store, &text))
}

fn is_toml(command: &Path) -> bool {
    command.extension().is_some_and(|extension| extension == "toml")
}

/// Returns each clause of the gateway's rule that the command does not keep.
fn rule(command: &Path, uid: u32) -> Vec<Failure> {
    let broken = gateway::clauses(command, uid).into_iter().filter_map(|clause| clause.broken);
    let failure = |(why, remedy): (String, String)| {
        let what = format!("a gateway that runs as uid {uid} cannot start {}: {why}", command.display());
        Failure::misconfigured(what, remedy)
    };
    broken.map(failure).collect()
}

/// Returns the environment that the gateway gives the provider.
fn environment(config: &Config, provider: &ExecProvider) -> Environment {
    let process = Environment::from_process();
    let uid = process.uid;
    let passed = provider.pass_env.clone();
    let (of_config, own) = (config.variables.clone(), provider.env.clone());
    Environment::new(uid, move |name| {
        let is_passed = passed.iter().any(|passed| passed == name);
        let of_gateway = || process.variable(name).or_else(|| of_config.get(name).cloned());
        own.get(name).cloned().or_else(|| if is_passed { of_gateway() } else { None })
    })
}

/// Loads the settings that the resolver would have.
fn settings<B: Manage>(
    first: Vec<String>,
    provider: &ExecProvider,
    environment: &Environment,
    run: &Run,
) -> Result<Settings, Failure> {
    let words: Vec<_> = first.into_iter().chain(provider.args.iter().cloned()).collect();
    let wrong = |what: String| {
        Failure::misconfigured(what, "remove them from `args`; settings belong into the profile")
    };
    let line: CommandLine =
        read::<B>(&words).map_err(|_| wrong(format!("{} cannot read its `args`", B::STORE.binary)))?;
    match line.verb {
        Verb::None | Verb::Resolve => {
            load::<B>(&line, environment, run).map_err(|(failure, _)| failure).and_then(refuse_program::<B>)
        }
        _ => Err(wrong("the `args` have a command other than `resolve`".to_owned())),
    }
}

/// Returns what the config and the settings say differently.
fn differences(settings: &Settings, provider: &ExecProvider) -> Vec<String> {
    let limit = provider.timeout();
    let late = (settings.timeout() >= limit).then(|| {
        format!(
            "`timeout` is {} ms, but the gateway ends the run after timeoutMs {}: lower `timeout`, or raise timeoutMs",
            settings.timeout().as_millis(),
            limit.as_millis()
        )
    });
    let long = (settings.max_output() > provider.max_output()).then(|| {
        format!(
            "`max_output` is {} bytes, but the gateway reads {}: lower `max_output`, or raise maxOutputBytes",
            settings.max_output(),
            provider.max_output()
        )
    });
    let is_given = |name: &&str| {
        provider.env.contains_key(*name) || provider.pass_env.iter().any(|passed| passed == name)
    };
    let absent = settings.absent().into_iter();
    let absent = absent.map(|name| {
        if is_given(&name) {
            format!("{name} is in passEnv, and not set here: the gateway must have it")
        } else {
            format!("the profile lists {name} in `env`, and passEnv does not pass it on")
        }
    });
    late.into_iter().chain(long).chain(absent).collect()
}

/// Resolves the ids in one run. Returns what is kept of each, and how the gateway's run would end.
fn resolve<B: Manage, T: Send + 'static>(
    settings: &Settings,
    ids: Vec<String>,
    (limit, watchdog): (Duration, &Watchdog),
    note: impl Fn(&str, &Outcome) -> T + Send + Sync + 'static,
) -> (Vec<(String, T)>, Exit) {
    let deadline = Deadline::new(Instant::now(), settings.timeout().min(limit));
    watchdog.move_to(deadline.later(SLACK));
    let found = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::clone(&found);
    let exit = answer::<B>(settings, &ids.into(), Limits { deadline, watchdog }, move |ids, answer| {
        let results = ids.iter().zip(&answer.outcomes);
        let mut found = answers.lock().unwrap_or_else(PoisonError::into_inner);
        *found = results.map(|(id, outcome)| (id.clone(), note(id, outcome))).collect();
        answer.shell_exit()
    });
    (std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner)), exit)
}
