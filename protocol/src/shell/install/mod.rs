//! `install [NAME]`: writes an executable profile that a gateway accepts as a command, tests it, and prints the provider
//! block.

mod file;
mod other_user;
mod questions;
mod text;
mod trial;

use std::path::{Path, PathBuf};

use super::output::{explain, fail, print_note, warn};
use super::snippet::{SnippetArgs, warn_if_refused};
use crate::backend::Manage;
use crate::environment::{Environment, recorded_home};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::{self, Config, FirstLine, Form};
use crate::profile::Profile;
use crate::run::Run;
use crate::settings::family::ALLOW;
use crate::settings::{Flags, Settings};
use crate::streams::{say, stdin_is_terminal};
use crate::watchdog::Watchdog;
use file::{Done, Place};

/// The arguments of `install`.
#[derive(Debug)]
pub(super) struct InstallArgs {
    pub(super) name: Option<String>,
    pub(super) to: Option<PathBuf>,
    /// The gateway's config, whose references the profile allows.
    pub(super) config: Option<PathBuf>,
    /// The user that the profile is for, if not this one.
    pub(super) user: Option<String>,
    /// Whether to ask no questions.
    pub(super) yes: bool,
    /// Whether to replace a file that `install` did not write.
    pub(super) force: bool,
    /// Whether not to test what was written.
    pub(super) no_test: bool,
    pub(super) task: Task,
    pub(super) form: Form,
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
    line: (Flags, Option<&str>),
    args: &InstallArgs,
    environment: &Environment,
    (run, watchdog): (&Run, &Watchdog),
) -> Exit {
    let (flags, profile) = line;
    if profile.is_some() {
        say("error: install writes a profile: leave out --profile, and give its settings as flags");
        return Exit::Usage;
    }
    if let Some(user) = &args.user {
        return fail(None, &other_user::run_as(user, arguments, environment));
    }
    let place = match place::<B>(args, environment) {
        Ok(place) => place,
        Err(failure) => return fail(None, &failure),
    };
    if args.task == Task::Remove {
        return place.remove(args.force).map_or_else(|failure| fail(None, &failure), |said| note(&said));
    }
    let flags = if args.yes {
        flags
    } else if stdin_is_terminal() {
        match questions::ask::<B>(flags, environment, run, watchdog) {
            Ok(flags) => flags,
            Err(failure) => return fail(None, &failure),
        }
    } else {
        say(
            "error: install asks at a terminal, and stdin is none: add --yes, and give every setting as a flag",
        );
        return Exit::Usage;
    };
    let flags = match allowed(flags, args, &place.alias::<B>()) {
        Ok(flags) => flags,
        Err(failure) => return fail(None, &failure),
    };
    match write::<B>(&flags, args, &place, (environment, run)) {
        Err(failure) => fail(None, &failure),
        Ok(written) => {
            let snippet = SnippetArgs { form: args.form, alias: Some(place.alias::<B>()) };
            trial::end::<B>(written, &snippet, !args.no_test, watchdog)
        }
    }
}

/// Adds the ids that the gateway's config asks this provider for as `allow`, unless a flag sets it.
fn allowed(mut flags: Flags, args: &InstallArgs, alias: &str) -> Result<Flags, Failure> {
    let is_set = flags.iter().any(|(key, _)| *key == ALLOW.key);
    let Some(path) = args.config.as_ref().filter(|_| !is_set) else { return Ok(flags) };
    let ids = Config::read(path)?.ids(alias);
    if ids.is_empty() {
        warn(format!("the config has no reference to the provider {alias}, so the profile has no `allow`"));
    } else {
        flags.push((ALLOW.key, ids));
    }
    Ok(flags)
}

/// A profile that was written.
struct Written {
    settings: Settings,
    /// The program that the gateway starts, if it is not the profile itself.
    program: Option<PathBuf>,
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
        None => environment
            .home_variable()
            .map_or_else(|| recorded_home(environment.uid), Ok)
            .map_err(|failure| failure.hint("or name the file with --to"))?
            .join(".config/secretref")
            .join(format!("{name}.toml")),
    };
    Place::new(path, args.name.clone(), environment.uid)
}

/// Writes the profile, unless it would not work.
fn write<B: Manage>(
    flags: &Flags,
    args: &InstallArgs,
    place: &Place,
    (environment, run): (&Environment, &Run),
) -> Result<Written, Failure> {
    let store = &B::STORE;
    let given = Settings::load(store, flags, None, environment, run)?;
    let program = gateway::own_path()?;
    let is_copied = args.task == Task::WriteAndCopy;
    let line = FirstLine::write(&program).map_err(|why| {
        Failure::misconfigured(why, "add --copy, which copies the program next to the profile")
    });
    let first = if is_copied { None } else { Some(line?) };
    let text = text::profile(store.binary, first.as_deref(), &given)?;
    if !args.no_test {
        let profile = Profile { path: place.path().to_owned(), ..Profile::parse(store, &text)? };
        let settings = Settings::load(store, &Flags::new(), Some(profile), environment, run)?;
        B::configure(&settings).map_err(|failure| {
            failure.context("nothing was written").hint("or add --no-test to write the profile all the same")
        })?;
    }
    place.prepare()?;
    let copy = if is_copied { Some(place.copy(&program, store.binary, args.force)?) } else { None };
    let mode = if is_copied { 0o600 } else { 0o700 };
    tell(place.path(), place.write(&text, mode, args.force)?, environment.uid);
    let taken = given.variables();
    if !taken.is_empty() {
        print_note(format!("taken from this shell's environment: {}", taken.join(", ")));
    }
    let argument = place.path().display().to_string();
    let profile = Profile::read(store, &argument, environment)?;
    let settings = Settings::load(store, &Flags::new(), Some(profile), environment, run)?;
    warn_if_refused(copy.as_deref().unwrap_or(place.path()), environment.uid);
    Ok(Written { settings, program: copy })
}

fn tell(path: &Path, done: Done, uid: u32) {
    let path = path.display();
    print_note(match done {
        Done::Written => format!("wrote {path}"),
        Done::Replaced => format!("replaced {path}"),
        Done::Unchanged => format!("{path} is unchanged"),
        Done::Mode => format!("corrected the mode of {path}; its text is unchanged"),
    });
    if uid == 0 {
        warn(format!(
            "{path} belongs to root, and only a gateway that runs as root can start it: for a gateway of another user, \
             add --user NAME"
        ));
    }
}

fn note(said: &str) -> Exit {
    print_note(said);
    Exit::Done
}

/// Prints why a trial failed, without ending the process.
fn complain(failure: &Failure) {
    explain(None, failure);
}
