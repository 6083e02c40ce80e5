//! From the command line to protocol mode or a verb.

mod cli;
mod get;
mod logout;

use std::time::Instant;

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::process;
use crate::profile::Profile;
use crate::serve::serve;
use crate::settings::{self, DEFAULT_TIMEOUT, Settings};
use crate::store::{Store, table};
use crate::streams::{say, stdin_is_terminal};
use crate::watch::Watch;
use crate::world::World;
use cli::{Line, Verb};

/// The `main` of a resolver: it does what the command line asks for, and ends the process.
pub fn main<B: Backend>() -> ! {
    let started = Instant::now();
    process::harden();
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
    process::exit(run::<B>(&arguments, started))
}

fn run<B: Backend>(arguments: &[String], started: Instant) -> Exit {
    let watch = Watch::start(Deadline::new(started, DEFAULT_TIMEOUT));
    let line = match cli::read::<B>(arguments) {
        Ok(line) => line,
        Err(stop) => {
            return cli::stop::<B>(&stop, arguments, (Deadline::new(started, DEFAULT_TIMEOUT), &watch));
        }
    };
    // A flag counts while the profile is read, and where it cannot be.
    let so_far = settings::timeout_of(&line.flags).unwrap_or(DEFAULT_TIMEOUT);
    if so_far != DEFAULT_TIMEOUT {
        watch.move_to(Deadline::new(started, so_far));
    }
    let settings = load::<B>(&line);
    let timeout = settings.as_ref().map_or(so_far, Settings::timeout);
    let deadline = Deadline::new(started, timeout);
    if timeout != so_far {
        watch.move_to(deadline);
    }
    match line.verb {
        Verb::None if stdin_is_terminal() => {
            say(cli::short_help::<B>());
            Exit::Usage
        }
        Verb::None | Verb::Resolve => serve::<B>(settings, (deadline, &watch)),
        verb => match (verb, settings) {
            (_, Err((failure, exit))) => {
                get::explain(None, &failure);
                exit
            }
            (Verb::Get { ids, json }, Ok(settings)) => {
                get::get::<B>(&settings, ids, json, (deadline, &watch))
            }
            (_, Ok(settings)) => logout::logout::<B>(&settings, deadline),
        },
    }
}

/// What the C library reads by itself when a name is looked up. Beside a profile they could lead a name elsewhere.
const LOOK_UP_VARIABLES: [&str; 4] = ["HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF"];

fn load<B: Backend>(line: &Line) -> Result<Settings, (Failure, Exit)> {
    let store = &B::STORE;
    let world = World::of_process();
    settings::check(store, &line.flags).map_err(|failure| (failure, Exit::Usage))?;
    if line.profile.is_some() {
        bound(store, line, &world)?;
    }
    let profile = line.profile.as_ref().map(|argument| Profile::read(store, argument, &world)).transpose();
    let settings = profile.and_then(|profile| Settings::load(store, &line.flags, profile, &world));
    settings.map_err(|failure| (failure, Exit::Configuration))
}

/// Refuses what would steer a profile from outside of it.
fn bound(store: &Store, line: &Line, world: &World) -> Result<(), (Failure, Exit)> {
    let steering = |key: &str| table(store).any(|setting| setting.key == key && setting.steers);
    if let Some((key, _)) = line.flags.iter().find(|(key, _)| steering(key)) {
        let failure = Failure::misconfigured(
            format!("--{} cannot stand beside --profile", key.replace('_', "-")),
            format!("set `{key}` in the profile: where credentials go comes from one place"),
        );
        return Err((failure, Exit::Usage));
    }
    if let Some(name) = LOOK_UP_VARIABLES.iter().find(|name| world.variable(name).is_some()) {
        let failure = Failure::misconfigured(
            format!("{name} is set, which bends the look-up of the store's name"),
            "take it out of the environment (of the gateway: passEnv, env)",
        );
        return Err((failure, Exit::Configuration));
    }
    Ok(())
}
