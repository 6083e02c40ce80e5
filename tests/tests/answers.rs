//! Responses without secrets, and the number of connections. Needs no installed server.

use std::time::Duration;

use secretref_tests::canned::Canned;
use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::Value;

fn at(address: &str) -> Run {
    let run = Run::new(resolver::path("secretref-vault"));
    run.env("VAULT_ADDR", address).env("VAULT_TOKEN", "hvs.seeded-token").args(["--timeout", "1s"])
}

fn failure(ended: &Ended) -> (String, String) {
    let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
    let text = |key: &str| response["errors"]["a#k"][key].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

#[test]
fn every_response_without_a_secret_has_its_failure() {
    for (status, body, exit, code, words) in [
        ("503 x", r#"{"errors":["Vault is sealed"]}"#, 5, "UNAVAILABLE", "in maintenance"),
        ("501 x", "", 5, "UNAVAILABLE", "not initialised"),
        ("502 x", "<html>", 5, "UNAVAILABLE", "502"),
        ("472 x", r#"{"errors":[]}"#, 5, "UNAVAILABLE", "standby"),
        ("429 x", "", 5, "RATE_LIMITED", "429"),
        ("400 x", r#"{"errors":["x"]}"#, 5, "UNAVAILABLE", "400"),
        ("418 x", r#"{"errors":[]}"#, 5, "UNAVAILABLE", "418"),
        ("404 x", "<h1>nginx</h1>", 5, "UNAVAILABLE", "is not from Vault or OpenBao"),
        ("400 x", "Client sent an HTTP request to an HTTPS server.", 5, "UNAVAILABLE", "write https://"),
        ("200 x", "<html>portal</html>", 5, "UNAVAILABLE", "is not from Vault or OpenBao"),
        ("200 x", r#"{"data":{"k":"value-v1"}}"#, 5, "UNAVAILABLE", "is not from Vault or OpenBao"),
        ("200 x", r#"{"data":{"data":"text-x"}}"#, 5, "UNAVAILABLE", "is not from Vault or OpenBao"),
    ] {
        let server = Canned::http(status, "", body);
        let ended = at(&server.http).request(&["a#k"]).end();
        let (got, message) = failure(&ended);
        assert_eq!((ended.code, got.as_str()), (Some(exit), code), "{status}: {ended:?}");
        assert!(message.contains(words), "{status}: {message}");
        for leak in ["value-v1", "text-x", "portal", "hvs.seeded-token"] {
            assert!(!format!("{ended:?}").contains(leak), "{status}: {leak}");
        }
    }
}

#[test]
fn a_certificate_that_the_system_does_not_trust_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeVault::start(folder.path(), Manner::default());
    let ended = at(&fake.https).request(&["a#k"]).end();
    let words = "not trusted: set `ca_cert` to the certificate of that CA";
    assert!(failure(&ended).1.contains(words), "{ended:?}");
}

#[test]
fn few_connections_carry_many_requests() {
    for (ids, no_h2, most) in
        [(1, false, 1), (100, false, 1), (512, false, 3), (100, true, 32), (512, true, 32)]
    {
        let (connections, requests) = counts(ids, no_h2, &["--token-file"]);
        assert!(
            connections <= most && requests == ids,
            "{ids} ids, HTTP/1.1 alone {no_h2}: {connections} {requests}"
        );
    }
}

#[test]
fn more_connections_are_opened_when_a_sign_in_has_opened_one() {
    let approle = ["--auth", "approle", "--role-id", "r", "--secret-id-file"];
    assert_eq!(counts(512, false, &approle), (3, 513));
}

/// The connections and requests of a run for so many ids. `sign_in` is followed by the file of the credential.
fn counts(ids: usize, no_h2: bool, sign_in: &[&str]) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeVault::start(
        folder.path(),
        Manner { delay: Duration::from_millis(5), no_h2, ..Manner::default() },
    );
    fake.mount("secret");
    fake.token("hvs.seeded-token", Token { denied: "\0", may_look: true });
    fake.login("auth/approle/login", "hvs.seeded-token", |_| true);
    let credential = folder.path().join("credential");
    std::fs::write(&credential, "hvs.seeded-token").unwrap();
    let names: Vec<_> = (0..ids).map(|number| format!("n{number}#k")).collect();
    for number in 0..ids {
        fake.put("secret", &format!("n{number}"), &format!("{{\"k\":\"value-{number}\"}}"));
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let run = Run::new(resolver::path("secretref-vault"))
        .env("VAULT_ADDR", &fake.https)
        .env("VAULT_CACERT", &fake.ca);
    let run = run.args(["--keep-session", "off"]).args(sign_in).args([&credential]);
    let ended = run.request(&names).end();
    let response: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(response["values"].as_object().unwrap().len(), ids, "{}", response["errors"]);
    fake.counts()
}
