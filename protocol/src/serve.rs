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
use crate::watchdog::{GRACE, Watchdog};
use crate::wire::{EMPTY, REQUEST_LIMIT, Request, fit};

/// Reads the request, resolves it, writes the response, and says how the process should end.
///
/// A response is written whatever happens: where the settings or the command line are wrong, every id of the request
/// gets that failure. After it comes the line in the system's log.
pub fn serve<B: Backend>(
    settings: Result<Settings, (Failure, Exit)>,
    journal: &Journal,
    (deadline, watchdog): (Deadline, &Watchdog),
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
            answer::<B>(&settings, &ids.into(), (deadline, watchdog), write)
        }
    }
}

/// Where an answer goes out.
struct ResponseWriter {
    max_output: usize,
    deadline: Deadline,
    watchdog: Watchdog,
    journal: Journal,
}

impl ResponseWriter {
    /// Writes the response; `whole` is why there is nothing in it.
    fn write(&self, ids: &[String], mut answer: Answer, whole: Option<&Failure>) -> Exit {
        let response = fit(ids, &answer.outcomes, self.max_output);
        let text = response.as_ref().map_or(EMPTY, |(response, _)| response.expose());
        self.watchdog.end_with(Exit::Output);
        let written = write_stdout(text.as_bytes(), self.deadline.later(GRACE));
        for at in response.iter().flat_map(|(_, gave_way)| gave_way) {
            answer.outcomes[*at] = Err(does_not_fit());
        }
        if response.is_none() {
            let remedy = "raise it, and maxOutputBytes of the gateway";
            let no_room = Failure::misconfigured("not even the errors fit in max_output", remedy);
            answer = Answer::refuse(ids, &no_room, Exit::Configuration);
        }
        if written == Written::Cut {
            answer.exit = Exit::Output;
        } else if let (true, Some(failure)) =
            (answer.exit != Exit::Done, answer.outcomes.iter().find_map(|outcome| outcome.as_ref().err()))
        {
            // Nobody hears this under a gateway; somebody does who pipes a request in by hand.
            say(format!("{}: {failure}", self.journal.store().binary));
        }
        // What is left to do is no reason for a gateway to throw the answer away.
        self.watchdog.end_with(answer.exit);
        self.journal.record(ids, &answer, whole);
        answer.exit
    }
}

/// The request; and beside it, if stdin was not closed in time, why it cannot be answered.
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
                "end the request by closing stdin",
            );
            match Request::parse(&bytes) {
                Ok(request) => Ok((request, Some(late))),
                Err(_) => Err((late, Exit::Deadline)),
            }
        }
    }
}
