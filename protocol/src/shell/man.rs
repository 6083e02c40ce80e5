//! `man [PAGE]`: the manual pages, made from the command line and the table of settings.

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;

use super::cli::command;
use super::speak::print;

/// Prints a page.
pub(super) fn man<B: Backend>(page: &str, deadline: Deadline) -> Exit {
    let _ = (page, command::<B>());
    print("", deadline).unwrap_or(Exit::Done)
}
