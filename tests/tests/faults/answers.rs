//! Faults in sending one response: the others keep their values.

use std::time::Duration;

use h2::Reason;
use secretref_tests::fault::{Answer, CANARY, Length, Then, Until};

use super::case::{Case, TEXT, TLS, Wire};

const LOST: &str = "closed the connection before the response was complete";

/// The deadline of cases that end only by it, in milliseconds.
const SOON: u64 = 600;

pub fn cases() -> Vec<Case> {
    [silent(), broken(), too_much()].into_iter().flatten().collect()
}

/// Answers that never come to an end.
fn silent() -> Vec<Case> {
    let hangs =
        |sentence, fault| Case::one(sentence, "TIMEOUT", fault).within(SOON).says("no answer within 600 ms");
    vec![
        hangs("a request that is never answered", |act, _| act.until(Until::Nothing).then(Then::Hang)),
        hangs("a head that stops in the middle", |act, _| act.until(Until::HalfHead).then(Then::Hang))
            .over(TEXT),
        hangs("a body that never begins", |act, _| act.until(Until::Head).then(Then::Hang)),
        hangs("a body that stops in the middle", |act, _| act.until(Until::HalfBody).then(Then::Hang)),
        hangs("chunks that never end", |act, _| {
            act.length(Length::Chunked).until(Until::NoEnd).then(Then::Hang)
        }),
        hangs("less than was promised, and an open connection", |act, _| {
            act.length(Length::Promised(9)).then(Then::Hang)
        }),
        hangs("a byte now and then, too slowly", |act, _| act.pace(Duration::from_millis(50))),
        Case::one("a byte now and then, fast enough", "value", |act, _| act.pace(Duration::from_millis(1)))
            .tried(1),
        Case::one("chunks that come byte by byte", "value", |act, _| {
            act.length(Length::Chunked).pace(Duration::from_millis(1))
        }),
        Case::one("an answer after a while", "value", |act, _| act.pause(Duration::from_millis(300)))
            .tried(1),
    ]
}

/// Answers that are cut off.
fn broken() -> Vec<Case> {
    let lost = |sentence, fault| Case::one(sentence, "UNAVAILABLE", fault).says(LOST);
    vec![
        lost("a reset before the answer", |act, _| {
            act.until(Until::Nothing).then(Then::Reset(Reason::INTERNAL_ERROR))
        }),
        lost("a reset in the head", |act, _| act.until(Until::HalfHead).then(Then::ResetConnection))
            .over(TEXT),
        lost("a reset after the head", |act, _| act.until(Until::Head).then(Then::Reset(Reason::CANCEL))),
        lost("a reset in the body", |act, _| {
            act.until(Until::HalfBody).then(Then::Reset(Reason::INTERNAL_ERROR))
        }),
        Case::one("a reset after the whole answer", "value", |act, _| act.then(Then::ResetConnection)),
        Case::one("an end of the connection after the whole answer", "value", |act, _| act.then(Then::Cut)),
        lost("a connection that ends before the answer", |act, _| act.until(Until::Nothing).then(Then::Cut)),
        lost("a connection that is reset before each answer", |act, _| {
            act.until(Until::Nothing).then(Then::ResetConnection)
        }),
        lost("a connection that is reset in each body", |act, _| {
            act.until(Until::HalfBody).then(Then::ResetConnection)
        }),
        lost("less than was promised, and the end", |act, _| {
            act.length(Length::Promised(9)).then(Then::Close)
        }),
        lost("chunks without their end", |act, _| {
            act.length(Length::Chunked).until(Until::NoEnd).then(Then::Cut)
        }),
        lost("a body that ends with the connection, but without the farewell of TLS", |act, _| {
            act.length(Length::Unsaid).until(Until::HalfBody).then(Then::Cut)
        })
        .over(TLS),
        Case::one("a body that ends with the connection", "value", |act, _| {
            act.length(Length::Unsaid).then(Then::Close)
        }),
        Case::one("a connection that is lost once", "value", |act, asked| match asked.time {
            1 => act.until(Until::Nothing).then(Then::ResetConnection),
            _ => act,
        })
        .tried(2),
        Case::one("a body that is lost once", "value", |act, asked| match asked.time {
            1 => act.until(Until::HalfBody).then(Then::Cut),
            _ => act,
        })
        .tried(2),
    ]
}

/// Responses that are too large.
fn too_much() -> Vec<Case> {
    let too_long =
        |sentence, fault| Case::one(sentence, "INVALID_VALUE", fault).says("is longer than ").tried(1);
    vec![
        too_long("a body of 9 MiB", |act, _| act.answer(large(9 << 20))),
        too_long("a body of 9 MiB in chunks", |act, _| act.answer(large(9 << 20)).length(Length::Chunked)),
        too_long("a body of 9 MiB that ends with the connection", |act, _| {
            act.answer(large(9 << 20)).length(Length::Unsaid).then(Then::Close)
        }),
        too_long("chunks for ever", |act, _| {
            act.answer(large(9000)).length(Length::Chunked).until(Until::EndlessBody)
        }),
        too_long("a body for ever", |act, _| {
            act.answer(large(9000)).length(Length::Unsaid).until(Until::EndlessBody)
        }),
        too_long("a promise of 8 EiB", |act, _| {
            act.length(Length::Promised(usize::MAX / 2 - 99)).until(Until::Head).then(Then::Hang)
        }),
        Case::one("a header of 1 MiB", "UNAVAILABLE", |act, _| act.header("x-long", CANARY.repeat(1 << 18)))
            .over(TEXT),
        // A longer one ends the whole connection. Each retry opens another, which takes seconds on a busy machine.
        Case::one("a header of 20 KB", "UNAVAILABLE", |act, _| act.header("x-long", CANARY.repeat(3400)))
            .over(&[Wire::H2])
            .within(10_000),
        Case::one("four hundred headers", "UNAVAILABLE", |act, _| {
            (0..400).fold(act, |act, number| act.header(&format!("x-{number}"), CANARY))
        }),
        Case::one("a head without end", "UNAVAILABLE", |act, _| act.until(Until::EndlessHead)).over(TEXT),
        Case::one("an early hint before the answer", "value", |act, _| act.informational(103, 1)).tried(1),
        Case::one("a hundred early hints before the answer", "value", |act, _| act.informational(103, 100)),
    ]
}

fn large(length: usize) -> Answer {
    Answer::new(200, format!(r#"{{"{CANARY}":"{}"}}"#, "x".repeat(length)))
}
