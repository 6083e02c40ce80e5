//! The report of `doctor`: a line for each step, with its facts and what to do.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::failure_report::FailureReport;
use super::output::{micros, millis};
use super::redact::Redactor;
use super::style::{Style, Tone};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::run::{Stage, Step};
use crate::text::{plural, printable};

/// One line of the report.
#[derive(Serialize)]
pub(super) struct Finding {
    step: String,
    /// The origin, in a run with several origins.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// The duration in microseconds.
    micros: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureReport>,
}

#[derive(Debug, Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// The step succeeded with a warning.
    Warning,
    Failed,
    /// The step was not reached.
    Skipped,
}

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) resolver: String,
    pub(super) system: String,
    pub(super) ok: bool,
    pub(super) steps: Vec<Finding>,
}

impl Finding {
    /// Returns the findings of a stage, one per origin. A stage without steps was not reached if every run has it (`always`).
    pub(super) fn all(stage: Stage, steps: &[Step], warnings: &[(Stage, String)], always: bool) -> Vec<Self> {
        let mut origins: Vec<&Option<Arc<str>>> = Vec::new();
        for step in steps.iter().filter(|step| step.stage == stage) {
            if !origins.contains(&&step.origin) {
                origins.push(&step.origin);
            }
        }
        if origins.is_empty() && always {
            return vec![Self::skipped(stage)];
        }
        let one = steps.iter().find_map(|step| step.origin.as_ref());
        let are_several =
            steps.iter().filter_map(|step| step.origin.as_ref()).any(|other| Some(other) != one);
        let finding = |origin: &Option<Arc<str>>| {
            let found = Self::new(stage, origin.as_ref(), steps, warnings)?;
            Some(Self { origin: origin.as_deref().filter(|_| are_several).map(str::to_owned), ..found })
        };
        origins.into_iter().filter_map(finding).collect()
    }

    fn new(
        stage: Stage,
        origin: Option<&Arc<str>>,
        steps: &[Step],
        warnings: &[(Stage, String)],
    ) -> Option<Self> {
        let is_own = |step: &&Step| step.stage == stage && step.origin.as_ref() == origin;
        let own: Vec<_> = steps.iter().filter(is_own).collect();
        let last = own.last()?;
        let time: Duration = own.iter().map(|step| alone(step, steps)).sum();
        let failed = own.iter().filter(|step| step.failure.is_some()).count();
        let is_skipped = last.failure.as_ref().is_some_and(|failure| is_of_earlier(stage, failure, steps));
        let mut facts: Vec<String> = Vec::new();
        for fact in own.iter().flat_map(|step| &step.facts) {
            if !facts.contains(fact) {
                facts.push(fact.clone());
            }
        }
        let tries = failed + usize::from(last.failure.is_none());
        if failed > 0 && tries > 1 && !is_skipped {
            facts.push(format!("tried {tries} times"));
        }
        let warnings = warnings.iter().filter(|(of, _)| *of == stage);
        let warnings: Vec<_> = warnings.map(|(_, warning)| format!("warning: {warning}")).collect();
        let status = match last.failure {
            None if warnings.is_empty() => Status::Ok,
            None => Status::Warning,
            Some(_) if is_skipped => Status::Skipped,
            Some(_) => Status::Failed,
        };
        facts.extend(warnings);
        Some(Self {
            step: stage.to_string(),
            origin: None,
            status,
            micros: (!is_skipped).then(|| micros(time)),
            facts,
            failure: last.failure.as_ref().filter(|_| !is_skipped).map(FailureReport::new),
        })
    }

    /// Returns the finding of something that is not a step of the run.
    pub(super) fn of(
        step: impl Into<String>,
        micros: Option<u64>,
        facts: Vec<String>,
        failure: Option<&Failure>,
    ) -> Self {
        let status = if failure.is_some() { Status::Failed } else { Status::Ok };
        Self {
            step: step.into(),
            origin: None,
            status,
            micros,
            facts,
            failure: failure.map(FailureReport::new),
        }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.status == Status::Failed
    }

    /// Returns the finding of something that was not tried, and why.
    pub(super) fn left_out(step: &str, why: &str) -> Self {
        Self { status: Status::Skipped, ..Self::of(step, None, vec![why.to_owned()], None) }
    }

