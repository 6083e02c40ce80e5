//! One writer after the other: a lock on a file of its own, since the store itself is replaced.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use secretref_protocol::{Failure, Kind};

use super::folder::{Folder, unwritten};

/// How long to wait for another writer: less than the time that a command has.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long to wait at a time.
const AT_A_TIME: Duration = Duration::from_millis(2);

/// Held until it is dropped, or the process ends.
pub(super) struct Lock {
    _file: OwnedFd,
}

impl Folder {
    /// Waits until no other process changes the store.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.path.join("lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.open, "lock", flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| unwritten(&path, &errno.into()))?;
        let lock = match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Lock { _file: file },
            Err(Errno::WOULDBLOCK | Errno::INTR) => wait_for(file, &path)?,
            Err(errno) => return Err(unwritten(&path, &errno.into())),
        };
        (self.at)("the lock is held");
        Ok(lock)
    }
}

/// Waits for a lock in a thread of its own: the kernel serves those who wait for it one after the other, while of those
/// who keep asking for it one can come away empty for long.
fn wait_for(file: OwnedFd, path: &Path) -> Result<Lock, Failure> {
    let started = Instant::now();
    // Where nobody waits for it any more, the lock ends with the thread.
    let wait = move || {
        retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
            .map(|()| Lock { _file: file })
    };
    let waiting = std::thread::Builder::new().spawn(wait).map_err(|error| unwritten(path, &error))?;
    while !waiting.is_finished() {
        if started.elapsed() > PATIENCE {
            return Err(Failure::new(
                Kind::Unavailable,
                format!("another process holds {}", path.display()),
                "try again; `fuser` or `lsof` says which process it is",
            )
            .changed_nothing());
        }
        std::thread::sleep(AT_A_TIME);
    }
    let locked = waiting.join().map_err(|_| Failure::internal("a lock that cannot be waited for"))?;
    locked.map_err(|errno| unwritten(path, &errno.into()))
}
