//! `logout`: ends the session that is kept, here and in the store.

use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime;
use crate::settings::Settings;
use crate::streams::say;

/// Signs out, and says on stderr what there was to end.
pub(super) fn logout<B: Backend>(settings: &Settings, deadline: Deadline) -> Exit {
    match sign_out::<B>(settings, deadline) {
        Ok(ended) => say(ended.unwrap_or("no session is kept")),
        Err(failure) => {
            super::get::explain(None, &failure);
            return Exit::of(&[Err(failure)]);
        }
    }
    Exit::Done
}

fn sign_out<B: Backend>(settings: &Settings, deadline: Deadline) -> Result<Option<&'static str>, Failure> {
    let backend = B::configure(settings)?;
    runtime::run(async {
        let ended = tokio::time::timeout(deadline.left(), backend.sign_out()).await;
        ended.unwrap_or_else(|_| Err(Failure::timeout(deadline.limit())))
    })?
}