    /// Returns the finding of a sign-in that sent nothing, in a run in which the store never answered.
    pub(super) fn unverified(mut self) -> Self {
        if matches!(self.status, Status::Ok | Status::Warning) {
            self.facts.insert(0, "not verified: the store did not answer".to_owned());
            (self.status, self.micros) = (Status::Skipped, None);
        }
        self
    }

    fn skipped(stage: Stage) -> Self {
        Self { status: Status::Skipped, ..Self::of(stage.to_string(), None, Vec::new(), None) }
    }

    /// Returns the finding of the read of a single id.
    pub(super) fn from_read(outcome: Option<&Outcome>, steps: &[Step]) -> Self {
        let Some(outcome) = outcome else { return Self::skipped(Stage::Read) };
        let finding = Self::from_outcome(Stage::Read.to_string(), outcome, steps);
        let is_skipped = finding.status == Status::Skipped;
        Self { micros: (!is_skipped).then(|| micros(reading(steps))), ..finding }
    }

    /// Returns the findings of several reads: one for all, and one per id. Ids have numbers, because their names may be hidden.
    pub(super) fn from_reads(ids: &[String], outcomes: &[Outcome], steps: &[Step]) -> Vec<Self> {
        let each = ids.iter().zip(outcomes).enumerate().map(|(at, (id, outcome))| {
            let mut finding = Self::from_outcome(format!("id {}", at + 1), outcome, steps);
            finding.facts.insert(0, id.clone());
            finding
        });
        let each: Vec<_> = each.collect();
        let has = |status| each.iter().any(|finding| finding.status == status);
        let status = [Status::Failed, Status::Ok].into_iter().find(|status| has(*status));
        let Some(status) = status else { return vec![Self::skipped(Stage::Read)] };
        let well = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let all = Self {
            step: Stage::Read.to_string(),
            origin: None,
            status,
            micros: Some(micros(reading(steps))),
            facts: vec![format!("{well} of {} have a value", ids.len())],
            failure: None,
        };
        std::iter::once(all).chain(each).collect()
    }

    /// Returns the finding of one id.
    fn from_outcome(step: String, outcome: &Outcome, steps: &[Step]) -> Self {
        let failure = outcome.as_ref().err();
        // If an earlier step has this failure, the read was not reached.
        let is_skipped = failure.is_some_and(|failure| is_of_earlier(Stage::Read, failure, steps));
        let facts = outcome.as_ref().map_or_else(
            |_| Vec::new(),
            |value| {
                let version = value.metadata().version.as_ref().map(|version| format!("version {version}"));
                let length = value.expose().chars().count();
                std::iter::once(format!("{length} character{}", plural(length))).chain(version).collect()
            },
        );
        let status = match failure {
            None => Status::Ok,
            Some(_) if is_skipped => Status::Skipped,
            Some(_) => Status::Failed,
        };
        let failure = failure.filter(|_| !is_skipped).map(FailureReport::new);
        Self { step, origin: None, status, micros: None, facts, failure }
    }

    pub(super) fn redacted(self, redactor: &Redactor) -> Self {
        let redact = |text: String| redactor.redact(&text);
        Self {
            origin: self.origin.map(redact),
            facts: self.facts.into_iter().map(redact).collect(),
            failure: self.failure.map(|told| FailureReport {
                message: redact(told.message),
                remedy: redact(told.remedy),
                ..told
            }),
            ..self
        }
    }
}

/// Whether a step of an earlier stage has this failure, so that this stage was not reached.
fn is_of_earlier(stage: Stage, failure: &Failure, steps: &[Step]) -> bool {
    steps.iter().any(|step| step.stage < stage && step.failure.as_ref() == Some(failure))
}

fn reading(steps: &[Step]) -> Duration {
    steps.iter().filter(|step| step.stage == Stage::Read).map(|step| alone(step, steps)).sum()
}

/// Returns the duration of a step without the steps inside it.
fn alone(step: &Step, steps: &[Step]) -> Duration {
    let Some(took) = step.took else { return Duration::ZERO };
    let end = step.began + took;
    let is_part = |other: &Step| step.origin.is_none() || step.origin == other.origin;
    let is_within = |other: &&Step| {
        other.stage < step.stage && other.began >= step.began && other.began <= end && is_part(other)
    };
    let within: Duration = steps.iter().filter(is_within).filter_map(|other| other.took).sum();
    took.saturating_sub(within)
}

