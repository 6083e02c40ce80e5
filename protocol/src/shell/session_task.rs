//! What is done to a store by a command, in one session and before the deadline.

use std::time::{Duration, Instant};

use super::change::{Target, change};
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
use crate::watchdog::Watchdog;

/// How long after the deadline the process ends, whatever it does: long enough to say why.
const EXIT_GRACE: Duration = Duration::from_millis(200);

/// How long a person may take to read, or a program behind a pipe.
pub(super) const OUTPUT_TIMEOUT: Duration = Duration::from_hours(24);

/// What there is to add where nobody knows whether a change was made.
pub(super) const UNKNOWN_OUTCOME: &str = "it may still have taken effect: run `check`";

/// What is to be done.
pub(super) enum Task<'t> {
    /// List what begins so.
    List(&'t str),
    /// Store this as the value of an id.
    Set(&'t str, &'t Secret),
    /// Delete what an id names.
    Delete(&'t str),
    /// Unlock the store, or what this id is in, with this password.
    Unlock(Option<&'t str>, Option<&'t Secret>),
}

/// What came of it.
pub(super) enum Done {
    Listed(SortedListing),
    /// What there is to say to a person.
    Changed(String),
    Unlocked(Lock),
}

/// Does it. One function for all of them: the path to a store is compiled once.
pub(super) fn run_task<B: Manage>(
    settings: &Settings,
    (deadline, watchdog): (Deadline, &Watchdog),
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
        Task::Set(id, _) | Task::Delete(id) => Some(Target::to_write(&backend, settings, id)?),
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
                let changed = change(&backend, settings, deadline, session, target, (id, Some(*value))).await;
                changed.map(Done::Changed)
            }
            (Task::Delete(id), Some(target)) => {
                change(&backend, settings, deadline, session, target, (id, None)).await.map(Done::Changed)
            }
        };
        let sessions = Sessions { backend: &backend, run, deadline };
        let act = sessions.with(&scope, act);
        let done = tokio::time::timeout(deadline.left(), act).await;
        // Nobody waits for what a person reads.
        watchdog.move_to(Deadline::new(Instant::now(), OUTPUT_TIMEOUT));
        done.unwrap_or_else(|_| Err(run.timeout(deadline.limit())))
    })?
}

/// What the watch says where this thread hangs, unless there is something to say already.
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
