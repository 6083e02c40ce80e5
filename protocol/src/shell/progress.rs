//! A line on a terminal that says what takes so long.

use std::sync::{Arc, Mutex, PoisonError};

use crate::run::Run;
use crate::streams::{stderr_is_terminal, whisper};
use crate::watch::Watch;

/// The line. It appears once a step has taken a second, and is gone before anything else is said.
pub(super) struct Progress(Arc<Mutex<State>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Hidden,
    Shown,
    Over,
}

impl Progress {
    /// Has `watch` look at the run each second, if somebody sees stderr.
    pub(super) fn start(run: &Run, watch: &Watch) -> Self {
        let progress = Self(Arc::new(Mutex::new(State::Hidden)));
        if stderr_is_terminal() {
            let (run, state) = (run.clone(), Arc::clone(&progress.0));
            watch.each_second(move || {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if let (true, Some((stage, took))) = (*state != State::Over, run.slow()) {
                    *state = State::Shown;
                    whisper(&format!("\r\u{1b}[K{stage} … {} s", took.as_secs()));
                }
            });
        }
        progress
    }

    /// Takes the line away for good.
    pub(super) fn end(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Shown {
            whisper("\r\u{1b}[K");
        }
        *state = State::Over;
    }
}
