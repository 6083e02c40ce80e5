//! `doctor [ID]`: a run like any other, shown step by step.
//!
//! It has no path of its own: what it prints was noted by the run, which is that of a gateway's request for the id.

use std::time::Duration;

use serde::Serialize;

use super::paint::{Paint, Tone};
use super::progress::Progress;
use super::redact::Redactor;
use super::speak::{micros, millis, note, plural, print};
use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crate::run::{Run, Stage, Step};
use crate::selector::Field;
use crate::settings::Settings;
use crate::store::{Store, table};
use crate::watch::Watch;
use crate::wire::Outcome;
use crate::world::{World, recorded_home};

/// What to show.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) id: Option<String>,
    pub(super) json: bool,
    /// Whether names are shown that are nobody else's affair.
    pub(super) names: bool,
}

/// One line of the report.
#[derive(Serialize)]
struct Finding {
    step: String,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// How long it took, in millionths of a second.
    micros: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Told>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Failed,
    /// It was not come to.
    Skipped,
}

#[derive(Serialize, PartialEq, Eq)]
struct Told {
    code: &'static str,
    what: String,
    remedy: String,
}

#[derive(Serialize)]
struct Report {
    resolver: String,
    system: String,
    ok: bool,
    steps: Vec<Finding>,
}

/// Resolves the id as for a gateway, without one signs in alone, and prints what each step came to.
pub(super) fn doctor<B: Backend>(
    settings: Result<&Settings, &(Failure, Exit)>,
    wish: Wish,
    (run, world): (&Run, &World),
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    let progress = Progress::start(run, watch);
    let reporter = Reporter { wish, run: run.clone(), store: &B::STORE, is_local: B::IS_LOCAL, deadline };
    let settings = match settings {
        Ok(settings) => settings,
        Err((failure, exit)) => {
            // Of what cannot be read, every word that is quoted may be a name.
            for word in failure.what().split('`').skip(1).step_by(2) {
                run.conceal("name", word);
            }
            if let Ok(home) = recorded_home(world.uid) {
                run.conceal("home", home.display().to_string());
            }
            let _ = run.end::<()>(run.begin(Stage::Configuration), Err(failure.clone()));
            progress.end();
            reporter.report(None);
            return *exit;
        }
    };
    conceal(settings, reporter.wish.id.as_deref());
    let facts = facts(settings, world);
    let ids: Vec<_> = reporter.wish.id.iter().cloned().collect();
    answer::<B>(settings, &ids.into(), (deadline, watch), move |_, answer| {
        progress.end();
        for fact in &facts {
            reporter.run.note(Stage::Configuration, fact);
        }
        reporter.report(Some(&answer))
    })
}

/// What there is to say of the settings.
fn facts(settings: &Settings, world: &World) -> Vec<String> {
    let profile = match settings.profile() {
        Some(path) => format!("profile {}", path.display()),
        None => "no profile: a gateway's run has only the variables that its passEnv lists".to_owned(),
    };
    let lists = [
        ("set", settings.written()),
        ("from the environment", settings.variables()),
        ("ignored beside the profile", settings.ignored(world)),
    ];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
    std::iter::once(profile)
        .chain(lists.map(|(what, names)| format!("{what}: {}", names.join(", "))))
        .collect()
}

/// The names that are nobody else's affair.
fn conceal(settings: &Settings, id: Option<&str>) {
    let run = settings.run();
    if let Some(path) = settings.profile() {
        run.conceal("profile", path.display().to_string());
    }
    if let Some(home) = settings.in_home("") {
        run.conceal("home", home.display().to_string().trim_end_matches('/'));
    }
    for (key, text) in settings.names() {
        for name in names_in(&text) {
            run.conceal(key, name);
        }
    }
    for (id, name) in settings.entries() {
        run.conceal("id", id);
        run.conceal("name", name.name.as_str());
        if let Some(Field::Key(field) | Field::Pointer(field)) = &name.field {
            run.conceal("field", field.as_str());
        }
    }
    if let Some(id) = id {
        run.conceal("id", id);
        let (name, rest) = id.split_once('#').unwrap_or(id.rsplit_once('/').unwrap_or((id, "")));
        run.conceal("name", name);
        run.conceal("name", name.rsplit(':').next().unwrap_or_default());
        run.conceal("field", rest.split('#').next().unwrap_or_default());
    }
}

