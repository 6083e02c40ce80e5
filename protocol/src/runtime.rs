//! The async runtime of one process: a single thread, and no wait at its end.

use std::future::Future;
use std::pin::pin;

use crate::failure::Failure;

/// Runs `work` to its end on this thread.
///
/// # Errors
///
/// The failure of a process that has too many files open.
pub fn run<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::too_many_files(&error)
            .unwrap_or_else(|| Failure::internal("the runtime could not be started"))
    })?;
    // Pinned here: moved, its state would be copied over several pages of the stack.
    let done = runtime.block_on(pin!(work));
    // The process ends now, so the runtime need not be dropped.
    std::mem::forget(runtime);
    Ok(done)
}
