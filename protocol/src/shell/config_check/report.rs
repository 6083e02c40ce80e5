//! What `check --config` prints, and how it ends.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::super::check::{now, seconds};
use super::super::failure_report::FailureReport;
use super::super::oddity::oddity;
use super::super::output::{micros, millis, print, print_note, warn};
use super::super::style::{Style, Tone};
use super::{Checked, ConfigCheckArgs};
use crate::deadline::Deadline;
use crate::document::Value;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gateway::{Config, Reference};
use crate::outcome::Outcome;
use crate::text::{plural, printable};

/// The time before an expiry in which there is a warning about it.
const SOON: Duration = Duration::from_hours(30 * 24);

/// The result for one id, without its value.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Answered {
    ok: bool,
    length: Option<usize>,
    odd: Option<&'static str>,
    /// Seconds until the secret expires.
    expires_in: Option<i64>,
    #[serde(flatten)]
    failure: Option<FailureReport>,
}

impl Answered {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let value = outcome.as_ref().ok();
        let expires = value.and_then(|value| seconds(value.metadata().expires.as_deref()?));
        Self {
            ok: value.is_some(),
            length: value.map(|value| value.expose().chars().count()),
            odd: value.map(Value::expose).and_then(oddity),
            expires_in: expires.map(|expires| expires - now()),
            failure: outcome.as_ref().err().map(FailureReport::new),
        }
    }

    pub(super) fn failed(failure: &Failure) -> Self {
        Self {
            ok: false,
            length: None,
            odd: None,
            expires_in: None,
            failure: Some(FailureReport::new(failure)),
        }
    }
}

#[derive(Serialize)]
struct OfProvider {
    name: String,
    command: String,
    micros: u64,
    failures: Vec<FailureReport>,
    /// Seconds until other things expire, such as the server's certificate.
    expires_in: BTreeMap<&'static str, u64>,
    #[serde(skip)]
    exit: Exit,
    /// Whether it answers, even if each id failed by itself.
    ok: bool,
}

#[derive(Serialize)]
struct OfReference {
    path: String,
    provider: String,
    id: String,
    #[serde(flatten)]
    answered: Answered,
}

#[derive(Serialize)]
pub(super) struct Report {
    ok: bool,
    providers: Vec<OfProvider>,
    references: Vec<OfReference>,
    /// The exec providers that do not start this resolver.
    not_checked: Vec<String>,
    warnings: Vec<String>,
    /// Whether something expires within the given time.
    expires_soon: bool,
    #[serde(skip)]
    json: bool,
    #[serde(skip)]
    within: Option<Duration>,
}

impl Report {
    pub(super) fn new(args: &ConfigCheckArgs) -> Self {
        Self {
            ok: true,
            providers: Vec::new(),
            references: Vec::new(),
            not_checked: Vec::new(),
            warnings: Vec::new(),
            expires_soon: false,
            json: args.json,
            within: args.within,
        }
    }

    /// Adds a provider and the references to it.
    pub(super) fn add(&mut self, config: &Config, name: &str, checked: Checked<Answered>) {
        let of_provider = config.references.iter().filter(|reference| reference.provider == name);
        for reference in of_provider {
            if let Some((_, answered)) = checked.ids.iter().find(|(id, _)| *id == reference.id) {
                self.add_reference(reference, answered.clone());
            }
        }
        self.warnings.extend(checked.warnings.into_iter().map(|warning| format!("{name}: {warning}")));
        for (what, left) in &checked.to_replace {
            self.note_expiry(
                &format!("{name}: the {what}"),
                i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            );
        }
        self.providers.push(OfProvider {
            ok: checked.failures.is_empty() && matches!(checked.exit, Exit::Done | Exit::IdFailed),
            name: name.to_owned(),
            command: checked.command.display().to_string(),
            micros: micros(checked.took),
            failures: checked.failures.iter().map(FailureReport::new).collect(),
            expires_in: checked.ends.iter().map(|(what, left)| (*what, left.as_secs())).collect(),
            exit: checked.exit,
        });
    }

    /// Adds a reference that no provider answers.
    pub(super) fn add_failed(&mut self, reference: &Reference, failure: &Failure) {
        self.add_reference(reference, Answered::failed(failure));
    }

