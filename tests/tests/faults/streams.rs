//! Faults among many requests, all of which still get their values: faults of HTTP/2 streams, and of some of several
//! connections.

use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use secretref_tests::fault::{Act, Asked, Greeting, Setup, Streams, Then, Until};

use super::case::{Case, Wire};

pub fn cases() -> Vec<Case> {
    [ends(), limits(), connections()].into_iter().flatten().collect()
}

/// Connections that end with many pending requests.
fn ends() -> Vec<Case> {
    vec![
        Case::some("a connection that takes 20 requests, and says so", 512, |act, asked| {
            after(20, None, act, asked)
        }),
        Case::some("a connection that takes 50 requests, and says so", 512, |act, asked| {
            after(50, None, act, asked)
        }),
        Case::some("a connection that ends at its 50th request", 512, |act, asked| {
            after(50, Some(Reason::NO_ERROR), act, asked)
        }),
        Case::some("a connection that ends at its 20th request", 512, |act, asked| {
            after(20, Some(Reason::NO_ERROR), act, asked)
        }),
        Case::some("a server that asks for calm at the 50th request", 512, |act, asked| {
            after(50, Some(Reason::ENHANCE_YOUR_CALM), act, asked)
        }),
        Case::some("connections that are reset at their 100th request", 512, |act, asked| {
            at(100, asked, act, |act| act.until(Until::Nothing).then(Then::ResetConnection))
        }),
        Case::some("a connection that is reset in the middle", 512, |act, asked| match asked.connection {
            1 => at(100, asked, act, |act| act.until(Until::Nothing).then(Then::ResetConnection)),
            _ => act,
        }),
        Case::some("every second request is reset once", 512, |act, asked| {
            match (asked.turn % 2, asked.time) {
                (0, 1) => act.until(Until::Nothing).then(Then::Reset(Reason::REFUSED_STREAM)),
                _ => act,
            }
        }),
        Case::some("every second stream is reset", 512, |act, asked| match asked.turn % 2 {
            0 => act.until(Until::Nothing).then(Then::Reset(Reason::INTERNAL_ERROR)),
            _ => act,
        }),
        Case::some("every second stream is reset in its body", 512, |act, asked| match asked.turn % 2 {
            0 => act.until(Until::HalfBody).then(Then::Reset(Reason::CANCEL)),
            _ => act,
        }),
    ]
}

/// The server accepts only this many requests on a connection. With a reason it drops the later ones.
fn after(count: usize, reason: Option<Reason>, act: Act, asked: &Asked) -> Act {
    match reason {
        Some(_) if asked.turn > count => act.until(Until::Nothing).then(Then::Hang),
        _ => at(count, asked, act, |act| act.then(Then::GoAway(reason))),
    }
}

/// Changes what the server does with one request of each connection.
fn at(turn: usize, asked: &Asked, act: Act, change: impl FnOnce(Act) -> Act) -> Act {
    if asked.turn == turn { change(act) } else { act }
}

/// Servers with tight limits.
fn limits() -> Vec<Case> {
    let limited = |sentence, setup| Case::some(sentence, 512, |act, _| act).setup(setup);
    vec![
        limited("one stream at a time", |setup, _| streams(setup, 1, None, None)),
        limited("no stream at first, then a hundred", |setup, _| {
            streams(setup, 100, Some((0, Duration::from_millis(100))), None)
        }),
        limited("no room for the body of a request", |setup, _| streams(setup, 200, None, Some(0))),
        Case::all("no stream ever", "TIMEOUT", |setup, _| streams(setup, 0, None, None))
            .within(600)
            .over(&[Wire::H2]),
    ]
}

fn streams(setup: Setup, most: u32, first: Option<(u32, Duration)>, window: Option<u32>) -> Setup {
    Setup { streams: Streams { most, first, window }, ..setup }
}

/// Connections that fail or hang while others serve.
fn connections() -> Vec<Case> {
    let among = |sentence, count, setup| {
        Case::some(sentence, count, |act, _| act.pause(Duration::from_millis(5))).setup(setup).within(2000)
    };
    vec![
        among("a second connection that hangs", 512, |setup, _| beyond(setup, 1, Greeting::Silence)),
        among("a third connection that is closed", 512, |setup, _| beyond(setup, 2, Greeting::Close)),
        among("all connections but the first hang", 100, |setup, _| beyond(setup, 1, Greeting::Silence))
            .over(&[Wire::H1]),
        among("all connections but the first are closed", 100, |setup, _| beyond(setup, 1, Greeting::Close))
            .over(&[Wire::H1]),
        among("all connections but four are closed", 100, |setup, _| beyond(setup, 4, Greeting::Close))
            .over(&[Wire::H1]),
    ]
}

fn beyond(setup: Setup, count: usize, greeting: Greeting) -> Setup {
    let greet = move |number| if number > count { greeting.clone() } else { Greeting::Serve };
    Setup { greeting: Arc::new(greet), ..setup }
}
