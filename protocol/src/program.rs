//! A program that prints a credential, which a profile asks for: it gets nothing of this process's environment, and ends with
//! all its children when its time is over.

use std::ffi::OsStr;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::child_group::ChildGroup;
use crate::secret::Secret;

/// The most bytes that are read.
const LIMIT: usize = 64 << 10;

/// How often the program is looked at.
const INTERVAL: Duration = Duration::from_millis(2);

/// The time that is left for an answer when the program had to be ended.
const MARGIN: Duration = Duration::from_millis(150);

/// Why a program has printed nothing that can be used, as it follows the program's name: `failed with exit code 3`.
#[derive(Debug, PartialEq, Eq)]
pub enum NoOutput {
    /// There is no program at the path that this user may run.
    NotStarted(&'static str),
    /// It was not run, or it failed. This repeats nothing that it printed.
    Failed(String),
}

/// Returns what `program` prints until it ends, in less than `left`. It gets a home and a usual `PATH`, in a process group of
/// its own.
///
/// # Errors
/// Why there is nothing.
pub async fn output(
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    home: Option<&str>,
    left: Duration,
) -> Result<Secret, NoOutput> {
    let end = Instant::now() + left.saturating_sub(MARGIN);
    if is_exposed(program) {
        return Err(NoOutput::Failed("can be changed by every user, so it is not run".to_owned()));
    }
    let mut group = start(program, arguments, home).map_err(|error| match error.kind() {
        ErrorKind::NotFound => NoOutput::NotStarted("is not there, or its interpreter is not"),
        ErrorKind::PermissionDenied => NoOutput::NotStarted("may not be run by this user"),
        _ => NoOutput::Failed("cannot be started".to_owned()),
    })?;
    read_to_end(&mut group, end).await.map_err(NoOutput::Failed)
}

/// Whether any user may write the program.
fn is_exposed(program: &Path) -> bool {
    program.metadata().is_ok_and(|metadata| metadata.mode() & 0o002 != 0)
}

#[expect(clippy::disallowed_methods, reason = "the profile asks for this program by `auth`")]
fn start(
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    home: Option<&str>,
) -> std::io::Result<ChildGroup> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(home.map(|home| ("HOME", home)))
        .stderr(Stdio::null());
    ChildGroup::start(&mut command)
}

/// Returns what it prints until it ends.
async fn read_to_end(group: &mut ChildGroup, end: Instant) -> Result<Secret, String> {
    let stdout = group.take_stdout().map_err(|_| "has no output that can be read")?;
    let mut stdout = stdout.ok_or("has no output")?;
    let mut bytes = Vec::new();
    while !read(&mut stdout, &mut bytes)? {
        pause(end).await?;
    }
    loop {
        match group.try_wait().map_err(|_| "cannot be waited for")? {
            Some(status) if status.success() => break,
            Some(status) => return Err(format!("failed with exit code {}", status.code().unwrap_or(-1))),
            None => pause(end).await?,
        }
    }
    group.leave_alone();
    String::from_utf8(bytes).map(Secret::new).map_err(|_| "does not print text".to_owned())
}

async fn pause(end: Instant) -> Result<(), String> {
    if Instant::now() >= end {
        return Err("did not end in time and was ended".to_owned());
    }
    tokio::time::sleep(INTERVAL).await;
    Ok(())
}

/// Reads what there is. Returns whether that was all.
fn read(stdout: &mut ChildStdout, bytes: &mut Vec<u8>) -> Result<bool, String> {
    let mut part = [0; 4096];
    loop {
        match stdout.read(&mut part) {
            Ok(0) => return Ok(true),
            Ok(read) if bytes.len() + read > LIMIT => return Err("prints too much".to_owned()),
            Ok(read) => bytes.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err("has no output that can be read".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn run(program: &Path, script: &str, left: Duration) -> Result<String, NoOutput> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let printed = runtime.block_on(output(program, ["-c", script], Some("/home/of-it"), left));
        printed.map(|text| text.expose().to_owned())
    }

    #[test]
    fn a_program_prints_and_ends() {
        let run = |script| run(Path::new("/bin/sh"), script, Duration::from_secs(5));
        assert_eq!(run("echo $HOME $USER").as_deref(), Ok("/home/of-it\n"));
        let failed = |why: &str| Err(NoOutput::Failed(why.to_owned()));
        assert_eq!(run("echo hunter2; exit 3"), failed("failed with exit code 3"));
        assert_eq!(run("head -c 100000 /dev/zero"), failed("prints too much"));
        assert_eq!(run("printf '\\377'"), failed("does not print text"));
    }

    #[test]
    fn a_program_that_every_user_can_change_is_not_run() {
        let path = std::env::temp_dir().join(format!("secretref-program-{}", std::process::id()));
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        let said = run(&path, "", Duration::from_secs(5)).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(said, NoOutput::Failed("can be changed by every user, so it is not run".to_owned()));
        let said = run(Path::new("/no/such/program"), "", Duration::from_secs(5)).unwrap_err();
        assert_eq!(said, NoOutput::NotStarted("is not there, or its interpreter is not"));
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        // The last two leave the process group.
        for script in ["sleep 30 & sleep 30", "exec setsid -w sleep 30", "exec setsid sleep 30"] {
            let started = Instant::now();
            let said = run(Path::new("/bin/sh"), script, Duration::from_millis(250)).unwrap_err();
            assert_eq!(said, NoOutput::Failed("did not end in time and was ended".to_owned()));
            assert!(started.elapsed() < Duration::from_secs(5), "{script}");
        }
    }
}
