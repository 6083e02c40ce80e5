//! A value from stdin, or typed at a prompt that shows nothing of it.

use std::time::{Duration, Instant};

use super::speak::explain;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret::Secret;
use crate::streams::{Input, read_stdin};
use crate::watch::Watch;

/// The longest value that is taken.
const LIMIT: usize = 1 << 20;

/// How long a person or the program before a pipe may take.
const PATIENCE: Duration = Duration::from_hours(24);

/// Reads the value for `id`. `Err` says how the process ends where there is none, which has been said.
pub(super) fn value(_id: &str, watch: &Watch) -> Result<Secret, Exit> {
    let deadline = Deadline::new(Instant::now(), PATIENCE);
    watch.move_to(deadline);
    let (Input::Whole(bytes) | Input::Unfinished(bytes)) = read_stdin(LIMIT, deadline);
    String::from_utf8(bytes).map(Secret::new).map_err(|_| {
        explain(
            None,
            &Failure::invalid_value("what came on stdin is no UTF-8 text", "encode it, as base64 for one"),
        );
        Exit::Usage
    })
}
