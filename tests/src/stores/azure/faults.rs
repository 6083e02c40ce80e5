//! Key Vault, as far as the cases need it. The token is from an Entra without faults.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;

use super::entra::{App, TENANT};
use super::stand_in::{Manner, StandIn};
use crate::fault::{Answer, Asked, Handler, Other, Subject, value};
use crate::resolver::{self, Run};

const CLIENT: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
const SECRET: &str = "canary-secret";

pub const SUBJECT: Subject = Subject {
    handler,
    id,
    batch: None,
    in_clear: false,
    others: &[Other {
        sentence: "a 400 of a mount that is not ready yet",
        outcome: "UNAVAILABLE",
        words: "is not from Key Vault",
        tries: Some(1),
    }],
    run,
};

static ENTRA: LazyLock<(StandIn, tempfile::TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let server = StandIn::start(folder.path(), Manner::default());
    server.app(CLIENT, App { secret: Some((SECRET.to_owned(), false)), ..App::default() });
    (server, folder)
});

fn handler() -> Handler {
    Arc::new(|asked: &Asked| {
        let token =
            asked.headers.get("authorization").and_then(|token| token.to_str().ok()?.strip_prefix("Bearer "));
        if !token.is_some_and(is_good) {
            return Answer::new(
                401,
                json!({"error": {"code": "Unauthorized", "message": "no token"}}).to_string(),
            );
        }
        let path = asked.path.split('?').next().unwrap_or_default();
        match path.strip_prefix("/secrets/") {
            Some(name) => {
                let name = name.trim_end_matches('/');
                let id = format!("https://vault.test/secrets/{name}/{:032x}", 1);
                let body = json!({"value": value(name), "id": id, "attributes": {"enabled": true}});
                Answer::new(200, body.to_string())
            }
            None => Answer::new(404, json!({"error": {"code": "NotFound", "message": ""}}).to_string()),
        }
    })
}

/// Whether a token is good. Each is verified once: a case asks 512 times.
fn is_good(token: &str) -> bool {
    static GOOD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut good = GOOD.lock().expect("the tokens");
    if !good.contains(token) && ENTRA.0.entra().verify(token, "https://vault.azure.net").is_some() {
        good.insert(token.to_owned());
    }
    good.contains(token)
}

fn id(name: &str) -> String {
    name.to_owned()
}

fn run(url: &str, ca: &Path) -> Run {
    let (entra, folder) = &*ENTRA;
    let both = folder.path().join("both.pem");
    if !both.exists() {
        let text = [std::fs::read(ca).expect("a file"), std::fs::read(&entra.ca).expect("a file")].concat();
        let part = tempfile::NamedTempFile::new_in(folder.path()).expect("a file");
        std::fs::write(part.path(), text).expect("a file");
        part.persist(&both).expect("a file");
    }
    Run::new(resolver::path("secretref-azure"))
        .env("AZURE_KEYVAULT_URL", url)
        .env("AZURE_AUTHORITY_HOST", &entra.url)
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", CLIENT)
        .env("AZURE_CLIENT_SECRET", SECRET)
        .env("SSL_CERT_FILE", &both)
}
