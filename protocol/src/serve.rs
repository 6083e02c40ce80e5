//! Protocol mode: one request on stdin, one response on stdout.

use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::journal::Journal;
use crate::outcome::does_not_fit;
use crate::settings::{DEFAULT_MAX_OUTPUT, Settings};
use crate::streams::{Input, Written, read_stdin, say, write_stdout};
use crate::watchdog::{GRACE, Limits, Watchdog};
use crate::wire::{EMPTY, REQUEST_LIMIT, Request, fit};

/// Reads the request, resolves it, writes the response, and says how the process should end.
///
/// There is always a response: if the settings or the command line are wrong, every id of the request gets that failure.
/// The line in the system's log is written after it.
pub fn serve<B: Backend>(
    settings: Result<Settings, (Failure, Exit)>,
    journal: &Journal,
    Limits { deadline, watchdog }: Limits<'_>,
) -> Exit {
    let max_output = settings.as_ref().map_or(DEFAULT_MAX_OUTPUT, Settings::max_output);
    journal.obey(settings.as_ref().ok());
    let writer =
        ResponseWriter { max_output, deadline, watchdog: watchdog.clone(), journal: journal.clone() };
    let (request, late) = match read_request(deadline) {
        Ok(read) => read,
        Err(unread) => {
            let (failure, exit) = settings.err().unwrap_or(unread);
            say(format!("{}: {failure}", B::STORE.binary));
            return writer.write(&[], Answer::refuse(&[], &failure, exit), Some(&failure));
        }
    };
    if let Some(alias) = request.provider {
        journal.asked_by(alias);
    }
    let ids = request.ids;
    match (late, settings) {
        (Some(late), _) => writer.write(&ids, Answer::refuse(&ids, &late, Exit::Deadline), None),
        (None, Err((failure, exit))) => writer.write(&ids, Answer::refuse(&ids, &failure, exit), None),
        (None, Ok(settings)) => {
            let write = move |ids: &[String], answer| writer.write(ids, answer, None);
            answer::<B>(&settings, &ids.into(), Limits { deadline, watchdog }, write)
        }
    }
}

/// Writes the response, then the line in the system's log.
struct ResponseWriter {
    max_output: usize,
    deadline: Deadline,
    watchdog: Watchdog,
    journal: Journal,
}

impl ResponseWriter {
    /// Writes the response. `whole` is the failure of the whole run, if there is one.
    fn write(&self, ids: &[String], mut answer: Answer, whole: Option<&Failure>) -> Exit {
        let response = fit(ids, &answer.outcomes, self.max_output);
        let text = response.as_ref().map_or(EMPTY, |(response, _)| response.expose());
        self.watchdog.end_with(Exit::Output);
        let written = write_stdout(text.as_bytes(), self.deadline.later(GRACE));
        for at in response.iter().flat_map(|(_, gave_way)| gave_way) {
            answer.outcomes[*at] = Err(does_not_fit());
        }
        if response.is_none() {
            let remedy = "raise max_output, and the gateway's maxOutputBytes";
            let no_room = Failure::misconfigured("the errors alone do not fit in max_output", remedy);
            answer = Answer::refuse(ids, &no_room, Exit::Configuration);
        }
        if written == Written::Cut {
            answer.exit = Exit::Output;
        } else if let (true, Some(failure)) =
            (answer.exit != Exit::Done, answer.outcomes.iter().find_map(|outcome| outcome.as_ref().err()))
        {
            // A gateway does not show this; a person who pipes a request in sees it.
            say(format!("{}: {failure}", self.journal.store().binary));
        }
        // The answer is out: if the rest takes too long, the process still ends with the answer's code.
        self.watchdog.end_with(answer.exit);
        self.journal.record(ids, &answer, whole);
        answer.exit
    }
}

/// Reads the request. If stdin was not closed in time, returns why it cannot be answered with it.
fn read_request(deadline: Deadline) -> Result<(Request, Option<Failure>), (Failure, Exit)> {
    match read_stdin(REQUEST_LIMIT, deadline) {
        Input::Whole(bytes) | Input::Broken(bytes) => match Request::parse(&bytes) {
            Ok(request) => Ok((request, None)),
            Err(failure) => Err((failure, Exit::Request)),
        },
        Input::Unfinished(bytes) => {
            let late = Failure::new(
                Kind::Timeout,
                format!("stdin was not closed within {} ms", deadline.limit().as_millis()),
                "close stdin after the request",
            );
            match Request::parse(&bytes) {
                Ok(request) => Ok((request, Some(late))),
                Err(_) => Err((late, Exit::Deadline)),
            }
        }
    }
}
