//! `doctor [ID…]`: shows a run step by step.
//!
//! The run is the same as for a gateway's request for the ids; `doctor` prints what the run recorded.

use std::path::Path;

use std::time::Duration;

use super::output::{print, print_note};
use super::progress::Progress;
use super::redact::Redactor;
use super::report::{Finding, Report};
use super::style::Style;
use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::environment::{Environment, recorded_home};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::file_problem;
use crate::outcome::Outcome;
use crate::run::{Run, Stage, Step};
use crate::selector::Field;
use crate::settings::Settings;
use crate::store::{Setting, Store, table};
use crate::watchdog::Limits;

/// The gateway's default time limit, if its provider does not set `timeoutMs`.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(5);

/// The arguments of `doctor`.
#[derive(Debug, Clone)]
pub(super) struct DoctorArgs {
    pub(super) ids: Vec<String>,
    pub(super) json: bool,
    /// Whether to show private names.
    pub(super) names: bool,
}

/// Resolves the ids as for a gateway, or only signs in if there are none. Prints the result of each step.
pub(super) fn doctor<B: Backend>(
    settings: Result<&Settings, &(Failure, Exit)>,
    args: DoctorArgs,
    (run, environment): (&Run, &Environment),
    Limits { deadline, watchdog }: Limits<'_>,
) -> Exit {
    let progress = Progress::start(run, watchdog);
    let reporter = Reporter { args, run: run.clone(), store: &B::STORE, always: always::<B>, deadline };
    let settings = match settings {
        Ok(settings) => settings,
        Err((failure, exit)) => {
            redact_failure(run, failure, environment.uid);
            let _ = run.end::<()>(run.begin(Stage::Configuration), Err(failure.clone()));
            progress.end();
            reporter.report(None);
            return *exit;
        }
    };
    redact(settings, &reporter.args.ids);
    let facts = facts(settings, environment);
    let ids = reporter.args.ids.clone();
    answer::<B>(settings, &ids.into(), Limits { deadline, watchdog }, move |_, answer| {
        progress.end();
        for fact in &facts {
            reporter.run.fact(Stage::Configuration, fact);
        }
        reporter.report(Some(&answer))
    })
}

/// Returns facts about the settings.
fn facts(settings: &Settings, environment: &Environment) -> Vec<String> {
    let profile = match settings.profile() {
        Some(path) => format!("profile {}", path.display()),
        None => "no profile; a gateway passes only the variables in its passEnv".to_owned(),
    };
    let lists = [
        ("set", settings.written()),
        ("from the environment", settings.variables()),
        ("ignored because of the profile", settings.ignored(environment)),
        ("listed in `env` but not set here", settings.absent()),
    ];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
    let late = (settings.timeout() >= GATEWAY_TIMEOUT).then(|| {
        let timeout = settings.timeout().as_millis();
        format!(
            "warning: `timeout` is {timeout} ms, but by default a gateway ends a run after 5000 ms, without an answer: \
             lower `timeout`, or set the provider's timeoutMs above {timeout}"
        )
    });
    std::iter::once(profile)
        .chain(settings.base().map(|base| format!("extends {}", base.display())))
        .chain(lists.map(|(what, names)| format!("{what}: {}", names.join(", "))))
        .chain(late)
        .chain(file_problem(settings).map(|problem| format!("warning: {problem}")))
        .collect()
}

/// Registers the private names to redact.
pub(super) fn redact(settings: &Settings, ids: &[String]) {
    let run = settings.run();
    for (what, path) in [("profile", settings.profile()), ("base", settings.base())] {
        if let Some(path) = path {
            run.redact(what, path.display().to_string());
        }
    }
    if let Some(home) = settings.in_home("") {
        run.redact("home", home.display().to_string().trim_end_matches('/'));
    }
    for (key, text) in settings.names() {
        for name in names_in(&text) {
            run.redact(key, name);
        }
    }
    for (id, name) in settings.entries() {
        run.redact("id", id);
        run.redact("name", name.name.as_str());
        if let Some(Field::Key(field) | Field::Pointer(field)) = &name.field {
            run.redact("field", field.as_str());
        }
    }
    redact_ids(run, ids);
}

/// Registers the private names that may be in the failure of settings that cannot be read: every quoted word is one.
pub(super) fn redact_failure(run: &Run, failure: &Failure, uid: u32) {
    for word in failure.what().split('`').skip(1).step_by(2) {
        run.redact("name", word);
    }
    if let Ok(home) = recorded_home(uid) {
        run.redact("home", home.display().to_string());
    }
}

/// Registers the parts of ids.
pub(super) fn redact_ids(run: &Run, ids: &[String]) {
    for id in ids {
        let (name, rest) = id.split_once('#').unwrap_or(id.rsplit_once('/').unwrap_or((id, "")));
        run.redact("name", name);
        run.redact("name", name.rsplit(':').next().unwrap_or_default());
        run.redact("field", rest.split('#').next().unwrap_or_default());
        run.redact("id", id);
    }
}

/// Returns the program's own words, which are never redacted: keys, flags and variables of settings, and options.
fn words(store: &Store) -> Vec<String> {
    let options = ["env", "extends", "ids", "[ids]", "--profile", "--names", "--json", "~/.config/secretref"]
        .map(str::to_owned);
    let of_setting = |setting: &'static Setting| {
        let variables = setting.env.iter().map(|name| (*name).to_owned());
        variables.chain([setting.key.to_owned(), setting.flag()])
    };
    // Where packages put the program reveals nothing.
    let places = ["/usr/bin", "/usr/local/bin"].map(|folder| format!("{folder}/{}", store.binary));
    table(store).flat_map(of_setting).chain(options).chain(places).collect()
}

