//! A line on a terminal that says what takes so long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::style::is_able;
use crate::run::Run;
use crate::streams::{stderr_is_terminal, whisper};
use crate::watchdog::Watchdog;

/// From when on a step is slow.
const SECOND: Duration = Duration::from_secs(1);

/// What takes the cursor to the start of an empty line (ECMA-48 EL).
const EMPTY_LINE: &str = "\r\u{1b}[K";

/// The line. It appears once a step has taken a second, and is gone before anything else is said: at the latest when a
/// handle on it is dropped.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<State>>);

enum State {
    Hidden,
    /// This is on the screen.
    Shown(String),
    Over,
}

impl Progress {
    /// Has `watchdog` look at the run, if somebody sees stderr.
    pub(super) fn start(run: &Run, watchdog: &Watchdog) -> Self {
        let progress = Self(Arc::new(Mutex::new(State::Hidden)));
        if stderr_is_terminal() && is_able() {
            let (run, state) = (run.clone(), Arc::clone(&progress.0));
            watchdog.meanwhile(move || show(&run, &mut lock(&state)));
        }
        progress
    }

    /// Takes the line away for good. Whether this is the first to do so.
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
