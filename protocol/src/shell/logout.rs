//! `logout`: ends the session that is kept, here and in the store.

use super::speak::{fail, note};
use crate::answer::configure;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::runtime;
use crate::settings::Settings;

/// Signs out, and says on stderr what there was to end.
pub(super) fn logout<B: Backend>(settings: &Settings, deadline: Deadline) -> Exit {
    match sign_out::<B>(settings, deadline) {
        Ok(ended) => {
            note(ended.unwrap_or("no session is kept"));
            Exit::Done
        }
        Err(failure) => fail(None, &failure),
    }
}

fn sign_out<B: Backend>(settings: &Settings, deadline: Deadline) -> Result<Option<&'static str>, Failure> {
    let backend = configure::<B>(settings)?;
    runtime::run(async {
        let ended = tokio::time::timeout(deadline.left(), backend.sign_out()).await;
        ended.unwrap_or_else(|_| Err(settings.run().timeout(deadline.limit())))
    })?
}
