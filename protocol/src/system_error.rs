//! Errors of the operating system, in words for a person.

use std::{fmt, io};

use rustix::io::Errno;

use crate::failure::Failure;

impl Failure {
    /// Returns the failure for an `error` that says that this process has too many files open; `None` for any other.
    #[must_use]
    pub fn too_many_files(error: &io::Error) -> Option<Self> {
        (Errno::from_io_error(error)? == Errno::MFILE).then(|| {
            let remedy = "raise the limit (`ulimit -n`, LimitNOFILE= of a service)";
            Self::misconfigured("this process has too many files open", remedy)
        })
    }

    /// Returns the failure for a thread that could not be started for `task`. It may pass: the limit is on all processes
    /// of a user or container.
    pub fn no_thread(task: impl fmt::Display) -> Self {
        let remedy = "raise the limit of processes (`ulimit -u`, TasksMax= of a service, pids.max of a container) or of \
                      memory";
        Self::unavailable(format!("no thread can be started {task}"), remedy)
    }
}

/// Returns what the system says of an error, in words alone: `connection refused`.
#[must_use]
pub fn words(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(errno) => nix::errno::Errno::from_raw(errno.raw_os_error()).desc().to_lowercase(),
        None => error.kind().to_string(),
    }
}
