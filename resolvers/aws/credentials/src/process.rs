//! `auth = "process"`: runs the program that prints credentials.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use secretref_protocol::{Failure, Kind, Secret};
use serde::Deserialize;

use crate::keys::{Keys, Part, time};
use crate::source::Process;

/// The most bytes that are read.
const LIMIT: usize = 64 << 10;

/// How long to wait for a program that was ended.
const LAST_WAIT: Duration = Duration::from_millis(50);

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(2);

/// A running program. With this value its whole process group ends, unless it has ended by itself.
struct Running {
    child: Child,
    is_over: bool,
}

/// Runs the program for at most `limit`. It gets a home and a usual `PATH`, and nothing of this process's environment.
pub(crate) async fn credentials(
    process: &Process,
    home: Option<&str>,
    limit: Duration,
) -> Result<Keys, Failure> {
    let failed = |why: &str| {
        Failure::new(
            Kind::Unauthenticated,
            format!("the program of {} {why}", process.origin),
            format!("run it by hand: {} …", process.program.display()),
        )
    };
    if is_exposed(&process.program) {
        return Err(failed("can be changed by every user, so it is not run"));
    }
    let started = start(process, home).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => no_program(process, "is not there, or its interpreter is not"),
        std::io::ErrorKind::PermissionDenied => no_program(process, "may not be run by this user"),
        _ => failed("cannot be started"),
    });
    let mut running = Running { child: started?, is_over: false };
    let text = running.output(Instant::now() + limit).await.map_err(|why| failed(&why))?;
    let keys = parse(&text).map_err(failed)?;
    keys.map_err(|part| part.issued(&format!("the program of {}", process.origin)))
}

fn no_program(process: &Process, why: &str) -> Failure {
    let what = format!("{}, the program of {}, {why}", process.program.display(), process.origin);
    Failure::misconfigured(what, format!("correct the path in {}, or install the program", process.origin))
}

/// Whether any user may write the program.
fn is_exposed(program: &Path) -> bool {
    program.metadata().is_ok_and(|metadata| metadata.mode() & 0o002 != 0)
}

