//! What Azure Key Vault answers to a read, what Entra answers to a sign-in, and what becomes of it.
//!
//! Input: `one STATUS ID`, with lines of headers below it, then the body.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use secretref_azure::fuzz::{has_token, locate, understand};
use secretref_fuzz::{check_failure, check_value, json, outline, response};
use secretref_protocol::outcome::accept;
use secretref_protocol::{Document, Failure, Field, Kind, Retry};

fuzz_target!(|input: &[u8]| {
    let Some((_, name, reply)) = response(input) else { return };
    let body = reply.body.clone();
    check_token(&body);
    let quoted = format!("{name:?}");
    let (secret, field) = match locate(&name) {
        Ok(located) => located,
        Err(failure) => return check_failure(&failure, &quoted),
    };
    let status = reply.status;
    match understand(reply, &name) {
        Err(failure) => {
            check_failure(&failure, &quoted);
            check_refusal(&failure, &body, status);
        }
        Ok(document) => {
            assert!(status == StatusCode::OK, "{status}");
            check_document(&document, &body, &secret);
            match field.take(&document, true).and_then(accept) {
                Ok(value) => check_value(value.expose()),
                Err(failure) => check_failure(&failure, &quoted),
            }
        }
    }
});

/// A token is in JSON, and nowhere else.
fn check_token(body: &[u8]) {
    if has_token(body) {
        let known = outline(body).expect("JSON");
        let token = known["access_token"].as_str().expect("a token");
        assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()), "{token:?}");
    }
}

/// Only an error of Key Vault can say that there is no secret, and a stranger is asked again only if it fails.
fn check_refusal(failure: &Failure, body: &[u8], status: StatusCode) {
    let is_error = outline(body).is_some_and(|body| body["error"]["code"].is_string());
    if matches!(failure.kind(), Kind::NotFound | Kind::AccessDenied | Kind::Unauthenticated) {
        assert!(is_error && status.is_client_error(), "{status}: {failure}");
    }
    if status.is_redirection() || status.is_success() {
        assert_eq!(failure.retry(), Retry::No, "{status}: {failure}");
    }
}

/// The value is one that `serde_json` finds in the body, in an object whose id is that of the secret.
fn check_document(document: &Document, body: &[u8], secret: &str) {
    let Ok(value) = Field::Whole.take(document, true) else { return };
    let Some(known) = json(body) else { return };
    let (vault, name) = secret.split_once('/').expect("a vault");
    let start = format!("https://{vault}.vault.azure.net/secrets/{name}/").to_ascii_lowercase();
    let id = known["id"].as_str().unwrap_or_default().to_ascii_lowercase();
    assert!(id.starts_with(&start) || id.contains(":443/"), "{id}");
    assert!(known["value"] == value.expose(), "{secret}");
}
