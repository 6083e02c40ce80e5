//! Signs in to a store. Reading is another matter: see [`resolve`](crate::resolve).

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::failure::{Failure, Retry};
use crate::fetch_sink::caught;
use crate::retry::pause;
use crate::run::{Run, Stage};

/// The sessions of one run.
pub(crate) struct Sessions<'s, B: Backend> {
    pub(crate) backend: &'s B,
    pub(crate) run: &'s Run,
    pub(crate) deadline: Deadline,
}

impl<B: Backend> Sessions<'_, B> {
    /// Does `task` with a session of `scope`. If the store refuses a cached session, does it again with a new one.
    ///
    /// # Errors
    ///
    /// The failure of the sign-in, else that of the task.
    pub(crate) async fn with<T>(
        &self,
        scope: &B::Scope,
        task: impl AsyncFn(&B::Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let ignore = |_: &Failure| {};
        let session = self.sign_in(scope, &[], None, ignore).await?;
        match task(&session).await {
            Err(failure) if failure.retry() == Retry::Reauthenticate => {
                task(&self.sign_in(scope, &[], Some(&session), ignore).await?).await
            }
            done => done,
        }
    }

    /// Signs in to `scope`, and tries again if that can help. `planned` are the batches to read with the session, and
    /// `refused` is the session that the store no longer accepts. `before_retry` is told each failure that is not the last.
    ///
    /// # Errors
    ///
    /// The failure of the last try.
    pub(crate) async fn sign_in(
        &self,
        scope: &B::Scope,
        planned: &[Vec<B::Locator>],
        refused: Option<&B::Session>,
        before_retry: impl Fn(&Failure),
    ) -> Result<B::Session, Failure> {
        let mut tries = 1;
        loop {
            let step = self.run.begin(Stage::SignIn);
            let session = caught(self.backend.session(scope, planned, refused), "a panic at sign-in").await;
            let failure = match self.run.end(step, session) {
                Ok(session) => return Ok(session),
                Err(failure) => failure,
            };
            let Some(pause) = pause(&failure, tries, self.deadline) else { return Err(failure) };
            before_retry(&failure);
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }
}
