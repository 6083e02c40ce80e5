//! The start of `doctor --as-gateway`, and what the command answered.

use std::io::ErrorKind;
use std::time::Instant;

use super::super::output::micros;
use super::super::report::Finding;
use crate::exit::Exit;
use crate::failure::{Failure, Kind};
use crate::gateway::{Ended, NoStart, Start};
use crate::system_error::words;
use crate::wire;

/// Starts the command, and returns the finding of the start and one for each id.
pub(super) fn started(start: &Start, ids: &[String]) -> (Vec<Finding>, Exit) {
    let began = Instant::now();
    let ended = start.run(&wire::request("doctor", ids));
    let took = Some(micros(began.elapsed()));
    let budget = format!("the gateway waits {} ms", start.timeout.as_millis());
    let (failure, exit) = match ended {
        Ended::NotStarted(error) => (not_started(&error), Exit::Configuration),
        Ended::Late => {
            let remedy =
                "set `timeout` below the gateway's timeoutMs; `doctor` shows the step that takes long";
            let what = "the gateway ended the run at its time limit";
            (Failure::new(Kind::Timeout, what, remedy), Exit::Deadline)
        }
        Ended::Exited { code, stdout, stderr } => match wire::read_response(&stdout, ids) {
            Some(results) => return answered(code, &results, ids, (took, budget)),
            None => (no_response(&stderr), Exit::Configuration),
        },
    };
    (vec![Finding::of("start", took, vec![budget], Some(&failure))], exit)
}

/// Returns the finding of a start that is left out, because the command could be another user's or is not there.
pub(super) fn not_tried(why: &NoStart) -> (Vec<Finding>, Exit) {
    let finding = match why {
        NoStart::Missing(error) => Finding::of("start", None, Vec::new(), Some(&not_started(error))),
        NoStart::Unsafe(why) => Finding::left_out("start", why),
    };
    (vec![finding], Exit::Configuration)
}

fn no_response(stderr: &str) -> Failure {
    let said = stderr.lines().next().unwrap_or("it printed nothing");
    Failure::misconfigured(
        format!("the output is not a response: {said}"),
        "if a shell has run the file, correct its first line: see above",
    )
}

/// Returns the findings of a start that answered. An id without a value has a code and a message.
fn answered(
    code: Option<i32>,
    results: &[wire::Answered],
    ids: &[String],
    (took, budget): (Option<u64>, String),
) -> (Vec<Finding>, Exit) {
    let well = results.iter().filter(|result| result.is_ok()).count();
    let mut facts =
        vec![budget, format!("exit {}", code.map_or_else(|| "by a signal".into(), |code| code.to_string()))];
    if !ids.is_empty() {
        facts.push(format!("{well} of {} have a value", ids.len()));
    }
    let discarded = (code != Some(0)).then(|| {
        let what = "the gateway discards the answer, because no id could be resolved";
        Failure::misconfigured(what, "see the ids below")
    });
    let each = ids.iter().zip(results).enumerate().map(|(at, (id, result))| {
        let failure = result.as_ref().err().map(|(code, message)| of_id(code, message));
        Finding::of(format!("id {}", at + 1), None, vec![id.clone()], failure.as_ref())
    });
    let none = ids.is_empty().then(|| Finding::left_out("ids", "name an id to see whether it has a value"));
    let start = Finding::of("start", took, facts, discarded.as_ref());
    let all = std::iter::once(start).chain(each).chain(none).collect();
    let exit = match Exit::of_code(code) {
        Exit::Done if well < ids.len() => Exit::IdFailed,
        exit => exit,
    };
    (all, exit)
}

fn not_started(error: &std::io::Error) -> Failure {
    let remedy = match error.kind() {
        ErrorKind::NotFound => {
            "the program in the first line is gone, or the file itself: see the first line above"
        }
        ErrorKind::PermissionDenied => {
            "the user cannot enter a folder, the file is not executable, or its file system is mounted noexec"
        }
        _ => "check the first line of the file, and that the program in it is for this machine's processor",
    };
    Failure::misconfigured(format!("the system cannot start the command ({})", words(error)), remedy)
}

/// The failure of an id, as the resolver has written it into its answer.
fn of_id(code: &str, message: &str) -> Failure {
    let kind = Kind::TABLE.iter().map(|(kind, _)| *kind).find(|kind| kind.code() == code);
    // The message has the remedy too; where it begins is not marked.
    Failure::new(kind.unwrap_or(Kind::Internal), message, "`doctor`, as the gateway's user, shows each step")
}
