//! What servers answer besides secrets, and how many connections they see. Needs no server installed.

use std::time::Duration;

use secretref_tests::canned::Canned;
use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::proxy::{self, Beyond};
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
fn every_answer_that_is_no_secret_has_its_failure() {
    for (status, headers, body, exit, code, words) in [
        ("503 x", "", r#"{"errors":["Vault is sealed"]}"#, 5, "UNAVAILABLE", "is in maintenance"),
        ("501 x", "", "", 5, "UNAVAILABLE", "not initialised"),
        ("502 x", "", "<html>", 5, "UNAVAILABLE", "502"),
        ("472 x", "", r#"{"errors":[]}"#, 5, "UNAVAILABLE", "standby"),
        ("429 x", "", "", 5, "RATE_LIMITED", "429"),
        ("400 x", "", r#"{"errors":["x"]}"#, 0, "INVALID_ID", "400"),
        ("418 x", "", r#"{"errors":[]}"#, 5, "UNAVAILABLE", "418"),
        ("418 x", "retry-after: 1\r\n", r#"{"errors":[]}"#, 5, "UNAVAILABLE", "418"),
        ("404 x", "", "<h1>nginx</h1>", 5, "UNAVAILABLE", "not as a Vault does"),
        (
            "400 x",
            "",
            "Client sent an HTTP request to an HTTPS server.",
            5,
            "UNAVAILABLE",
            "check scheme, port",
        ),
        ("200 x", "", "<html>portal</html>", 5, "UNAVAILABLE", "not as a Vault does"),
        ("200 x", "", r#"{"data":{"k":"value-v1"}}"#, 5, "UNAVAILABLE", "not as a Vault does"),
        ("200 x", "", r#"{"data":{"data":"text-x"}}"#, 5, "UNAVAILABLE", "not as a Vault does"),
        ("302 x", "location: /v1/again\r\n", "", 5, "UNAVAILABLE", "in circles"),
        (
            "307 x",
            "location: https://elsewhere.example.com/\r\n",
            "",
            5,
            "UNAVAILABLE",
            "redirects to another place",
        ),
    ] {
        let server = Canned::http(status, headers, body);
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
fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = Canned::start("");
    let server = Canned::http("307 x", &format!("location: {}/v1/secret/data/a\r\n", elsewhere.http), "");
    let ended = at(&server.http).request(&["a#k"]).end();
    assert_eq!(failure(&ended).0, "UNAVAILABLE");
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn what_may_pass_is_tried_three_times_and_a_longer_pause_not_waited_for() {
    let server = Canned::http("500 x", "", "");
    let ended = at(&server.http).request(&["a#k"]).end();
    assert_eq!((failure(&ended).0.as_str(), server.connections()), ("UNAVAILABLE", 3));
    let server = Canned::http("429 x", "retry-after: 30\r\n", "");
    let ended = at(&server.http).request(&["a#k"]).end();
    assert_eq!((failure(&ended).0.as_str(), server.connections()), ("RATE_LIMITED", 1));
    assert!(ended.took < Duration::from_millis(500), "{ended:?}");
}

#[test]
fn a_connection_that_breaks_is_a_failure_of_the_store() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"da",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "SSH-2.0-x\r\n",
    ] {
        let server = Canned::start(bytes);
        let ended = at(&server.http).request(&["a#k"]).end();
        assert_eq!((ended.code, failure(&ended).0.as_str()), (Some(5), "UNAVAILABLE"), "{bytes}: {ended:?}");
    }
}

#[test]
fn a_body_without_end_is_cut_off() {
    let body = format!(r#"{{"data":{{"data":{{"k":"{}"}}}}}}"#, "x".repeat(3 << 20));
    let ended = at(&Canned::http("200 x", "", &body).http).request(&["a#k"]).end();
    assert_eq!((ended.code, failure(&ended).0.as_str()), (Some(0), "INVALID_VALUE"), "{}", ended.stderr);
}

#[test]
fn a_certificate_that_is_not_trusted_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeVault::start(folder.path(), Manner::default());
    let other = tempfile::tempdir().unwrap();
    let other = secretref_tests::certificate::Certificates::make(other.path()).ca;
    for (run, words) in [
        (at(&fake.https), "not trusted: set `ca_cert` to the certificate of that authority"),
        (at(&fake.https).env("VAULT_CACERT", &other), "is signed by no certificate of "),
    ] {
        let ended = run.request(&["a#k"]).end();
        assert!(failure(&ended).1.contains(words), "{ended:?}");
    }
    let ended =
        at(&fake.http.replace("http:", "https:")).env("VAULT_CACERT", &fake.ca).request(&["a#k"]).end();
    assert!(failure(&ended).1.contains("does not complete a TLS handshake"), "{ended:?}");
}

#[test]
fn few_connections_carry_many_requests() {
    for (ids, no_h2, most) in
        [(1, false, 1), (100, false, 1), (512, false, 3), (100, true, 32), (512, true, 32)]
    {
        let folder = tempfile::tempdir().unwrap();
        let fake = FakeVault::start(
            folder.path(),
            Manner { delay: Duration::from_millis(5), no_h2, ..Manner::default() },
        );
        fake.mount("secret");
        fake.token("hvs.seeded-token", Token { denied: "\0", may_look: true });
        let names: Vec<_> = (0..ids).map(|number| format!("n{number}#k")).collect();
        for number in 0..ids {
            fake.put("secret", &format!("n{number}"), &format!("{{\"k\":\"value-{number}\"}}"));
        }
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let run = Run::new(resolver::path("secretref-vault"))
            .env("VAULT_ADDR", &fake.https)
            .env("VAULT_CACERT", &fake.ca);
        let ended = run.env("VAULT_TOKEN", "hvs.seeded-token").request(&names).end();
        let response: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(response["values"].as_object().unwrap().len(), ids, "{}", response["errors"]);
        let (connections, requests) = fake.counts();
        assert!(
            connections <= most && requests == ids,
            "{ids} ids, HTTP/1.1 alone {no_h2}: {connections} {requests}"
        );
    }
}

#[test]
fn connections_that_fail_or_hang_beside_others_cost_nothing() {
    for (ids, no_h2, count, beyond) in [
        (512, false, 1, Beyond::Hang),
        (512, false, 2, Beyond::Close),
        (100, true, 1, Beyond::Hang),
        (100, true, 1, Beyond::Close),
        (100, true, 4, Beyond::Close),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let fake = FakeVault::start(
            folder.path(),
            Manner { delay: Duration::from_millis(5), no_h2, ..Manner::default() },
        );
        fake.mount("secret");
        fake.token("hvs.seeded-token", Token { denied: "\0", may_look: true });
        fake.put("secret", "a", r#"{"k":"value-a"}"#);
        for number in 0..ids {
            fake.put("secret", &format!("n{number}"), r#"{"k":"value-of-it"}"#);
        }
        let names: Vec<_> = (0..ids).map(|number| format!("n{number}#k")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let address = proxy::start(fake.https.trim_start_matches("https://"), count, beyond);
        let run = Run::new(resolver::path("secretref-vault")).env("VAULT_ADDR", format!("https://{address}"));
        let run = run.env("VAULT_CACERT", &fake.ca).env("VAULT_TOKEN", "hvs.seeded-token");
        let ended = run.request(&names).end();
        let response: Value = serde_json::from_str(&ended.stdout).unwrap();
        let got = response["values"].as_object().unwrap().len();
        assert_eq!(got, ids, "{ids} {no_h2} {count} {beyond:?}: {}", response["errors"]);
        assert!(ended.took < Duration::from_secs(2), "{ids} {no_h2} {count} {beyond:?}: {:?}", ended.took);
    }
}
