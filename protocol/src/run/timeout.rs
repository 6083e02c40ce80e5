//! The failure of a run that was not over at its deadline.

use std::time::Duration;

use super::{Notes, Run, Stage, Step};
use crate::failure::{Failure, Kind};

impl Run {
    /// Returns the failure for a run without an answer at its deadline: the step that was not over, and what to do.
    #[must_use]
    pub fn timeout(&self, deadline: Duration) -> Failure {
        let notes = self.notes();
        let pending = notes.open().map(|step| step.stage);
        let during = notes.open().map(|step| format!(", cut off at this step: {}", notes.cut_off(step)));
        let during = during.unwrap_or_default();
        Failure::new(
            Kind::Timeout,
            format!("no answer within {} ms{during}", deadline.as_millis()),
            format!("{}, or raise `timeout` (and the gateway's timeoutMs above it)", advice(pending)),
        )
    }
}

/// Returns what to check if the deadline came during this stage.
fn advice(pending: Option<Stage>) -> &'static str {
    match pending {
        Some(Stage::Configuration) => {
            "check that the files which the settings name are not on a network mount that hangs"
        }
        Some(Stage::LookUp) => "check that this machine's name servers answer",
        Some(Stage::Connection) => {
            "check that the server is up; over a network, check the address, the port and firewalls"
        }
        Some(Stage::Proxy) => "check that the proxy is not slow and can reach the store",
        Some(Stage::Tls) => "check that this port uses TLS, or use http:// if it does not",
        Some(Stage::SignIn | Stage::Read | Stage::List) => "check that the store is not slow",
        Some(Stage::Write) => "check that the store is not slow, and what it has done",
        None => "check that the store is reachable and that nothing in between is slow",
    }
}

impl Notes {
    /// Returns the name of a step with its origin; if it has several, with those that have not answered.
    fn cut_off(&self, step: &Step) -> String {
        let waiting = self.waiting.iter().filter(|(_, count)| *count > 0).map(|(origin, _)| &**origin);
        let origins = match &step.origin {
            Some(origin) => origin.to_string(),
            None => waiting.collect::<Vec<_>>().join(", "),
        };
        if origins.is_empty() { step.stage.to_string() } else { format!("{} ({origins})", step.stage) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_deadline_names_the_step_that_it_cut_off() {
        let run = Run::new(Instant::now());
        let limit = Duration::from_millis(700);
        assert!(run.timeout(limit).what().ends_with("within 700 ms"));
        let sign_in = run.begin(Stage::SignIn);
        let look_up = run.begin(Stage::LookUp);
        assert!(run.timeout(limit).what().ends_with("step: name look-up"));
        let _ = run.end(look_up, Ok(()));
        assert!(run.timeout(limit).what().ends_with("step: sign-in"));
        let _ = run.end::<()>(sign_in, Err(Failure::internal("")));
        assert!(run.pending().is_none());
    }

    #[test]
    fn a_deadline_names_a_connection_that_was_started_before_the_step_that_waits_for_it() {
        let run = Run::new(Instant::now());
        let store = run.at("https://store.test");
        let _ = store.begin(Stage::Tls);
        let _ = run.begin(Stage::Read);
        assert!(run.timeout(Duration::ZERO).what().ends_with("step: read"));
        store.sent();
        assert!(run.timeout(Duration::ZERO).what().ends_with("step: TLS (https://store.test)"));
    }

    #[test]
    fn a_deadline_names_the_origin_that_it_cut_off() {
        let run = Run::traced(Instant::now());
        let limit = Duration::from_millis(700);
        let (store, login) = (run.at("https://store.test"), run.at("https://login.test"));
        let _ = run.begin(Stage::Read);
        assert!(run.timeout(limit).what().ends_with("step: read"));
        for origin in [&store, &login, &login] {
            origin.sent();
        }
        store.received();
        login.received();
        assert!(run.timeout(limit).what().ends_with("step: read (https://login.test)"));
        let _ = store.begin(Stage::Connection);
        let connection = login.begin(Stage::Connection);
        store.fact(Stage::Connection, "to the store");
        let _ = login.end(connection, Ok(()));
        assert!(run.timeout(limit).what().ends_with("step: connection (https://store.test)"));
        let facts: Vec<_> = run.steps().into_iter().map(|step| step.facts.len()).collect();
        assert_eq!(facts, [0, 1, 0]);
    }
}
