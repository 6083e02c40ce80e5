//! The response of a store to a read, and the outcome.
//!
//! Input: `KV STATUS ID` with lines of headers below it, then the body.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use secretref_fuzz::{check_failure, check_value, response};
use secretref_protocol::outcome::accept;
use secretref_protocol::{Document, Failure, Field, Kind, Retry};
use secretref_vault::fuzz::{locate, understand};
use serde_json::{Map, Value};

fuzz_target!(|input: &[u8]| {
    let Some((word, name, reply)) = response(input) else { return };
    let is_v1 = word == "1";
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
