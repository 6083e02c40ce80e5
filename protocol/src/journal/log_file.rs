//! The line in a file that the profile names, where there is no system log.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, geteuid, getrlimit};

use crate::system_error::words;

/// Opens the file, and makes it if it is not there.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn open(path: &Path) -> Result<File, String> {
    open_of(path, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE, &[geteuid().as_raw()])
}

/// Opens the file of one of these users. Another user could read its lines, and write others. A pipe or a device could
/// block the process, so it must be a file.
///
/// # Errors
/// Why it cannot be used.
pub(crate) fn open_of(path: &Path, flags: OFlags, owners: &[u32]) -> Result<File, String> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR);
    let file = File::from(opened.map_err(|error| words(&error.into()))?);
    let metadata = file.metadata().map_err(|error| words(&error))?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    match metadata.uid() {
        owner if owners.contains(&owner) => Ok(file),
        owner => Err(format!("it belongs to another user, uid {owner}")),
    }
}

/// Appends a line with the time. It is not an error if that fails: the answer is out already.
pub(super) fn append(path: &Path, line: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = format!("{} {line}\n", utc(now.as_secs()));
    let Ok(mut file) = open(path) else { return };
    let length = file.metadata().map_or(0, |file| file.len()) + line.len() as u64;
    // The kernel would end the process (SIGXFSZ).
    if getrlimit(Resource::Fsize).current.is_none_or(|limit| length <= limit) {
        // One write, so that lines of runs at the same time stay whole.
        let _ = file.write_all(line.as_bytes());
    }
}

/// Returns a time as RFC 3339 in UTC, from the seconds since the epoch.
pub(crate) fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    // The year starts in March here, so that a leap day is its last day.
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc() {
        for (seconds, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_825_600, "2000-02-29T12:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_796_029_815, "2026-11-30T09:10:15Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(seconds), want);
        }
    }
}
