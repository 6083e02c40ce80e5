//! A request and its response.
//!
//! Input: the request, then texts that are the outcomes of its ids in turn; a text after a `!` is a failure.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use secretref_fuzz::{check_failure, check_value, parts};
use secretref_protocol::outcome::{Outcome, accept};
use secretref_protocol::wire::{EMPTY, IDS_LIMIT, REQUEST_LIMIT, Request, respond};
use secretref_protocol::{Failure, Secret};
use serde_json::{Value, json};

fuzz_target!(|input: &[u8]| {
    let mut parts = parts(input);
    let request = match Request::parse(parts.next().unwrap_or_default()) {
        Ok(request) => request,
        Err(failure) => return check_failure(&failure, ""),
    };
    reads_back(&request);
    let texts: Vec<_> = parts.take(16).map(String::from_utf8_lossy).collect();
    let outcomes: Vec<_> = texts.iter().cycle().take(request.ids.len()).map(|text| outcome(text)).collect();
    let whole = judge(&request.ids, &outcomes, usize::MAX >> 1).expect("there is room for everything");
    // The room is counted with a comma after each, so that two bytes can be left over.
    assert_eq!(judge(&request.ids, &outcomes, whole + 2), Some(whole));
    for limit in [whole, whole - 1, whole / 2, EMPTY.len(), EMPTY.len() - 1] {
        judge(&request.ids, &outcomes, limit);
    }
});

fn reads_back(request: &Request) {
    let ids: HashSet<_> = request.ids.iter().collect();
    assert!(ids.len() == request.ids.len() && ids.len() <= IDS_LIMIT);
    let written = json!({"protocolVersion": 1, "provider": request.provider, "ids": request.ids}).to_string();
    // A text may be longer as JSON than it was sent.
    if written.len() <= REQUEST_LIMIT {
        assert_eq!(Request::parse(written.as_bytes()).as_ref(), Ok(request));
    }
}

fn outcome(text: &str) -> Outcome {
    match text.strip_prefix('!') {
        Some(what) => Err(Failure::not_found(what, "store it")),
        None => accept(Secret::new(text.to_owned())).map(Into::into),
    }
}

/// Every id occurs exactly once, with its outcome, or with an error if there is no room. Returns the length.
fn judge(ids: &[String], outcomes: &[Outcome], limit: usize) -> Option<usize> {
    let response = respond(ids, outcomes, limit)?;
    let text = response.expose();
    assert!(text.len() <= limit);
    let response: Value = serde_json::from_str(text).expect("JSON");
    let (values, errors) = (response["values"].as_object().unwrap(), response["errors"].as_object().unwrap());
    assert_eq!((response["protocolVersion"].as_u64(), values.len() + errors.len()), (Some(1), ids.len()));
    for (id, outcome) in ids.iter().zip(outcomes) {
        let code =
            errors.get(id).map(|error| (error["code"].as_str().unwrap(), error["message"].is_string()));
        match (outcome, values.get(id)) {
            (Ok(secret), Some(value)) => {
                assert_eq!((value.as_str(), code), (Some(secret.expose()), None));
                check_value(secret.expose());
            }
            (Ok(_), None) => assert!(code == Some(("INVALID_VALUE", true)) && limit < usize::MAX >> 1),
            (Err(failure), value) => {
                assert_eq!((value, code), (None, Some((failure.kind().code(), true))));
            }
        }
    }
    Some(text.len())
}
