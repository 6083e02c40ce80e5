//! The line in the system's log: what a run came to, for whoever cannot see a resolver's stderr.

use std::fmt::{Display, Write as _};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::answer::Answer;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::id::Id;
use crate::run::Run;
use crate::settings::Settings;
use crate::store::Store;
use crate::streams::stdin_is_terminal;
use crate::wire::Outcome;

/// Where journald takes records with fields.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Where any other log of the system takes lines.
const SYSLOG: &str = "/dev/log";

/// The most bytes of a record: ids come from an agent, and what some daemons read at once is no more.
const RECORD_LIMIT: usize = 8192;

/// The most bytes of the line that a person reads; the fields want room, too.
const LINE_LIMIT: usize = 4096;

/// The most ids, failures and requests that the line names of each.
const NAMED: usize = 5;

/// The most requests that have a field.
const REQUESTS: usize = 16;

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
        let _ = self.0.wish.set(match settings.and_then(|settings| settings.text("log")) {
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
        let (remedy, exit) = match self.0.wish.get() {
            None if stdin_is_terminal() => return,
            None => ("see whether the profile is on a network mount that hangs", Exit::Deadline),
            Some(_) => ("see whether the gateway reads the answer", Exit::Output),
        };
        let late = Failure::new(Kind::Timeout, what, remedy);
        self.record(&[], &Answer::refuse(&[], &late, exit), Some(&late));
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
        let story = Story::of(head, ids, answer, whole);
        send(&story.record(), &story.syslog());
    }
}

/// Gives the record to the first that takes it at once. That there is none is no error.
fn send(record: &str, line: &str) {
    let Ok(socket) = UnixDatagram::unbound() else { return };
    if socket.set_nonblocking(true).is_ok() {
        let journal = socket.send_to(record.as_bytes(), JOURNAL);
        let _ = journal.or_else(|_| socket.send_to(line.as_bytes(), SYSLOG));
    }
}

/// Whose run it was.
#[derive(Clone, Copy)]
struct Head<'a> {
    store: &'static Store,
    run: &'a str,
    provider: Option<&'a str>,
    took: Duration,
}

/// What is told of a run: of the ids that failed, or of all where none did.
struct Story<'a> {
    head: Head<'a>,
    exit: Exit,
    asked: usize,
    failed: usize,
    ids: Vec<&'a str>,
    codes: Vec<&'static str>,
    requests: Vec<&'a str>,
    groups: Vec<Group<'a>>,
    /// How many ids failed otherwise than any of the groups.
    others: usize,
}

/// Ids with the same failure, or with none.
struct Group<'a> {
    failure: Option<&'a Failure>,
    ids: Vec<&'a str>,
    requests: Vec<&'a str>,
    /// When the last of them was settled.
    latest: Duration,
}

/// What stands for a text that is no id, and could be anything.
const NO_ID: &str = "(no id)";

impl<'a> Story<'a> {
    fn of(head: Head<'a>, ids: &'a [String], answer: &'a Answer, whole: Option<&'a Failure>) -> Self {
        let mut story = Self {
            head,
            exit: answer.exit,
            asked: ids.len(),
            failed: answer.outcomes.iter().filter(|outcome| outcome.is_err()).count(),
            ids: Vec::new(),
            codes: whole.iter().map(|failure| failure.kind().code()).collect(),
            requests: Vec::new(),
            groups: whole.map(|failure| Group::of(Some(failure))).into_iter().collect(),
            others: 0,
        };
        for ((id, outcome), time) in ids.iter().zip(&answer.outcomes).zip(&answer.times) {
            if outcome.is_err() || story.failed == 0 {
                story.add(if Id::parse(id).is_ok() { id } else { NO_ID }, outcome, *time);
            }
        }
        story
    }

    fn add(&mut self, id: &'a str, outcome: &'a Outcome, time: Duration) {
        let (failure, request) = match outcome {
            Ok(value) => (None, value.about().request.as_deref()),
            Err(failure) => (Some(failure), failure.request_id()),
        };
        self.ids.push(id);
        note(&mut self.codes, failure.map(|failure| failure.kind().code()));
        note(&mut self.requests, request);
        let group = match self.groups.iter_mut().position(|group| group.is_of(failure)) {
            Some(at) => &mut self.groups[at],
            None if self.groups.len() < NAMED => self.groups.push_mut(Group::of(failure)),
            None => {
                self.others += 1;
                return;
            }
        };
        group.ids.push(id);
        note(&mut group.requests, request);
        group.latest = group.latest.max(time);
    }

