//! stdin, stdout and stderr. None of them may keep the process longer than its deadline.

use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::{Errno, ioctl_fionread};

use crate::deadline::Deadline;

/// The most bytes that can be written without waiting to a pipe that `poll` calls writable: POSIX's `PIPE_BUF`, as on Linux,
/// else the least that POSIX allows.
const PIPE_BUF: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// The input from stdin.
pub enum Input {
    /// Everything up to the end, or one byte more than the limit.
    Whole(Vec<u8>),
    /// What had arrived at the deadline.
    Unfinished(Vec<u8>),
    /// What had arrived before reading failed.
    Broken(Vec<u8>),
}

/// The result of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Got {
    /// More bytes.
    More,
    /// The end of the input.
    End,
    /// Nothing until the deadline.
    Late,
    /// An error: stdin cannot be read.
    Nothing,
}

/// Says that stdin is a terminal.
#[must_use]
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Says that stdout is a terminal.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Says that stderr is a terminal.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// What is known about stdin before a byte of it is read.
pub enum Glimpse {
    /// A socket.
    Socket,
    /// A pipe with these bytes in it; more may follow.
    Bytes(Vec<u8>),
    /// A pipe with bytes in it that this system cannot show.
    Hidden,
    /// An empty pipe, or another kind of file.
    Nothing,
}

/// Looks at stdin without reading it: the bytes in a pipe may be for another process, such as a shell that reads a list line
/// by line. If the pipe is empty, waits at most this long for the first byte.
pub fn glimpse_stdin(wait: Duration) -> Glimpse {
    let stdin = io::stdin();
    match rustix::fs::fstat(&stdin).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::Socket) => Glimpse::Socket,
        Ok(FileType::Fifo) => {
            ready(stdin.as_fd(), PollFlags::IN, Deadline::new(Instant::now(), wait));
            match ioctl_fionread(&stdin) {
                Ok(1..) => copy_of_pipe(stdin.as_fd()).map_or(Glimpse::Hidden, Glimpse::Bytes),
                _ => Glimpse::Nothing,
            }
        }
        _ => Glimpse::Nothing,
    }
}

/// Returns a copy of the bytes in a pipe, which stay in it.
#[cfg(target_os = "linux")]
fn copy_of_pipe(pipe: BorrowedFd<'_>) -> Option<Vec<u8>> {
    use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, tee};
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).ok()?;
    let count = tee(pipe, writer, crate::wire::REQUEST_LIMIT, SpliceFlags::NONBLOCK).ok()?;
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count && rustix::io::read(&reader, spare_capacity(&mut bytes)).ok()? > 0 {}
    Some(bytes)
}

#[cfg(not(target_os = "linux"))]
fn copy_of_pipe(_: BorrowedFd<'_>) -> Option<Vec<u8>> {
    None
}

/// Reads stdin to its end, to one byte more than `limit`, or to the deadline.
#[must_use]
pub fn read_stdin(limit: usize, deadline: Deadline) -> Input {
    let mut bytes = Vec::with_capacity(4096);
    while bytes.len() <= limit {
        match read_on(&mut bytes, deadline) {
            Got::More => {}
            Got::End => break,
            Got::Late => return Input::Unfinished(bytes),
            Got::Nothing => return Input::Broken(bytes),
        }
    }
    bytes.truncate(limit + 1);
    Input::Whole(bytes)
}

/// Adds to `bytes` what stdin has, as soon as it has something. The bytes may be a secret, so they go straight to the heap,
/// which is wiped.
pub fn read_on(bytes: &mut Vec<u8>, deadline: Deadline) -> Got {
    bytes.reserve(1);
    loop {
        if !ready(io::stdin().as_fd(), PollFlags::IN, deadline) {
            return Got::Late;
        }
        match rustix::io::read(io::stdin(), spare_capacity(bytes)) {
            Ok(0) => return Got::End,
            Ok(_) => return Got::More,
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return Got::Nothing,
        }
    }
}

/// The result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// All was written, or the reader is gone.
    Done,
    /// Not all was written: the disk is full, or the reader did not read in time.
    Cut,
}

/// Writes to stdout until all is written, the reader is gone, or the deadline is over.
pub fn write_stdout(bytes: &[u8], deadline: Deadline) -> Written {
    write(io::stdout().as_fd(), bytes, deadline)
}

/// Writes a line for a person to stderr, if stderr takes it at once. It is not an error if it does not.
pub fn say(line: impl AsRef<str>) {
    whisper(&format!("{}\n", line.as_ref()));
}

/// Writes a text without a line end to stderr, if stderr takes it at once.
pub fn whisper(text: &str) {
    write(io::stderr().as_fd(), text.as_bytes(), Deadline::new(Instant::now(), Duration::ZERO));
}

fn write(fd: BorrowedFd<'_>, bytes: &[u8], deadline: Deadline) -> Written {
    let mut rest = bytes;
    while !rest.is_empty() {
        if !ready(fd, PollFlags::OUT, deadline) {
            return Written::Cut;
        }
        match rustix::io::write(fd, &rest[..rest.len().min(PIPE_BUF)]) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => return Written::Done,
            Err(_) => return Written::Cut,
        }
    }
    Written::Done
}

/// Waits until `fd` is ready for `what`. Returns false at the deadline, and on an error.
pub fn ready(fd: BorrowedFd<'_>, what: PollFlags, deadline: Deadline) -> bool {
    loop {
        let left = deadline.left();
        let timeout = Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&fd, what)], Some(&timeout)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
