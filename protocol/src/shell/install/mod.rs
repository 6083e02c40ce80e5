//! `install [NAME]`: writes an executable profile that a gateway accepts as a command, tests it, and prints the provider
//! block.

mod copy;
mod file;
mod from_config;
mod hints;
mod other_user;
mod questions;
mod text;
mod trial;
mod unit;

use std::path::PathBuf;

use super::cli::CommandLine;
use super::output::{explain, fail, print_note, warn};
use crate::backend::Manage;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::{self, FirstLine, Form};
use crate::profile::Profile;
use crate::run::Run;
use crate::settings::{Flags, Settings};
use crate::streams::{say, stdin_is_terminal};
use crate::watchdog::Watchdog;
use file::{Place, in_home};
use from_config::{allowed, keep};
use hints::{missing, with_flags};
pub(super) use other_user::cannot_become;
use text::Start;
use trial::Plan;

/// The arguments of `install`.
#[derive(Debug)]
pub(super) struct InstallArgs {
    pub(super) name: Option<String>,
    pub(super) to: Option<PathBuf>,
    /// The gateway's config, whose references the profile allows.
    pub(super) config: Option<PathBuf>,
    /// The user that the profile is for, if not this one.
    pub(super) user: Option<ForUser>,
    /// Whether to ask no questions.
    pub(super) yes: bool,
    /// Whether to replace a file that `install` did not write.
    pub(super) force: bool,
    pub(super) test: Test,
    /// The base profile that it extends.
    pub(super) extends: Option<String>,
    /// Whether to print what a unit of systemd needs.
    pub(super) unit: bool,
    pub(super) task: Task,
    pub(super) form: Form,
}

/// Another user, for whom root runs `install`.
#[derive(Debug)]
pub(super) struct ForUser {
    pub(super) name: String,
    /// Whether the profile is to be below `/etc/secretref`.
    pub(super) is_system: bool,
}

/// Whether the profile is tested before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    /// Check the settings, and sign in.
    SignIn,
    /// Write it untested.
    LeaveOut,
}

/// What `install` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Write the profile.
    Write,
    /// Write the profile, and copy the program next to it.
    WriteAndCopy,
    /// Remove the profile.
    Remove,
}

/// Writes the profile, or removes it.
pub(super) fn install<B: Manage>(
    arguments: &[String],
    line: &CommandLine,
    args: &InstallArgs,
    environment: &Environment,
    (run, watchdog): (&Run, &Watchdog),
) -> Exit {
    if line.profile.is_some() {
        say("error: install writes a profile: leave out --profile, and give its settings as flags");
        return Exit::Usage;
    }
    if let Some(user) = &args.user {
        let default = format!("{}.toml", args.name.as_deref().unwrap_or(B::STORE.name()));
        let system = (user.is_system && args.to.is_none()).then_some(default);
        let done = other_user::run_as(&user.name, arguments, system.as_deref(), environment, watchdog);
        return done.unwrap_or_else(|failure| fail(None, &failure));
    }
    let place = match place::<B>(args, environment) {
        Ok(place) => place,
        Err(failure) => return fail(None, &failure),
    };
    if args.task == Task::Remove {
        let removed = place.remove(B::STORE.binary, args.force);
        return removed.map_or_else(|failure| fail(None, &failure), |said| note(&said));
    }
    match plan::<B>(&line.flags, args, place, (environment, run, watchdog)) {
        Ok(Some(plan)) => trial::run::<B>(plan, args, environment, watchdog),
        Ok(None) => {
            say(
                "error: install asks at a terminal, and stdin is none: add --yes, and give every setting as a flag",
            );
            Exit::Usage
        }
        Err(failure) => fail(None, &failure),
    }
}

/// Decides what is to be written; `None` if questions cannot be asked.
fn plan<B: Manage>(
    flags: &Flags,
    args: &InstallArgs,
    place: Place,
    (environment, run, watchdog): (&Environment, &Run, &Watchdog),
) -> Result<Option<Plan>, Failure> {
    let store = &B::STORE;
    let program = gateway::own_path()?;
    let is_copied = args.task == Task::WriteAndCopy;
    let first = FirstLine::write(&program).map_err(|why| {
        Failure::misconfigured(why, "add --copy, which copies the program next to the profile")
    });
    if is_copied {
        place.check_copy(store.binary)?;
    }
    let before = place.before()?;
    let line = if is_copied { String::new() } else { first? };
    let start = if is_copied {
        place.plan_copy(&program, store.binary, (before.as_deref(), args.force))?
    } else {
        Start::Line(&line)
    };
    let found = (start, before.as_deref());
    let Some((text, taken)) = text::<B>(flags, args, &place, found, (environment, run, watchdog))? else {
        return Ok(None);
    };
    let profile = Profile::read_text(store, &text, place.path().to_owned())?;
    let settings = ready::<B>(profile, args.test, environment, run)?;
    place.prepare()?;
    Ok(Some(Plan {
        text,
        settings,
        program,
        copy: is_copied.then(|| place.copy_path(store.binary)),
        is_copied: start == Start::Copy,
        taken,
        alias: place.alias::<B>(),
        form: args.form,
        place,
    }))
}

