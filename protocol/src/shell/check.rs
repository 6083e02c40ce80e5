//! `check ID…`: checks that each id has a value, and never prints it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::failure_report::FailureReport;
use super::oddity::oddity;
use super::output::{explain_all, micros, millis, print, print_note, warn};
use super::progress::Progress;
use super::style::{Style, Tone};
use crate::answer::answer;
use crate::backend::Backend;
use crate::document::Value;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::settings::Settings;
use crate::text::{plural, printable};
use crate::watchdog::Limits;

/// The result for one id, without its value.
#[derive(Serialize)]
struct Found<'a> {
    id: &'a str,
    ok: bool,
    /// The time from the start of the process to the result, in microseconds.
    micros: u64,
    /// The number of characters of the value.
    length: Option<usize>,
    /// What is odd about the value: a byte order mark, a NUL, or a line break at its end.
    odd: Option<&'static str>,
    version: Option<&'a str>,
    created: Option<&'a str>,
    not_before: Option<&'a str>,
    expires: Option<&'a str>,
    /// Seconds until it expires.
    expires_in: Option<i64>,
    #[serde(flatten)]
    failure: Option<FailureReport>,
}

#[derive(Serialize)]
struct Report<'a> {
    ids: Vec<Found<'a>>,
    /// The variables of this shell that are ignored because of the profile.
    ignored: &'a [&'static str],
    /// The variables that were used. A gateway passes only the variables in its passEnv.
    taken: &'a [&'static str],
    /// The variables that the profile lists in `env` and that are not set here.
    absent: &'a [&'static str],
    warnings: Vec<String>,
    /// Seconds until the token and the server's certificate expire, if known.
    expires_in: BTreeMap<&'static str, u64>,
}

/// Resolves `ids` as for a gateway and prints a line for each. Reports how a gateway's run would differ.
pub(super) fn check<B: Backend>(
    settings: &Settings,
    ids: Vec<String>,
    json: bool,
    environment: &Environment,
    Limits { deadline, watchdog }: Limits<'_>,
) -> Exit {
    let ignored = settings.ignored(environment);
    let absent = settings.absent();
    let run = settings.run().clone();
    let own = if settings.profile().is_some() { Vec::new() } else { settings.variables() };
    let progress = Progress::start(settings.run(), watchdog);
    answer::<B>(settings, &ids.into(), Limits { deadline, watchdog }, move |ids, answer| {
        progress.end();
        let found: Vec<_> = ids.iter().zip(&answer.outcomes).zip(&answer.times).map(Found::new).collect();
        let warnings: Vec<_> = run.warnings().into_iter().map(|(_, warning)| warning).collect();
        let cut = if json {
            let expires_in =
                run.known_ends().into_iter().map(|(what, left)| (what, left.as_secs())).collect();
            let report =
                Report { ids: found, ignored: &ignored, taken: &own, absent: &absent, warnings, expires_in };
            print(&format!("{}\n", serde_json::to_string(&report).unwrap_or_default()), deadline)
        } else {
            let widest = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0);
            let lines: String = found.iter().map(|found| found.line(widest, Style::for_stdout())).collect();
            let cut = print(&lines, deadline);
            explain_all(ids, &answer);
            for (id, odd) in found.iter().filter_map(|found| Some((found.id, found.odd?))) {
                print_note(format!("{id}: the value {odd}"));
            }
            differences(&ignored, &own, &absent);
            for warning in warnings {
                warn(warning);
            }
            cut
        };
        cut.unwrap_or_else(|| answer.shell_exit())
    })
}

/// Prints the variables of this shell that are ignored because of the profile.
pub(super) fn note_ignored(ignored: &[&str]) {
    if !ignored.is_empty() {
        print_note(format!("set in this shell but ignored because of the profile: {}", ignored.join(", ")));
    }
}

/// Prints the variables that differ between a gateway's run and this one.
fn differences(ignored: &[&str], own: &[&str], absent: &[&str]) {
    if !absent.is_empty() {
        let absent = absent.join(", ");
        print_note(format!("listed in the profile's `env` but not set here: {absent}"));
    }
    note_ignored(ignored);
    if !own.is_empty() {
        let own = own.join(", ");
        print_note(format!(
            "from this shell's environment: {own}; a gateway passes only the variables in its passEnv"
        ));
    }
}

impl<'a> Found<'a> {
    fn new(((id, outcome), time): ((&'a String, &'a Outcome), &'a Duration)) -> Self {
        let (value, failure) = (outcome.as_ref().ok(), outcome.as_ref().err());
        let about = value.map(Value::metadata);
        Self {
            id,
            ok: outcome.is_ok(),
            micros: micros(*time),
            length: value.map(|value| value.expose().chars().count()),
            odd: value.and_then(|value| oddity(value.expose())),
            version: about.and_then(|about| about.version.as_deref()),
            created: about.and_then(|about| about.created.as_deref()),
            not_before: about.and_then(|about| about.not_before.as_deref()),
            expires: about.and_then(|about| about.expires.as_deref()),
            expires_in: about.and_then(|about| Some(seconds(about.expires.as_deref()?)? - now())),
            failure: failure.map(FailureReport::new),
        }
    }

    fn line(&self, widest: usize, style: Style) -> String {
        let (tone, word) = if self.ok { (Tone::Good, "ok    ") } else { (Tone::Bad, "failed") };
        let length = self.length.map(|length| format!("{length} character{}", plural(length)));
        let version = self.version.map(|version| format!(", version {version}"));
        let known = [length, version].into_iter().flatten().collect::<String>();
        let known = self.failure.as_ref().map_or(&*known, |failure| failure.code);
        let time = millis(self.micros);
        format!("{}  {:widest$}  {known}, {time}\n", style.tone(tone, word), printable(self.id.to_owned()))
    }
}

pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// Returns the seconds since the epoch of an RFC 3339 time in UTC, `2026-11-30T08:10:15.65Z`; `None` for other formats.
pub(super) fn seconds(time: &str) -> Option<i64> {
    let (date, time) = time.strip_suffix('Z')?.split_once('T')?;
    let time = time.split('.').next()?;
    let numbers = |text: &str, between| -> Option<[i64; 3]> {
        text.split(between).map(|part| part.parse().ok()).collect::<Option<Vec<_>>>()?.try_into().ok()
    };
    let ([year, month, day], [hours, minutes, seconds]) = (numbers(date, '-')?, numbers(time, ':')?);
    // The year starts in March here, so that a leap day is its last day.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some(days * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_seconds() {
        for (time, want) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00.5Z", Some(951_825_600)),
            ("2026-11-30T09:10:15.656890893Z", Some(1_796_029_815)),
            ("2026-11-30", None),
            ("2026-11-30T09:10:15+01:00", None),
            ("", None),
        ] {
            assert_eq!(seconds(time), want, "{time}");
        }
    }
}