    pub(super) fn leave_out(&mut self, name: &str) {
        self.not_checked.push(name.to_owned());
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    fn add_reference(&mut self, reference: &Reference, answered: Answered) {
        let Reference { path, provider, id } = reference.clone();
        if let Some(odd) = answered.odd {
            self.warnings.push(format!("{path}: the value {odd}"));
        }
        if let Some(left) = answered.expires_in {
            self.note_expiry(&path, left);
        }
        self.references.push(OfReference { path, provider, id, answered });
    }

    fn note_expiry(&mut self, what: &str, left: i64) {
        let is_within = |time: Duration| left < i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.expires_soon |= self.within.is_some_and(is_within);
        if is_within(self.within.unwrap_or(SOON)) {
            let days = left / 86_400;
            self.warnings
                .push(format!("{what} expires in {days} day{}", plural(usize::try_from(days).unwrap_or(0))));
        }
    }

    /// Prints the report, and returns how the command ends.
    pub(super) fn print(mut self, deadline: Deadline) -> Exit {
        let exit = self.exit();
        self.ok = exit == Exit::Done;
        if self.json {
            let text = serde_json::to_string(&self).unwrap_or_default();
            return print(&format!("{text}\n"), deadline).unwrap_or(exit);
        }
        let cut = print(&self.text(Style::for_stdout()), deadline);
        self.warnings.iter().for_each(warn);
        if !self.not_checked.is_empty() {
            print_note(format!("providers that do not start this resolver: {}", self.not_checked.join(", ")));
        }
        let (all, failed) = (self.references.len(), self.failed().count());
        print_note(format!("{all} reference{}, {failed} failed", plural(all)));
        cut.unwrap_or(exit)
    }

    fn failed(&self) -> impl Iterator<Item = &OfReference> {
        self.references.iter().filter(|reference| !reference.answered.ok)
    }

    /// Returns the code: of the cause if nothing resolves for one cause, and 1 if a part fails.
    fn exit(&self) -> Exit {
        let mut causes =
            self.providers.iter().map(|provider| provider.exit).filter(|exit| *exit != Exit::Done);
        let failed = self.failed().count();
        match causes.next() {
            None if failed > 0 => Exit::IdFailed,
            None if self.expires_soon => Exit::Expiring,
            None => Exit::Done,
            Some(first) if failed == self.references.len() && causes.all(|exit| exit == first) => first,
            Some(_) => Exit::IdFailed,
        }
    }

    fn text(&self, style: Style) -> String {
        let widest =
            self.references.iter().map(|reference| reference.path.chars().count()).max().unwrap_or(0);
        let told = |failure: &FailureReport| self.providers.iter().any(|one| one.failures.contains(failure));
        let providers = self.providers.iter().map(|provider| provider.text(style));
        let references = self.references.iter().map(|reference| {
            let new = reference.answered.failure.as_ref().filter(|failure| !told(failure));
            reference.line(widest, style) + &new.map(|failure| explained(failure, style)).unwrap_or_default()
        });
        providers.chain(references).collect()
    }
}

fn word(is_ok: bool, style: Style) -> String {
    if is_ok { style.tone(Tone::Good, "ok    ") } else { style.tone(Tone::Bad, "failed") }
}

fn explained(failure: &FailureReport, style: Style) -> String {
    let FailureReport { code, message, remedy } = failure;
    printable(format!("        {message} ({code})"))
        + "\n        "
        + &style.tone(Tone::Quiet, "hint:")
        + &printable(format!(" {remedy}"))
        + "\n"
}

impl OfProvider {
    fn text(&self, style: Style) -> String {
        let Self { name, command, failures, .. } = self;
        let line = printable(format!("provider {name}, {command}, {}", millis(self.micros)));
        let why: String = failures.iter().map(|failure| explained(failure, style)).collect();
        format!("{}  {line}\n{why}", word(self.ok, style))
    }
}

impl OfReference {
    fn line(&self, widest: usize, style: Style) -> String {
        let Self { path, provider, id, answered } = self;
        let line = printable(format!("{path:widest$}  {provider} {id}"));
        format!("{}  {line}\n", word(answered.ok, style))
    }
}
