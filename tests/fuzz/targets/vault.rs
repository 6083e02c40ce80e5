//! The response of a store to a read, and the outcome.
//!
//! Input: `KV STATUS ID` with lines of headers below it, then the body.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use secretref_fuzz::{check_failure, check_value, parts};
use secretref_protocol::fuzz::Id;
use secretref_protocol::net::Response;
use secretref_protocol::outcome::accept;
use secretref_protocol::{Document, Failure, Field, Kind, Name, Retry};
use secretref_vault::fuzz::{locate, understand};
use serde_json::{Map, Value};

fuzz_target!(|input: &[u8]| {
    let mut parts = parts(input);
    let head = parts.next().and_then(|head| std::str::from_utf8(head).ok());
    let Some((is_v1, name, mut reply)) = head.and_then(read_head) else { return };
    reply.body = parts.next().unwrap_or_default().to_vec();
    let Ok((_, field)) = locate(&name, is_v1) else { return };
    let quoted = format!("{name:?}");
    match understand(&reply, &name, is_v1) {
        Err(failure) => {
            check_failure(&failure, &quoted);
            check_refusal(&failure, reply.status);
        }
        Ok(document) => {
            assert_eq!(reply.status, StatusCode::OK);
            check_document(&document, &reply.body, is_v1);
            for json in [false, true] {
                match field.take(&document, json).and_then(accept) {
                    Ok(value) => check_value(value.expose()),
                    Err(failure) => check_failure(&failure, &quoted),
                }
            }
        }
    }
});

fn read_head(head: &str) -> Option<(bool, Name, Response)> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let is_v1 = words.next()? == "1";
    let status = StatusCode::from_bytes(words.next()?.as_bytes()).ok()?;
    let name = Name::from_id(&Id::parse(words.next()?).ok()?).ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    let headers: HeaderMap = lines.filter_map(header).take(8).collect();
    Some((is_v1, name, Response { status, headers, body: Vec::new() }))
}

/// A read is retried only if the store says so, and only a response of the store itself means that there is no secret.
fn check_refusal(failure: &Failure, status: StatusCode) {
    if failure.kind() == Kind::NotFound {
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    let may_pass = status.is_server_error() || [412, 429, 472, 473].contains(&status.as_u16());
    assert!(may_pass || failure.retry() == Retry::No, "{status}: {failure}");
}

/// The fields are those that `serde_json` finds.
fn check_document(document: &Document, body: &[u8], is_v1: bool) {
    let fields = Field::Whole.take(document, true).expect("an object");
    assert!(fields.expose().starts_with('{'));
    let known = serde_json::from_slice::<Value>(body).ok();
    if let (Some(known), Ok(fields)) = (known, serde_json::from_str::<Value>(fields.expose())) {
        let pointer = if is_v1 { "/data" } else { "/data/data" };
        // A version can be written without any field.
        let known = known.pointer(pointer).filter(|known| !known.is_null()).cloned();
        assert_eq!(known.unwrap_or_else(|| Value::Object(Map::new())), fields);
    }
}
