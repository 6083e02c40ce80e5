//! What a person does with the resolver of Azure: lists, writes, deletes, and finds out what is wrong.

use secretref_tests::stores::azure::desk::{Desk, VAULT};
use secretref_tests::stores::azure::entra::TENANT;
use secretref_tests::stores::azure::rs256;
use secretref_tests::stores::azure::servers::{CLIENT, host};
use secretref_tests::stores::azure::vaults::Version;
use serde_json::Value;

#[test]
fn a_person_lists_writes_and_deletes() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    let (server, vault) = (desk.server(), host(VAULT));
    // Three pages, each followed by an empty one.
    for number in 0..60 {
        server.put(&vault, &format!("many-{number:02}"), Version::new("x"));
    }
    server.put(&vault, "off", Version { enabled: false, ..Version::new("x") });
    let listed = desk.run(&["list"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 62), "{listed:?}");
    assert!(listed.stderr.contains("off: disabled"), "{listed:?}");
    assert_eq!(desk.run(&["list", "OPEN"]).stdout, "openai\n");
    let set = desk.command(&["set", "new-key"]).stdin("value-new").end();
    assert!(set.code == Some(0) && set.stderr.contains("stored new-key (9 characters"), "{set:?}");
    assert_eq!(desk.run(&["get", "NEW-key"]).stdout, "value-new");
    let set = desk.command(&["set", "new-json#token"]).stdin("value-token").end();
    assert!(set.code == Some(0), "{set:?}");
    assert_eq!(desk.run(&["get", "new-json#token"]).stdout, "value-token");
    let long = desk.command(&["set", "long"]).stdin("x".repeat(26_000)).end();
    assert!(long.stderr.contains("the value has 26000 bytes"), "{long:?}");
    let deleted = desk.run(&["delete", "new-key", "--yes"]);
    let words = format!("to bring them back: az keyvault secret recover --vault-name {VAULT} --name new-key");
    assert!(deleted.code == Some(0) && deleted.stderr.contains(&words), "{deleted:?}");
    let checked = desk.run(&["check", "new-key"]);
    assert!(checked.stderr.contains("was deleted at "), "{checked:?}");
    let again = desk.command(&["set", "new-key"]).stdin("value-again").end();
    assert!(again.stderr.contains("is deleted and can be recovered"), "{again:?}");
}

#[test]
fn doctor_says_who_signed_in_and_shows_no_names() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    for args in [&["doctor"][..], &["doctor", "openai"]] {
        let seen = desk.run(args);
        assert!(seen.code == Some(0) && seen.stdout.contains("sign-in"), "{seen:?}");
        for private in [CLIENT, TENANT, VAULT, "value-openai"] {
            assert!(!seen.stdout.contains(private), "{private}: {seen:?}");
        }
    }
    let seen = desk.run(&["doctor", "--names"]);
    assert!(
        seen.stdout.contains(CLIENT) && seen.stdout.contains("audience https://vault.azure.net"),
        "{seen:?}"
    );
    assert!(seen.stdout.contains("can be listed"), "{seen:?}");
}

#[test]
fn a_secret_that_ends_soon_is_warned_of() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    let soon = i64::try_from(rs256::now()).expect("a time") + 20 * 86_400 + 60;
    let version = Version { nbf: Some(1_577_836_800), exp: Some(soon), ..Version::new("value-soon") };
    desk.server().put(&host(VAULT), "soon", version);
    let checked = desk.run(&["check", "soon"]);
    assert!(checked.code == Some(0) && checked.stderr.contains("expires in 20 d"), "{checked:?}");
    let read: Value = serde_json::from_str(&desk.run(&["get", "--json", "soon"]).stdout).expect("JSON");
    assert_eq!(read["about"]["soon"]["not_before"], "2020-01-01T00:00:00Z");
    assert!(read["about"]["soon"]["expires"].is_string(), "{read:#}");
}

/// A page of a list cannot lead the token to another host, or into clear text.
#[test]
fn a_link_that_leads_away_is_not_followed() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    for link in [
        format!("http://{}/secrets?api-version=7.5", host(VAULT)),
        "https://vault.example.com/secrets?api-version=7.5".to_owned(),
        format!("https://{}:8443/secrets", host(VAULT)),
        "//vault.example.com/secrets".to_owned(),
    ] {
        desk.put("link", &link);
        let _ = desk.server().counts();
        let listed = desk.run(&["list"]);
        assert!(listed.stderr.contains("links to another host or to http://"), "{link}: {listed:?}");
        assert_eq!(desk.server().counts().2, 1, "{link}");
    }
    desk.put("link", "https://:");
    let listed = desk.run(&["list"]);
    assert!(listed.stderr.contains("is not from Key Vault"), "{listed:?}");
}

/// A secret that another client writes at the same time is not overwritten, and not deleted.
#[test]
fn a_concurrent_write_is_seen() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    desk.put("raced", "{\"a\":\"1\",\"b\":\"2\"}");
    let words = "another client wrote kit-vault/raced at the same time, and nothing was changed";
    for args in [&["set", "raced#a"][..], &["delete", "raced#a", "--yes"], &["delete", "raced#", "--yes"]] {
        desk.put("raced", "{\"a\":\"1\",\"b\":\"2\"}");
        let ended = desk.command(args).stdin("value-new").end();
        assert!(ended.code != Some(0) && ended.stderr.contains(words), "{args:?}: {ended:?}");
        assert!(!desk.run(&["get", "raced"]).stdout.contains("value-new"));
    }
    // Nothing raced: the hint of a deletion leads to the old content.
    desk.put("calm", "{\"a\":\"1\",\"b\":\"2\"}");
    let ended = desk.run(&["delete", "calm#a", "--yes"]);
    let hint = ended.stderr.split("to bring it back: store what `get ").nth(1).expect("a hint");
    let id = hint.split('`').next().expect("an id");
    assert_eq!(desk.run(&["get", id]).stdout, "{\"a\":\"1\",\"b\":\"2\"}");
}

/// A vault can name any time, and none of them is a bug.
#[test]
fn a_time_in_an_absurd_year_has_words() {
    let desk = Desk::new();
    desk.by_secret("keep_session = \"off\"");
    let put = |name: &str, nbf, exp| {
        let version = Version { nbf, exp, ..Version::new("value-of-it") };
        desk.server().put(&host(VAULT), name, version);
    };
    put("long-ago", Some(-62_167_219_201), None);
    put("never", None, Some(-99_999_999_999));
    put("forever", None, Some(253_402_300_799));
    for (id, words) in [
        ("long-ago", "value-of-it"),
        ("never", "the secret expired at 99999999999 s before 1970"),
        ("forever", "value-of-it"),
    ] {
        let ended = desk.resolve(id);
        assert!(ended.stdout.contains(words), "{id}: {ended:?}");
    }
    let listed = desk.run(&["list"]);
    assert!(listed.stderr.contains("never: expired at 99999999999 s before 1970"), "{listed:?}");
    // Milliseconds instead of seconds: beyond what the client of Microsoft reads.
    put("milliseconds", None, Some(1_800_000_000_000));
    let ended = desk.resolve("milliseconds");
    assert!(ended.stdout.contains("is not from Key Vault"), "{ended:?}");
}
