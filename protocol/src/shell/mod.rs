//! The command line: protocol mode, and the verbs that a person uses.

mod as_gateway;
mod change;
mod check;
mod cli;
mod code_variables;
mod command_output;
mod completions;
mod config_check;
mod doctor;
mod edit;
mod equals;
mod exec;
mod failure_report;
mod get;
mod id_lookup;
mod import;
mod install;
mod last;
mod list;
mod listing;
mod logout;
mod man;
mod new_id;
mod oddity;
mod only_reads;
mod output;
mod progress;
mod prompt;
mod redact;
mod report;
mod session_task;
mod set;
mod settings;
mod snippet;
mod style;
mod unlock;
mod watch;

use std::time::{Duration, Instant};

use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::detached;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::process;
use crate::profile::Profile;
use crate::run::Run;
use crate::serve::serve;
use crate::settings::family::TIMEOUT;
use crate::settings::{self as given, DEFAULT_TIMEOUT, Flags, Settings, Source, timeout_of};
use crate::store::{flag, table};
use crate::streams::{say, stdin_is_terminal};
use crate::watchdog::{Limits, Watchdog};
use cli::{CommandLine, Verb};
use doctor::DoctorArgs;
use output::{explain, fail};
use session_task::OUTPUT_TIMEOUT;

/// The time limit of `list` if `timeout` is not set: it reads every folder of a store, and no gateway waits for it.
const LIST_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs a resolver's command line and ends the process. A resolver's `main` calls only this.
pub fn main<B: Manage>() -> ! {
    let started = Instant::now();
    process::harden();
    let arguments = match detached::arguments(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => process::exit(fail(None, &install::cannot_become(&error))),
    };
    let arguments: Vec<String> =
        arguments.into_iter().map(|text| text.to_string_lossy().into_owned()).collect();
    process::exit(run::<B>(&arguments, started))
}

fn run<B: Manage>(arguments: &[String], first: Instant) -> Exit {
    let watchdog = Watchdog::start(Deadline::new(first, DEFAULT_TIMEOUT));
    let limits = Limits { deadline: Deadline::new(first, DEFAULT_TIMEOUT), watchdog: &watchdog };
    let early = || Journal::new(&B::STORE, &Run::new(first));
    let line = match cli::read::<B>(arguments) {
        Ok(line) => line,
        Err(stop) => return cli::stop::<B>(stop, arguments, &early(), limits),
    };
    let started = match only_reads::check(&line.verb, first) {
        Ok(started) => started,
        Err(failure) => return serve::<B>(Err((failure, Exit::Refused)), &early(), limits),
    };
    let (run, journal) = begin::<B>(&line, started, &watchdog);
    // The flag applies while the profile is read, and if it cannot be read.
    let so_far = timeout_of(&line.flags).unwrap_or(DEFAULT_TIMEOUT);
    if so_far != DEFAULT_TIMEOUT || started != first {
        watchdog.move_to(Deadline::new(started, so_far));
    }
    let environment = Environment::from_process();
    if let Some(exit) = without_settings::<B>(arguments, &line, &environment, (&run, &watchdog)) {
        return exit;
    }
    let settings = load::<B>(&line, &environment, &run).and_then(only_reads::without_program::<B>);
    let timeout = settings.as_ref().map_or(so_far, Settings::timeout);
    let deadline = Deadline::new(started, timeout);
    if timeout != so_far {
        watchdog.move_to(deadline);
    }
    let limits = Limits { deadline, watchdog: &watchdog };
    match line.verb {
        Verb::None if stdin_is_terminal() => {
            say(cli::short_help::<B>(arguments).trim_end());
            Exit::Usage
        }
        Verb::None | Verb::Resolve => serve::<B>(settings, &journal, limits),
        Verb::Last(args) => {
            let deadline = Deadline::new(Instant::now(), OUTPUT_TIMEOUT);
            watchdog.move_to(deadline);
            last::last(&B::STORE, &args, (line.profile.as_deref(), settings.as_ref().ok()), deadline)
        }
        verb => with_settings::<B>(verb, settings, (&line.flags, &environment), &run, limits),
    }
}

/// Runs a verb that loads settings by itself, or several.
fn without_settings<B: Manage>(
    arguments: &[String],
    line: &CommandLine,
    environment: &Environment,
    (run, watchdog): (&Run, &Watchdog),
) -> Option<Exit> {
    Some(match &line.verb {
        Verb::CheckConfig(args) => config_check::check_config::<B>(args, watchdog),
        Verb::Watch(args) => watch::watch::<B>(args, environment, watchdog),
        Verb::AsGateway(args) => as_gateway::as_gateway::<B>(line, args, run, watchdog),
        Verb::Install(args) => install::install::<B>(arguments, line, args, environment, (run, watchdog)),
        _ => return None,
    })
}

/// Runs a verb of a person. Some need no settings, and `doctor` also reports that they cannot be read.
fn with_settings<B: Manage>(
    verb: Verb,
    settings: Result<Settings, (Failure, Exit)>,
    (flags, environment): (&Flags, &Environment),
    run: &Run,
    limits: Limits<'_>,
) -> Exit {
    match (verb, settings) {
        (Verb::Settings { names }, _) => settings::settings(&B::STORE, &names, limits.deadline),
        (Verb::Completions { shell }, _) => completions::completions::<B>(&shell, limits.deadline),
        (Verb::Man { page }, _) => man::man::<B>(&page, limits.deadline),
        (Verb::Doctor { ids, json, names }, settings) => {
            let args = DoctorArgs { ids, json, names };
            doctor::doctor::<B>(settings.as_ref(), args, (run, environment), limits)
        }
        (verb, Ok(settings)) => run_task::<B>(verb, &settings, (flags, environment), limits),
        (_, Err((failure, exit))) => {
            explain(None, &failure);
            exit
        }
    }
}

