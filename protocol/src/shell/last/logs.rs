//! Where runs are read from: the journal, or the `log_file` of a profile.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value};

use super::super::command_output::command_output;
use super::ran::Ran;
use crate::failure::{Failure, Kind};
use crate::system_error::words;

/// How many records are read, as other providers may be among them.
const READ: &str = "500";

/// How long journalctl may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes that are read of journalctl. The newest records come first.
const MOST: usize = 8 << 20;

/// The most bytes that are read of a file, from its end.
const TAIL: u64 = 1 << 20;

/// Reads the newest runs from the file that the profile names.
///
/// # Errors
/// The file cannot be read.
pub(super) fn of_file(path: &Path) -> Result<Vec<Ran>, Failure> {
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

pub(super) fn read(lines: &[u8]) -> Vec<Map<String, Value>> {
    let records = serde_json::Deserializer::from_slice(lines).into_iter::<Map<String, Value>>();
    records.map_while(Result::ok).collect()
}
