//! Runs a command that a person asked for, and reads what it prints while it runs.

use std::io::{self, ErrorKind, Read as _};
use std::process::{ChildStdout, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::child_group::ChildGroup;

/// How often the command is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// What a command has printed, and how it has ended.
pub(super) struct CommandOutput {
    /// `None` if it did not end in time. It and its children were ended then.
    pub(super) status: Option<ExitStatus>,
    /// The first bytes.
    pub(super) stdout: Vec<u8>,
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
    let mut group = ChildGroup::start(command)?;
    let end = Instant::now() + limit;
    let (mut stdout, mut bytes) = (group.take_stdout()?, Vec::new());
    loop {
        // Its last words are read after its end.
        let status = group.try_wait()?;
        if stdout.as_mut().is_some_and(|stdout| drain(stdout, &mut bytes, most)) {
            stdout = None;
        }
        if status.is_some() {
            group.leave_alone();
        }
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
        // Its child leaves the process group.
        assert_eq!(run("exec setsid -w sleep 50", Duration::from_millis(50)), (None, 0));
        assert_eq!(run("while :; do echo x; done", Duration::from_millis(50)).0, None);
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
