//! A gateway may only read: a command that changes something is refused if a gateway started it.
//!
//! An agent may have written the gateway's `args`, which can name any command. But `args` cannot change stdin: a gateway
//! uses a socket, and other programs that use the protocol use a pipe that contains a request. For the same reason, flags without
//! a profile cannot choose a program to start.

use std::time::{Duration, Instant};

use super::cli::Verb;
use super::output::explain;
use crate::backend::Backend;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::process;
use crate::settings::Settings;
use crate::streams::{Glimpse, glimpse_stdin};
use crate::text::printable;
use crate::wire::{begins_request, is_request};

/// The file name of `import` that means stdin.
pub(super) const PIPE: &str = "-";

/// How long to wait for a request on an empty pipe, such as the pipe of a CI job or of ssh without a terminal. A program that
/// sends a request sends it at once.
const WAIT: Duration = Duration::from_secs(1);

/// Fails if a gateway may have started a command that changes something. Returns the start of the command's own time limit,
/// which excludes the wait here.
pub(super) fn check(verb: &Verb, started: Instant) -> Result<Instant, Failure> {
    let Some((name, reads)) = changing(verb) else { return Ok(started) };
    match glimpse_stdin(WAIT) {
        Glimpse::Socket => Err(refusal(name, "is a socket")),
        // A value is checked again when it is complete.
        Glimpse::Bytes(bytes) if is_request(&bytes) || reads != Reads::Value && begins_request(&bytes) => {
            Err(refusal(name, "contains a request"))
        }
        Glimpse::Hidden if reads == Reads::Nothing => Err(refusal(name, "is a pipe with data in it")),
        _ => Ok(Instant::now()),
    }
}

/// Ends the process if a request has come since the check: right before a command changes something.
pub(super) fn check_again(name: &str) {
    let is_request = match glimpse_stdin(Duration::ZERO) {
        Glimpse::Socket | Glimpse::Hidden => true,
        Glimpse::Bytes(bytes) => begins_request(&bytes),
        Glimpse::Nothing => false,
    };
    if is_request {
        process::exit(stop(name));
    }
}

/// Fails if a gateway may have started a command without a profile whose flags choose a program to start: `args` would then
/// start any program.
pub(super) fn without_program<B: Backend>(settings: Settings) -> Result<Settings, (Failure, Exit)> {
    if starts_program::<B>(&settings).is_none() {
        return Ok(settings);
    }
    match glimpse_stdin(WAIT) {
        Glimpse::Nothing => Ok(settings),
        Glimpse::Bytes(bytes) if !begins_request(&bytes) => Ok(settings),
        _ => refuse_program::<B>(settings).map_err(|failure| (failure, Exit::Refused)),
    }
}

/// Fails if settings that a gateway's `args` have made start a program.
pub(super) fn refuse_program<B: Backend>(settings: Settings) -> Result<Settings, Failure> {
    let Some(auth) = starts_program::<B>(&settings) else { return Ok(settings) };
    Err(Failure::misconfigured(
        format!("`auth` = {auth} starts a program, and a gateway's `args` may not choose one"),
        "write the settings into a profile: `install` does it",
    ))
}

/// Returns the way to sign in, if it starts a program and no profile has chosen it.
fn starts_program<B: Backend>(settings: &Settings) -> Option<&str> {
    let auth = settings.auth().filter(|auth| B::PROGRAMS.contains(auth))?;
    settings.profile().is_none().then_some(auth)
}

/// Ends a command whose value is a request.
pub(super) fn stop(about: &str) -> Exit {
    explain(None, &refusal(&printable(about.to_owned()), "contains a request"));
    Exit::Refused
}

fn refusal(name: &str, stdin: &str) -> Failure {
    Failure::misconfigured(
        format!(
            "{name} refused, nothing was changed: stdin {stdin}, as under a gateway, and a gateway may only read"
        ),
        "remove the command from the gateway's `args`; in your own script, add </dev/null or <FILE to it",
    )
}

/// What a command reads from stdin.
#[derive(PartialEq, Eq)]
enum Reads {
    Nothing,
    Password,
    Value,
}

/// Returns the name of a command that changes something, and what it reads; `None` for a command that only reads.
fn changing(verb: &Verb) -> Option<(&'static str, Reads)> {
    Some(match verb {
        Verb::Set { .. } => ("set", Reads::Value),
        Verb::Import(args) if args.reads_stdin() => ("import", Reads::Value),
        Verb::Import(_) => ("import", Reads::Nothing),
        Verb::Unlock { .. } => ("unlock", Reads::Password),
        Verb::Delete { .. } => ("delete", Reads::Nothing),
        Verb::Install(_) => ("install", Reads::Nothing),
        // They start a program.
        Verb::Watch(_) => ("watch", Reads::Nothing),
        Verb::Exec(_) => ("exec", Reads::Nothing),
        Verb::Last(_) => ("doctor --last", Reads::Nothing),
        // It signs in as the `args` of a file say.
        Verb::CheckConfig(_) => ("check --config", Reads::Nothing),
        Verb::AsGateway(_) => ("doctor --as-gateway", Reads::Nothing),
        Verb::Logout => ("logout", Reads::Nothing),
        Verb::None
        | Verb::Resolve
        | Verb::Get { .. }
        | Verb::Check { .. }
        | Verb::List { .. }
        | Verb::Doctor { .. }
        | Verb::Equals { .. }
        | Verb::Snippet(_)
        | Verb::Settings { .. }
        | Verb::Completions { .. }
        | Verb::Man { .. } => return None,
    })
}
