//! Exit codes: what help, documentation and tests read.

use crate::failure::{Failure, Kind};
use crate::outcome::Outcome;

/// How a process ends.
///
/// In protocol mode the process ends with 0 even if ids fail, because a gateway discards the whole response of a process
/// that ends with another code. Another code says that no id could be resolved, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Answered. In protocol mode single ids may have failed.
    Done = 0,
    /// In a shell: at least one id has no value.
    IdFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A setting is missing or wrong.
    Configuration = 3,
    /// The store refuses the credential.
    SignIn = 4,
    /// The store cannot be reached, or cannot answer now.
    Store = 5,
    /// The deadline came before any answer.
    Deadline = 6,
    /// stdin held no request of this protocol.
    Request = 7,
    /// A bug.
    Internal = 8,
    /// The answer could not be written completely.
    Output = 9,
    /// A command that changes the store was started by a gateway, or as a gateway does it.
    Refused = 10,
    /// Everything resolves, but something expires within the given time.
    Expiring = 11,
    /// The gateway could not be asked to reload.
    NotReloaded = 12,
    /// The command of `exec` cannot be executed.
    NotExecutable = 126,
    /// The command of `exec` was not found.
    CommandNotFound = 127,
}

impl Exit {
    /// Returns the meaning of the code with which a resolver ended; a bug if it has none, or if a signal ended it.
    pub(crate) fn of_code(code: Option<i32>) -> Self {
        let found = Self::TABLE.iter().find(|(exit, ..)| Some(exit.code()) == code);
        found.map_or(Self::Internal, |(exit, ..)| *exit)
    }

    /// Every code with its name and meaning, in order, for help and documentation.
    pub const TABLE: [(Self, &str, &str); 15] = [
        (Self::Done, "answered", "answered; a gateway reads errors of single ids in the response"),
        (Self::IdFailed, "an id failed", "in a shell: an id has no value, or could not be changed"),
        (Self::Usage, "usage", "the command line is wrong"),
        (Self::Configuration, "configuration", "a setting is missing or wrong"),
        (Self::SignIn, "sign-in", "the store refuses the credential"),
        (Self::Store, "store", "the store cannot be reached or cannot answer now"),
        (Self::Deadline, "deadline", "the deadline came before any answer"),
        (Self::Request, "request", "stdin held no request of this protocol"),
        (Self::Internal, "bug", "a bug in the resolver"),
        (
            Self::Output,
            "output",
            "the answer could not be written completely: the disk is full, or the reader stopped reading",
        ),
        (Self::Refused, "refused", "a command that changes something was started as a gateway starts it"),
        (
            Self::Expiring,
            "expiring",
            "`check`: all ids have a value, and something expires within `--expires-within`",
        ),
        (
            Self::NotReloaded,
            "not reloaded",
            "`watch`: the gateway could not be asked to reload; the next run tries again",
        ),
        (Self::NotExecutable, "not executable", "`exec`: the system cannot execute the command"),
        (Self::CommandNotFound, "not found", "`exec`: the command was not found"),
    ];

    /// Returns the code.
    #[must_use]
    pub fn code(self) -> i32 {
        self as i32
    }

    /// Returns the code of a command that fails with `failure`.
    #[must_use]
    pub fn from_failure(failure: &Failure) -> Self {
        match Self::from_outcomes(&[Err(failure.clone())]) {
            Self::Done => Self::IdFailed,
            exit => exit,
        }
    }

    /// Returns the code of an answer: [`Exit::Done`] if an id has a value or the store's own response, or if all failures
    /// are about ids alone; else the code of the cause.
    #[must_use]
    pub fn from_outcomes(outcomes: &[Outcome]) -> Self {
        let kinds = || outcomes.iter().filter_map(|outcome| outcome.as_ref().err().map(Failure::kind));
        let answered = outcomes.iter().any(Result::is_ok) || kinds().any(Kind::is_verdict);
        if answered || kinds().all(Kind::is_of_id) {
            return Self::Done;
        }
        let causes = [
            (Kind::Misconfigured, Self::Configuration),
            (Kind::Unauthenticated, Self::SignIn),
            (Kind::RateLimited, Self::Store),
            (Kind::Unavailable, Self::Store),
            (Kind::Timeout, Self::Deadline),
        ];
        let cause = causes.into_iter().find(|(cause, _)| kinds().any(|kind| kind == *cause));
        cause.map_or(Self::Internal, |(_, exit)| exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn from_outcomes(kinds: &[Kind]) -> i32 {
        Exit::from_outcomes(&kinds.iter().map(|kind| Err(Failure::new(*kind, "", ""))).collect::<Vec<_>>())
            .code()
    }

    #[test]
    fn the_process_fails_only_if_no_id_could_be_resolved() {
        assert_eq!(from_outcomes(&[]), 0);
        assert_eq!(from_outcomes(&[Kind::NotFound, Kind::AccessDenied]), 0);
        assert_eq!(from_outcomes(&[Kind::InvalidId, Kind::NotAllowed]), 0);
        assert_eq!(from_outcomes(&[Kind::Internal, Kind::NotFound]), 0);
        assert_eq!(from_outcomes(&[Kind::Internal, Kind::InvalidId]), 8);
        assert_eq!(from_outcomes(&[Kind::Unavailable, Kind::NotFound]), 0);
        assert_eq!(from_outcomes(&[Kind::Unavailable, Kind::InvalidId]), 5);
        assert_eq!(from_outcomes(&[Kind::Misconfigured]), 3);
        assert_eq!(from_outcomes(&[Kind::Unauthenticated, Kind::Timeout]), 4);
        assert_eq!(from_outcomes(&[Kind::RateLimited]), 5);
        assert_eq!(from_outcomes(&[Kind::Timeout, Kind::Unavailable]), 5);
        assert_eq!(from_outcomes(&[Kind::Timeout]), 6);
        let mixed = [Ok(Secret::new("v".into()).into()), Err(Failure::new(Kind::Timeout, "", ""))];
        assert_eq!(Exit::from_outcomes(&mixed), Exit::Done);
    }

    #[test]
    fn the_table_is_in_order_and_whole() {
        let codes: Vec<_> = Exit::TABLE.iter().map(|(exit, ..)| exit.code()).collect();
        let (of_shells, own) = (&codes[codes.len() - 2..], &codes[..codes.len() - 2]);
        assert!(own.iter().zip(0..).all(|(code, at)| *code == at));
        assert_eq!(of_shells, [126, 127]);
    }
}
