//! The line in the system's log: the result of a run, for the person who cannot see the resolver's stderr.

mod log_file;
mod record;

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::sockopt::set_socket_send_buffer_size;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::run::Run;
use crate::settings::Settings;
use crate::settings::family::{LOG, LOG_FILE};
use crate::store::Store;
use crate::streams::{ready, stdin_is_terminal};
pub(crate) use log_file::{open_of, utc};
use record::{Head, LogRecord};

/// The socket of journald, which takes records with fields.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// The socket of syslog, which takes lines.
const SYSLOG: &str = if cfg!(target_os = "macos") { "/var/run/syslog" } else { "/dev/log" };

/// How long a run waits until journald has taken its record. journald finds the unit of a process only while the process
/// lives: one in ten runs that ended at once was missing from the log of its unit.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long journald then has to look up the unit.
const LOOK_UP: Duration = Duration::from_millis(1);

/// Writes the one record of a run. A clone is the same journal.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    store: &'static Store,
    run: Run,
    /// Which runs to record; unset until the settings are read.
    wish: OnceLock<Wish>,
    /// The file for the record, if the profile names one.
    file: OnceLock<PathBuf>,
    provider: OnceLock<String>,
    is_written: Mutex<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Off,
    Failures,
    All,
}

impl Journal {
    /// Creates the journal of a run.
    #[must_use]
    pub fn new(store: &'static Store, run: &Run) -> Self {
        Self(Arc::new(Inner {
            store,
            run: run.clone(),
            wish: OnceLock::new(),
            file: OnceLock::new(),
            provider: OnceLock::new(),
            is_written: Mutex::new(false),
        }))
    }

    /// Returns the store of this resolver.
    #[must_use]
    pub fn store(&self) -> &'static Store {
        self.0.store
    }

    /// Takes the settings `log` and `log_file`. Without settings, failures are recorded.
    pub fn obey(&self, settings: Option<&Settings>) {
        // Without a profile, the gateway's `args` could name any file: no line may get into it.
        let of_profile = settings.filter(|settings| settings.profile().is_some());
        if let Some(file) = of_profile.and_then(|settings| settings.path(&LOG_FILE).ok().flatten()) {
            let _ = self.0.file.set(file);
        }
        let _ = self.0.wish.set(match settings.and_then(|settings| settings.text(&LOG)) {
            Some("off") => Wish::Off,
            Some("all") => Wish::All,
            _ => Wish::Failures,
        });
    }

    /// Sets the name of the gateway's provider.
    pub fn asked_by(&self, provider: String) {
        let _ = self.0.provider.set(provider);
    }

    /// Writes the result of a run, if the setting `log` asks for it. `whole` is the failure of the whole run, if no id has it.
    pub fn record(&self, ids: &[String], answer: &Answer, whole: Option<&Failure>) {
        let is_wanted = match self.0.wish.get() {
            Some(Wish::Off) => false,
            Some(Wish::All) => true,
            _ => answer.exit != Exit::Done || answer.outcomes.iter().any(Result::is_err),
        };
        if is_wanted {
            self.write(ids, answer, whole);
        }
    }

    /// Writes that the process ends without an answer.
    pub fn last_words(&self) {
        let what = format!("no answer within {} ms", self.0.run.elapsed().as_millis());
        let remedy = match self.0.wish.get() {
            None if stdin_is_terminal() => return,
            None => "check that the profile and the user's home are not on a network mount that hangs",
            Some(_) => "check that the gateway reads the answer",
        };
        let late = Failure::new(Kind::Timeout, what, remedy);
        self.record(&[], &Answer::refuse(&[], &late, Exit::Deadline), Some(&late));
    }

    /// Writes the record once. A second thread waits until the first is done, and writes nothing.
    fn write(&self, ids: &[String], answer: &Answer, whole: Option<&Failure>) {
        let mut is_written = self.0.is_written.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *is_written, true) {
            return;
        }
        let head = Head {
            store: self.0.store,
            run: self.0.run.id(),
            provider: self.0.provider.get().map(String::as_str),
            took: self.0.run.elapsed(),
        };
        let record = LogRecord::new(head, ids, answer, whole);
        match self.0.file.get() {
            Some(path) => log_file::append(path, &record.plain()),
            None => send(&record),
        }
    }
}

/// Returns a warning if `log_file` cannot be written.
#[must_use]
pub fn file_problem(settings: &Settings) -> Option<String> {
    let path = settings.path(&LOG_FILE).ok().flatten()?;
    if settings.profile().is_none() {
        return Some("`log_file` counts only in a profile".to_owned());
    }
    let why = log_file::open(&path).err()?;
    Some(format!("`log_file` {} cannot be written ({why}), so that no run has a line", path.display()))
}

/// Sends the record to the first log that takes it at once. It is not an error if none does.
fn send(record: &LogRecord) {
    let Ok(socket) = UnixDatagram::unbound() else { return };
    if socket.set_nonblocking(true).is_err() {
        return;
    }
    let text = record.journald();
    // A buffer for one record: it has room again as soon as journald has taken this one.
    let _ = set_socket_send_buffer_size(&socket, text.len());
    if socket.send_to(text.as_bytes(), JOURNAL).is_ok() {
        ready(socket.as_fd(), PollFlags::OUT, Deadline::new(Instant::now(), PATIENCE));
        thread::sleep(LOOK_UP);
    } else {
        let _ = socket.send_to(record.syslog().as_bytes(), SYSLOG);
    }
}
