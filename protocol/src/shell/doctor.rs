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
use crate::settings::Settings;
use crate::store::{Store, table};
use crate::watch::Watch;
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
    /// It was not over at the deadline.
    Cut,
    /// It was not come to.
    Skipped,
}

#[derive(Serialize)]
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
    let reporter = Reporter { wish, run: run.clone(), store: &B::STORE, deadline };
    let settings = match settings {
        Ok(settings) => settings,
        Err((failure, exit)) => {
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
        Some((scheme, rest)) if scheme != "unix" => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let port = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
            let host = authority.rsplit_once(':').filter(|(_, rest)| port(rest));
            vec![host.map_or(authority, |(host, _)| host), path]
        }
        _ => vec![text],
    }
}

struct Reporter {
    wish: Wish,
    run: Run,
    store: &'static Store,
    deadline: Deadline,
}

impl Reporter {
    fn report(&self, answer: Option<&Answer>) -> Exit {
        let steps = self.run.steps();
        let mut findings: Vec<_> =
            Stage::ALL.iter().filter_map(|stage| Finding::of(*stage, &steps)).collect();
        if let Some((id, answer)) = self.wish.id.as_ref().zip(answer) {
            findings.push(Finding::of_id(id, answer, &steps));
        }
        // A step that was done again, and well, has not failed.
        let lasts = Stage::ALL.iter().filter_map(|stage| steps.iter().rfind(|step| step.stage == *stage));
        let failure = lasts.filter_map(|step| step.failure.as_ref()).next_back();
        let failure = answer
            .and_then(|answer| answer.outcomes.iter().find_map(|outcome| outcome.as_ref().err()))
            .or(failure);
        let names = if self.wish.names { Vec::new() } else { self.run.names() };
        let words: Vec<_> = table(self.store).map(|setting| setting.key).collect();
        let redactor = Redactor::of(names, &words);
        let findings: Vec<_> = findings.into_iter().map(|finding| finding.redacted(&redactor)).collect();
        let report = Report {
            resolver: format!("{} {}", self.store.binary, self.store.version),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            ok: failure.is_none(),
            steps: findings,
        };
        let text = if self.wish.json {
            format!("{}\n", serde_json::to_string(&report).unwrap_or_default())
        } else {
            report.text(Paint::of_stdout())
        };
        let cut = print(&text, self.deadline);
        if !self.wish.names && !self.wish.json {
            note(
                "names of hosts, files and secrets are left out, so that this can be shown to others; --names shows them",
            );
        }
        cut.unwrap_or_else(|| failure.map_or(Exit::Done, Exit::of_failure))
    }
}

impl Finding {
    /// What the steps of one kind came to; `None` where a way has none of them.
    fn of(stage: Stage, steps: &[Step]) -> Option<Self> {
        if matches!(stage, Stage::Read | Stage::List | Stage::Write) {
            return None;
        }
        let own: Vec<_> = steps.iter().filter(|step| step.stage == stage).collect();
        let Some(last) = own.last() else {
            let is_optional = matches!(stage, Stage::Proxy | Stage::Tls);
            let skipped = Self {
                step: stage.to_string(),
                status: Status::Skipped,
                micros: None,
                facts: Vec::new(),
                failure: None,
            };
            return (!is_optional).then_some(skipped);
        };
        let status = match (last.took, &last.failure) {
            (None, _) => Status::Cut,
            (_, Some(_)) => Status::Failed,
            _ => Status::Ok,
        };
        let time: Duration = own.iter().map(|step| alone(step, steps)).sum();
        let tries = own.iter().filter(|step| step.failure.is_some()).count();
        let mut facts: Vec<_> = own.iter().flat_map(|step| step.facts.clone()).collect();
        if tries > 1 {
            facts.push(format!("failed {tries} times"));
        }
        Some(Self {
            step: stage.to_string(),
            status,
            micros: Some(micros(time)),
            facts,
            failure: last.failure.as_ref().map(Told::of),
        })
    }

    fn of_id(id: &str, answer: &Answer, steps: &[Step]) -> Self {
        let reads: Duration =
            steps.iter().filter(|step| step.stage == Stage::Read).map(|step| alone(step, steps)).sum();
        let facts = |value: &crate::document::Value| {
            let version = value.about().version.as_ref().map(|version| format!("version {version}"));
            let length = value.expose().chars().count();
            std::iter::once(format!("{length} character{}", plural(length))).chain(version).collect()
        };
        let outcome = answer.outcomes.first();
        Self {
            step: id.to_owned(),
            status: if outcome.is_some_and(Result::is_ok) { Status::Ok } else { Status::Failed },
            micros: Some(micros(reads)),
            facts: outcome.and_then(|outcome| outcome.as_ref().ok()).map(facts).unwrap_or_default(),
            failure: outcome.and_then(|outcome| outcome.as_ref().err()).map(Told::of),
        }
    }

    fn redacted(self, redactor: &Redactor) -> Self {
        let redact = |text: String| redactor.redact(&text);
        Self {
            step: redact(self.step),
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
    fn text(&self, paint: Paint) -> String {
        let widest = self.steps.iter().map(|finding| finding.step.chars().count()).max().unwrap_or(0);
        let lines: String = self.steps.iter().map(|finding| finding.text(widest, paint)).collect();
        format!("{} on {}\n{lines}", self.resolver, self.system)
    }
}

impl Finding {
    fn text(&self, widest: usize, paint: Paint) -> String {
        let (tone, word) = match self.status {
            Status::Ok => (Tone::Good, "ok     "),
            Status::Failed => (Tone::Bad, "failed "),
            Status::Cut => (Tone::Bad, "cut off"),
            Status::Skipped => (Tone::Quiet, "skipped"),
        };
        let time = self.micros.map(millis).unwrap_or_default();
        let (step, facts) = (printable(self.step.clone()), printable(self.facts.join("; ")));
        let line = format!("{}  {step:widest$}  {time:>9}  {facts}", paint.tone(tone, word));
        let told = self.failure.as_ref().map(|told| {
            let hint = paint.tone(Tone::Quiet, "hint:");
            format!("         {} ({})\n         {hint} {}\n", told.what, told.code, told.remedy)
        });
        format!("{}\n{}", line.trim_end(), told.unwrap_or_default())
    }
}
