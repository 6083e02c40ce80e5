//! The process itself: its allocator, its protection, and its end.

use std::alloc::System;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_os = "linux")]
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Resource, Rlimit, setrlimit};

use zeroizing_alloc::ZeroAlloc;

use crate::exit::Exit;
use crate::streams::say;

/// The allocator of a resolver's program, which [`main!`](crate::main) sets: it wipes every block that is freed.
pub const WIPING: ZeroAlloc<System> = ZeroAlloc(System);

/// Keeps secrets out of core dumps and away from other processes of the same user, and keeps a panic from printing its
/// message.
pub(crate) fn harden() {
    hide();
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // Only the first panic: a bug that occurs again and again would fill a pipe.
    let is_said = AtomicBool::new(false);
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(place) = panic.location().filter(|_| !is_said.swap(true, Ordering::Relaxed)) {
            say(format!("a bug at {}:{}: please report it", place.file(), place.line()));
        }
    }));
}

/// Keeps other processes of the same user from examining this one.
pub(crate) fn hide() {
    // If the kernel refuses, as in some containers, the resolve goes on. macOS protects a process without this.
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Ends the process at once, without waiting for anything that still hangs.
pub(crate) fn exit(exit: Exit) -> ! {
    std::process::exit(exit.code())
}

/// Waits until the thread that writes the answer ends the process.
pub(crate) fn wait_for_exit() -> ! {
    loop {
        std::thread::park();
    }
}
