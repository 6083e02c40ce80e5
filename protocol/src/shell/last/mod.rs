//! `doctor --last [NAME]`: what the last runs under a gateway did, from the system's log or the `log_file` of the profile.

mod logs;
mod ran;

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Instant;

use rustix::process::geteuid;

use super::output::{fail, print, print_note};
use super::style::Style;
use crate::deadline::Deadline;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::{Profile, path_of};
use crate::run::Run;
use crate::settings::Settings;
use crate::settings::family::{LOG, LOG_FILE};
use crate::store::Store;
use logs::{of_file, of_journal};
use ran::Ran;

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

/// The provider's name in the runs of `doctor --as-gateway`, which no gateway has started.
const OF_DOCTOR: &str = "doctor";

/// Prints the last runs, the newest last.
pub(super) fn last(
    store: &Store,
    args: &LastArgs,
    (profile, settings): (Option<&str>, Option<&Settings>),
    deadline: Deadline,
) -> Exit {
    let of_owner = profile.filter(|_| settings.is_none()).and_then(|profile| of_owner(store, profile));
    let settings = settings.or(of_owner.as_ref());
    let log_file = settings.and_then(log_file);
    let found = match &log_file {
        Some(path) => of_file(path, &uids(profile)),
        None => of_journal(store.binary, &uids(profile)),
    };
    let is_asked = |ran: &Ran| match &args.provider {
        None => ran.provider.as_deref() != Some(OF_DOCTOR),
        asked => ran.provider == *asked,
    };
    let mut runs: Vec<_> = match found {
        Ok(found) => found.into_iter().filter(is_asked).collect(),
        Err(failure) => return fail(None, &failure),
    };
    let log = Log::of(settings);
    runs.drain(..runs.len().saturating_sub(SHOWN));
    if !args.names {
        for ran in &mut runs {
            ran.ids.clear();
        }
    }
    if args.json {
        let text = serde_json::to_string(&runs).unwrap_or_default();
        return print(&format!("{text}\n"), deadline).unwrap_or_else(|| exit(&runs, log));
    }
    if runs.is_empty() {
        let of = args.provider.as_ref().map(|name| format!(" of the provider {name}")).unwrap_or_default();
        let place = log_file.map_or_else(|| "the system's log".to_owned(), |path| path.display().to_string());
        let what = format!("{place} has no run of {}{of}", store.binary);
        return fail(None, &Failure::not_found(what, NO_RUN));
    }
    let style = Style::for_stdout();
    let text: String = runs.iter().map(|ran| ran.text(args.names, style)).collect();
    let cut = print(&text, deadline);
    story(&runs, log).iter().for_each(print_note);
    cut.unwrap_or_else(|| exit(&runs, log))
}

/// Returns the file of the profile, if it names one.
fn log_file(settings: &Settings) -> Option<PathBuf> {
    settings.profile()?;
    settings.path(&LOG_FILE).ok().flatten()
}

/// Returns the settings of another user's profile as its owner reads them, for root.
fn of_owner(store: &Store, argument: &str) -> Option<Settings> {
    let own = geteuid().as_raw();
    let path = path_of(argument, own).ok().filter(|_| own == 0)?;
    let owner = path.metadata().ok()?.uid();
    // The variables of root's shell are not those of the owner.
    let environment = Environment::new(owner, |_| None);
    let profile = Profile::read(store, path.to_str().filter(|_| owner != own)?, &environment).ok()?;
    Settings::load(store, &Vec::new(), Some(profile), &environment, &Run::new(Instant::now())).ok()
}

/// Returns the users whose records count: the one who runs this, and the owner of the profile. Any other user can write records
/// with the name of a resolver.
fn uids(profile: Option<&str>) -> Vec<u32> {
    let own = geteuid().as_raw();
    let profile = profile.and_then(|argument| path_of(argument, own).ok());
    let owner = profile.and_then(|path| path.metadata().ok()).map(|metadata| metadata.uid());
    owner.filter(|owner| *owner != own).into_iter().chain([own]).collect()
}

/// What to do if the log has nothing.
const NO_RUN: &str = "a run that succeeds writes no line unless `log = \"all\"` is in the profile; with `log = \"off\"` none \
                      does. Only the runs of the profile's owner and your own are shown: name the profile with --profile. The journal of another user \
                      needs root, or the group systemd-journal. Without a journal, set `log_file` in the profile";

/// Which runs have a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    All,
    /// Those that failed, or it is not known.
    Failures,
}

impl Log {
    fn of(settings: Option<&Settings>) -> Self {
        match settings.and_then(|settings| settings.text(&LOG)) {
            Some("all") => Self::All,
            _ => Self::Failures,
        }
    }
}

/// Ends with 1 if the newest run failed, and if there is none. If a success has no line, no run is known to be the newest.
fn exit(runs: &[Ran], log: Log) -> Exit {
    match runs.last() {
        None => Exit::IdFailed,
        Some(ran) if ran.is_bad() && log == Log::All => Exit::IdFailed,
        Some(_) => Exit::Done,
    }
}

/// Returns when the store failed and when it answered again, from runs in their order.
fn story(runs: &[Ran], log: Log) -> Vec<String> {
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
    let codes = || runs.last().map(|ran| ran.codes.join(", ")).unwrap_or_default();
    told.extend(match (log, since, runs.last()) {
        (Log::All, Some(first), _) => Some(format!(
            "no value since {} ({}); `doctor` shows the step that fails now",
            first.clock(),
            codes()
        )),
        (Log::Failures, _, Some(ran)) if ran.is_bad() => Some(format!(
            "the last failure in the log is of {} ({}); a later success would not be there: set `log = \"all\"` in the \
             profile; `doctor` shows whether it works now",
            ran.clock(),
            codes()
        )),
        _ => None,
    });
    told
}

#[cfg(test)]
mod tests {
    use super::logs::read;
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
        assert_eq!(story(&runs, Log::All), [back]);
        let down =
            "no value since 2026-11-30T09:10:17Z (UNAVAILABLE); `doctor` shows the step that fails now";
        assert_eq!(story(&runs[..2], Log::All), [down]);
        assert_eq!(story(&runs[..1], Log::All), [""; 0]);
        assert_eq!(story(&runs[..1], Log::Failures), [""; 0]);
        let code = |runs: &[Ran]| [exit(runs, Log::All), exit(runs, Log::Failures)];
        assert_eq!(code(&runs), [Exit::IdFailed, Exit::Done]);
        assert_eq!(code(&runs[..1]), [Exit::Done; 2]);
        assert_eq!(code(&[]), [Exit::IdFailed; 2]);
    }

    /// The store may have come back since: by default, a success has no line.
    #[test]
    fn a_failure_is_only_the_last_in_the_log_if_successes_are_not_there() {
        let records = read(RECORDS.as_bytes());
        let runs: Vec<_> = records.iter().filter_map(Ran::read).collect();
        let told = story(&runs[..2], Log::Failures);
        let words = "the last failure in the log is of 2026-11-30T09:10:17Z (UNAVAILABLE); a later success would not be there";
        assert!(told.len() == 1 && told[0].starts_with(words), "{told:?}");
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
