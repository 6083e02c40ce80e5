//! `doctor --as-gateway`: applies the gateway's rule to the command, and starts it as the gateway does.

mod started;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::User;

use super::cli::CommandLine;
use super::doctor::{DoctorArgs, Reporter, always, redact, redact_failure, redact_ids};
use super::load;
use super::output::fail;
use super::report::Finding;
use super::snippet;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::{Ended, FirstLine, NoStart, ROOM, Start, check_start, clauses, is_same, own_path};
use crate::profile::path_of;
use crate::run::Run;
use crate::settings::{DEFAULT_TIMEOUT, Settings};
use crate::text::shell_word;
use crate::watchdog::Watchdog;
use started::{not_tried, started};

/// How much later than the gateway the watchdog ends a run that hangs.
const SLACK: Duration = Duration::from_secs(2);

/// The arguments of `doctor --as-gateway`.
#[derive(Debug, Clone)]
pub(super) struct AsGatewayArgs {
    pub(super) doctor: DoctorArgs,
    /// The user that the gateway runs as, if not this one.
    pub(super) user: Option<String>,
}

/// Prints a line for each thing that a gateway does with the command.
pub(super) fn as_gateway<B: Manage>(
    line: &CommandLine,
    args: &AsGatewayArgs,
    run: &Run,
    watchdog: &Watchdog,
) -> Exit {
    let process = Environment::from_process();
    let user = match args.user.as_deref().map(user).transpose() {
        Ok(user) => user,
        Err(failure) => return fail(None, &failure),
    };
    let user = user.filter(|(uid, _)| *uid != process.uid);
    let uid = user.map_or(process.uid, |(uid, _)| uid);
    let environment = Environment::new(uid, move |name| process.variable(name));
    let settings = load::<B>(line, &environment, run).map_err(|(failure, _)| failure);
    let ids = &args.doctor.ids;
    hide(run, &settings, ids, uid);
    let start = match start::<B>(line, &settings, &environment, user) {
        Ok(start) => start,
        Err(failure) => return fail(None, &failure),
    };
    run.redact("command", start.command.display().to_string());
    watchdog.move_to(Deadline::new(Instant::now(), start.timeout + SLACK));
    let startable = check_start(&start.command, uid);
    let mut found = vec![
        rule(&start.command, uid),
        first_line::<B>(&start, &startable),
        shell::<B>(&settings, &environment, &start),
    ];
    let mut exit = if found.iter().any(Finding::is_failed) { Exit::Configuration } else { Exit::Done };
    let (started, ended) = startable.as_ref().map_or_else(not_tried, |()| started(&start, ids));
    found.extend(started);
    exit = if exit == Exit::Done { ended } else { exit };
    let deadline = Deadline::new(Instant::now(), SLACK);
    let reporter = Reporter {
        args: args.doctor.clone(),
        run: run.clone(),
        store: &B::STORE,
        always: always::<B>,
        deadline,
    };
    reporter.print(found, exit == Exit::Done).unwrap_or(exit)
}

/// Registers the private names to redact, also if the settings cannot be read.
fn hide(run: &Run, settings: &Result<Settings, Failure>, ids: &[String], uid: u32) {
    match settings {
        Ok(settings) => redact(settings, ids),
        Err(failure) => {
            redact_failure(run, failure, uid);
            redact_ids(run, ids);
        }
    }
}

/// Returns what the gateway starts.
fn start<B: Manage>(
    line: &CommandLine,
    settings: &Result<Settings, Failure>,
    environment: &Environment,
    user: Option<(u32, u32)>,
) -> Result<Start, Failure> {
    let profile = line.profile.as_deref().map(|argument| path_of(argument, environment.uid)).transpose()?;
    let (command, first) = command::<B>(profile.as_deref())?;
    // No value of this shell is for another user.
    let own = settings.as_ref().ok().filter(|_| user.is_none());
    Ok(Start {
        command,
        args: first.into_iter().chain(snippet::words(&line.flags)).collect(),
        variables: own.map(|settings| passed::<B>(settings, environment)).unwrap_or_default(),
        user,
        timeout: settings.as_ref().map_or(DEFAULT_TIMEOUT, Settings::timeout) + ROOM,
    })
}

/// Returns the ids of a user and its group.
fn user(name: &str) -> Result<(u32, u32), Failure> {
    let user = User::from_name(name).ok().flatten();
    let user =
        user.ok_or_else(|| Failure::misconfigured(format!("there is no user {name}"), "check the name"))?;
    Ok((user.uid.as_raw(), user.gid.as_raw()))
}

/// Returns the command, and its first arguments: the profile, if it is meant to be one, also if it cannot be read.
fn command<B: Manage>(profile: Option<&Path>) -> Result<(PathBuf, Vec<String>), Failure> {
    match profile.filter(|profile| is_command(profile)) {
        Some(profile) => {
            Ok((std::path::absolute(profile).unwrap_or_else(|_| profile.to_owned()), Vec::new()))
        }
        None => snippet::command(&B::STORE, profile, None),
    }
}

