//! A failure in the JSON of a command: one form for `get`, `check`, `list` and `doctor`.

use serde::Serialize;

use crate::failure::Failure;

/// A failure as JSON.
#[derive(Serialize, Debug, Clone, PartialEq, Eq)]
pub(super) struct FailureReport {
    pub(super) code: &'static str,
    /// What failed.
    pub(super) message: String,
    /// What to do next.
    pub(super) remedy: String,
}

impl FailureReport {
    pub(super) fn new(failure: &Failure) -> Self {
        let (message, remedy) = (failure.what().to_owned(), failure.remedy().to_owned());
        Self { code: failure.kind().code(), message, remedy }
    }
}
