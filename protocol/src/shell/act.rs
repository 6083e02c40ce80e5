//! What is done to a store by a command, in one session and before the deadline.

use std::time::Duration;

use super::progress::Progress;
use super::speak::explain;
use crate::answer::configure;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::process;
use crate::resolve::with_session;
use crate::run::{Run, Stage};
use crate::runtime;
use crate::settings::Settings;
use crate::watch::Watch;

/// How long after the deadline the process ends, whatever it does: long enough to say why.
const REST: Duration = Duration::from_millis(200);

/// Does one thing with a session of the scope that `plan` gives, beside what else it gives.
#[expect(
    clippy::needless_pass_by_value,
    reason = "by reference the compiler cannot tell what a closure takes"
)]
pub(super) fn act<B: Backend, P, T>(
    settings: &Settings,
    (deadline, watch): (Deadline, &Watch),
    plan: impl FnOnce(&B) -> Result<(B::Scope, P), Failure>,
    act: impl AsyncFn(&B, &B::Session, &P) -> Result<T, Failure>,
) -> Result<T, Failure> {
    watch.move_to(deadline.later(REST));
    let run = settings.run();
    let progress = Progress::start(run, watch);
    watch.answer_with(give_up(run.clone(), progress.clone(), deadline));
    let backend = configure::<B>(settings)?;
    let (scope, plan) = plan(&backend)?;
    runtime::run(async {
        let act = async |session: &B::Session| act(&backend, session, &plan).await;
        let act = with_session(&backend, settings, deadline, &scope, act);
        let done = tokio::time::timeout(deadline.left(), run.step(Stage::Change, act)).await;
        done.unwrap_or_else(|_| Err(run.timeout(deadline.limit())))
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
