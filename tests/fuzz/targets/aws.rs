//! What AWS Secrets Manager answers to a read or a batch, and what becomes of it.
//!
//! Input: `one STATUS ID` or `batch STATUS ID`, with lines of headers below it, then the body.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use secretref_aws::fuzz::{locate, understand, understand_batch};
use secretref_fuzz::{check_failure, check_value, json, outline, response};
use secretref_protocol::outcome::accept;
use secretref_protocol::{Document, Failure, Field, Kind, Retry};
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Some((word, name, reply)) = response(input) else { return };
    let (is_batch, body) = (word == "batch", reply.body.clone());
    let Ok((id, field)) = locate(&name) else { return };
    let (status, quoted) = (reply.status, format!("{name:?}"));
    let understood =
        if is_batch { understand_batch(reply, &name).transpose() } else { Some(understand(reply, &name)) };
    match understood {
        None => {}
        Some(Err(failure)) => {
            check_failure(&failure, &quoted);
            check_refusal(&failure, &body, status);
        }
        Some(Ok(document)) => {
            assert!(status.is_success());
            check_document(&document, &body, is_batch, &id);
            match field.take(&document, true).and_then(accept) {
                Ok(value) => check_value(value.expose()),
                Err(failure) => check_failure(&failure, &quoted),
            }
        }
    }
});

/// Only an error of Secrets Manager can say that there is no secret, and a stranger is asked again only if it fails.
fn check_refusal(failure: &Failure, body: &[u8], status: StatusCode) {
    let is_json = outline(body).is_some();
    if failure.kind().is_verdict() && failure.kind() != Kind::InvalidValue {
        assert!(is_json || !status.is_success(), "{status}: {failure}");
    }
    if failure.kind() == Kind::NotFound && status.is_success() {
        let text = String::from_utf8_lossy(body);
        assert!(text.contains("Errors"), "{failure}");
    }
    if status.is_redirection() {
        assert_eq!(failure.retry(), Retry::No, "{status}: {failure}");
    }
}

/// The value is one that `serde_json` finds in the body, in an object with the name or the ARN that was asked for.
fn check_document(document: &Document, body: &[u8], is_batch: bool, id: &str) {
    let Ok(value) = Field::Whole.take(document, true) else { return };
    let Some(known) = json(body) else { return };
    let entries: Vec<&Value> = if is_batch {
        known["SecretValues"].as_array().into_iter().flatten().collect()
    } else {
        vec![&known]
    };
    let is_it = |entry: &&Value| {
        let is_asked = entry["Name"] == id || entry["ARN"].as_str().is_some_and(|arn| arn.starts_with(id));
        is_asked && (entry["SecretString"] == value.expose() || entry["SecretBinary"].is_string())
    };
    assert!(entries.iter().any(is_it), "{id}");
}
