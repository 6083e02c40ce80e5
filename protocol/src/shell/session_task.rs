//! Runs the task of a command in one session, before the deadline.

use std::time::{Duration, Instant};

use super::change::{Change, Target, change};
use super::listing::{SortedListing, classify};
use super::output::explain;
use super::progress::Progress;
use crate::answer::configure;
use crate::backend::{Lock, Manage};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::process;
use crate::run::{Run, Stage};
use crate::runtime;
use crate::secret::Secret;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::watchdog::Limits;

/// The time between the deadline and the forced exit: enough to print the reason.
const EXIT_GRACE: Duration = Duration::from_millis(200);

/// How long a person, or a program behind a pipe, may take to read the output.
pub(super) const OUTPUT_TIMEOUT: Duration = Duration::from_hours(24);

/// The hint if it is unknown whether a change was made.
pub(super) const UNKNOWN_OUTCOME: &str = "it may still have taken effect: run `check`";

/// The task of a command.
pub(super) enum Task<'t> {
    /// List the ids with this prefix.
    List(&'t str),
    /// Store this value under this id.
    Set(&'t str, &'t Secret),
    /// Delete this id; for good, or so that the store can restore it.
    Delete(&'t str, bool),
    /// Unlock the store, or the part of it that has this id, with this password.
    Unlock(Option<&'t str>, Option<&'t Secret>),
}

/// The result of a task.
pub(super) enum Done {
    Listed(SortedListing),
    /// A sentence about the change.
    Changed(String),
    Unlocked(Lock),
}

/// Runs a task. One function runs all tasks, so the code that reaches a store is compiled once.
pub(super) fn run_task<B: Manage>(
    settings: &Settings,
    Limits { deadline, watchdog }: Limits<'_>,
    task: &Task<'_>,
) -> Result<Done, Failure> {
    watchdog.move_to(deadline.later(EXIT_GRACE));
    let run = settings.run();
    let progress = Progress::start(run, watchdog);
    watchdog.answer_with(give_up(run.clone(), progress.clone(), deadline));
    let backend = configure::<B>(settings)?;
    let target = match task {
        Task::List(_) | Task::Unlock(None, _) => None,
        Task::Unlock(Some(id), _) => Some(Target::read(&backend, settings, id)?),
        Task::Set(id, _) | Task::Delete(id, _) => Some(Target::to_write(&backend, settings, id)?),
    };
    let scope = match (task, &target) {
        (_, Some(target)) => backend.scope(&target.locator),
        (Task::List(prefix), None) => backend.scope_of_prefix(prefix)?,
        (_, None) => backend.default_scope()?,
    };
    runtime::run(async {
        let act = async |session: &B::Session| match (task, &target) {
            (Task::List(prefix), _) => {
                let listing = run.end(run.begin(Stage::List), backend.list(session, prefix).await)?;
                Ok(Done::Listed(classify(&backend, settings, prefix, listing)))
            }
            (Task::Unlock(_, password), target) => {
                let locator = target.as_ref().map(|target| &target.locator);
                let step = run.begin(Stage::SignIn);
                let unlock = B::UNLOCK.ok_or_else(|| Failure::internal("this store cannot be locked"))?;
                run.end(step, unlock(&backend, session, locator, *password).await).map(Done::Unlocked)
            }
            (_, None) => Err(Failure::internal("a change without a target")),
            (Task::Set(id, value), Some(target)) => {
                let changed =
                    change(&backend, settings, deadline, session, target, (id, Change::Set(value))).await;
                changed.map(Done::Changed)
            }
            (Task::Delete(id, for_good), Some(target)) => {
                let deletion = (*id, Change::Delete { for_good: *for_good });
                change(&backend, settings, deadline, session, target, deletion).await.map(Done::Changed)
            }
        };
        let sessions = Sessions { backend: &backend, run, deadline };
        let act = sessions.with(&scope, act);
        let done = tokio::time::timeout(deadline.left(), act).await;
        // A person who reads the output has time.
        watchdog.move_to(Deadline::new(Instant::now(), OUTPUT_TIMEOUT));
        done.unwrap_or_else(|_| Err(run.timeout(deadline.limit())))
    })?
}

/// Returns what the watchdog does if this thread hangs: it reports the timeout, unless a result is being printed.
fn give_up(run: Run, progress: Progress, deadline: Deadline) -> impl FnOnce() + Send {
    move || {
        if progress.end() {
            let late = run.timeout(deadline.limit());
            let late = if run.may_have_written(&late) { late.hint(UNKNOWN_OUTCOME) } else { late };
            explain(None, &late);
            process::exit(Exit::Deadline);
        }
    }
}
