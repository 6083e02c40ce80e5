//! Runs a command that a person asked for, and reads what it prints while it runs.

use std::io::{self, ErrorKind, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

/// How often the command is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// What a command has printed, and how it has ended.
pub(super) struct CommandOutput {
    /// `None` if it did not end in time. It and its children were ended then.
    pub(super) status: Option<ExitStatus>,
    /// The first bytes.
    pub(super) stdout: Vec<u8>,
}

/// A command that runs. With this value its process group ends, unless the command has ended by itself.
struct Running {
    child: Child,
    is_over: bool,
}

/// Runs a command in a process group of its own, for at most `limit`, and keeps the first `most` bytes that it prints. Its end
/// counts, not that of a child which keeps its output open.
///
/// # Errors
/// The command cannot be started.
pub(super) fn command_output(
    command: &mut Command,
    limit: Duration,
    most: usize,
) -> io::Result<CommandOutput> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).spawn()?;
    let mut running = Running { child, is_over: false };
    let end = Instant::now() + limit;
    let (mut stdout, mut bytes) = (running.child.stdout.take(), Vec::new());
    if let Some(stdout) = &stdout {
        fcntl_setfl(stdout, fcntl_getfl(stdout)? | OFlags::NONBLOCK)?;
    }
    loop {
        // Its last words are read after its end.
        let status = running.child.try_wait()?;
        if stdout.as_mut().is_some_and(|stdout| drain(stdout, &mut bytes, most)) {
            stdout = None;
        }
        running.is_over = status.is_some();
        if status.is_some() || Instant::now() >= end {
            return Ok(CommandOutput { status, stdout: bytes });
        }
        sleep(PAUSE);
    }
}

/// Reads what there is. Returns whether that was all.
fn drain(stdout: &mut ChildStdout, bytes: &mut Vec<u8>, most: usize) -> bool {
    let mut part = [0; 16 << 10];
    // One that prints without an end has its end looked for in between.
    for _ in 0..64 {
        match stdout.read(&mut part) {
            Ok(0) => return true,
            Ok(read) => bytes.extend_from_slice(&part[..read.min(most - bytes.len())]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
    false
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "it is what is tested")]
    fn run(script: &str, limit: Duration) -> (Option<i32>, usize) {
        let output = command_output(Command::new("/bin/sh").args(["-c", script]), limit, 1000).unwrap();
        (output.status.and_then(|status| status.code()), output.stdout.len())
    }

    #[test]
    fn its_end_counts_and_its_output_is_read_meanwhile() {
        let long = Duration::from_mins(1);
        assert_eq!(run("printf abc; exit 3", long), (Some(3), 3));
        assert_eq!(run("head -c 300000 /dev/zero", long), (Some(0), 1000));
        let start = Instant::now();
        assert_eq!(run("sleep 50 & printf abc", long), (Some(0), 3));
        assert_eq!(run("sleep 50 & sleep 50", Duration::from_millis(50)), (None, 0));
        assert_eq!(run("while :; do echo x; done", Duration::from_millis(50)).0, None);
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