#[expect(clippy::disallowed_methods, reason = "the profile asks for this program by `auth`")]
fn start(process: &Process, home: Option<&str>) -> std::io::Result<Child> {
    Command::new(&process.program)
        .args(&process.arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(home.map(|home| ("HOME", home)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

impl Running {
    /// Returns what it prints until it ends.
    async fn output(&mut self, end: Instant) -> Result<Secret, String> {
        let mut stdout = self.child.stdout.take().ok_or("has no output")?;
        set_nonblocking(&stdout)?;
        let mut bytes = Vec::new();
        while !read(&mut stdout, &mut bytes)? {
            self.pause(end).await?;
        }
        loop {
            match self.child.try_wait().map_err(|_| "cannot be waited for")? {
                Some(status) if status.success() => break,
                Some(status) => return Err(format!("failed with exit code {}", status.code().unwrap_or(-1))),
                None => self.pause(end).await?,
            }
        }
        self.is_over = true;
        String::from_utf8(bytes).map(Secret::new).map_err(|_| "does not print JSON".to_owned())
    }

    async fn pause(&self, end: Instant) -> Result<(), String> {
        if Instant::now() >= end {
            return Err("did not end in time and was ended".to_owned());
        }
        tokio::time::sleep(INTERVAL).await;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        // It may have left the group.
        let _ = self.child.kill();
        // The system removes what is left when this process ends.
        let end = Instant::now() + LAST_WAIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(INTERVAL);
        }
    }
}

fn set_nonblocking(stdout: &ChildStdout) -> Result<(), String> {
    let set = fcntl_getfl(stdout).and_then(|flags| fcntl_setfl(stdout, flags | OFlags::NONBLOCK));
    set.map_err(|_| "has no output that can be read".to_owned())
}

/// Reads what there is. Returns whether that was all.
fn read(stdout: &mut ChildStdout, bytes: &mut Vec<u8>) -> Result<bool, String> {
    let mut part = [0; 4096];
    loop {
        match stdout.read(&mut part) {
            Ok(0) => return Ok(true),
            Ok(read) if bytes.len() + read > LIMIT => return Err("prints too much".to_owned()),
            Ok(read) => bytes.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err("has no output that can be read".to_owned()),
        }
    }
}

fn parse(text: &Secret) -> Result<Result<Keys, Part>, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Printed {
        version: u32,
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
        expiration: Option<String>,
    }
    let printed: Printed =
        serde_json::from_str(text.expose()).map_err(|_| "does not print credentials in AWS's format")?;
    if printed.version != 1 {
        return Err("prints credentials of another version than 1");
    }
    let expires =
        printed.expiration.as_deref().map(|text| time(text).ok_or("prints an expiration that is no time"));
    let expires = expires.transpose()?;
    if expires.is_some_and(|end| end <= std::time::SystemTime::now()) {
        return Err("prints credentials that have expired");
    }
    let (secret, token) = (Secret::new(printed.secret_access_key), printed.session_token.map(Secret::new));
    Ok(Keys::new(printed.access_key_id, secret, token, expires))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> Result<Keys, String> {
        let process = Process::parse(&format!("/bin/sh -c '{script}'"), "here".into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(credentials(&process, None, limit)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_program_prints_credentials() {
        let printed = r#"{"Version":1,"AccessKeyId":"AKIA1","SecretAccessKey":"s","SessionToken":"t"}"#;
        let keys =
            run(&format!("echo \"{}\"", printed.replace('"', "\\\"")), Duration::from_secs(5)).unwrap();
        assert_eq!((keys.id.as_str(), keys.secret.expose()), ("AKIA1", "s"));
        for (script, words) in [
            ("exit 3", "exit code 3"),
            ("echo hunter2", "AWS"),
            (
                "echo {\\\"Version\\\":2,\\\"AccessKeyId\\\":\\\"a\\\",\\\"SecretAccessKey\\\":\\\"b\\\"}",
                "version",
            ),
            ("head -c 100000 /dev/zero", "too much"),
        ] {
            let said = run(script, Duration::from_secs(5)).err().unwrap();
            assert!(said.contains(words) && !said.contains("hunter2 "), "{said}");
        }
    }

    #[test]
    fn a_program_that_every_user_can_change_is_not_run() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = std::env::temp_dir().join(format!("secretref-program-{}", std::process::id()));
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        let process = Process::parse(path.to_str().unwrap(), "here".into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let said = runtime.block_on(credentials(&process, None, Duration::from_secs(5))).err().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(said.what().contains("every user"), "{said}");
    }

    #[test]
    fn a_program_that_leaves_its_group_does_not_hold_the_run() {
        let started = Instant::now();
        let said = run("exec setsid -w sleep 30", Duration::from_millis(100)).err().unwrap();
        assert!(said.contains("in time") && started.elapsed() < Duration::from_secs(5), "{said}");
        let said = run("exec setsid sleep 30", Duration::from_millis(100)).err().unwrap();
        assert!(said.contains("in time") && started.elapsed() < Duration::from_secs(5), "{said}");
    }

    #[test]
    fn a_program_that_is_not_there_is_a_wrong_setting() {
        let process = Process::parse("/absent/program", "`credential_process`".into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let failure = runtime.block_on(credentials(&process, None, Duration::from_secs(5))).err().unwrap();
        assert_eq!(failure.kind(), Kind::Misconfigured);
        assert!(failure.to_string().contains("correct the path in `credential_process`"), "{failure}");
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let started = Instant::now();
        let said = run("sleep 30 & sleep 30", Duration::from_millis(100)).err().unwrap();
        assert!(said.contains("in time") && started.elapsed() < Duration::from_secs(5), "{said}");
    }
}
