//! What is done to a store by a command, in one session and before the deadline.

use std::time::Duration;

use super::progress::Progress;
use crate::answer::configure;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::resolve::with_session;
use crate::run::Stage;
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
    let progress = Progress::start(settings.run(), watch);
    let backend = configure::<B>(settings)?;
    let (scope, plan) = plan(&backend)?;
    let run = settings.run();
    let done = runtime::run(async {
        let act = async |session: &B::Session| act(&backend, session, &plan).await;
        let act = with_session(&backend, settings, deadline, &scope, act);
        let step = run.begin(Stage::Change);
        let done = tokio::time::timeout(deadline.left(), act).await;
        let done = done.unwrap_or_else(|_| Err(run.timeout(deadline.limit())));
        run.end(step, done)
    })?;
    progress.end();
    done
}
