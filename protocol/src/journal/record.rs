//! The record of a run: a line for a person, and fields to search for. Pure.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use crate::answer::Answer;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::id::Id;
use crate::outcome::Outcome;
use crate::store::Store;
use crate::text::printable;

/// The most bytes of a record: an agent chooses the ids, and some daemons read no more at once.
const RECORD_LIMIT: usize = 8192;

/// The most bytes of the line that a person reads, so that the fields have room too.
const LINE_LIMIT: usize = 4096;

/// The longest field with the number of ids that are left out.
const OMITTED: &str = "SECRETREF_OMITTED=512\n";

/// How many failures the line names, and how many ids and requests of each.
const NAMED: usize = 5;

/// The most requests that get a field.
const REQUESTS: usize = 16;

/// The resolver and the run of a record.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) store: &'static Store,
    pub(super) run: &'a str,
    pub(super) provider: Option<&'a str>,
    pub(super) took: Duration,
}

/// The record of a run. It has the ids that failed, or all ids if none did.
pub(super) struct LogRecord<'a> {
    head: Head<'a>,
    exit: Exit,
    asked: usize,
    failed: usize,
    ids: Vec<&'a str>,
    codes: Vec<&'static str>,
    requests: Vec<&'a str>,
    groups: Vec<Group<'a>>,
    /// How many ids failed with a failure that is not in a group.
    others: usize,
}

/// The ids with the same failure, or without one.
struct Group<'a> {
    failure: Option<&'a Failure>,
    ids: Vec<&'a str>,
    requests: Vec<&'a str>,
    /// When the last of them was settled, counted from the start of the run.
    latest: Duration,
}

/// Says that the caller is not allowed to have what it asked for.
fn is_refused(outcome: &Outcome) -> bool {
    let kind = outcome.as_ref().err().map(Failure::kind);
    matches!(kind, Some(Kind::NotAllowed | Kind::AccessDenied | Kind::Unauthenticated))
}

/// Replaces a text that is not a valid id, as it could be anything.
const NO_ID: &str = "(no id)";

impl<'a> LogRecord<'a> {
    pub(super) fn new(
        head: Head<'a>,
        ids: &'a [String],
        answer: &'a Answer,
        whole: Option<&'a Failure>,
    ) -> Self {
        let mut record = Self {
            head,
            exit: answer.exit,
            asked: ids.len(),
            failed: answer.outcomes.iter().filter(|outcome| outcome.is_err()).count(),
            ids: Vec::new(),
            codes: whole.iter().map(|failure| failure.kind().code()).collect(),
            requests: Vec::new(),
            groups: whole.map(|failure| Group::new(Some(failure))).into_iter().collect(),
            others: 0,
        };
        let told = || {
            let all = ids.iter().zip(&answer.outcomes).zip(&answer.times);
            all.filter(|((_, outcome), _)| outcome.is_err() || answer.outcomes.iter().all(Result::is_ok))
        };
        // Refused ids come first, so that other ids in the request cannot push them out of the record.
        for is_first in [true, false] {
            for ((id, outcome), time) in told().filter(|((_, outcome), _)| is_refused(outcome) == is_first) {
                record.add(if Id::parse(id).is_ok() { id } else { NO_ID }, outcome, *time);
            }
        }
        record
    }

    fn add(&mut self, id: &'a str, outcome: &'a Outcome, time: Duration) {
        let (failure, request) = match outcome {
            Ok(value) => (None, value.metadata().request.as_deref()),
            Err(failure) => (Some(failure), failure.request_id()),
        };
        self.ids.push(id);
        note(&mut self.codes, failure.map(|failure| failure.kind().code()));
        note(&mut self.requests, request);
        let group = match self.groups.iter_mut().position(|group| group.is_of(failure)) {
            Some(at) => &mut self.groups[at],
            None if self.groups.len() < NAMED => self.groups.push_mut(Group::new(failure)),
            None => {
                self.others += 1;
                return;
            }
        };
        group.ids.push(id);
        note(&mut group.requests, request);
        group.latest = group.latest.max(time);
    }

