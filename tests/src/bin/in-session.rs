//! `in-session TERMINAL COMMAND…` runs a command at a terminal of its own, in the foreground, so that Ctrl-C reaches it.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{Mode, OFlags};

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next().expect("a terminal");
    rustix::process::setsid().expect("a session");
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
        .expect("it opens");
    rustix::process::ioctl_tiocsctty(&terminal).expect("it is the session's");
    let error = Command::new(arguments.next().expect("a command")).args(arguments).exec();
    panic!("it does not start: {error}");
}
