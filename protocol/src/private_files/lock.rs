//! A lock on a file of its own, which makes writers wait for each other. The files that they replace cannot have it.

use std::fs::{File, TryLockError};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::Folder;

/// The stack of the thread that waits, in bytes. It is fixed, because `RUST_MIN_STACK` may ask for more than there is.
const STACK: usize = 64 << 10;

/// The first pause between two attempts of [`LockFile::poll`]; the longest is eight times as long.
const PAUSE: Duration = Duration::from_millis(2);

/// A lock file that is open and not yet locked.
#[derive(Debug)]
pub struct LockFile(File);

/// A lock, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum LockError {
    /// Another process held it for the whole time.
    Held,
    /// No thread could be started to wait for it.
    NoThread,
    /// The system refused it.
    Io(io::Error),
}

impl Folder {
    /// Opens the lock file `name`, and makes it if it is missing.
    ///
    /// # Errors
    /// The error of the system.
    pub fn lock_file(&self, name: &str) -> io::Result<LockFile> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(LockFile(file.into()))
    }
}

impl LockFile {
    /// Waits up to `timeout` for the lock, and blocks this thread.
    ///
    /// Another thread waits in the kernel, which serves processes in order. A process that keeps trying could get
    /// nothing for long.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn wait(self, timeout: Duration) -> Result<Lock, LockError> {
        if self.try_lock().map_err(LockError::Io)? {
            return Ok(Lock { _file: self.0 });
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let wait = move || {
            // If the receiver has given up, the lock is dropped here.
            let _ = sender.send(lock(&self.0).map(|()| Lock { _file: self.0 }));
        };
        thread::Builder::new().stack_size(STACK).spawn(wait).map_err(|_| LockError::NoThread)?;
        match receiver.recv_timeout(timeout) {
            Ok(locked) => locked.map_err(LockError::Io),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(LockError::Held),
        }
    }

    /// Tries until it has the lock, for a task that a timeout can end. It needs no thread.
    ///
    /// # Errors
    /// The error of the system.
    pub async fn poll(self) -> io::Result<Lock> {
        let mut pause = PAUSE;
        while !self.try_lock()? {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE * 8);
        }
        Ok(Lock { _file: self.0 })
    }

    fn try_lock(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Waits for the lock. A signal does not end the wait.
fn lock(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
