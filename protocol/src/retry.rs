//! When to try again. Only the engine does: no backend and no library it uses.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::failure::{Failure, Retry};

/// The most tries if the store does not say when to come back.
const TRIES: u32 = 3;

/// The pause before the second try. It doubles with each try, and is jittered.
const PAUSE: Duration = Duration::from_millis(100);

/// Returns how long to wait after `failure` of the try with this number, counted from 1. `None` if there is no other try,
/// or if the deadline would come first.
pub(crate) fn pause(failure: &Failure, tries: u32, deadline: Deadline) -> Option<Duration> {
    let pause = match failure.retry() {
        Retry::No | Retry::Reauthenticate => return None,
        Retry::Once(pause) => (tries == 1).then_some(pause)?,
        Retry::Soon => (tries < TRIES).then(|| jittered(PAUSE * 2_u32.pow(tries - 1)))?,
        // Never without a pause of our own: the pause that the store asks for can be zero.
        Retry::After(pause) => pause.max(PAUSE * tries) + jittered(PAUSE / 4),
    };
    (pause < deadline.left()).then_some(pause)
}

/// Returns between half of `pause` and all of it, so that processes that failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1024;
    pause / 2 + pause / 2 * u32::try_from(random).unwrap_or(0) / 1024
}
