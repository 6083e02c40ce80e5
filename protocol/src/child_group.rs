//! A child process that has a process group of its own and prints something. It ends with all its children.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long to wait for a process that was ended.
const LAST_WAIT: Duration = Duration::from_millis(50);

/// How often it is looked at meanwhile.
const INTERVAL: Duration = Duration::from_millis(2);

/// A running process. With this value its whole group ends.
pub(crate) struct ChildGroup {
    child: Child,
    is_left_alone: bool,
}

impl ChildGroup {
    /// Starts a command, with an empty stdin and a pipe for stdout.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).spawn()?;
        Ok(Self { child, is_left_alone: false })
    }

    /// Takes the pipe, a read from which does not wait; `None` if it is taken already.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn take_stdout(&mut self) -> io::Result<Option<ChildStdout>> {
        let Some(stdout) = self.child.stdout.take() else { return Ok(None) };
        fcntl_setfl(&stdout, fcntl_getfl(&stdout)? | OFlags::NONBLOCK)?;
        Ok(Some(stdout))
    }

    /// Returns how the process has ended; `None` if it runs.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Lets what the process has started live on.
    pub(crate) fn leave_alone(&mut self) {
        self.is_left_alone = true;
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        if self.is_left_alone {
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
