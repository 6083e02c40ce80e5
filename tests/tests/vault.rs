//! Behaviour that only the real server shows.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::resolver::{self, Run};
use serde_json::{Value, json};

/// A profile for `server`, with these lines.
fn profile(server: &OpenBao, name: &str, lines: &str) -> PathBuf {
    let token = server.folder().join("token");
    std::fs::write(&token, ROOT).unwrap();
    let path = server.folder().join(name);
    let (address, ca) = (&server.https, server.ca.display());
    let text = format!(
        "address = \"{address}\"\nca_cert = \"{ca}\"\ntoken_file = \"{}\"\n{lines}\n",
        token.display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

fn answer(profile: &Path, ids: &[&str]) -> Value {
    let run = Run::new(resolver::path("secretref-vault")).args(["--profile".as_ref(), profile.as_os_str()]);
    let ended = run.request(ids).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn namespaces_are_read_by_default_and_by_entry() {
    let server = OpenBao::start();
    server.api("sys/namespaces/team", Some(&json!({})));
    server.api_in("team", "sys/mounts/secret", Some(&json!({"type": "kv", "options": {"version": "2"}})));
    std::thread::sleep(std::time::Duration::from_millis(500));
    server.api_in("team", "secret/data/a", Some(&json!({"data": {"k": "value-of-team"}})));
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-of-root"}})));

    let entry = "[ids]\nteam = { name = \"a\", field = \"k\", namespace = \"team\" }\nabsent = { name = \"b\", field = \"k\", namespace = \"team/\" }";
    let response = answer(&profile(&server, "entry.toml", entry), &["a#k", "team", "absent"]);
    assert_eq!(response["values"], json!({"a#k": "value-of-root", "team": "value-of-team"}), "{response}");
    assert_eq!(
        response["errors"]["absent"]["message"],
        "there is no secret at secret/b in namespace team: store it there, or check the path, `mount` and `kv_version`; without a # the last segment of an id is its field"
    );

    let response = answer(&profile(&server, "default.toml", "namespace = \"team\""), &["a#k"]);
    assert_eq!(response["values"], json!({"a#k": "value-of-team"}), "{response}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn five_hundred_and_twelve_ids_over_every_version_of_http() {
    let server = OpenBao::start();
    let ids: Vec<String> = (0..512).map(|number| format!("n{number}#k")).collect();
    for number in 0..512 {
        server
            .api(&format!("secret/data/n{number}"), Some(&json!({"data": {"k": format!("value-{number}")}})));
    }
    for http in ["auto", "h1", "h2"] {
        let profile = profile(&server, &format!("{http}.toml"), &format!("http = \"{http}\""));
        let response = answer(&profile, &ids.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(
            (0..512).all(|number| response["values"][format!("n{number}#k")] == format!("value-{number}")),
            "{http}: {}",
            response["errors"]
        );
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_token_that_is_revoked_or_used_up_is_a_failure_of_the_sign_in() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    let policy = json!({"policy": "path \"secret/data/*\" { capabilities = [\"read\"] }"});
    server.api("sys/policies/acl/reader", Some(&policy));
    server.api("auth/token/create", Some(&json!({"id": "revoked-token", "policies": ["reader"]})));
    server.api("auth/token/revoke", Some(&json!({"token": "revoked-token"})));
    server.api(
        "auth/token/create",
        Some(&json!({"id": "one-use-token", "policies": ["reader"], "num_uses": 1})),
    );
    let get = |token: &str| {
        let run = Run::new(resolver::path("secretref-vault"))
            .env("VAULT_ADDR", &server.http)
            .env("VAULT_TOKEN", token);
        run.args(["get", "a#k"]).end()
    };
    assert_eq!(get("one-use-token").stdout, "value-a");
    for token in ["revoked-token", "one-use-token"] {
        let ended = get(token);
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert!(ended.stderr.contains("(UNAUTHENTICATED)") && !ended.stderr.contains(token), "{ended:?}");
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn kv_version_1_is_read_if_the_settings_or_the_server_say_so() {
    let server = OpenBao::start();
    server.api("sys/mounts/old", Some(&json!({"type": "kv", "options": {"version": "1"}})));
    server.api(
        "old/providers/openai",
        Some(&json!({"apiKey": "value-old", "data": {"apiKey": "value-inner"}})),
    );
    for kv_version in ["1", "\"auto\""] {
        let lines = format!("kv_version = {kv_version}\nmount = \"old\"");
        let response = answer(
            &profile(&server, "v1.toml", &lines),
            &[
                "providers/openai/apiKey",
                "providers/openai#/data/apiKey",
                "absent#k",
                "providers/openai#apiKey#1",
            ],
        );
        let values =
            json!({"providers/openai/apiKey": "value-old", "providers/openai#/data/apiKey": "value-inner"});
        assert_eq!(response["values"], values, "{response}");
        assert_eq!(response["errors"]["absent#k"]["code"], "NOT_FOUND");
        assert_eq!(response["errors"]["providers/openai#apiKey#1"]["code"], "INVALID_ID");
    }

    // Without a setting, mounts of both versions are read, with a token that may only read. A mount that is not a KV engine
    // is not read.
    let policy = "path \"old/providers/*\" { capabilities = [\"read\"] }\npath \"secret/data/a\" { capabilities = [\"read\"] }";
    server.token("both-token", "both", policy, true);
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-new"}})));
    let run = Run::new(resolver::path("secretref-vault"))
        .env("VAULT_ADDR", &server.http)
        .env("VAULT_TOKEN", "both-token");
    let ended = run.request(&["old:providers/openai#apiKey", "a#k", "auth:token/lookup-self#id"]).end();
    let response: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        response["values"],
        json!({"old:providers/openai#apiKey": "value-old", "a#k": "value-new"}),
        "{response}"
    );
    assert!(response["errors"]["auth:token/lookup-self#id"].is_object(), "{response}");

    let run = Run::new(resolver::path("secretref-vault")).env("VAULT_ADDR", &server.http);
    let run = run
        .env("VAULT_TOKEN", ROOT)
        .env("OPENCLAW_VAULT_KV_VERSION", "1")
        .env("OPENCLAW_VAULT_KV_MOUNT", "old");
    assert_eq!(run.args(["get", "providers/openai/apiKey"]).end().stdout, "value-old");
}

/// A read of version 2 sends no other request. If the secret could be of version 1, one more request per mount finds out.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn the_version_is_looked_up_only_if_the_response_does_not_show_it() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    server.mount_v1("old");
    server.api("old/a", Some(&json!({"k": "value-old"})));
    server.api("old/data/a", Some(&json!({"k": "no object in it"})));
    server.api("old/b", Some(&json!({"k": "value-b"})));
    for (lines, ids, asked, requests) in [
        ("", &["a#k"][..], 0, 1),
        ("kv_version = 2", &["a#k"], 0, 1),
        ("mount = \"old\"", &["a#k", "b#k"], 1, 5),
        ("mount = \"old\"\nkv_version = 1", &["a#k"], 0, 1),
    ] {
        let before = server.audit().len();
        let response = answer(&profile(&server, "trips.toml", lines), ids);
        assert_eq!(response["errors"], json!({}), "{lines}: {response}");
        let audit = server.audit();
        let paths: Vec<_> = audit[before..].iter().map(|entry| entry["request"]["path"].clone()).collect();
        let mounts = paths.iter().filter(|path| path.as_str().is_some_and(|path| path.contains("ui/mounts")));
        assert_eq!((mounts.count(), paths.len()), (asked, requests), "{lines}: {paths:?}");
    }
}

/// A token with one use has none left for a secret of version 1.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_token_used_up_by_the_version_lookup_is_reported() {
    let server = OpenBao::start();
    server.mount_v1("old");
    server.api("old/a", Some(&json!({"k": "value-old"})));
    let policy = json!({"policy": "path \"old/*\" { capabilities = [\"read\"] }"});
    server.api("sys/policies/acl/reader", Some(&policy));
    // An exact policy, which refuses the path of a version 2 secret.
    let policy = json!({"policy": "path \"old/a\" { capabilities = [\"read\"] }"});
    server.api("sys/policies/acl/narrow", Some(&policy));
    for (policy, uses, kv_version, code, words) in [
        ("reader", 1, "auto", 4, "its last use went into finding the KV version of old/"),
        ("narrow", 1, "auto", 4, "it has expired, is revoked or used up"),
        ("narrow", 1, "1", 0, ""),
        ("reader", 2, "auto", 0, ""),
        ("reader", 1, "1", 0, ""),
    ] {
        let id = format!("counted-{policy}-{uses}-{kv_version}");
        let token = json!({"id": id, "policies": [policy], "num_uses": uses});
        server.api("auth/token/create", Some(&token));
        let run = Run::new(resolver::path("secretref-vault"))
            .env("VAULT_ADDR", &server.http)
            .env("VAULT_TOKEN", &id);
        let ended = run.args(["--mount", "old", "--kv-version", kv_version, "get", "a#k"]).end();
        assert_eq!(ended.code, Some(code), "{uses} {kv_version}: {ended:?}");
        assert!(
            ended.stderr.contains(words) && !ended.stderr.contains(&id),
            "{uses} {kv_version}: {ended:?}"
        );
    }
}

/// A mount that is upgraded answers 400 for a while, which says nothing about the path.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_mount_that_is_being_upgraded_is_asked_again() {
    let server = OpenBao::start();
    server.mount_v1("old");
    for number in 0..300 {
        server.api(&format!("old/n{number}"), Some(&json!({"k": format!("value-{number}")})));
    }
    let profile = profile(&server, "upgrade.toml", "mount = \"old\"");
    server.api("sys/mounts/old/tune", Some(&json!({"options": {"version": "2"}})));
    let run = Run::new(resolver::path("secretref-vault")).args(["--profile".as_ref(), profile.as_os_str()]);
    let ended = run.args(["get", "n7#k"]).end();
    let is_there = ended.code == Some(0) && ended.stdout == "value-7";
    let is_upgrading = ended.code == Some(5) && ended.stderr.contains("upgrade to KV version 2");
    assert!(is_there || is_upgrading, "{ended:?}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_path_that_no_server_accepts_is_an_invalid_id() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-a"}})));
    let entry = "[ids]\nstrange = { name = \"a\\u00a0b\", field = \"k\" }";
    let profile = profile(&server, "strange.toml", entry);
    let response = answer(&profile, &["strange", "a#k"]);
    assert_eq!(response["values"], json!({"a#k": "value-a"}), "{response}");
    assert_eq!(response["errors"]["strange"]["code"], "INVALID_ID", "{response}");
}

