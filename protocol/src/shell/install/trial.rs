//! The end of `install`: the profile is tested as a gateway's run, and the provider block is printed.

use std::sync::Arc;
use std::time::Instant;

use super::super::doctor::failure_of;
use super::super::output::{explain, print, print_note, warn};
use super::super::snippet::{SnippetArgs, block};
use super::Written;
use crate::answer::answer;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::settings::Flags;
use crate::watchdog::{Limits, Watchdog};

/// Prints the block, and signs in once as the gateway's run does. Returns how the command ends.
pub(super) fn end<B: Manage>(
    written: Written,
    args: &SnippetArgs,
    is_tested: bool,
    watchdog: &Watchdog,
) -> Exit {
    let Written { settings, program } = written;
    let deadline = Deadline::new(Instant::now(), settings.timeout());
    watchdog.move_to(deadline);
    let text = match block::<B>(&settings, &Flags::new(), args, program.as_deref()) {
        Ok((_, text)) => text,
        Err(failure) => {
            explain(None, &failure);
            return Exit::from_failure(&failure);
        }
    };
    if !is_tested {
        return print(&text, deadline).unwrap_or(Exit::Done);
    }
    let (run, start) = (settings.run().clone(), settings.profile().map(|path| path.display().to_string()));
    answer::<B>(&settings, &Arc::from([]), Limits { deadline, watchdog }, move |_, _| {
        let steps = run.steps();
        let failure = failure_of(&steps);
        run.warnings().into_iter().for_each(|(_, warning)| warn(warning));
        let exit = match failure {
            None => {
                print_note("tested: the settings are right and the sign-in works");
                Exit::Done
            }
            Some(failure) => {
                explain(None, failure);
                print_note(format!("to see every step: {} doctor", start.as_deref().unwrap_or_default()));
                Exit::from_failure(failure)
            }
        };
        print(&text, deadline).unwrap_or(exit)
    })
}