    /// Returns the line that a person reads.
    fn line(&self) -> String {
        let Head { run, provider, took, .. } = self.head;
        let result = match (self.asked, self.failed) {
            (0, _) if self.exit != Exit::Done => "nothing could be answered".to_owned(),
            (asked, 0) => format!("{} resolved", count(asked)),
            (asked, failed) => format!("{failed} of {} failed", count(asked)),
        };
        let cut = if self.exit == Exit::Output { "the answer could not be written completely, " } else { "" };
        let provider = provider.map(|alias| format!(" for provider {alias}")).unwrap_or_default();
        let mut line = format!("run {run}: {cut}{result}{provider} in {} ms", took.as_millis());
        // If all ids failed with the same failure, there is room for its remedy.
        let is_alone = self.groups.len() == 1 && self.others == 0;
        let groups: Vec<_> = self.groups.iter().map(|group| group.words(is_alone)).collect();
        if !groups.is_empty() {
            let _ = write!(line, ": {}", groups.join("; "));
        }
        if self.others > 0 {
            let _ = write!(line, "; and {} more", self.others);
        }
        shorten(printable(line))
    }

    /// Returns the record in journald's own format, a line for each field. Ids that do not fit are counted instead.
    pub(super) fn journald(&self) -> String {
        let Head { store, run, provider, took } = self.head;
        let mut record = String::with_capacity(RECORD_LIMIT);
        let mut field = |name: &str, value: &dyn Display| {
            // One line, whatever the value is: a second line would be another field.
            let field = printable(format!("{name}={value}"));
            let fits = record.len() + field.len() + OMITTED.len() < RECORD_LIMIT;
            if fits || name == "SECRETREF_OMITTED" {
                record.push_str(&field);
                record.push('\n');
            }
            fits
        };
        field("MESSAGE", &self.line());
        field("PRIORITY", &self.priority());
        field("SYSLOG_IDENTIFIER", &store.binary);
        field("SECRETREF_VERSION", &store.version);
        field("SECRETREF_RUN", &run);
        field("SECRETREF_MS", &took.as_millis());
        field("SECRETREF_EXIT", &self.exit.code());
        field("SECRETREF_ASKED", &self.asked);
        field("SECRETREF_FAILED", &self.failed);
        if let Some(alias) = provider {
            field("SECRETREF_PROVIDER", &alias);
        }
        for code in &self.codes {
            field("SECRETREF_CODE", code);
        }
        for request in self.requests.iter().take(REQUESTS) {
            field("SECRETREF_REQUEST", request);
        }
        let omitted = self.ids.iter().filter(|id| **id != NO_ID && !field("SECRETREF_ID", id)).count();
        if omitted > 0 {
            field("SECRETREF_OMITTED", &omitted);
        }
        record
    }

    /// Returns the line as the C library's `syslog` sends it, but without the time: daemons then take their own.
    pub(super) fn syslog(&self) -> String {
        const USER: u8 = 1 << 3;
        format!("<{}>{}", USER | self.priority(), self.plain())
    }

    /// Returns the line with the name and the number of the process.
    pub(super) fn plain(&self) -> String {
        format!("{}[{}]: {}", self.head.store.binary, std::process::id(), self.line())
    }