    /// The line that a person reads.
    fn line(&self) -> String {
        let Head { run, provider, took, .. } = self.head;
        let cut = if self.exit == Exit::Output { "the answer could not be written whole, " } else { "" };
        let came_to = match (self.asked, self.failed) {
            (0, _) if self.exit != Exit::Done => "nothing could be answered".to_owned(),
            (asked, 0) => format!("{asked} {} resolved", noun(asked)),
            (asked, failed) => format!("{failed} of {asked} {} failed", noun(asked)),
        };
        let provider = provider.map(|alias| format!(" for provider {alias}")).unwrap_or_default();
        let mut line = format!("run {run}: {cut}{came_to}{provider} in {} ms", took.as_millis());
        // Where all failed alike, there is room for what to do.
        let is_alone = self.groups.len() == 1 && self.others == 0;
        let groups: Vec<_> = self.groups.iter().map(|group| group.words(is_alone)).collect();
        if !groups.is_empty() {
            let _ = write!(line, ": {}", groups.join("; "));
        }
        if self.others > 0 {
            let _ = write!(line, "; and {} more", self.others);
        }
        shorten(plain(line))
    }

    /// The record in the journal's own form: fields, each a line. What does not fit is left out.
    fn record(&self) -> String {
        let Head { store, run, provider, took } = self.head;
        let mut record = String::with_capacity(RECORD_LIMIT);
        let mut field = |name: &str, value: &dyn Display| {
            let field = plain(format!("{name}={value}"));
            if record.len() + field.len() < RECORD_LIMIT {
                record.push_str(&field);
                record.push('\n');
            }
        };
        field("MESSAGE", &self.line());
        field("PRIORITY", &self.priority());
        field("SYSLOG_IDENTIFIER", &store.binary);
        field("SECRETREF_VERSION", &store.version);
        field("SECRETREF_RUN", &run);
        field("SECRETREF_MS", &took.as_millis());
        field("SECRETREF_EXIT", &self.exit.code());
        provider.iter().for_each(|alias| field("SECRETREF_PROVIDER", alias));
        self.codes.iter().for_each(|code| field("SECRETREF_CODE", code));
        self.requests.iter().take(REQUESTS).for_each(|request| field("SECRETREF_REQUEST", request));
        self.ids.iter().filter(|id| **id != NO_ID).for_each(|id| field("SECRETREF_ID", id));
        record
    }

    /// The line as the C library's `syslog` would send it, less the time: where there is none, daemons take their own.
    fn syslog(&self) -> String {
        const USER: u8 = 1 << 3;
        let (priority, pid) = (USER | self.priority(), std::process::id());
        format!("<{priority}>{}[{pid}]: {}", self.head.store.binary, self.line())
    }

    /// How bad it is, as a number of syslog.
    fn priority(&self) -> u8 {
        const ERR: u8 = 3;
        const WARNING: u8 = 4;
        const INFO: u8 = 6;
        match self.failed {
            _ if self.exit != Exit::Done => ERR,
            0 => INFO,
            _ => WARNING,
        }
    }
}

impl<'a> Group<'a> {
    fn of(failure: Option<&'a Failure>) -> Self {
        Self { failure, ids: Vec::new(), requests: Vec::new(), latest: Duration::ZERO }
    }

    fn is_of(&self, failure: Option<&Failure>) -> bool {
        match (self.failure, failure) {
            (Some(one), Some(other)) => {
                (one.kind(), one.what(), one.remedy()) == (other.kind(), other.what(), other.remedy())
            }
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    fn words(&self, with_remedy: bool) -> String {
        let mut words = listed(&self.ids);
        if let Some(failure) = self.failure {
            let _ = write!(words, "{}{}", if words.is_empty() { "" } else { " " }, failure.kind().code());
            if !self.latest.is_zero() {
                let _ = write!(words, " after {} ms", self.latest.as_millis());
            }
            let _ = write!(words, ": {}", failure.what());
            if with_remedy {
                let _ = write!(words, ": {}", failure.remedy());
            }
        }
        if !self.requests.is_empty() {
            let _ = write!(words, " (request {})", listed(&self.requests));
        }
        words
    }
}

fn note<'a>(all: &mut Vec<&'a str>, one: Option<&'a str>) {
    all.extend(one.filter(|one| !all.contains(one)));
}

fn noun(count: usize) -> &'static str {
    if count == 1 { "id" } else { "ids" }
}

fn listed(all: &[&str]) -> String {
    let named = all[..all.len().min(NAMED)].join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        rest => format!("{named} and {rest} more"),
    }
}

/// One line, whatever its parts are: a line more would be another record, or another field of this one.
fn plain(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, "\u{fffd}") } else { text }
}

fn shorten(mut line: String) -> String {
    if line.len() > LINE_LIMIT {
        line.truncate(line.floor_char_boundary(LINE_LIMIT - 3));
        line.push('…');
    }
    line
}
