//! One run of a resolver: its id, and what it does step by step, for whoever watches.
//!
//! `doctor` shows the steps, the progress line the one that takes long, a deadline the one that it cut off. Every run
//! notes them, so that what a person is shown is what a gateway's run does.

use std::fmt::{self, Display};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Kind};

/// How many steps a run has as a rule.
const STEPS: usize = 8;

/// One run of a resolver. A clone is the same run.
#[derive(Debug, Clone)]
pub struct Run {
    inner: Arc<Inner>,
    /// Where its steps are taken, if that is one place of several.
    origin: Option<Arc<str>>,
}

#[derive(Debug)]
struct Inner {
    started: Instant,
    id: OnceLock<String>,
    /// Whether somebody wants to know more than how long each step takes.
    traced: bool,
    notes: Mutex<Notes>,
}

#[derive(Debug)]
struct Notes {
    steps: Vec<Step>,
    names: Vec<(&'static str, String)>,
    /// How many requests wait for an answer of each origin.
    waiting: Vec<(Arc<str>, usize)>,
    warnings: Vec<(Stage, String)>,
    ends: Vec<(&'static str, Duration)>,
}

/// A step that is not over.
#[derive(Debug, Clone, Copy)]
pub struct Begun(usize);

/// The steps of a run, in the order in which a person reads of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The settings, and the files that they name.
    Configuration,
    /// The look-up of a host's name.
    LookUp,
    /// A connection to the store, or to what stands before it.
    Connection,
    /// The way through a proxy.
    Proxy,
    /// A handshake of TLS.
    Tls,
    /// Signing in.
    SignIn,
    /// Reading.
    Read,
    /// Listing what there is.
    List,
    /// Writing and deleting.
    Write,
}

/// A step that was begun.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it is.
    pub stage: Stage,
    /// The origin that it has to do with, if it is the step of one.
    pub origin: Option<Arc<str>>,
    /// When it began, from the start of the run.
    pub began: Duration,
    /// How long it took; `None` while it is not over.
    pub took: Option<Duration>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// What is known of it, for a person.
    pub facts: Vec<String>,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Configuration,
        Self::LookUp,
        Self::Connection,
        Self::Proxy,
        Self::Tls,
        Self::SignIn,
        Self::Read,
        Self::List,
        Self::Write,
    ];
}

impl Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::LookUp => "name look-up",
            Self::Connection => "connection",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::SignIn => "sign-in",
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
        })
    }
}

impl Run {
    /// The run of a process that was started then.
    #[must_use]
    pub fn new(started: Instant) -> Self {
        Self::make(started, false)
    }

    /// The same, and somebody wants to know all that can be known of each step.
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

    /// The same run at one of several origins: its steps there are not mixed with those at others.
    #[must_use]
    pub fn at(&self, origin: impl Display) -> Self {
        Self { origin: Some(origin.to_string().into()), ..self.clone() }
    }

    /// What this run is called in the system's log and, where a store has a place for it, in the store's: 16
    /// hexadecimal digits that are another run's only by chance.
    #[must_use]
    pub fn id(&self) -> &str {
        self.inner.id.get_or_init(|| format!("{:016x}", RandomState::new().hash_one(std::process::id())))
    }