    /// Returns the severity, as a number of syslog (RFC 5424).
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
    fn new(failure: Option<&'a Failure>) -> Self {
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
            if self.latest.as_millis() > 0 {
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

fn count(ids: usize) -> String {
    format!("{ids} {}", if ids == 1 { "id" } else { "ids" })
}

fn listed(all: &[&str]) -> String {
    let named = all[..all.len().min(NAMED)].join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        rest => format!("{named} and {rest} more"),
    }
}

fn shorten(mut line: String) -> String {
    if line.len() > LINE_LIMIT {
        line.truncate(line.floor_char_boundary(LINE_LIMIT - 3));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Metadata, Value};
    use crate::failure::Kind;
    use crate::secret::Secret;
    use crate::store::NameKeys;

    const STORE: Store = Store {
        binary: "secretref-test",
        version: "1.2.3",
        about: "",
        settings: &[],
        name_keys: NameKeys::Only(&[]),
        form: "name[#field]",
        examples: "",
        profile: "",
    };

    fn head(provider: Option<&str>) -> Head<'_> {
        Head { store: &STORE, run: "00ff", provider, took: Duration::from_millis(12) }
    }

    fn good(request: &str) -> Value {
        let about = Metadata { request: Some(request.into()), ..Metadata::default() };
        Value::new(Secret::new("sk-value".into()), about.into())
    }

    fn missing(what: &str) -> Outcome {
        Err(Failure::not_found(what, "store it").request(Some("r-1")))
    }

    /// Returns the line and the record of a run with these outcomes, each after 8 ms.
    fn told(ids: &[&str], outcomes: Vec<Outcome>, whole: Option<&Failure>) -> (String, String) {
        let ids: Vec<_> = ids.iter().map(|&id| id.to_owned()).collect();
        let exit = whole.map_or_else(|| Exit::from_outcomes(&outcomes), Exit::from_failure);
        let answer = Answer { times: vec![Duration::from_millis(8); outcomes.len()], outcomes, exit };
        let record = LogRecord::new(head(Some("vault")), &ids, &answer, whole);
        (record.line(), record.journald())
    }

    #[test]
    fn the_line_names_what_failed_and_why() {
        let denied = Failure::new(Kind::AccessDenied, "the token may not read kv/y", "grant read");
        for (ids, outcomes, line) in [
            (
                &["x#k", "y#k", "z#k"][..],
                vec![missing("nothing at x"), Ok(good("r-2")), Err(denied)],
                "2 of 3 ids failed for provider vault in 12 ms: z#k ACCESS_DENIED after 8 ms: the token may not read kv/y; \
                 x#k NOT_FOUND after 8 ms: nothing at x (request r-1)",
            ),
            (
                &["x#k", "y#k"],
                vec![missing("nothing"), missing("nothing")],
                "2 of 2 ids failed for provider vault in 12 ms: x#k, y#k NOT_FOUND after 8 ms: nothing: store it \
                 (request r-1)",
            ),
            (
                &["x#k", "y#k"],
                vec![Ok(good("r-1")), Ok(good("r-2"))],
                "2 ids resolved for provider vault in 12 ms: x#k, y#k (request r-1, r-2)",
            ),
            (&[], vec![], "0 ids resolved for provider vault in 12 ms"),
        ] {
            assert_eq!(told(ids, outcomes, None).0, format!("run 00ff: {line}"));
        }
        let (line, record) =
            told(&[], vec![], Some(&Failure::misconfigured("`address` is not set", "set it")));
        assert!(line.ends_with("nothing could be answered for provider vault in 12 ms: MISCONFIGURED: `address` is not set: set it"), "{line}");
        assert!(record.contains("\nPRIORITY=3\n") && record.contains("\nSECRETREF_CODE=MISCONFIGURED\n"));
    }

    #[test]
    fn the_record_has_fields_to_search_for() {
        let (line, record) = told(&["x#k", "y#k"], vec![missing("nothing at x"), Ok(good("r-2"))], None);
        let fields = "PRIORITY=4\nSYSLOG_IDENTIFIER=secretref-test\nSECRETREF_VERSION=1.2.3\nSECRETREF_RUN=00ff\n\
             SECRETREF_MS=12\nSECRETREF_EXIT=0\nSECRETREF_ASKED=2\nSECRETREF_FAILED=1\nSECRETREF_PROVIDER=vault\nSECRETREF_CODE=NOT_FOUND\n\
             SECRETREF_REQUEST=r-1\nSECRETREF_ID=x#k\n";
        assert_eq!(record, format!("MESSAGE={line}\n{fields}"));
        let (_, record) = told(&["x#k", "y#k"], vec![Ok(good("r-1")), Ok(good("r-2"))], None);
        assert!(
            record.contains("\nPRIORITY=6\n") && record.ends_with("SECRETREF_ID=x#k\nSECRETREF_ID=y#k\n")
        );
        assert!(!record.contains("sk-value") && !record.contains("CODE"));
    }

    #[test]
    fn nothing_that_was_sent_makes_a_line_or_field_of_its_own() {
        let odd = ["a\nPRIORITY=0", "b\0\r\n<0>root: c", "x y", "\u{1b}[31m", "../../etc", "\u{85}"];
        let failure = Failure::not_found("plain", "r").context("d\nSECRETREF_RUN=other\u{9b}");
        let (line, record) = told(&odd, odd.map(|_| Err(failure.clone())).into(), None);
        let listed = "(no id), (no id), (no id), (no id), (no id) and 1 more NOT_FOUND after 8 ms";
        assert!(line.contains(listed) && !line.contains(char::is_control), "{line}");
        for of_agent in ["root", "etc", "x y"] {
            assert!(!record.contains(of_agent), "{of_agent}: {record}");
        }
        let names: Vec<_> = record.lines().map(|field| field.split('=').next().unwrap()).collect();
        assert!(!names.contains(&"SECRETREF_ID") && !record.contains(|c: char| c.is_control() && c != '\n'));
        assert_eq!(names.iter().filter(|name| **name == "SECRETREF_RUN" || **name == "PRIORITY").count(), 2);
    }

    #[test]
    fn a_record_is_short_however_many_ids_fail() {
        let ids: Vec<String> = (0..512).map(|number| format!("{number}{}", "é/x".repeat(60))).collect();
        let ids: Vec<String> = ids.iter().map(|id| id.replace('é', "e")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let outcomes = |ids: &[&str]| ids.iter().map(|id| missing(&format!("é {}", id.repeat(9)))).collect();
        let (line, record) = told(&ids, outcomes(&ids), None);
        assert!(line.len() <= LINE_LIMIT && line.ends_with('…'), "{}", line.len());
        assert!(
            record.len() <= RECORD_LIMIT && record.ends_with('\n') && record.contains("\nSECRETREF_ID=0e/x")
        );
        let (line, _) =
            told(&["a", "b", "c", "d", "e", "f", "g"], outcomes(&["a", "b", "c", "d", "e", "f", "g"]), None);
        assert!(line.starts_with("run 00ff: 7 of 7 ids") && line.ends_with("; and 2 more"), "{line}");
    }

    #[test]
    fn a_refused_id_cannot_be_pushed_out() {
        let others = (0..400).map(|number| format!("{}{number}", "filler/".repeat(20)));
        let ids: Vec<String> = others.chain(["forbidden/admin#password".to_owned()]).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut outcomes: Vec<Outcome> = (1..ids.len()).map(|_| missing("nothing there")).collect();
        outcomes.push(Err(Failure::new(Kind::NotAllowed, "no pattern", "add one")));
        let (line, record) = told(&ids, outcomes, None);
        assert!(line.contains("forbidden/admin#password NOT_ALLOWED"), "{line}");
        assert!(record.contains("\nSECRETREF_ID=forbidden/admin#password\n"), "{record}");
        let named = record.matches("\nSECRETREF_ID=").count();
        assert!(record.ends_with(&format!("\nSECRETREF_OMITTED={}\n", 401 - named)), "{record}");
        assert!(record.len() <= RECORD_LIMIT);
    }

    #[test]
    fn a_line_of_syslog_begins_as_the_daemons_want_it() {
        let answer = Answer { outcomes: Vec::new(), times: Vec::new(), exit: Exit::Done };
        let line = LogRecord::new(head(None), &[], &answer, None).syslog();
        let pid = std::process::id();
        assert_eq!(line, format!("<14>secretref-test[{pid}]: run 00ff: 0 ids resolved in 12 ms"));
    }
}