/// Begins the run of a verb, and sets what the watchdog says if it ends the run.
fn begin<B: Manage>(line: &CommandLine, started: Instant, watchdog: &Watchdog) -> (Run, Journal) {
    let verb = &line.verb;
    let is_traced =
        matches!(verb, Verb::Doctor { .. } | Verb::AsGateway(_) | Verb::Check { .. } | Verb::Install(_));
    let run = if is_traced { Run::traced(started) } else { Run::new(started) };
    let journal = Journal::new(&B::STORE, &run);
    if matches!(verb, Verb::None | Verb::Resolve) {
        let journal = journal.clone();
        watchdog.at_last(move || journal.last_words());
    } else {
        let run = run.clone();
        watchdog.at_last(move || explain(None, &run.timeout(run.elapsed())));
    }
    if let Some(profile) = &line.profile {
        run.redact("profile", profile);
    }
    (run, journal)
}

/// Runs a verb that needs settings.
fn run_task<B: Manage>(
    verb: Verb,
    settings: &Settings,
    (flags, environment): (&Flags, &Environment),
    limits: Limits<'_>,
) -> Exit {
    let Limits { deadline, watchdog } = limits;
    match verb {
        Verb::Get { ids, json } => get::get::<B>(settings, ids, json, environment, limits),
        Verb::Check { ids, json } => check::check::<B>(settings, ids, json, environment, limits),
        Verb::Equals { ids } => equals::equals::<B>(settings, ids, watchdog),
        Verb::Exec(args) => exec::exec::<B>(settings, args, limits),
        Verb::List { prefix, json } => {
            let is_set = settings.source(&TIMEOUT) != Some(Source::Default);
            let deadline = if is_set { deadline } else { Deadline::new(Instant::now(), LIST_TIMEOUT) };
            list::list::<B>(settings, &prefix, json, Limits { deadline, watchdog })
        }
        Verb::Snippet(args) => snippet::snippet::<B>(settings, flags, args, deadline),
        Verb::Set { id } => set::set::<B>(settings, &id, watchdog),
        Verb::Delete { id, yes, force } => set::delete::<B>(settings, &id, (yes, force), limits),
        // The parser has no such verb for this store, and its code is not compiled for it.
        Verb::Unlock { .. } if B::UNLOCK.is_none() => Exit::Usage,
        Verb::Import(args) => import::import::<B>(settings, (flags, environment), &args, watchdog),
        Verb::Unlock { id } => unlock::unlock::<B>(settings, id.as_deref(), watchdog),
        _ => logout::logout::<B>(settings, deadline),
    }
}

/// Variables that the C library reads when it resolves a host name: for its resolver, `/etc/host.conf`, NIS, and the
/// converters of international names. With a profile, they could send credentials to another host.
const LOOK_UP_VARIABLES: [&str; 14] = [
    "HOSTALIASES",
    "LOCALDOMAIN",
    "RES_OPTIONS",
    "RESOLV_HOST_CONF",
    "RESOLV_MULTI",
    "RESOLV_REORDER",
    "RESOLV_ADD_TRIM_DOMAINS",
    "RESOLV_OVERRIDE_TRIM_DOMAINS",
    "RESOLV_SERV_ORDER",
    "RESOLV_SPOOF_CHECK",
    "NIS_PATH",
    "NIS_DEFAULTS",
    "NIS_GROUP",
    "GCONV_PATH",
];

fn load<B: Manage>(
    line: &CommandLine,
    environment: &Environment,
    run: &Run,
) -> Result<Settings, (Failure, Exit)> {
    let store = &B::STORE;
    given::check(store, &line.flags).map_err(|failure| (failure, Exit::Usage))?;
    if line.profile.is_some() {
        bound::<B>(line, environment)?;
    }
    let profile =
        line.profile.as_ref().map(|argument| Profile::read(store, argument, environment)).transpose();
    let settings = profile.and_then(|profile| Settings::load(store, &line.flags, profile, environment, run));
    settings.map_err(|failure| (failure, Exit::Configuration))
}

/// Refuses flags and variables that would change where a profile sends credentials.
fn bound<B: Manage>(line: &CommandLine, environment: &Environment) -> Result<(), (Failure, Exit)> {
    let security_sensitive =
        |key: &str| table(&B::STORE).any(|setting| setting.key == key && setting.security_sensitive);
    if let Some((key, _)) = line.flags.iter().find(|(key, _)| security_sensitive(key)) {
        let failure = Failure::misconfigured(
            format!("{} cannot be used with --profile", flag(key)),
            format!("set `{key}` in the profile"),
        );
        return Err((failure, Exit::Usage));
    }
    let look_up = if B::LOOKS_UP_HOSTS { &LOOK_UP_VARIABLES[..] } else { &[] };
    refused(look_up, environment, "changes how the store's host name is resolved")?;
    refused(B::LIBRARY_VARIABLES, environment, "is read by a library that this program uses")
}

/// Fails if one of these variables is set; `what` it does is for the message.
fn refused(names: &[&str], environment: &Environment, what: &str) -> Result<(), (Failure, Exit)> {
    let Some(name) = names.iter().find(|name| environment.is_set(name)) else { return Ok(()) };
    let failure = Failure::misconfigured(
        format!("{name} is set and {what}"),
        "remove it from the environment; for a gateway, from its `passEnv` and `env`",
    );
    Err((failure, Exit::Configuration))
}
