//! Starts a command as a gateway does: without a shell or a terminal, with sockets, a short environment and a time limit.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::detached::{self, not_started};

/// The most bytes that are read of the output.
const LIMIT: usize = 20 << 20;

/// How long the gateway waits after SIGTERM before it sends SIGKILL.
const GRACE: Duration = Duration::from_millis(300);

/// A command that is to be started.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) command: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    /// The user and the group to run it as, if not this one.
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) timeout: Duration,
}

/// How a started command ended.
pub(crate) enum Ended {
    /// The system did not start it.
    NotStarted(io::Error),
    /// It was ended at the time limit.
    Late,
    /// It ended by itself. The code is absent after a signal.
    Exited { code: Option<i32>, stdout: Vec<u8>, stderr: String },
}

impl Start {
    /// Runs the command on a request to its end.
    pub(crate) fn run(&self, request: &str) -> Ended {
        self.try_run(request).unwrap_or_else(Ended::NotStarted)
    }

    fn try_run(&self, request: &str) -> io::Result<Ended> {
        let end = Instant::now() + self.timeout;
        let (stdin, its_stdin) = UnixStream::pair()?;
        let (stdout, its_stdout) = UnixStream::pair()?;
        let (stderr, its_stderr) = UnixStream::pair()?;
        stdin.set_write_timeout(Some(self.timeout))?;
        let mut child = self.spawn([its_stdin, its_stdout, its_stderr])?;
        // A command that ends early does not read it.
        let _ = (&stdin).write_all(request.as_bytes());
        let _ = stdin.shutdown(Shutdown::Write);
        let output = read_until(stdout, end);
        while Instant::now() < end {
            if let Some(status) = child.try_wait()? {
                if let Some(error) = not_started(status.code(), &stdin) {
                    return Err(error);
                }
                let stderr = String::from_utf8_lossy(&read_now(stderr)).into_owned();
                return Ok(Ended::Exited { code: status.code(), stdout: output, stderr });
            }
            sleep(Duration::from_millis(2));
        }
        stop(&mut child);
        Ok(Ended::Late)
    }

    fn spawn(&self, [stdin, stdout, stderr]: [UnixStream; 3]) -> io::Result<Child> {
        let folder = self.command.parent().unwrap_or(Path::new("/"));
        let mut command = detached::command(&self.command, folder, self.user)?;
        command.args(&self.args).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).env("OPENCLAW_CLI", "1");
        command.stdin(OwnedFd::from(stdin)).stdout(OwnedFd::from(stdout)).stderr(OwnedFd::from(stderr));
        command.spawn()
    }
}

/// Reads a stream to its end, or until this time.
fn read_until(mut stream: UnixStream, end: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    while bytes.len() < LIMIT {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            break;
        }
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    bytes
}

/// Reads what a stream has now.
fn read_now(mut stream: UnixStream) -> Vec<u8> {
    let mut bytes = vec![0; 64 << 10];
    let count = stream.set_nonblocking(true).and_then(|()| stream.read(&mut bytes)).unwrap_or(0);
    bytes.truncate(count);
    bytes
}

fn stop(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    for (signal, wait) in [(Signal::TERM, GRACE), (Signal::KILL, Duration::ZERO)] {
        if let Some(group) = group {
            let _ = kill_process_group(group, signal);
        }
        sleep(wait);
    }
    // It may not have a group of its own yet.
    let _ = child.kill();
    let _ = child.wait();
}