/// What of a setting's value is a name. Of a URL it is host and path: scheme and port say nothing of a place.
fn names_in(text: &str) -> Vec<&str> {
    match text.split_once("://") {
        Some(("unix", path)) => vec![path],
        Some((_, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let port = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
            let host = authority.rsplit_once(':').filter(|(_, rest)| port(rest));
            vec![host.map_or(authority, |(host, _)| host), path]
        }
        None => vec![text],
    }
}

struct Reporter {
    wish: Wish,
    run: Run,
    store: &'static Store,
    is_local: bool,
    deadline: Deadline,
}

impl Reporter {
    fn report(&self, answer: Option<&Answer>) -> Exit {
        let steps = self.steps();
        let outcome = answer.and_then(|answer| answer.outcomes.first());
        let stages = Stage::ALL.iter().filter(|stage| **stage < Stage::Read);
        let findings = stages.filter_map(|stage| Finding::of(*stage, &steps));
        // What is on this machine has no name to look up, and perhaps nothing to connect to.
        let is_idle = |finding: &Finding| {
            let network = [Stage::LookUp.to_string(), Stage::Connection.to_string()];
            self.is_local && finding.status == Status::Skipped && network.contains(&finding.step)
        };
        let mut findings: Vec<_> = findings.filter(|finding| !is_idle(finding)).collect();
        if self.wish.id.is_some() {
            findings.push(Finding::of_read(outcome, &steps));
        }
        // A step that was done again, and well, has not failed.
        let last = |stage: &Stage| steps.iter().rfind(|step| step.stage == *stage);
        let failed = Stage::ALL.iter().filter_map(last).filter_map(|step| step.failure.as_ref()).next_back();
        let failure = outcome.and_then(|outcome| outcome.as_ref().err()).or(failed);
        self.print(findings, failure.is_none())
            .unwrap_or_else(|| failure.map_or(Exit::Done, Exit::of_failure))
    }

    /// The steps; one that is not over has failed at the deadline.
    fn steps(&self) -> Vec<Step> {
        let now = self.run.elapsed();
        let mut steps = self.run.steps();
        for step in steps.iter_mut().filter(|step| step.took.is_none()) {
            step.took = Some(now.saturating_sub(step.began));
            step.failure = Some(self.run.timeout(self.deadline.limit()));
        }
        steps
    }

    fn print(&self, findings: Vec<Finding>, ok: bool) -> Option<Exit> {
        let names = if self.wish.names { None } else { Some(self.run.names()) };
        let words: Vec<_> = table(self.store).map(|setting| setting.key).collect();
        let redactor = names.map(|names| Redactor::of(names, &words));
        let redacted = |finding: Finding| match &redactor {
            Some(redactor) => finding.redacted(redactor),
            None => finding,
        };
        let report = Report {
            resolver: format!("{} {}", self.store.binary, self.store.version),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            ok,
            steps: findings.into_iter().map(redacted).collect(),
        };
        if self.wish.json {
            return print(
                &format!("{}\n", serde_json::to_string(&report).unwrap_or_default()),
                self.deadline,
            );
        }
        let cut = print(&report.text(Paint::of_stdout()), self.deadline);
        if redactor.is_some() {
            note(
                "names of hosts, files and secrets are left out, so that this can be shown to others; --names shows them",
            );
        }
        cut
    }
}

impl Finding {
    /// What the steps of one kind came to; `None` where a way has none of them.
    fn of(stage: Stage, steps: &[Step]) -> Option<Self> {
        let own: Vec<_> = steps.iter().filter(|step| step.stage == stage).collect();
        let Some(last) = own.last() else {
            let is_optional = matches!(stage, Stage::Proxy | Stage::Tls);
            return (!is_optional).then(|| Self::skipped(stage));
        };
        let time: Duration = own.iter().map(|step| alone(step, steps)).sum();
        let tries = own.iter().filter(|step| step.failure.is_some()).count();
        let mut facts: Vec<String> = Vec::new();
        for fact in own.iter().flat_map(|step| &step.facts) {
            if !facts.contains(fact) {
                facts.push(fact.clone());
            }
        }
        if tries > 1 {
            facts.push(format!("failed {tries} times"));
        }
        Some(Self {
            step: stage.to_string(),
            status: if last.failure.is_some() { Status::Failed } else { Status::Ok },
            micros: Some(micros(time)),
            facts,
            failure: last.failure.as_ref().map(Told::of),
        })
    }

    fn skipped(stage: Stage) -> Self {
        Self {
            step: stage.to_string(),
            status: Status::Skipped,
            micros: None,
            facts: Vec::new(),
            failure: None,
        }
    }

    /// What the read of the id came to.
    fn of_read(outcome: Option<&Outcome>, steps: &[Step]) -> Self {
        let reads = steps.iter().filter(|step| step.stage == Stage::Read);
        let time: Duration = reads.map(|step| alone(step, steps)).sum();
        let facts = match outcome {
            None => return Self::skipped(Stage::Read),
            Some(Err(_)) => Vec::new(),
            Some(Ok(value)) => {
                let version = value.about().version.as_ref().map(|version| format!("version {version}"));
                let length = value.expose().chars().count();
                std::iter::once(format!("{length} character{}", plural(length))).chain(version).collect()
            }
        };
        let failure = outcome.and_then(|outcome| outcome.as_ref().err());
        Self {
            step: Stage::Read.to_string(),
            status: if failure.is_some() { Status::Failed } else { Status::Ok },
            micros: Some(micros(time)),
            facts,
            failure: failure.map(Told::of),
        }
    }

    fn redacted(self, redactor: &Redactor) -> Self {
        let redact = |text: String| redactor.redact(&text);
        Self {
            facts: self.facts.into_iter().map(redact).collect(),
            failure: self.failure.map(|told| Told {
                what: redact(told.what),
                remedy: redact(told.remedy),
                ..told
            }),
            ..self
        }
    }
}

/// How long a step took without the steps within it.
fn alone(step: &Step, steps: &[Step]) -> Duration {
    let Some(took) = step.took else { return Duration::ZERO };
    let end = step.began + took;
    let is_within =
        |other: &&Step| other.stage < step.stage && other.began >= step.began && other.began <= end;
    let within: Duration = steps.iter().filter(is_within).filter_map(|other| other.took).sum();
    took.saturating_sub(within)
}

impl Told {
    fn of(failure: &Failure) -> Self {
        Self {
            code: failure.kind().code(),
            what: failure.what().to_owned(),
            remedy: failure.remedy().to_owned(),
        }
    }
}

impl Report {
    /// For a person, who reads of each failure once, where it came up first.
    fn text(&self, paint: Paint) -> String {
        let widest = self.steps.iter().map(|finding| finding.step.len()).max().unwrap_or(0);
        let mut text = format!("{} on {}\n", self.resolver, self.system);
        let mut told: Vec<&Told> = Vec::new();
        for finding in &self.steps {
            text.push_str(&finding.line(widest, paint));
            if let Some(failure) = &finding.failure
                && !told.contains(&failure)
            {
                text.push_str(&failure.text(paint));
                told.push(failure);
            }
        }
        text
    }
}

impl Finding {
    fn line(&self, widest: usize, paint: Paint) -> String {
        let (tone, word) = match self.status {
            Status::Ok => (Tone::Good, "ok     "),
            Status::Failed => (Tone::Bad, "failed "),
            Status::Skipped => (Tone::Quiet, "skipped"),
        };
        let time = self.micros.map(millis).unwrap_or_default();
        let facts = printable(self.facts.join("; "));
        let line = format!("{}  {:widest$}  {time:>9}  {facts}", paint.tone(tone, word), self.step);
        format!("{}\n", line.trim_end())
    }
}

impl Told {
    fn text(&self, paint: Paint) -> String {
        let hint = paint.tone(Tone::Quiet, "hint:");
        format!("         {} ({})\n         {hint} {}\n", self.what, self.code, self.remedy)
    }
}
