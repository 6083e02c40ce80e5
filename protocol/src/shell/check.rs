//! `check ID…`: whether each id has a value, and never which.

use std::time::Duration;

use serde::Serialize;

use super::oddity::oddity;
use super::paint::{Paint, Tone};
use super::progress::Progress;
use super::speak::{explain_all, micros, millis, note, print};
use crate::answer::answer;
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::document::Value;
use crate::exit::Exit;
use crate::failure::{Failure, plural, printable};
use crate::settings::Settings;
use crate::watch::Watch;
use crate::wire::Outcome;
use crate::world::World;

/// What is known of one id, but for its value.
#[derive(Serialize)]
struct Found<'a> {
    id: &'a str,
    ok: bool,
    /// When it was known, in millionths of a second from the start of the process.
    micros: u64,
    /// How many characters its value has.
    length: Option<usize>,
    /// What is odd about its value: a byte order mark, a NUL, a line end at its end.
    odd: Option<&'static str>,
    version: Option<&'a str>,
    created: Option<&'a str>,
    expires: Option<&'a str>,
    code: Option<&'static str>,
    what: Option<&'a str>,
    remedy: Option<&'a str>,
}

#[derive(Serialize)]
struct Report<'a> {
    ids: Vec<Found<'a>>,
    /// The variables of this shell that the profile shuts out.
    ignored: &'a [&'static str],
    /// Those that it took, which a gateway hands over only if its passEnv lists them.
    taken: &'a [&'static str],
}

/// Resolves `ids` as for a gateway, and prints a line for each; says what a gateway's run would see otherwise.
pub(super) fn check<B: Backend>(
    settings: &Settings,
    ids: Vec<String>,
    json: bool,
    world: &World,
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    let ignored = settings.ignored(world);
    let own = if settings.profile().is_some() { Vec::new() } else { settings.variables() };
    let progress = Progress::start(settings.run(), watch);
    answer::<B>(settings, &ids.into(), (deadline, watch), move |ids, answer| {
        progress.end();
        let found: Vec<_> = ids.iter().zip(&answer.outcomes).zip(&answer.times).map(Found::of).collect();
        let cut = if json {
            let report = Report { ids: found, ignored: &ignored, taken: &own };
            print(&format!("{}\n", serde_json::to_string(&report).unwrap_or_default()), deadline)
        } else {
            let widest = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0);
            let lines: String = found.iter().map(|found| found.line(widest, Paint::of_stdout())).collect();
            let cut = print(&lines, deadline);
            explain_all(ids, &answer);
            for (id, odd) in found.iter().filter_map(|found| Some((found.id, found.odd?))) {
                note(format!("{id}: the value {odd}"));
            }
            differences(&ignored, &own);
            cut
        };
        cut.unwrap_or_else(|| answer.shell_exit())
    })
}

/// What a gateway's run has not, or this one has not.
fn differences(ignored: &[&str], own: &[&str]) {
    if !ignored.is_empty() {
        note(format!("set in this shell, and ignored beside the profile: {}", ignored.join(", ")));
    }
    if !own.is_empty() {
        let own = own.join(", ");
        note(format!("taken from this shell: {own}; a gateway hands over only what its passEnv lists"));
    }
}

impl<'a> Found<'a> {
    fn of(((id, outcome), time): ((&'a String, &'a Outcome), &'a Duration)) -> Self {
        let (value, failure) = (outcome.as_ref().ok(), outcome.as_ref().err());
        let about = value.map(Value::about);
        Self {
            id,
            ok: outcome.is_ok(),
            micros: micros(*time),
            length: value.map(|value| value.expose().chars().count()),
            odd: value.and_then(|value| oddity(value.expose())),
            version: about.and_then(|about| about.version.as_deref()),
            created: about.and_then(|about| about.created.as_deref()),
            expires: about.and_then(|about| about.expires.as_deref()),
            code: failure.map(|failure| failure.kind().code()),
            what: failure.map(Failure::what),
            remedy: failure.map(Failure::remedy),
        }
    }

    fn line(&self, widest: usize, paint: Paint) -> String {
        let (tone, word) = if self.ok { (Tone::Good, "ok    ") } else { (Tone::Bad, "failed") };
        let length = self.length.map(|length| format!("{length} character{}", plural(length)));
        let version = self.version.map(|version| format!(", version {version}"));
        let known = [length, version].into_iter().flatten().collect::<String>();
        let known = self.code.unwrap_or(&known);
        let time = millis(self.micros);
        format!("{}  {:widest$}  {known}, {time}\n", paint.tone(tone, word), printable(self.id.to_owned()))
    }
}
