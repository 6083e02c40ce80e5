//! `doctor --last [NAME]`: what the last runs under a gateway did, from the system's log.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::{Map, Value};

use super::output::{fail, print, print_note};
use super::style::{Style, Tone};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::store::Store;
use crate::system_error::words;
use crate::text::{plural, printable};

/// The arguments of `doctor --last`.
#[derive(Debug)]
pub(super) struct LastArgs {
    /// The gateway's name of the provider; all if there is none.
    pub(super) provider: Option<String>,
    pub(super) json: bool,
    /// Whether to show ids.
    pub(super) names: bool,
}

/// How many runs are shown.
const SHOWN: usize = 20;

/// How many records are read, as other providers may be among them.
const READ: &str = "500";

/// A run, as its record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Ran {
    /// Seconds since the epoch.
    time: u64,
    provider: Option<String>,
    /// The unit of systemd that started it.
    unit: Option<String>,
    /// How many ids were asked for, and how many of them failed.
    asked: Option<u64>,
    failed: Option<u64>,
    codes: Vec<String>,
    exit: Option<i32>,
    millis: Option<u64>,
    run: Option<String>,
    /// Only with `--names`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
    #[serde(skip)]
    line: String,
}

/// Prints the last runs, the newest last.
pub(super) fn last(store: &Store, args: &LastArgs, deadline: Deadline) -> Exit {
    let records = match records(store.binary) {
        Ok(records) => records,
        Err(failure) => return fail(None, &failure),
    };
    let is_asked = |ran: &Ran| args.provider.is_none() || ran.provider == args.provider;
    let mut runs: Vec<_> = records.iter().filter_map(Ran::read).filter(is_asked).collect();
    runs.drain(..runs.len().saturating_sub(SHOWN));
    if !args.names {
        for ran in &mut runs {
            ran.ids.clear();
        }
    }
    if args.json {
        let text = serde_json::to_string(&runs).unwrap_or_default();
        return print(&format!("{text}\n"), deadline).unwrap_or_else(|| exit(&runs));
    }
    if runs.is_empty() {
        let of = args.provider.as_ref().map(|name| format!(" of the provider {name}")).unwrap_or_default();
        let what = format!("the system's log has no run of {}{of}", store.binary);
        return fail(None, &Failure::not_found(what, NO_RUN));
    }
    let style = Style::for_stdout();
    let text: String = runs.iter().map(|ran| ran.text(args.names, style)).collect();
    let cut = print(&text, deadline);
    story(&runs).iter().for_each(print_note);
    if runs.iter().all(Ran::is_bad) {
        print_note("runs that succeed are in the log only with `log = \"all\"` in the profile");
    }
    cut.unwrap_or_else(|| exit(&runs))
}

/// What to do if the log has nothing.
const NO_RUN: &str = "a run that succeeds writes no line unless `log = \"all\"` is in the profile; with `log = \"off\"` none \
                      does. The journal of another user needs root, or the group systemd-journal. Without a journal the lines are \
                      in the file of the syslog daemon";

/// Reads the newest records of this resolver from the journal, the oldest first.
#[expect(clippy::disallowed_methods, reason = "a person asked for this start; it is no resolve")]
fn records(binary: &str) -> Result<Vec<Map<String, Value>>, Failure> {
    let mut command = Command::new("journalctl");
    command.args(["--output=json", "--all", "--quiet", "--no-pager", "--lines", READ, "-t", binary]);
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        let remedy = if error.kind() == ErrorKind::NotFound {
            "this system has no journal: its lines are in the file of the syslog daemon, such as /var/log/syslog; on macOS run \
             `log show`"
        } else {
            "check that you may run it"
        };
        Failure::misconfigured(format!("journalctl cannot be started ({})", words(&error)), remedy)
    })?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("no reason").to_owned();
        let what = format!("journalctl failed ({}): {why}", output.status);
        return Err(Failure::new(Kind::Unavailable, what, "run it yourself: journalctl -t NAME"));
    }
    Ok(read(&output.stdout))
}

fn read(lines: &[u8]) -> Vec<Map<String, Value>> {
    let records = serde_json::Deserializer::from_slice(lines).into_iter::<Map<String, Value>>();
    records.map_while(Result::ok).collect()
}

/// Ends with the code of the newest run.
fn exit(runs: &[Ran]) -> Exit {
    match runs.last() {
        None => Exit::IdFailed,
        Some(ran) if ran.is_bad() => Exit::IdFailed,
        Some(_) => Exit::Done,
    }
}

/// Returns when the store failed and when it answered again, from runs in their order.
fn story(runs: &[Ran]) -> Vec<String> {
    let mut told = Vec::new();
    let mut since: Option<&Ran> = None;
    for ran in runs {
        match since {
            None if ran.is_down() => since = Some(ran),
            Some(first) if !ran.is_down() => {
                told.push(format!(
                    "no value from {} to {}; then the store answers again",
                    first.clock(),
                    ran.clock()
                ));
                since = None;
            }
            _ => {}
        }
    }
    if let Some(first) = since {
        let codes = runs.last().map(|ran| ran.codes.join(", ")).unwrap_or_default();
        told.push(format!(
            "no value since {} ({codes}); `doctor` shows the step that fails now",
            first.clock()
        ));
    }
    told
}

