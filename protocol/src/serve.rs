//! Protocol mode: one request on stdin, one response on stdout.

use crate::answer::{Answer, answer};
use crate::backend::Backend;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::secret::Secret;
use crate::settings::{DEFAULT_MAX_OUTPUT, Settings};
use crate::streams::{Input, Written, read_stdin, say, write_stdout};
use crate::watch::{GRACE, Watch};
use crate::wire::{EMPTY, REQUEST_LIMIT, Request, respond};

/// Reads the request, resolves it, writes the response, and says how the process should end.
///
/// A response is written whatever happens: where the settings or the command line are wrong, every id of the request
/// gets that failure.
pub fn serve<B: Backend>(
    settings: Result<Settings, (Failure, Exit)>,
    (deadline, watch): (Deadline, &Watch),
) -> Exit {
    let max_output = settings.as_ref().map_or(DEFAULT_MAX_OUTPUT, Settings::max_output);
    let write = move |ids: &[String], answer: Answer| write::<B>(ids, &answer, max_output, deadline);
    match (read_request(deadline), settings) {
        (Err(_), Err((failure, exit))) | (Err((failure, exit)), Ok(_)) => {
            say(format!("{}: {failure}", B::STORE.binary));
            write(&[], Answer::refuse(&[], &failure, exit))
        }
        (Ok((ids, Some(late))), _) => write(&ids, Answer::refuse(&ids, &late, Exit::Deadline)),
        (Ok((ids, None)), Err((failure, exit))) => write(&ids, Answer::refuse(&ids, &failure, exit)),
        (Ok((ids, None)), Ok(settings)) => answer::<B>(&settings, &ids.into(), (deadline, watch), write),
    }
}

fn write<B: Backend>(ids: &[String], answer: &Answer, max_output: usize, deadline: Deadline) -> Exit {
    let response = respond(ids, &answer.outcomes, max_output);
    let bytes = response.as_ref().map_or(EMPTY, Secret::expose).as_bytes();
    let written = write_stdout(bytes, deadline.later(GRACE));
    // Nobody hears what follows under a gateway; somebody does who pipes a request in by hand.
    if written == Written::Cut {
        return Exit::Output;
    }
    if response.is_none() {
        let remedy = "raise it, and maxOutputBytes of the gateway";
        say(format!("{}: not even the errors fit in max_output: {remedy}", B::STORE.binary));
        return Exit::Configuration;
    }
    if let (true, Some(Err(failure))) =
        (answer.exit != Exit::Done, answer.outcomes.iter().find(|outcome| outcome.is_err()))
    {
        say(format!("{}: {failure}", B::STORE.binary));
    }
    answer.exit
}

/// The ids of the request; and beside them, if stdin was not closed in time, why they cannot be answered.
fn read_request(deadline: Deadline) -> Result<(Vec<String>, Option<Failure>), (Failure, Exit)> {
    match read_stdin(REQUEST_LIMIT, deadline) {
        Input::Whole(bytes) | Input::Broken(bytes) => match Request::parse(&bytes) {
            Ok(request) => Ok((request.ids, None)),
            Err(failure) => Err((failure, Exit::Request)),
        },
        Input::Unfinished(bytes) => {
            let late = Failure::new(
                Kind::Timeout,
                format!("stdin was not closed within {} ms", deadline.limit().as_millis()),
                "end the request by closing stdin",
            );
            match Request::parse(&bytes) {
                Ok(request) => Ok((request.ids, Some(late))),
                Err(_) => Err((late, Exit::Deadline)),
            }
        }
    }
}
