//! The deadline of a process, counted from its start.

use std::time::{Duration, Instant};

/// The moment at which the answer is written, with what has arrived by then.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// Creates a deadline at `limit` after `started`.
    #[must_use]
    pub fn new(started: Instant, limit: Duration) -> Self {
        Self { started, limit }
    }

    /// Returns the whole time, from the start.
    #[must_use]
    pub fn limit(self) -> Duration {
        self.limit
    }

    /// Returns the time left; zero after the deadline.
    #[must_use]
    pub fn left(self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// Returns a later deadline of the same process.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { limit: self.limit + by, ..self }
    }
}