    /// The time since the process was started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner.started.elapsed()
    }

    /// Whether [`Run::fact`] is worth an effort.
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

    /// A request is on its way to this origin.
    pub fn sent(&self) {
        self.wait(|count| count.saturating_add(1));
    }

    /// One of the requests that were sent has its answer, or never gets one.
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

    /// Ends a step with what was done in it, which is given back.
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

    /// Says something of the last step of its kind, at this origin if there is one, if somebody wants to know.
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

    /// Says what is going to go wrong, or could: `check` and `doctor` show it.
    pub fn warn(&self, stage: Stage, warning: impl Display) {
        let warning = (stage, warning.to_string());
        let mut notes = self.notes();
        if !notes.warnings.contains(&warning) {
            notes.warnings.push(warning);
        }
    }

    /// The warnings so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<(Stage, String)> {
        self.notes().warnings.clone()
    }

    /// Says how long `what` still lasts, such as the token.
    pub fn ends(&self, what: &'static str, left: Duration) {
        let mut notes = self.notes();
        notes.ends.retain(|(known, _)| *known != what);
        notes.ends.push((what, left));
    }

    /// What is known to end, and how long it still lasts.
    #[must_use]
    pub fn known_ends(&self) -> Vec<(&'static str, Duration)> {
        self.notes().ends.clone()
    }

    /// Says that `name` is nobody else's affair: what is shown to others has `<what>` in its place.
    pub fn redact(&self, what: &'static str, name: impl Into<String>) {
        if self.is_traced() {
            self.notes().names.push((what, name.into()));
        }
    }

    /// The steps so far.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.notes().steps.clone()
    }

    /// What is to be concealed.
    #[must_use]
    pub fn names(&self) -> Vec<(&'static str, String)> {
        self.notes().names.clone()
    }

    /// Whether this run was about to change something, and `failure` leaves open whether it did.
    #[must_use]
    pub fn may_have_written(&self, failure: &Failure) -> bool {
        failure.leaves_a_change_open() && self.notes().steps.iter().any(|step| step.stage == Stage::Write)
    }

    /// The step that is not over, the last that was begun, and how long it has taken.
    #[must_use]
    pub fn pending(&self) -> Option<(Stage, Duration)> {
        let now = self.elapsed();
        let notes = self.notes();
        notes.open().map(|step| (step.stage, now.saturating_sub(step.began)))
    }

    /// The deadline came before an answer: which step it cut off, and what to do.
    #[must_use]
    pub fn timeout(&self, deadline: Duration) -> Failure {
        let notes = self.notes();
        let pending = notes.open().map(|step| step.stage);
        let during = notes.open().map(|step| format!(", cut off at this step: {}", notes.cut_off(step)));
        let during = during.unwrap_or_default();
        let look = match pending {
            Some(Stage::Configuration) => {
                "see whether the files that the settings name are on a network mount that hangs"
            }
            Some(Stage::LookUp) => "see whether this machine's name servers answer",
            Some(Stage::Connection) => {
                "see whether what listens there answers; over a network, whether address, port and firewalls are right"
            }
            Some(Stage::Proxy) => "see whether the proxy is slow or cannot reach the store",
            Some(Stage::Tls) => "see whether this port speaks TLS, or whether http:// is meant",
            Some(Stage::SignIn | Stage::Read | Stage::List) => "see whether the store is slow",
            Some(Stage::Write) => "see whether the store is slow, and what it has done",
            None => "see whether the store, or what is on the way to it, is slow or out of reach",
        };
        Failure::new(
            Kind::Timeout,
            format!("no answer within {} ms{during}", deadline.as_millis()),
            format!("{look}, or raise `timeout` (and the gateway's timeoutMs above it)"),
        )
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.inner.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes {
    /// The last step that was begun and is not over.
    fn open(&self) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.took.is_none())
    }

    /// A step and the origin it has to do with; of one that has to do with several, those that have not answered.
    fn cut_off(&self, step: &Step) -> String {
        let waiting = self.waiting.iter().filter(|(_, count)| *count > 0).map(|(origin, _)| &**origin);
        let origins = match &step.origin {
            Some(origin) => origin.to_string(),
            None => waiting.collect::<Vec<_>>().join(", "),
        };
        if origins.is_empty() { step.stage.to_string() } else { format!("{} ({origins})", step.stage) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_names_the_step_that_it_cut_off() {
        let run = Run::new(Instant::now());
        let limit = Duration::from_millis(700);
        assert!(run.timeout(limit).what().ends_with("within 700 ms"));
        let sign_in = run.begin(Stage::SignIn);
        let look_up = run.begin(Stage::LookUp);
        assert!(run.timeout(limit).what().ends_with("step: name look-up"));
        let _ = run.end(look_up, Ok(()));
        assert!(run.timeout(limit).what().ends_with("step: sign-in"));
        let _ = run.end::<()>(sign_in, Err(Failure::internal("")));
        assert!(run.pending().is_none());
    }

    #[test]
    fn a_deadline_names_the_origin_that_it_cut_off() {
        let run = Run::traced(Instant::now());
        let limit = Duration::from_millis(700);
        let (store, login) = (run.at("https://store.test"), run.at("https://login.test"));
        let _ = run.begin(Stage::Read);
        assert!(run.timeout(limit).what().ends_with("step: read"));
        for origin in [&store, &login, &login] {
            origin.sent();
        }
        store.received();
        login.received();
        assert!(run.timeout(limit).what().ends_with("step: read (https://login.test)"));
        let _ = store.begin(Stage::Connection);
        let connection = login.begin(Stage::Connection);
        store.fact(Stage::Connection, "to the store");
        let _ = login.end(connection, Ok(()));
        assert!(run.timeout(limit).what().ends_with("step: connection (https://store.test)"));
        let facts: Vec<_> = run.steps().into_iter().map(|step| step.facts.len()).collect();
        assert_eq!(facts, [0, 1, 0]);
    }

    #[test]
    fn facts_are_kept_for_somebody_who_watches() {
        for (run, facts) in [(Run::new(Instant::now()), 0), (Run::traced(Instant::now()), 1)] {
            let _ = run.end(run.begin(Stage::Tls), Ok(()));
            run.fact(Stage::Tls, "TLS 1.3");
            run.fact(Stage::Tls, "TLS 1.3");
            run.fact(Stage::Read, "nothing was read");
            assert_eq!(run.steps()[0].facts.len(), facts);
        }
    }

    #[test]
    fn each_run_has_an_id_of_its_own() {
        let (one, other) = (Run::new(Instant::now()), Run::new(Instant::now()));
        assert_eq!(one.id().len(), 16);
        assert_eq!(one.id(), one.clone().id());
        assert_ne!(one.id(), other.id());
    }
}