/// The maximum length of facts on the line of a step; longer facts go below it, one per line.
const WIDE: usize = 80;

impl Report {
    /// Returns the report as text. Each failure is explained once, at its first step.
    pub(super) fn text(&self, style: Style) -> String {
        let widest = self.steps.iter().map(|finding| finding.step.len()).max().unwrap_or(0);
        let mut text = format!("{} on {}\n", self.resolver, self.system);
        let mut told: Vec<&FailureReport> = Vec::new();
        for finding in &self.steps {
            text.push_str(&finding.line(widest, style));
            if let Some(failure) = &finding.failure
                && !told.contains(&failure)
            {
                text.push_str(&explained(failure, style));
                told.push(failure);
            }
        }
        text
    }
}

impl Finding {
    fn line(&self, widest: usize, style: Style) -> String {
        let (tone, word) = match self.status {
            Status::Ok => (Tone::Good, "ok     "),
            Status::Warning => (Tone::Bad, "warning"),
            Status::Failed => (Tone::Bad, "failed "),
            Status::Skipped => (Tone::Quiet, "skipped"),
        };
        let time = self.micros.map(millis).unwrap_or_default();
        // The facts of a connection already name its origin.
        let at =
            self.origin.iter().filter(|origin| !self.facts.contains(origin)).map(|at| format!("at {at}"));
        let all: Vec<_> = at.chain(self.facts.iter().cloned()).collect();
        let facts = printable(all.join("; "));
        let (on_line, below) = if facts.len() > WIDE { ("", &all[..]) } else { (&*facts, &[][..]) };
        let line = format!("{}  {:widest$}  {time:>9}  {on_line}", style.tone(tone, word), self.step);
        let below: Vec<_> =
            below.iter().map(|fact| format!("         {}\n", printable(fact.clone()))).collect();
        format!("{}\n{}", line.trim_end(), below.concat())
    }
}

fn explained(failure: &FailureReport, style: Style) -> String {
    let FailureReport { code, message, remedy } = failure;
    let hint = style.tone(Tone::Quiet, "hint:");
    format!("         {message} ({code})\n         {hint} {remedy}\n")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::run::Run;

    /// The findings of a stage: origin, status and facts of each.
    fn findings(run: &Run, stage: Stage, always: bool) -> Vec<(Option<String>, Status, String)> {
        let findings = Finding::all(stage, &run.steps(), &run.warnings(), always).into_iter();
        findings.map(|finding| (finding.origin, finding.status, finding.facts.join("; "))).collect()
    }

    #[test]
    fn the_steps_of_a_stage_are_shown_by_origin() {
        let run = Run::traced(Instant::now());
        let origin = |name: &str| Some(name.to_owned());
        let (store, login) = (run.at("https://store.test"), run.at("https://login.test"));
        let connect = |at: &Run, fact: &str, done: Result<(), Failure>| {
            let ended = at.end(at.begin(Stage::Connection), done);
            at.fact(Stage::Connection, fact);
            ended.is_ok()
        };
        assert!(connect(&store, "to the store", Ok(())));
        assert_eq!(findings(&run, Stage::Connection, true), [(None, Status::Ok, "to the store".into())]);
        assert!(!connect(&login, "to the login", Err(Failure::unavailable("down", "start it"))));
        assert!(connect(&store, "to the store again", Ok(())));
        let both = [
            (origin("https://store.test"), Status::Ok, "to the store; to the store again".to_owned()),
            (origin("https://login.test"), Status::Failed, "to the login".to_owned()),
        ];
        assert_eq!(findings(&run, Stage::Connection, true), both);
        let _ = run.end(run.begin(Stage::SignIn), Ok(()));
        assert_eq!(findings(&run, Stage::SignIn, true), [(None, Status::Ok, String::new())]);
        assert_eq!(findings(&run, Stage::LookUp, true), [(None, Status::Skipped, String::new())]);
        assert_eq!(findings(&run, Stage::Proxy, false), []);
    }
}