/// Returns the text of the profile, and the variables whose values it took; `None` if questions cannot be asked. `before` is
/// the text of the file that is there.
fn text<B: Manage>(
    flags: &Flags,
    args: &InstallArgs,
    place: &Place,
    (start, before): (Start<'_>, Option<&str>),
    (environment, run, watchdog): (&Environment, &Run, &Watchdog),
) -> Result<Option<(String, Vec<&'static str>)>, Failure> {
    let (store, alias) = (&B::STORE, place.alias::<B>());
    let sets_nothing = flags.is_empty() && args.extends.is_none();
    // Windows editors write a byte order mark, with which the kernel reads no first line.
    let before = before.map(|text| text.trim_start_matches('\u{feff}'));
    if let Some(there) = before.filter(|text| sets_nothing && text::may_keep(store, text, start, args.force))
    {
        let kept = keep(there, start, args, (store, place, &alias, environment.uid));
        return kept.map(|text| Some((text, Vec::new())));
    }
    if !args.force {
        place.check_replacement(store.binary, before)?;
    }
    let asked = asked::<B>(flags.clone(), args, environment, (run, watchdog))?;
    let Some(flags) = asked.map(|flags| allowed(flags, args, &alias, environment.uid)).transpose()? else {
        return Ok(None);
    };
    let given = Settings::load(store, &flags, None, environment, run)?;
    let text = text::profile(store.binary, start, &given, args.extends.as_deref())?;
    if let Some(keys) = before
        .filter(|there| !text::is_own(store.binary, there))
        .map(|there| text::dropped(there, &text))
        .filter(|keys| !keys.is_empty())
    {
        warn(format!("--force drops settings of {}: {}", place.path().display(), keys.join(", ")));
    }
    Ok(Some((text, given.taken())))
}

/// Returns the settings of the profile, unless it could not work.
fn ready<B: Manage>(
    profile: Profile,
    test: Test,
    environment: &Environment,
    run: &Run,
) -> Result<Settings, Failure> {
    let missing = missing::<B>(&profile);
    let settings = Settings::load(&B::STORE, &Flags::new(), Some(profile), environment, run)?;
    // Where no TLS is used, the sign-in would not read them.
    #[cfg(feature = "net")]
    if test == Test::SignIn {
        crate::net::check_certificates(&settings)
            .map_err(|failure| failure.context("nothing was written"))?;
    }
    let failure = match (missing, B::configure(&settings)) {
        (Some(missing), Ok(_)) => missing,
        (Some(_), Err(failure)) => failure,
        (None, Err(failure)) if test == Test::SignIn => {
            let failure = with_flags(&failure, &B::STORE, &settings).context("nothing was written");
            return Err(failure.hint("or add --no-test to write the profile all the same"));
        }
        (None, _) => return Ok(settings),
    };
    Err(with_flags(&failure, &B::STORE, &settings).context("nothing was written"))
}

/// Returns the settings to write: the flags, with the answers of a person; `None` if there is no terminal.
fn asked<B: Manage>(
    flags: Flags,
    args: &InstallArgs,
    environment: &Environment,
    (run, watchdog): (&Run, &Watchdog),
) -> Result<Option<Flags>, Failure> {
    if args.yes {
        return Ok(Some(flags));
    }
    if !stdin_is_terminal() {
        return Ok(None);
    }
    questions::ask::<B>(flags, environment, run, watchdog).map(Some)
}

/// Returns the place of the profile: the given one, or that of its name.
fn place<B: Manage>(args: &InstallArgs, environment: &Environment) -> Result<Place, Failure> {
    let name = args.name.as_deref().unwrap_or(B::STORE.name());
    if !gateway::is_alias(name) {
        let what = format!("{name} cannot be the name of a profile");
        return Err(Failure::misconfigured(what, "use 1 to 64 of a-z 0-9 _ -, a letter first"));
    }
    let path = match &args.to {
        Some(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()),
        None => in_home(environment)?.join(format!("{name}.toml")),
    };
    Place::new(path, args.name.clone(), environment.uid)
}

fn note(said: &str) -> Exit {
    print_note(said);
    Exit::Done
}

/// Prints why a trial failed, without ending the process.
fn complain(failure: &Failure) {
    explain(None, failure);
}