/// Whether a profile is meant to be a command: it is executable, or has a first line. One that is missing may be.
fn is_command(profile: &Path) -> bool {
    let is_executable = std::fs::metadata(profile).map_or(true, |file| file.mode() & 0o111 != 0);
    is_executable || FirstLine::read(profile).is_none_or(|line| line != FirstLine::None)
}

/// Returns the variables that the gateway should pass on, with their values in this shell.
fn passed<B: Manage>(settings: &Settings, environment: &Environment) -> Vec<(String, String)> {
    let names = settings.passed().into_iter().chain(B::passed(settings).iter().copied());
    names.filter_map(|name| Some((name.to_owned(), environment.variable(name)?))).collect()
}

/// The gateway's rule on commands.
fn rule(command: &Path, uid: u32) -> Finding {
    let mut facts = vec![command.display().to_string(), format!("for a gateway that runs as uid {uid}")];
    let clauses = clauses(command, uid);
    facts
        .extend(clauses.iter().filter(|clause| clause.broken.is_none()).map(|clause| clause.name.to_owned()));
    let broken: Vec<_> = clauses.into_iter().filter_map(|clause| clause.broken).collect();
    facts.extend(broken.iter().skip(1).map(|(why, remedy)| format!("also: {why}; {remedy}")));
    let failure = broken.into_iter().next().map(|(why, remedy)| {
        Failure::misconfigured(format!("the gateway refuses the command: {why}"), remedy)
    });
    Finding::of("command", None, facts, failure.as_ref())
}

/// What the kernel starts.
fn first_line<B: Manage>(start: &Start, startable: &Result<(), NoStart>) -> Finding {
    let is_own = |program: &Path| own_path().is_ok_and(|own| is_same(&own, program));
    let line = match FirstLine::read(&start.command) {
        _ if is_own(&start.command) => {
            return Finding::of("first line", None, vec!["the command is the program itself".into()], None);
        }
        Some(FirstLine::None) if !start.args.is_empty() => {
            return match startable {
                Err(NoStart::Unsafe(why)) => Finding::left_out("copy", why),
                _ => of_copy::<B>(start),
            };
        }
        Some(line) => line,
        None => {
            let failure =
                Failure::misconfigured("the first line cannot be read", "check the path and its permissions");
            return Finding::of("first line", None, Vec::new(), Some(&failure));
        }
    };
    let facts = match &line {
        FirstLine::Profile(program) if !is_own(program) => {
            vec![format!("it names {}, which is not the program that runs now", program.display())]
        }
        FirstLine::Profile(program) => vec![format!("it names {}", program.display())],
        _ => Vec::new(),
    };
    let failure = line.fault(&B::STORE, &start.command);
    let failure =
        failure.map(|(why, remedy)| Failure::misconfigured(format!("the first line {why}"), remedy));
    Finding::of("first line", None, facts, failure.as_ref())
}

/// A copy of the program, which an upgrade of the package leaves behind.
fn of_copy<B: Manage>(start: &Start) -> Finding {
    let own = format!("{} {} ({})", B::STORE.binary, B::STORE.version, env!("SECRETREF_BUILD"));
    let asked = Start { args: vec!["--version".to_owned()], ..start.clone() }.run("");
    let found = match &asked {
        Ended::Exited { stdout, .. } => String::from_utf8_lossy(stdout).trim().to_owned(),
        _ => String::new(),
    };
    let failure = (found != own).then(|| {
        let found = if found.is_empty() { "a program that does not say its version" } else { &found };
        let profile = start.args.get(1).map(|path| shell_word(path)).unwrap_or_default();
        Failure::misconfigured(
            format!("the command is {found}, and this program is {own}"),
            format!("copy it again: {} install --copy --yes --to {profile}", B::STORE.binary),
        )
    });
    Finding::of("copy", None, vec!["the command is a copy of the program".into()], failure.as_ref())
}

/// What differs from this shell.
fn shell<B: Manage>(
    settings: &Result<Settings, Failure>,
    environment: &Environment,
    start: &Start,
) -> Finding {
    let facts = settings.as_ref().map_or_else(
        |_| Vec::new(),
        |settings| {
            let passed = passed::<B>(settings, environment);
            let names: Vec<_> = passed.iter().map(|(name, _)| name.as_str()).collect();
            let left_out = if start.user.is_some() { names.clone() } else { Vec::new() };
            let lists = [
                ("passEnv must have", names),
                ("left out, because the value in this shell is another user's", left_out),
                ("set in this shell, and not passed on", settings.ignored(environment)),
                ("listed in `env` but not set here", settings.absent()),
            ];
            let lists = lists.into_iter().filter(|(_, names): &(_, Vec<&str>)| !names.is_empty());
            lists.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect()
        },
    );
    Finding::of("environment", None, facts, settings.as_ref().err())
}