impl Ran {
    fn read(record: &Map<String, Value>) -> Option<Self> {
        let texts = |key: &str| texts(record.get(key));
        let text = |key: &str| texts(key).into_iter().next();
        let number = |key: &str| text(key)?.parse().ok();
        // Other lines of the same name have no run.
        let run = text("SECRETREF_RUN")?;
        Some(Self {
            time: number("__REALTIME_TIMESTAMP")? / 1_000_000,
            provider: text("SECRETREF_PROVIDER"),
            unit: text("_SYSTEMD_USER_UNIT").or_else(|| text("_SYSTEMD_UNIT")),
            asked: number("SECRETREF_ASKED"),
            failed: number("SECRETREF_FAILED"),
            codes: texts("SECRETREF_CODE"),
            exit: text("SECRETREF_EXIT").and_then(|code| code.parse().ok()),
            millis: number("SECRETREF_MS"),
            run: Some(run),
            ids: texts("SECRETREF_ID"),
            line: text("MESSAGE").unwrap_or_default(),
        })
    }

    /// Whether an id had no value.
    fn is_bad(&self) -> bool {
        !self.codes.is_empty() || self.exit != Some(0)
    }

    /// Whether no id had a value for a cause that is not about an id.
    fn is_down(&self) -> bool {
        self.exit != Some(0)
    }

    fn text(&self, names: bool, style: Style) -> String {
        let word =
            if self.is_bad() { style.tone(Tone::Bad, "failed") } else { style.tone(Tone::Good, "ok    ") };
        let provider = self.provider.as_deref().unwrap_or("-");
        let mut line = format!("{}  {provider}  {}", self.clock(), self.result());
        if let Some(millis) = self.millis {
            let _ = write!(line, ", {millis} ms");
        }
        if let Some(unit) = &self.unit {
            let _ = write!(line, ", {unit}");
        }
        let mut text = format!("{word}  {}\n", printable(line));
        if names {
            let _ = writeln!(text, "        {}", printable(self.line.clone()));
        }
        text
    }

    fn result(&self) -> String {
        let codes = self.codes.join(", ");
        let ids = |count: u64| format!("{count} id{}", plural(usize::try_from(count).unwrap_or(usize::MAX)));
        match (self.asked, self.failed) {
            (Some(asked), Some(0)) if self.codes.is_empty() => format!("{} resolved", ids(asked)),
            (Some(asked), Some(failed)) => format!("{failed} of {} failed: {codes}", ids(asked)),
            _ if codes.is_empty() => "resolved".to_owned(),
            _ => format!("failed: {codes}"),
        }
    }

    /// The time in UTC, `2026-11-30 15:04:05Z`.
    fn clock(&self) -> String {
        let (days, rest) = (self.time / 86_400, self.time % 86_400);
        let (year, month, day) = date(days);
        format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

/// Returns the texts of a field: journald writes one as it is, several as a list, and one with odd bytes as numbers.
fn texts(field: Option<&Value>) -> Vec<String> {
    match field {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Returns year, month and day of a day since the epoch. The year starts in March here, so that a leap day is its last day.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = r#"
{"__REALTIME_TIMESTAMP":"1796029815000000","SECRETREF_RUN":"1","SECRETREF_PROVIDER":"vault","SECRETREF_ASKED":"2","SECRETREF_FAILED":"0","SECRETREF_EXIT":"0","SECRETREF_MS":"5","MESSAGE":"m"}
{"__REALTIME_TIMESTAMP":"1796029816000000","MESSAGE":"another line"}
{"__REALTIME_TIMESTAMP":"1796029817000000","SECRETREF_RUN":"2","SECRETREF_PROVIDER":"vault","SECRETREF_ASKED":"2","SECRETREF_FAILED":"2","SECRETREF_EXIT":"5","SECRETREF_CODE":"UNAVAILABLE","SECRETREF_ID":["a/b","c"],"SECRETREF_MS":"9","_SYSTEMD_UNIT":"gateway.service"}
{"__REALTIME_TIMESTAMP":"1796029818000000","SECRETREF_RUN":"3","SECRETREF_PROVIDER":"vault","SECRETREF_ASKED":"2","SECRETREF_FAILED":"1","SECRETREF_EXIT":"0","SECRETREF_CODE":["NOT_FOUND"],"SECRETREF_ID":"c","SECRETREF_MS":"7"}
"#;

    #[test]
    fn each_run_has_a_line_and_the_outage_is_told() {
        let records = read(RECORDS.as_bytes());
        let runs: Vec<_> = records.iter().filter_map(Ran::read).collect();
        let lines: Vec<_> = runs.iter().map(|ran| format!("{} {}", ran.clock(), ran.result())).collect();
        let want = [
            "2026-11-30 09:10:15Z 2 ids resolved",
            "2026-11-30 09:10:17Z 2 of 2 ids failed: UNAVAILABLE",
            "2026-11-30 09:10:18Z 1 of 2 ids failed: NOT_FOUND",
        ];
        assert_eq!(lines, want);
        assert_eq!(runs[1].ids, ["a/b", "c"]);
        let back = "no value from 2026-11-30 09:10:17Z to 2026-11-30 09:10:18Z; then the store answers again";
        assert_eq!(story(&runs), [back]);
        let down =
            "no value since 2026-11-30 09:10:17Z (UNAVAILABLE); `doctor` shows the step that fails now";
        assert_eq!(story(&runs[..2]), [down]);
        assert_eq!(story(&runs[..1]), [""; 0]);
        assert_eq!((exit(&runs), exit(&runs[..1]), exit(&[])), (Exit::IdFailed, Exit::Done, Exit::IdFailed));
    }

    #[test]
    fn a_day_has_a_date() {
        for (days, want) in
            [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (20_787, (2026, 11, 30)), (19_782, (2024, 2, 29))]
        {
            assert_eq!(date(days), want, "{days}");
        }
    }
}
