//! A program in a session of its own: without the terminal of this one, and without descriptors that this one was given.
//!
//! The standard library can do neither before a program starts. So this program is started once more under a name of its own,
//! does both, and becomes the other program, or goes on as another user. No `args` of a gateway can name that: a gateway starts
//! a command by its absolute path, and the name is none.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::fs::Access;
use rustix::process::{Pid, getppid, setsid};

use crate::process;

/// The name under which this program becomes another one.
const BECOME: &str = "secretref: become a program";

/// The name under which this program goes on as another user.
const GO_ON: &str = "secretref: go on as a user";

/// What the standard input says if the other program cannot be started: this, and the number of the error.
const NOT_STARTED: &str = "secretref: not started: ";

/// The exit code then.
const NOT_STARTED_CODE: i32 = 127;

/// How often a process that goes on as another user looks whether the one that has started it is there.
const INTERVAL: Duration = Duration::from_millis(50);

/// A user and its group.
pub(crate) type Ids = (u32, u32);

/// Returns a command that becomes `program`, in a session of its own and in `folder`; as another user, if one is given.
/// Arguments, variables and streams are added as to any command; its stdin is to be a socket.
///
/// # Errors
/// The path of this program is unknown.
pub(crate) fn command(program: &Path, folder: &Path, user: Option<Ids>) -> io::Result<Command> {
    let mut command = again(BECOME)?;
    command.arg(user.map(text).unwrap_or_default()).arg(folder).arg(program);
    Ok(command)
}

/// Returns a command that runs these arguments of this program as another user, in a session of its own.
///
/// # Errors
/// The path of this program is unknown.
pub(crate) fn go_on_as(user: Ids, arguments: &[String]) -> io::Result<Command> {
    let mut command = again(GO_ON)?;
    command.arg(text(user)).args(arguments);
    // This system has no safe function for a process to leave its groups.
    if !cfg!(target_os = "linux") {
        command.uid(user.0).gid(user.1);
    }
    Ok(command)
}

#[expect(clippy::disallowed_methods, reason = "a person asked for this start; it is no resolve")]
fn again(name: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0(name);
    Ok(command)
}

/// Returns why a command could not become its program, from its exit code and its side of stdin; `None` if it did.
pub(crate) fn not_started(code: Option<i32>, mut stdin: &UnixStream) -> Option<io::Error> {
    let mut said = [0; 64];
    stdin.set_nonblocking(true).ok().filter(|()| code == Some(NOT_STARTED_CODE))?;
    let count = stdin.read(&mut said).ok()?;
    let number = std::str::from_utf8(&said[..count]).ok()?.strip_prefix(NOT_STARTED)?.parse().ok()?;
    Some(io::Error::from_raw_os_error(number))
}

/// Does what the name of this process says. Returns the arguments with which it goes on, if it has an ordinary name, or the
/// error of the system if it cannot become another user.
///
/// # Errors
/// The error of the system.
pub(crate) fn arguments(mut words: impl Iterator<Item = OsString>) -> io::Result<Vec<OsString>> {
    match words.next() {
        Some(name) if name == BECOME => become_program(words),
        Some(name) if name == GO_ON => go_on(words),
        _ => Ok(words.collect()),
    }
}

fn become_program(words: impl Iterator<Item = OsString>) -> ! {
    let error = replaced(words);
    let number = error.raw_os_error().unwrap_or_default();
    // stdin is a socket, whose other side reads this.
    if let Ok(stdin) = io::stdin().as_fd().try_clone_to_owned() {
        let _ = UnixStream::from(stdin).write_all(format!("{NOT_STARTED}{number}").as_bytes());
    }
    std::process::exit(NOT_STARTED_CODE)
}

/// Becomes the program. Returns the error if it cannot.
#[expect(clippy::disallowed_methods, reason = "a person asked for this start; it is no resolve")]
fn replaced(mut words: impl Iterator<Item = OsString>) -> io::Error {
    let (Some(user), Some(folder), Some(program)) = (words.next(), words.next(), words.next()) else {
        return io::ErrorKind::InvalidInput.into();
    };
    if let Err(error) = leave_session() {
        return error;
    }
    let mut command = Command::new(program);
    command.args(words).current_dir(folder);
    match ids(&user) {
        // Without the groups of this user, too.
        Some((uid, gid)) => command.uid(uid).gid(gid).exec(),
        None if user.is_empty() => command.exec(),
        None => io::ErrorKind::InvalidInput.into(),
    }
}

fn go_on(mut words: impl Iterator<Item = OsString>) -> io::Result<Vec<OsString>> {
    let parent = getppid();
    let user = words.next().and_then(|user| ids(&user)).ok_or(io::ErrorKind::InvalidInput)?;
    leave_session()?;
    become_user(user)?;
    // The kernel may have forgotten it with the change of the user.
    process::hide();
    // A program that this user cannot start would make a profile that it cannot start either.
    rustix::fs::access(std::env::current_exe()?, Access::EXEC_OK)?;
    let _ = thread::Builder::new().spawn(move || end_without(parent));
    Ok(words.collect())
}

/// Leaves the terminal, and closes what another program has left open.
fn leave_session() -> io::Result<()> {
    setsid()?;
    close_others();
    Ok(())
}

/// Closes all descriptors but stdin, stdout and stderr. This process has opened none yet.
fn close_others() {
    let listed = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    let number = |name: OsString| name.to_str()?.parse::<RawFd>().ok();
    let open: Vec<_> = match listed {
        Ok(entries) => entries.flatten().filter_map(|entry| number(entry.file_name())).collect(),
        Err(_) => (0..4096).collect(),
    };
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // That of the list is closed already.
        let _ = nix::unistd::close(descriptor);
    }
}

/// Becomes another user within this process: a process that starts as that user could be examined by the user's others until
/// it forbids that.
#[cfg(target_os = "linux")]
fn become_user((uid, gid): Ids) -> io::Result<()> {
    nix::unistd::setgroups(&[])?;
    nix::unistd::setgid(gid.into())?;
    nix::unistd::setuid(uid.into())?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
fn become_user(_: Ids) -> io::Result<()> {
    Ok(())
}

/// Ends the process with the one that has started it: a Ctrl-C reaches only that one.
fn end_without(parent: Option<Pid>) {
    while getppid() == parent {
        thread::sleep(INTERVAL);
    }
    std::process::exit(1);
}

fn text((uid, gid): Ids) -> String {
    format!("{uid}:{gid}")
}

fn ids(text: &OsStr) -> Option<Ids> {
    let (uid, gid) = text.to_str()?.split_once(':')?;
    Some((uid.parse().ok()?, gid.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_the_name_of_a_start_for_another_program() {
        assert!(!BECOME.starts_with('/') && !GO_ON.starts_with('/'));
        for name in ["/usr/bin/secretref-x", "secretref-x", ""] {
            let words = [name, "0:0", "/", "/bin/true"].map(OsString::from);
            assert_eq!(arguments(words.clone().into_iter()).unwrap(), words[1..], "{name}");
        }
    }

    #[test]
    fn a_user_is_two_numbers() {
        assert_eq!(ids(OsStr::new(&text((4321, 99)))), Some((4321, 99)));
        for wrong in ["", "0", "0:", ":0", "-1:0", "0:0:0"] {
            assert_eq!(ids(OsStr::new(wrong)), None, "{wrong}");
        }
    }
}