/// Returns the private names in a setting's value. In a URL these are the host and the path, not the scheme and the port.
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

/// Whether every run of the store has this step, so that a run without it did not reach it.
pub(super) fn always<B: Backend>(stage: Stage) -> bool {
    match stage {
        Stage::Proxy | Stage::Tls => false,
        Stage::LookUp => B::LOOKS_UP_HOSTS,
        Stage::Connection => B::CONNECTS,
        _ => true,
    }
}

/// Returns the failure of the last stage that failed. A step that succeeded on a retry has not failed.
pub(super) fn failure_of(steps: &[Step]) -> Option<&Failure> {
    let last = |stage: &Stage| steps.iter().rfind(|step| step.stage == *stage);
    Stage::ALL.iter().filter_map(last).filter_map(|step| step.failure.as_ref()).next_back()
}

/// Whether the credential was only read here: the sign-in opened no connection, and the run was over before the store
/// answered a read, after which it is asked about the credential.
fn is_unverified(outcomes: &[Outcome], steps: &[Step]) -> bool {
    let of = |stage: Stage| steps.iter().filter(move |step| step.stage == stage);
    let Some(read) = of(Stage::Read).next() else { return false };
    let is_within = |other: &Step, step: &Step| {
        other.began >= step.began && other.began <= step.began + step.took.unwrap_or_default()
    };
    let was_sent = of(Stage::SignIn)
        .any(|step| step.began > read.began || of(Stage::Connection).any(|other| is_within(other, step)));
    let is_silent = |outcome: &Outcome| outcome.as_ref().is_err_and(|failure| !failure.kind().is_verdict());
    !was_sent && of(Stage::Read).all(|step| step.failure.is_some()) && outcomes.iter().all(is_silent)
}

/// Prints a report.
pub(super) struct Reporter {
    pub(super) args: DoctorArgs,
    pub(super) run: Run,
    pub(super) store: &'static Store,
    /// Whether every run has this step.
    pub(super) always: fn(Stage) -> bool,
    pub(super) deadline: Deadline,
}

impl Reporter {
    fn report(&self, answer: Option<&Answer>) -> Exit {
        let (steps, warnings) = (self.steps(), self.run.warnings());
        let outcomes = answer.map_or(&[][..], |answer| &answer.outcomes);
        let is_unverified = (self.always)(Stage::Connection) && is_unverified(outcomes, &steps);
        let stages = Stage::ALL.iter().filter(|stage| **stage < Stage::Read);
        let mut findings = Vec::new();
        for stage in stages {
            let found = Finding::all(*stage, &steps, &warnings, (self.always)(*stage)).into_iter();
            let is_open = *stage == Stage::SignIn && is_unverified;
            findings.extend(found.map(|finding| if is_open { finding.unverified() } else { finding }));
        }
        match &self.args.ids[..] {
            [] => {}
            [_] => findings.push(Finding::from_read(outcomes.first(), &steps)),
            ids => findings.extend(Finding::from_reads(ids, outcomes, &steps)),
        }
        let of_steps = failure_of(&steps).map_or(Exit::Done, Exit::from_failure);
        let of_ids = answer.map_or(Exit::Done, Answer::shell_exit);
        let exit = if of_ids == Exit::Done { of_steps } else { of_ids };
        self.print(findings, exit == Exit::Done).unwrap_or(exit)
    }

    /// Returns the steps. A step that has not ended has failed at the deadline.
    fn steps(&self) -> Vec<Step> {
        let now = self.run.elapsed();
        let mut steps = self.run.steps();
        for step in steps.iter_mut().filter(|step| step.took.is_none()) {
            step.took = Some(now.saturating_sub(step.began));
            step.failure = Some(self.run.timeout(self.deadline.limit()));
        }
        steps
    }

    pub(super) fn print(&self, findings: Vec<Finding>, ok: bool) -> Option<Exit> {
        let names = if self.args.names { None } else { Some(self.run.names()) };
        let redactor = names.map(|names| Redactor::new(names, words(self.store), Path::exists));
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
        if self.args.json {
            return print(
                &format!("{}\n", serde_json::to_string(&report).unwrap_or_default()),
                self.deadline,
            );
        }
        let cut = print(&report.text(Style::for_stdout()), self.deadline);
        if redactor.is_some() {
            print_note(
                "names of hosts, files and secrets are hidden, so you can share this output; --names shows them",
            );
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::failure::Kind;

    /// The run of a sign-in and a read that the store does not answer.
    fn run(sends: bool, asks: bool) -> Vec<Step> {
        let run = Run::traced(Instant::now());
        let sign_in = run.begin(Stage::SignIn);
        if sends {
            let _ = run.end(run.begin(Stage::Connection), Ok(()));
        }
        let _ = run.end(sign_in, Ok(()));
        let read = run.begin(Stage::Read);
        let _ = run.end(run.begin(Stage::Connection), Ok(()));
        let _ = run.end::<()>(read, Err(Failure::unavailable("silent", "wait")));
        if asks {
            let _ = run.end(run.begin(Stage::SignIn), Ok(()));
        }
        run.steps()
    }

    #[test]
    fn a_credential_is_unverified_only_if_the_store_said_nothing() {
        let silent = || Err(Failure::unavailable("silent", "wait"));
        let denied = Err(Failure::new(Kind::AccessDenied, "denied", "grant it"));
        for (sends, asks, outcomes, want) in [
            (false, false, vec![silent()], true),
            (true, false, vec![silent()], false),
            (false, true, vec![silent()], false),
            (false, false, vec![silent(), denied], false),
        ] {
            assert_eq!(is_unverified(&outcomes, &run(sends, asks)), want, "{sends} {asks}");
        }
    }
}
