//! How long a process has, counted from its start.

use std::time::{Duration, Instant};

/// The moment at which the answer is written, whatever has arrived by then.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` after `started`.
    #[must_use]
    pub fn new(started: Instant, limit: Duration) -> Self {
        Self { started, limit }
    }

    /// The whole time, from the start.
    #[must_use]
    pub fn limit(self) -> Duration {
        self.limit
    }

    /// The time left; zero when it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// A later deadline of the same process.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { limit: self.limit + by, ..self }
    }
}
