//! Where runs are read from: the journal, or the `log_file` of a profile.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::fs::OFlags;
use serde_json::{Map, Value};

use super::super::command_output::command_output;
use super::ran::Ran;
use crate::failure::{Failure, Kind};
use crate::file::is_there;
use crate::journal::open_of;
use crate::system_error::words;

/// How many records are read, as other providers may be among them.
const READ: &str = "500";

/// How long journalctl may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes that are read of journalctl. The newest records come first.
const MOST: usize = 8 << 20;

/// The most bytes that are read of a file, from its end.
const TAIL: u64 = 1 << 20;

/// What to do without a journal.
const NO_JOURNAL: &str = if cfg!(target_os = "macos") {
    "macOS has no journal: run `log show`, or set `log_file` in the profile for the runs to come"
} else {
    "this system has no journal: set `log_file` in the profile for the runs to come; if there is a syslog daemon, its file, \
     such as /var/log/syslog, has the lines"
};

/// Reads the newest runs from the file that the profile names, which one of these users owns.
///
/// # Errors
/// The file cannot be read.
pub(super) fn of_file(path: &Path, owners: &[u32]) -> Result<Vec<Ran>, Failure> {
    if !is_there(path) {
        return Ok(Vec::new());
    }
    match open_of(path, OFlags::RDONLY, owners).and_then(tail) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).lines().filter_map(Ran::read_line).collect()),
        Err(why) => {
            let what = format!("`log_file` {} cannot be read ({why})", path.display());
            Err(Failure::misconfigured(what, "name a file of the gateway's user, and run this as that user"))
        }
    }
}

/// Returns the end of a file, or why it cannot be read.
fn tail(mut file: File) -> Result<Vec<u8>, String> {
    let read = || {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    read().map_err(|error| words(&error))
}

/// Reads the newest runs of these users from the journal, the oldest first.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn of_journal(binary: &str, uids: &[u32]) -> Result<Vec<Ran>, Failure> {
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
        let remedy =
            if error.kind() == ErrorKind::NotFound { NO_JOURNAL } else { "check that you may run it" };
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

pub(super) fn read(lines: &[u8]) -> Vec<Map<String, Value>> {
    let records = serde_json::Deserializer::from_slice(lines).into_iter::<Map<String, Value>>();
    records.map_while(Result::ok).collect()
}
