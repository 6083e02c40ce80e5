//! The runtime of one process: a single thread, and no waiting at its end.

use std::future::Future;

use crate::failure::Failure;

/// Runs `work` to its end on this thread.
pub fn run<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::too_many_files(&error).unwrap_or_else(|| Failure::internal("no runtime could be started"))
    })?;
    let done = runtime.block_on(work);
    // The process ends now: taking the runtime apart would serve nothing.
    std::mem::forget(runtime);
    Ok(done)
}
