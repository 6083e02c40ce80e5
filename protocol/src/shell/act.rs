//! What is done to a store by a command, in one session and before the deadline.

use std::time::Duration;

use super::change::{Place, change};
use super::list::{Sorted, sorted};
use super::progress::Progress;
use super::speak::explain;
use crate::answer::configure;
use crate::backend::Manage;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::process;
use crate::resolve::with_session;
use crate::run::{Run, Stage};
use crate::runtime;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::watch::Watch;

/// How long after the deadline the process ends, whatever it does: long enough to say why.
const REST: Duration = Duration::from_millis(200);

/// What is to be done.
pub(super) enum Task<'t> {
    /// List what begins so.
    List(&'t str),
    /// Store this as the value of an id.
    Set(&'t str, &'t Secret),
    /// Delete what an id names.
    Delete(&'t str),
    /// Unlock the store with this password.
    Unlock(&'t Secret),
}

impl Task<'_> {
    fn stage(&self) -> Stage {
        match self {
            Self::List(_) => Stage::List,
            Self::Set(..) | Self::Delete(_) | Self::Unlock(_) => Stage::Write,
        }
    }
}

/// What came of it.
pub(super) enum Done {
    Listed(Sorted),
    /// What there is to say to a person.
    Changed(String),
}

/// Does it. One function for all of them: the path to a store is compiled once.
pub(super) fn act<B: Manage>(
    settings: &Settings,
    (deadline, watch): (Deadline, &Watch),
    task: &Task<'_>,
) -> Result<Done, Failure> {
    watch.move_to(deadline.later(REST));
    let run = settings.run();
    let progress = Progress::start(run, watch);
    watch.answer_with(give_up(run.clone(), progress.clone(), deadline));
    let backend = configure::<B>(settings)?;
    let place = match task {
        Task::List(_) | Task::Unlock(_) => None,
        Task::Set(id, _) | Task::Delete(id) => Some(Place::of(&backend, settings, id)?),
    };
    let scope = place.as_ref().map_or_else(|| backend.home(), |place| backend.scope(&place.locator));
    runtime::run(async {
        let act = async |session: &B::Session| match (task, &place) {
            (Task::List(prefix), _) => {
                let listing = backend.list(session, prefix).await?;
                Ok(Done::Listed(sorted(&backend, settings, listing)))
            }
            (Task::Unlock(password), _) => backend.unlock(session, password).await.map(Done::Changed),
            (_, None) => Err(Failure::internal("a change without a place")),
            (task, Some(place)) => {
                change(&backend, settings, deadline, session, place, task).await.map(Done::Changed)
            }
        };
        let step = run.begin(task.stage());
        let act = with_session(&backend, settings, deadline, &scope, act);
        let done = tokio::time::timeout(deadline.left(), act).await;
        run.end(step, done.unwrap_or_else(|_| Err(run.timeout(deadline.limit()))))
    })?
}

/// What the watch says where this thread hangs, unless there is something to say already.
fn give_up(run: Run, progress: Progress, deadline: Deadline) -> impl FnOnce() + Send {
    move || {
        if progress.end() {
            explain(None, &run.timeout(deadline.limit()));
            process::exit(Exit::Deadline);
        }
    }
}
