//! Runs a command and says, on stderr, what it took: `PEAK_KIB CPU_MICROSECONDS`.
//!
//! It is small, because a process inherits the peak of the one that starts it.

use std::process::{Command, exit};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let status =
        Command::new(arguments.next().expect("a command")).args(arguments).status().expect("it starts");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage");
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    eprintln!("{} {cpu}", usage.max_rss());
    exit(status.code().unwrap_or(1));
}
