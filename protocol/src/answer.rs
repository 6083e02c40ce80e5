//! The one path from ids to outcomes, for protocol mode and for every command of the shell that reads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;
use crate::outcomes::Outcomes;
use crate::process;
use crate::resolve::resolve;
use crate::run::Stage;
use crate::runtime;
use crate::settings::Settings;
use crate::watchdog::Limits;
use crate::wire::frame;

/// The result of a run: an outcome for each id, in the order of the ids, and how protocol mode should end.
pub struct Answer {
    /// The outcomes.
    pub outcomes: Vec<Outcome>,
    /// When each was settled, counted from the start of the run.
    pub times: Vec<Duration>,
    /// The exit code of protocol mode.
    pub exit: Exit,
}

impl Answer {
    /// Creates the answer of a run that could not start: the same failure for every id.
    #[must_use]
    pub fn refuse(ids: &[String], failure: &Failure, exit: Exit) -> Self {
        let outcomes = ids.iter().map(|_| Err(failure.clone())).collect();
        Self { outcomes, times: vec![Duration::ZERO; ids.len()], exit }
    }

    /// Returns how a command of the shell ends: with 0 only if every id has a value.
    #[must_use]
    pub fn shell_exit(&self) -> Exit {
        match self.exit {
            Exit::Done if self.outcomes.iter().any(Result::is_err) => Exit::IdFailed,
            exit => exit,
        }
    }

    fn new(settled: Vec<(Outcome, Duration)>) -> Self {
        let (outcomes, times): (Vec<_>, _) = settled.into_iter().unzip();
        let exit = Exit::from_outcomes(&outcomes);
        Self { outcomes, times, exit }
    }
}

/// Resolves `ids`, hands the answer to `write`, and returns how the process should end.
///
/// The answer is written at the deadline at the latest, with the outcomes so far. At the deadline the watchdog's thread
/// writes it, as this thread may hang (on a name server, a file on a dead network mount, a bug). The thread that takes the
/// outcomes first writes the answer, so there is only one.
pub fn answer<B: Backend>(
    settings: &Settings,
    ids: &Arc<[String]>,
    Limits { deadline, watchdog }: Limits<'_>,
    write: impl Fn(&[String], Answer) -> Exit + Send + Sync + 'static,
) -> Exit {
    let room = settings.max_output().saturating_sub(frame(ids));
    let outcomes = Arc::new(Outcomes::new(settings.run(), ids.len(), room));
    let write = Arc::new(write);
    watchdog.answer_with({
        let (outcomes, ids, write) = (Arc::clone(&outcomes), Arc::clone(ids), Arc::clone(&write));
        let run = settings.run().clone();
        move || {
            if let Some(outcomes) = outcomes.take(&run.timeout(deadline.limit())) {
                process::exit(write(&ids, Answer::new(outcomes)));
            }
        }
    });
    let (rest, exit) = match catch_unwind(AssertUnwindSafe(|| work::<B>(settings, ids, &outcomes, deadline)))
    {
        Ok(Ok(())) => (Failure::internal("an id without an outcome"), None),
        Ok(Err(failure)) => {
            let exit = match failure.kind() {
                Kind::Timeout => None,
                Kind::Internal => Some(Exit::Internal),
                _ => Some(Exit::Configuration),
            };
            (failure, exit)
        }
        Err(_) => (Failure::internal("a panic outside of any id"), Some(Exit::Internal)),
    };
    match outcomes.take(&rest) {
        Some(outcomes) => {
            let answer = Answer::new(outcomes);
            let nothing_done = answer.outcomes.iter().all(Result::is_err);
            let exit = exit.filter(|_| nothing_done).unwrap_or(answer.exit);
            write(ids, Answer { exit, ..answer })
        }
        None => process::wait_for_exit(),
    }
}

/// Fails if the resolver is not configured, and at the deadline, because the watchdog may have no thread.
fn work<B: Backend>(
    settings: &Settings,
    ids: &[String],
    outcomes: &Outcomes,
    deadline: Deadline,
) -> Result<(), Failure> {
    let backend = configure::<B>(settings)?;
    runtime::run(async {
        let resolved =
            tokio::time::timeout(deadline.left(), resolve(&backend, settings, ids, outcomes, deadline)).await;
        resolved.map_err(|_| settings.run().timeout(deadline.limit()))
    })?
}

/// Creates the backend from the settings, as a step of the run.
pub fn configure<B: Backend>(settings: &Settings) -> Result<B, Failure> {
    let run = settings.run();
    run.end(run.begin(Stage::Configuration), B::configure(settings))
}