/// The least policy of the Vault page.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn the_least_policy_is_enough() {
    let server = OpenBao::start();
    server.api("secret/data/providers/openai", Some(&json!({"data": {"apiKey": "value-openai"}})));
    let policy = "path \"secret/data/providers/*\" { capabilities = [\"read\"] }";
    server.token("least-token", "least", policy, false);
    let run = Run::new(resolver::path("secretref-vault"))
        .env("VAULT_ADDR", &server.http)
        .env("VAULT_TOKEN", "least-token");
    let ended = run.request(&["providers/openai/apiKey", "other#k"]).end();
    assert!(ended.stdout.contains("\"providers/openai/apiKey\":\"value-openai\""), "{ended:?}");
    assert!(ended.stdout.contains("\"other#k\":{\"code\":\"ACCESS_DENIED\""), "{ended:?}");
}

/// The facts that `get --json` prints with the value.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn versions_and_times_are_told_on_request() {
    let server = OpenBao::start();
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-1"}})));
    server.api("secret/data/a", Some(&json!({"data": {"k": "value-2"}})));
    let profile = profile(&server, "json.toml", "");
    let run = Run::new(resolver::path("secretref-vault"));
    let ended =
        run.args(["--profile", profile.to_str().unwrap(), "get", "--json", "a#k#1", "a#k", "b#k"]).end();
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(told["values"], json!({"a#k#1": "value-1", "a#k": "value-2"}), "{told}");
    assert_eq!(told["errors"]["b#k"]["code"], "NOT_FOUND", "{told}");
    assert_eq!(
        (&told["about"]["a#k#1"]["version"], &told["about"]["a#k"]["version"]),
        (&json!("1"), &json!("2"))
    );
    let created = told["about"]["a#k"]["created"].as_str().unwrap();
    assert!(created.starts_with("20") && created.ends_with('Z'), "{created}");
}
