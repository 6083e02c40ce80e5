//! A start by a gateway only reads: a command that changes something is refused there.
//!
//! An agent may have written the gateway's `args`, which can name any command. They cannot change stdin: a gateway gives a
//! socket, other programs that speak the protocol give a pipe, and there is a request in it.

use std::time::{Duration, Instant};

use super::cli::Verb;
use super::import::PIPE;
use super::output::explain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::streams::{Glimpse, glimpse_stdin};
use crate::text::printable;
use crate::wire::{begins_request, is_request};

/// How long a pipe may be silent before it is one without a request, as that of a job or of ssh without a terminal. Who
/// sends a request does so at once.
const WAIT: Duration = Duration::from_secs(1);

/// Fails where a gateway can have started a command that changes something. Gives the time from which the command counts
/// its own: it may have waited here.
pub(super) fn check(verb: &Verb, started: Instant) -> Result<Instant, Failure> {
    let Some((name, reads)) = changing(verb) else { return Ok(started) };
    match glimpse_stdin(WAIT) {
        Glimpse::Socket => Err(refusal(name, "is a socket")),
        // What is a value to be is looked at again when all of it is there.
        Glimpse::Bytes(bytes) if is_request(&bytes) || reads != Reads::Value && begins_request(&bytes) => {
            Err(refusal(name, "contains a request"))
        }
        Glimpse::Hidden if reads == Reads::Nothing => Err(refusal(name, "is a pipe with data in it")),
        _ => Ok(Instant::now()),
    }
}

/// The end of a command that was given a request as its value.
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

/// What a command does with stdin.
#[derive(PartialEq, Eq)]
enum Reads {
    Nothing,
    Password,
    Value,
}

/// The name of a command that changes something, and what it reads.
fn changing(verb: &Verb) -> Option<(&'static str, Reads)> {
    Some(match verb {
        Verb::Set { .. } => ("set", Reads::Value),
        Verb::Import { file } if file == PIPE => ("import", Reads::Value),
        Verb::Import { .. } => ("import", Reads::Nothing),
        Verb::Unlock { .. } => ("unlock", Reads::Password),
        Verb::Delete { .. } => ("delete", Reads::Nothing),
        Verb::Logout => ("logout", Reads::Nothing),
        Verb::None
        | Verb::Resolve
        | Verb::Get { .. }
        | Verb::Check { .. }
        | Verb::List { .. }
        | Verb::Doctor { .. }
        | Verb::Settings { .. }
        | Verb::Completions { .. }
        | Verb::Man { .. } => return None,
    })
}
