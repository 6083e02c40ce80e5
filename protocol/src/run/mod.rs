//! One run of a resolver: its id, and its steps.
//!
//! `doctor` shows all steps, the progress line shows a step that takes long, and the failure at the deadline names the step
//! that was not over. Every run records its steps, so `doctor` shows what a gateway's run does.

mod stage;
mod timeout;

use std::fmt::Display;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::Failure;
pub use stage::Stage;

/// How many steps most runs have.
const STEPS: usize = 8;

/// One run of a resolver. A clone is the same run.
#[derive(Debug, Clone)]
pub struct Run {
    inner: Arc<Inner>,
    /// The origin of its steps, if the run has several.
    origin: Option<Arc<str>>,
}

#[derive(Debug)]
struct Inner {
    started: Instant,
    id: OnceLock<String>,
    /// Whether facts of each step are recorded too.
    traced: bool,
    notes: Mutex<Notes>,
}

#[derive(Debug)]
struct Notes {
    steps: Vec<Step>,
    names: Vec<(&'static str, String)>,
    /// How many requests wait for an answer, by origin.
    waiting: Vec<(Arc<str>, usize)>,
    warnings: Vec<(Stage, String)>,
    ends: Vec<End>,
}

/// When something ends.
#[derive(Debug, Clone, Copy)]
struct End {
    what: &'static str,
    left: Duration,
    /// Whether the resolver replaces it before.
    is_replaced: bool,
}

/// A step that [`Run::end`] is to end.
#[derive(Debug, Clone, Copy)]
pub struct Begun(usize);

/// A step that was begun.
#[derive(Debug, Clone)]
pub struct Step {
    /// What is done in it.
    pub stage: Stage,
    /// The origin that it belongs to, if there is one.
    pub origin: Option<Arc<str>>,
    /// When it began, counted from the start of the run.
    pub began: Duration,
    /// How long it took; `None` until it is over.
    pub took: Option<Duration>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Facts about it, for a person.
    pub facts: Vec<String>,
}

impl Run {
    /// Creates the run of a process that was started at this time.
    #[must_use]
    pub fn new(started: Instant) -> Self {
        Self::make(started, false)
    }

    /// Creates a run that also records the facts of each step, for `check` and `doctor`.
    #[must_use]
    pub fn traced(started: Instant) -> Self {
        Self::make(started, true)
    }

    fn make(started: Instant, traced: bool) -> Self {
        let steps = Vec::with_capacity(STEPS);
        let notes = Mutex::new(Notes {
            steps,
            names: Vec::new(),
            waiting: Vec::new(),
            warnings: Vec::new(),
            ends: Vec::new(),
        });
        Self { inner: Arc::new(Inner { started, id: OnceLock::new(), traced, notes }), origin: None }
    }

    /// Returns the same run for one of several origins: its steps are kept apart from those of the others.
    #[must_use]
    pub fn at(&self, origin: impl Display) -> Self {
        Self { origin: Some(origin.to_string().into()), ..self.clone() }
    }

    /// Returns the name of this run in the system's log, and in the store's log if the store takes one: 16 random hexadecimal
    /// digits.
    #[must_use]
    pub fn id(&self) -> &str {
        self.inner.id.get_or_init(|| format!("{:016x}", RandomState::new().hash_one(std::process::id())))
    }

    /// Returns the time since the process was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner.started.elapsed()
    }

    /// Says that [`Run::fact`] records facts.
    #[must_use]
    pub fn is_traced(&self) -> bool {
        self.inner.traced
    }

    /// Begins a step, which [`Run::end`] ends.
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use secretref_protocol::{Failure, Run, Stage};
    /// # fn read() -> Result<(), Failure> { Ok(()) }
    /// # let run = Run::new(Instant::now());
    /// let read = run.end(run.begin(Stage::Read), read());
    /// ```
    #[must_use]
    pub fn begin(&self, stage: Stage) -> Begun {
        let mut notes = self.notes();
        let began = self.elapsed();
        let origin = self.origin.clone();
        notes.steps.push(Step { stage, origin, began, took: None, failure: None, facts: Vec::new() });
        Begun(notes.steps.len() - 1)
    }

    /// Records that a request was sent to this origin.
    pub fn sent(&self) {
        self.wait(|count| count.saturating_add(1));
    }

    /// Records that a request that was sent has its answer, or will have none.
    pub fn received(&self) {
        self.wait(|count| count.saturating_sub(1));
    }

    fn wait(&self, change: impl Fn(usize) -> usize) {
        let Some(origin) = &self.origin else { return };
        let mut notes = self.notes();
        match notes.waiting.iter_mut().find(|(known, _)| known == origin) {
            Some((_, count)) => *count = change(*count),
            None => notes.waiting.push((Arc::clone(origin), change(0))),
        }
    }

    /// Ends a step with its result, and returns the result.
    ///
    /// # Errors
    /// The failure of the step itself.
    pub fn end<T>(&self, step: Begun, done: Result<T, Failure>) -> Result<T, Failure> {
        let now = self.elapsed();
        if let Some(step) = self.notes().steps.get_mut(step.0) {
            step.took = Some(now.saturating_sub(step.began));
            step.failure = done.as_ref().err().cloned();
        }
        done
    }

