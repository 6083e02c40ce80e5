//! The line in the system's log: what a run came to, for whoever cannot see a resolver's stderr.

mod record;

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
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
use crate::store::{LOG, Store};
use crate::streams::{ready, stdin_is_terminal};
use record::{Head, LogRecord};

/// Where journald takes records with fields.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where any other log of the system takes lines.
const SYSLOG: &str = if cfg!(target_os = "macos") { "/var/run/syslog" } else { "/dev/log" };

/// How long a failed run stays until journald has taken its record. Of which unit a process is can be asked only while there
/// is the process: of runs that ended at once, one in ten did not stand in their unit's log.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long journald then has to ask.
const LOOK_UP: Duration = Duration::from_millis(1);

/// What takes a run's one record. A clone is the same.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    store: &'static Store,
    run: Run,
    /// Not there before the settings could be read, or could not.
    wish: OnceLock<Wish>,
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
    /// The journal of a run.
    #[must_use]
    pub fn new(store: &'static Store, run: &Run) -> Self {
        Self(Arc::new(Inner {
            store,
            run: run.clone(),
            wish: OnceLock::new(),
            provider: OnceLock::new(),
            is_written: Mutex::new(false),
        }))
    }

    /// The store whose resolver this is.
    #[must_use]
    pub fn store(&self) -> &'static Store {
        self.0.store
    }

    /// Takes from the settings what is to be written: failures, where they cannot be read.
    pub fn obey(&self, settings: Option<&Settings>) {
        let _ = self.0.wish.set(match settings.and_then(|settings| settings.text(&LOG)) {
            Some("off") => Wish::Off,
            Some("all") => Wish::All,
            _ => Wish::Failures,
        });
    }

    /// Says under which alias the gateway asks.
    pub fn asked_by(&self, provider: String) {
        let _ = self.0.provider.set(provider);
    }

    /// Writes what a run came to, if that is wanted; `whole` is why nothing at all could be done, where no id says it.
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

    /// Writes that the process is ended before it could say anything.
    pub fn last_words(&self) {
        let what = format!("no answer within {} ms", self.0.run.elapsed().as_millis());
        let remedy = match self.0.wish.get() {
            None if stdin_is_terminal() => return,
            None => "see whether the profile, or the user's home, is on a network mount that hangs",
            Some(_) => "see whether the gateway reads the answer",
        };
        let late = Failure::new(Kind::Timeout, what, remedy);
        self.record(&[], &Answer::refuse(&[], &late, Exit::Deadline), Some(&late));
    }

    /// Once: whoever comes second waits until the first is done, and is silent.
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
        send(&LogRecord::new(head, ids, answer, whole));
    }
}

/// Gives the record to the first that takes it at once. That there is none is no error.
fn send(record: &LogRecord) {
    let Ok(socket) = UnixDatagram::unbound() else { return };
    if socket.set_nonblocking(true).is_err() {
        return;
    }
    let text = record.journald();
    // Room for one record: there is some again when this one has been taken.
    let _ = set_socket_send_buffer_size(&socket, text.len());
    if socket.send_to(text.as_bytes(), JOURNAL).is_ok() {
        ready(socket.as_fd(), PollFlags::OUT, Deadline::new(Instant::now(), PATIENCE));
        thread::sleep(LOOK_UP);
    } else {
        let _ = socket.send_to(record.syslog().as_bytes(), SYSLOG);
    }
}
