//! A progress line on a terminal, for a slow step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::style::is_able;
use crate::run::Run;
use crate::streams::{stderr_is_terminal, whisper};
use crate::watchdog::Watchdog;

/// The time after which a step is slow.
const SECOND: Duration = Duration::from_secs(1);

/// Clears the line and moves the cursor to its start (ECMA-48 EL).
const EMPTY_LINE: &str = "\r\u{1b}[K";

/// The progress line. It appears when a step has taken a second, and is cleared before other output, at the latest when a
/// handle is dropped.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<State>>);

enum State {
    Hidden,
    /// This text is on the screen.
    Shown(String),
    Over,
}

impl Progress {
    /// Lets `watchdog` show the progress of the run, if stderr is a terminal.
    pub(super) fn start(run: &Run, watchdog: &Watchdog) -> Self {
        let progress = Self(Arc::new(Mutex::new(State::Hidden)));
        if stderr_is_terminal() && is_able() {
            let (run, state) = (run.clone(), Arc::clone(&progress.0));
            watchdog.meanwhile(move || show(&run, &mut lock(&state)));
        }
        progress
    }

    /// Clears the line for good. Returns whether this is the first call.
    pub(super) fn end(&self) -> bool {
        match std::mem::replace(&mut *lock(&self.0), State::Over) {
            State::Hidden => true,
            State::Shown(_) => {
                whisper(EMPTY_LINE);
                true
            }
            State::Over => false,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(run: &Run, state: &mut State) {
    let text = run
        .pending()
        .filter(|(_, took)| *took >= SECOND)
        .map(|(stage, took)| format!("{stage} … {} s", took.as_secs()));
    match (&*state, text) {
        (State::Over, _) | (State::Hidden, None) => {}
        (State::Shown(before), Some(text)) if *before == text => {}
        (State::Shown(_), None) => {
            whisper(EMPTY_LINE);
            *state = State::Hidden;
        }
        (_, Some(text)) => {
            whisper(&format!("{EMPTY_LINE}{text}"));
            *state = State::Shown(text);
        }
    }
}