    /// Ends the steps at this origin that are not over: `failure` says why their result is no longer awaited.
    pub fn abandon(&self, failure: &Failure) {
        let now = self.elapsed();
        let is_own = |step: &&mut Step| step.took.is_none() && step.origin == self.origin;
        for step in self.notes().steps.iter_mut().filter(is_own) {
            step.took = Some(now.saturating_sub(step.began));
            step.failure = Some(failure.clone());
        }
    }

    /// Records a fact about the last step of this stage, and of this origin if there is one. Only a traced run does.
    pub fn fact(&self, stage: Stage, fact: impl Display) {
        if !self.is_traced() {
            return;
        }
        let fact = fact.to_string();
        let is_here =
            |step: &Step| step.origin.is_none() || self.origin.is_none() || step.origin == self.origin;
        let is_own = |step: &Step| step.stage == stage && is_here(step);
        if let Some(step) = self.notes().steps.iter_mut().rev().find(|step| is_own(step))
            && !step.facts.contains(&fact)
        {
            step.facts.push(fact);
        }
    }

    /// Records a problem that is to come, or may come; `check` and `doctor` show it.
    pub fn warn(&self, stage: Stage, warning: impl Display) {
        let warning = (stage, warning.to_string());
        let mut notes = self.notes();
        if !notes.warnings.contains(&warning) {
            notes.warnings.push(warning);
        }
    }

    /// Returns the warnings so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<(Stage, String)> {
        self.notes().warnings.clone()
    }

    /// Records how long `what` is still valid, such as the token. A person has to replace it before.
    pub fn ends(&self, what: &'static str, left: Duration) {
        self.note_end(End { what, left, is_replaced: false });
    }

    /// Records how long `what` is still valid, which the resolver itself replaces before.
    pub fn ends_and_is_replaced(&self, what: &'static str, left: Duration) {
        self.note_end(End { what, left, is_replaced: true });
    }

    fn note_end(&self, end: End) {
        let mut notes = self.notes();
        notes.ends.retain(|known| known.what != end.what);
        notes.ends.push(end);
    }

    /// Returns what expires and is not replaced by the resolver, and how long it is still valid.
    #[must_use]
    pub fn to_replace(&self) -> Vec<(&'static str, Duration)> {
        let notes = self.notes();
        notes.ends.iter().filter(|end| !end.is_replaced).map(|end| (end.what, end.left)).collect()
    }

    /// Returns what expires, and how long it is still valid.
    #[must_use]
    pub fn known_ends(&self) -> Vec<(&'static str, Duration)> {
        self.notes().ends.iter().map(|end| (end.what, end.left)).collect()
    }

    /// Marks `name` as private: output that can be shared shows `<what>` instead.
    pub fn redact(&self, what: &'static str, name: impl Into<String>) {
        if self.is_traced() {
            self.notes().names.push((what, name.into()));
        }
    }

    /// Returns the steps so far.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.notes().steps.clone()
    }

    /// Returns the private names, each with what to show instead.
    #[must_use]
    pub fn names(&self) -> Vec<(&'static str, String)> {
        self.notes().names.clone()
    }

    /// Says that this run was about to change something, and that it may have done so despite `failure`.
    #[must_use]
    pub fn may_have_written(&self, failure: &Failure) -> bool {
        failure.leaves_a_change_open() && self.notes().steps.iter().any(|step| step.stage == Stage::Write)
    }

    /// Returns the step that the run waits for, and how long it has taken.
    #[must_use]
    pub fn pending(&self) -> Option<(Stage, Duration)> {
        let now = self.elapsed();
        let notes = self.notes();
        notes.open().map(|step| (step.stage, now.saturating_sub(step.began)))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.inner.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// Returns the last step that was begun and is not over. A connection that a request waits for is before it, since it may
    /// have been started ahead of the request.
    fn open(&self) -> Option<&Step> {
        let mut open = self.steps.iter().filter(|step| step.took.is_none());
        open.clone().rfind(|step| self.holds_up_a_request(step)).or_else(|| open.next_back())
    }

    fn holds_up_a_request(&self, step: &Step) -> bool {
        let is_awaited = |origin| self.waiting.iter().any(|(known, count)| known == origin && *count > 0);
        (Stage::LookUp..=Stage::Tls).contains(&step.stage) && step.origin.as_ref().is_some_and(is_awaited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_traced_run_records_facts() {
        for (run, facts) in [(Run::new(Instant::now()), 0), (Run::traced(Instant::now()), 1)] {
            let _ = run.end(run.begin(Stage::Tls), Ok(()));
            run.fact(Stage::Tls, "TLS 1.3");
            run.fact(Stage::Tls, "TLS 1.3");
            run.fact(Stage::Read, "nothing was read");
            assert_eq!(run.steps()[0].facts.len(), facts);
        }
    }

    #[test]
    fn each_run_has_its_own_id() {
        let (one, other) = (Run::new(Instant::now()), Run::new(Instant::now()));
        assert_eq!(one.id().len(), 16);
        assert_eq!(one.id(), one.clone().id());
        assert_ne!(one.id(), other.id());
    }
}
