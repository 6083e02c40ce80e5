//! The process itself: what it refuses to leave behind, and how it ends.

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

/// Keeps secrets out of core dumps and out of reach of other processes of the same user, and keeps a panic from
/// printing what it was about.
pub(crate) fn harden() {
    // Where the kernel refuses (some containers do), the resolve matters more. macOS lets no other process in unasked.
    #[cfg(target_os = "linux")]
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // The first says it all; a bug that comes again and again would fill a pipe.
    let is_said = AtomicBool::new(false);
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(place) = panic.location().filter(|_| !is_said.swap(true, Ordering::Relaxed)) {
            say(format!("a bug at {}:{}: please report it", place.file(), place.line()));
        }
    }));
}

/// Ends the process at once, without waiting for anything that still hangs.
pub(crate) fn exit(exit: Exit) -> ! {
    std::process::exit(exit.code())
}

/// Waits for the other thread, which is writing the answer, to end the process.
pub(crate) fn wait_for_exit() -> ! {
    loop {
        std::thread::park();
    }
}
