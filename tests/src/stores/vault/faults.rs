//! A handler that answers as Vault does, as far as the cases of faults need it.

use std::path::Path;
use std::sync::Arc;

use crate::fault::{Answer, Asked, Handler, Subject, value};
use crate::resolver::{self, Run};

const TOKEN: &str = "hvs.canary-token";

pub const SUBJECT: Subject = Subject { handler, id, batch: None, in_clear: true, others: &[], run };

fn handler() -> Handler {
    Arc::new(|asked: &Asked| {
        if asked.path == "/v1/sys/seal-status" {
            return Answer::new(200, r#"{"initialized":true,"sealed":false}"#);
        }
        if asked.headers.get("x-vault-token").is_none_or(|token| token != TOKEN) {
            return Answer::new(403, r#"{"errors":["permission denied"]}"#);
        }
        match asked.path.strip_prefix("/v1/secret/data/") {
            Some(name) => Answer::new(
                200,
                format!(
                    r#"{{"lease_duration":0,"data":{{"data":{{"k":"{}"}},"metadata":{{"created_time":"2026-01-01T00:00:00Z","version":1}}}}}}"#,
                    value(name)
                ),
            ),
            None => Answer::new(404, r#"{"errors":[]}"#),
        }
    })
}

fn id(name: &str) -> String {
    format!("{name}#k")
}

fn run(url: &str, ca: &Path) -> Run {
    Run::new(resolver::path("secretref-vault"))
        .env("VAULT_ADDR", url)
        .env("VAULT_TOKEN", TOKEN)
        .env("VAULT_CACERT", ca)
}
