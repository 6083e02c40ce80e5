//! The states in which a server does not answer: each is a failure with its own remedy, and is retried if that can help.

use std::time::Duration;

use secretref_tests::canned::Canned;
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::{Value, json};

fn start(address: &str, ids: &[&str]) -> (Ended, Value) {
    let run = Run::new(resolver::path("secretref-vault")).env("VAULT_ADDR", address).env("VAULT_TOKEN", ROOT);
    let ended = run.request(ids).end();
    let response = serde_json::from_str(&ended.stdout).expect("a response");
    (ended, response)
}

/// The failure of the one id has this code, and these words.
fn assert_fails(address: &str, exit: i32, code: &str, words: &str) {
    let (ended, response) = start(address, &["a#k"]);
    let failure = &response["errors"]["a#k"];
    assert_eq!((ended.code, failure["code"].as_str()), (Some(exit), Some(code)), "{ended:?}");
    assert!(failure["message"].as_str().is_some_and(|message| message.contains(words)), "{words}: {failure}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_server_that_is_sealed() {
    let server = OpenBao::start();
    server.api("sys/seal", Some(&json!({})));
    assert_fails(&server.http, 5, "UNAVAILABLE", "is sealed (503): unseal it with `bao operator unseal`");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_server_that_is_not_initialised() {
    let server = OpenBao::uninitialised();
    assert_fails(&server.http, 5, "UNAVAILABLE", "is not initialised");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_short_rate_limit_is_waited_for_and_a_long_one_is_not() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    server.api("secret/data/b", Some(&json!({"data": {"k": "value-b"}})));
    let quota = |interval: &str| {
        let quota = json!({"path": "secret/", "rate": 1, "interval": interval});
        server.api("sys/quotas/rate-limit/kit", Some(&quota));
    };
    quota("1s");
    let (ended, response) = start(&server.http, &["a#k", "b#k"]);
    assert_eq!(response["values"], json!({"a#k": "value-a", "b#k": "value-b"}), "{ended:?}");

    // Servers name the pause only if they are told to.
    server.api("sys/quotas/config", Some(&json!({"enable_rate_limit_response_headers": true})));
    std::thread::sleep(Duration::from_millis(1100));
    let (ended, response) = start(&server.http, &["a#k", "b#k"]);
    assert_eq!(response["values"], json!({"a#k": "value-a", "b#k": "value-b"}), "{ended:?}");

    quota("10m");
    let (ended, response) = start(&server.http, &["a#k", "b#k"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(response["values"].as_object().map(serde_json::Map::len), Some(1), "{response}");
    let failures: Vec<_> = response["errors"].as_object().expect("errors").values().collect();
    assert_eq!(failures.len(), 1, "{response}");
    assert_eq!(failures[0]["code"], "RATE_LIMITED", "{response}");
    assert!(ended.took.as_secs() < 2, "it waited for a pause that is longer than its time: {ended:?}");
}

#[test]
fn replicas_and_maintenance() {
    let body = "{\"errors\":[\"canned\"]}";
    for (status, words) in [
        ("412 Precondition Failed", "is a replica that has not caught up with a write yet (412)"),
        ("472 Unknown", "is a disaster recovery standby (472)"),
        ("473 Unknown", "is a standby that does not answer this request (473)"),
        ("503 Service Unavailable", "is in maintenance, or a proxy in front of it is (503)"),
        ("502 Bad Gateway", "failed (502)"),
    ] {
        let server = Canned::http(status, "", body);
        assert_fails(&server.http, 5, "UNAVAILABLE", words);
        assert!(server.connections() >= 3, "{status} was not asked again");
    }
}
