//! `doctor --last [NAME]`: what the last runs under a gateway did, from the system's log or the `log_file` of the profile.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::check::seconds;
use super::command_output::command_output;
use super::output::{fail, print, print_note};
use super::style::{Style, Tone};
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::journal::utc;
use crate::settings::Settings;
use crate::settings::family::LOG_FILE;
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

/// How long journalctl may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes that are read of journalctl. The newest records come first.
const MOST: usize = 8 << 20;

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
pub(super) fn last(store: &Store, args: &LastArgs, settings: Option<&Settings>, deadline: Deadline) -> Exit {
    let log_file = settings.and_then(log_file);
    let found = match &log_file {
        Some(path) => of_file(path),
        None => of_journal(store.binary, &uids(settings)),
    };
    let is_asked = |ran: &Ran| args.provider.is_none() || ran.provider == args.provider;
    let mut runs: Vec<_> = match found {
        Ok(found) => found.into_iter().filter(is_asked).collect(),
        Err(failure) => return fail(None, &failure),
    };
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
        let log = log_file.map_or_else(|| "the system's log".to_owned(), |path| path.display().to_string());
        let what = format!("{log} has no run of {}{of}", store.binary);
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

/// Returns the file of the profile, if it names one.
fn log_file(settings: &Settings) -> Option<PathBuf> {
    settings.profile()?;
    settings.path(&LOG_FILE).ok().flatten()
}

/// Returns the users whose records count: the one who runs this, and the owner of the profile. Any other user can write records
/// with the name of a resolver.
fn uids(settings: Option<&Settings>) -> Vec<u32> {
    let own = rustix::process::geteuid().as_raw();
    let profile = settings.and_then(Settings::profile).and_then(|path| path.metadata().ok());
    let owner = profile.map(|metadata| metadata.uid()).filter(|owner| *owner != own);
    owner.into_iter().chain([own]).collect()
}

/// What to do if the log has nothing.
const NO_RUN: &str = "a run that succeeds writes no line unless `log = \"all\"` is in the profile; with `log = \"off\"` none \
                      does. Only the runs of the profile's owner and your own are shown: name the profile with --profile. The journal of another user \
                      needs root, or the group systemd-journal. Without a journal the lines are \
                      in the file of the syslog daemon";

/// The most bytes that are read of a file, from its end.
const TAIL: u64 = 1 << 20;

/// Reads the newest runs from the file that the profile names.
fn of_file(path: &Path) -> Result<Vec<Ran>, Failure> {
    let tail = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    match tail() {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().filter_map(Ran::read_line).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => {
            let what = format!("`log_file` {} cannot be read ({})", path.display(), words(&error));
            Err(Failure::misconfigured(what, "run this as the gateway's user"))
        }
    }
}

fn of_journal(binary: &str, uids: &[u32]) -> Result<Vec<Ran>, Failure> {
    Ok(records(binary, uids)?.iter().filter_map(Ran::read).collect())
}

/// Reads the newest records of this resolver from the journal, the oldest first.
#[expect(clippy::disallowed_methods, reason = "a person asked for this start; it is no resolve")]
fn records(binary: &str, uids: &[u32]) -> Result<Vec<Map<String, Value>>, Failure> {
    let mut command = Command::new("journalctl");
    command.args([
        "--output=json",
        "--all",
        "--quiet",
        "--no-pager",
        "--reverse",
        "--lines",
        READ,
        "-t",
        binary,
    ]);
    command.args(uids.iter().map(|uid| format!("_UID={uid}")));
    let output = command_output(&mut command, PATIENCE, MOST).map_err(|error| {
        let remedy = if error.kind() == ErrorKind::NotFound {
            "this system has no journal: its lines are in the file of the syslog daemon, such as /var/log/syslog; on macOS run \
             `log show`"
        } else {
            "check that you may run it"
        };
        Failure::misconfigured(format!("journalctl cannot be started ({})", words(&error)), remedy)
    })?;
    let wrong = |what: String| {
        Err(Failure::new(Kind::Unavailable, what, format!("run it yourself: journalctl -t {binary}")))
    };
    match output.status {
        Some(status) if status.success() => {
            let mut records = read(&output.stdout);
            records.reverse();
            Ok(records)
        }
        Some(status) => wrong(format!("journalctl failed ({status})")),
        None => wrong(format!("journalctl did not end within {} s", PATIENCE.as_secs())),
    }
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
            codes: texts("SECRETREF_CODE").into_iter().filter(is_code).collect(),
            exit: text("SECRETREF_EXIT").and_then(|code| code.parse().ok()),
            millis: number("SECRETREF_MS"),
            run: Some(run),
            ids: texts("SECRETREF_ID"),
            line: text("MESSAGE").unwrap_or_default(),
        })
    }

    /// Reads a line of a file: `TIME NAME[PID]: run RUN: 1 of 2 ids failed for provider NAME in 12 ms: …`.
    fn read_line(line: &str) -> Option<Self> {
        let (head, text) = line.split_once("]: run ")?;
        let (run, text) = text.split_once(": ")?;
        let time = seconds(head.split(' ').next()?)?;
        let (result, rest) = text.split_once(" ms")?;
        let (result, millis) = result.rsplit_once(" in ")?;
        let (result, provider) = match result.split_once(" for provider ") {
            Some((result, provider)) => (result, Some(provider.to_owned())),
            None => (result, None),
        };
        let numbers: Vec<u64> = result.split(' ').filter_map(|word| word.parse().ok()).collect();
        let (asked, failed) = match numbers[..] {
            [failed, asked] => (Some(asked), Some(failed)),
            [asked] => (Some(asked), Some(0)),
            _ => (None, None),
        };
        let is_there = |code: &&str| rest.split([' ', ':', ';']).any(|word| word == *code);
        let codes = if failed == Some(0) {
            Vec::new()
        } else {
            codes().filter(is_there).map(str::to_owned).collect()
        };
        let exit = if codes.is_empty() { Some(0) } else { None };
        Some(Self {
            time: time.try_into().ok()?,
            provider,
            unit: None,
            asked,
            failed,
            codes,
            exit,
            millis: millis.parse().ok(),
            run: Some(run.to_owned()),
            ids: Vec::new(),
            line: format!("run {run}: {text}"),
        })
    }

    /// Whether an id had no value.
    fn is_bad(&self) -> bool {
        !self.codes.is_empty() || self.exit.is_some_and(|code| code != 0)
    }

    /// Whether no id had a value for a cause that is not about an id.
    fn is_down(&self) -> bool {
        let is_of_id =
            |code: &String| Kind::TABLE.iter().any(|(kind, _)| kind.code() == code && kind.is_of_id());
        match self.exit {
            Some(code) => code != 0,
            // A line has no exit code.
            None => self.failed == self.asked && !self.codes.iter().any(is_of_id),
        }
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

    /// The time in UTC.
    fn clock(&self) -> String {
        utc(self.time)
    }
}

/// Whether this program has such a code: a record can say anything.
fn is_code(text: &String) -> bool {
    codes().any(|code| code == text)
}

fn codes() -> impl Iterator<Item = &'static str> {
    Kind::TABLE.iter().map(|(kind, _)| kind.code())
}

/// Returns the texts of a field: journald writes one as it is, several as a list, and one with odd bytes as numbers.
fn texts(field: Option<&Value>) -> Vec<String> {
    match field {
        Some(Value::String(text)) => vec![printable(text.clone())],
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(|text| printable(text.to_owned())).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = r#"
{"__REALTIME_TIMESTAMP":"1796029815000000","SECRETREF_RUN":"1","SECRETREF_PROVIDER":"vault","SECRETREF_ASKED":"2","SECRETREF_FAILED":"0","SECRETREF_EXIT":"0","SECRETREF_MS":"5","MESSAGE":"m"}
{"__REALTIME_TIMESTAMP":"1796029816000000","MESSAGE":"another line"}
{"__REALTIME_TIMESTAMP":"1796029817000000","SECRETREF_RUN":"2","SECRETREF_PROVIDER":"vault","SECRETREF_ASKED":"2","SECRETREF_FAILED":"2","SECRETREF_EXIT":"5","SECRETREF_CODE":"UNAVAILABLE","SECRETREF_ID":["a/b","c"],"SECRETREF_MS":"9","_SYSTEMD_UNIT":"gateway.service"}
{"__REALTIME_TIMESTAMP":"1796029818000000","SECRETREF_RUN":"3","SECRETREF_PROVIDER":"vault","SECRETREF_ASKED":"2","SECRETREF_FAILED":"1","SECRETREF_EXIT":"0","SECRETREF_CODE":["NOT_FOUND","\u001b[31mNO_CODE"],"SECRETREF_ID":"c","SECRETREF_MS":"7"}
"#;

    #[test]
    fn each_run_has_a_line_and_the_outage_is_told() {
        let records = read(RECORDS.as_bytes());
        let runs: Vec<_> = records.iter().filter_map(Ran::read).collect();
        let lines: Vec<_> = runs.iter().map(|ran| format!("{} {}", ran.clock(), ran.result())).collect();
        let want = [
            "2026-11-30T09:10:15Z 2 ids resolved",
            "2026-11-30T09:10:17Z 2 of 2 ids failed: UNAVAILABLE",
            "2026-11-30T09:10:18Z 1 of 2 ids failed: NOT_FOUND",
        ];
        assert_eq!(lines, want);
        assert_eq!(runs[1].ids, ["a/b", "c"]);
        let back = "no value from 2026-11-30T09:10:17Z to 2026-11-30T09:10:18Z; then the store answers again";
        assert_eq!(story(&runs), [back]);
        let down =
            "no value since 2026-11-30T09:10:17Z (UNAVAILABLE); `doctor` shows the step that fails now";
        assert_eq!(story(&runs[..2]), [down]);
        assert_eq!(story(&runs[..1]), [""; 0]);
        assert_eq!((exit(&runs), exit(&runs[..1]), exit(&[])), (Exit::IdFailed, Exit::Done, Exit::IdFailed));
    }

    #[test]
    fn a_line_of_a_file_is_read_like_a_record() {
        let text = "2026-11-30T09:10:15Z secretref-vault[7]: run 00ff: 2 ids resolved for provider vault in 5 ms: a/b, NOT_FOUND\n\
             something else\n\
             2026-11-30T09:10:17Z secretref-vault[8]: run 00fe: 2 of 2 ids failed for provider vault in 9 ms: a/b, c \
             UNAVAILABLE after 8 ms: no connection\n\
             2026-11-30T09:10:18Z secretref-vault[9]: run 00fd: 1 of 2 ids failed for provider vault in 7 ms: c NOT_FOUND after 2 ms\n\
             2026-11-30T09:10:19Z secretref-vault[9]: run 00fc: nothing could be answered in 1 ms: MISCONFIGURED: no file";
        let runs: Vec<_> = text.lines().filter_map(Ran::read_line).collect();
        let lines: Vec<_> = runs.iter().map(|ran| format!("{} {}", ran.clock(), ran.result())).collect();
        let want = [
            "2026-11-30T09:10:15Z 2 ids resolved",
            "2026-11-30T09:10:17Z 2 of 2 ids failed: UNAVAILABLE",
            "2026-11-30T09:10:18Z 1 of 2 ids failed: NOT_FOUND",
            "2026-11-30T09:10:19Z failed: MISCONFIGURED",
        ];
        assert_eq!(lines, want);
        assert_eq!(runs.iter().map(Ran::is_down).collect::<Vec<_>>(), [false, true, false, true]);
        assert_eq!((runs[0].millis, runs[0].provider.as_deref()), (Some(5), Some("vault")));
    }
}
