//! The special cases of KeePassXC: calls that would open a window are not made or time out, and are reported. Its ordinary
//! cases are in `keychain.rs`.

use secretref_tests::keepassxc::ASKS_NOBODY;
use secretref_tests::keyring::Session;
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::Value;

fn command(session: &Session, arguments: &[&str]) -> Run {
    let bus = session.bus();
    Run::new(resolver::path("secretref-keychain")).args(["--bus", bus.to_str().unwrap()]).args(arguments)
}

/// The error code of an id, and the whole output.
fn failure(ended: &Ended) -> (String, String) {
    let response: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let error = &response["errors"]["openai"];
    (error["code"].as_str().unwrap_or_default().to_owned(), error["message"].to_string())
}

/// With its own settings, KeePassXC opens a window if a search finds no open database.
#[test]
#[ignore = "needs KeePassXC: tests/run installs it"]
fn a_locked_database_fails_at_once_and_opens_no_window() {
    let mut session = Session::keepassxc(ASKS_NOBODY);
    session.store("openclaw", "openai", "value-openai");
    for settings in [ASKS_NOBODY, ""] {
        session.lock_database(settings);
        let monitor = session.monitor(&["--profile"]);
        let ended = command(&session, &[]).request(&["openai"]).end();
        let (code, message) = failure(&ended);
        assert_eq!((ended.code, code.as_str()), (Some(5), "UNAVAILABLE"), "{ended:?}");
        assert!(message.contains("KeePassXC has no open database"), "{ended:?}");
        for changes in [&["set", "openai"][..], &["delete", "openai", "--yes"], &["list"]] {
            let ended = command(&session, changes).stdin("other").end();
            assert!(ended.stderr.contains("KeePassXC has no open database"), "{changes:?}: {ended:?}");
        }
        let doctor = command(&session, &["doctor"]).end();
        assert!(
            doctor.stdout.contains("provided by keepassxc") && doctor.stdout.contains(", locked"),
            "{doctor:?}"
        );
        let calls = monitor.seen();
        assert!(calls.contains("GetNameOwner"), "{calls}");
        assert!(["SearchItems", "Unlock", "Prompt"].iter().all(|call| !calls.contains(call)), "{calls}");
    }
    session.open_database(ASKS_NOBODY);
    assert_eq!(command(&session, &["get", "openai"]).end().stdout, "value-openai");
}

#[test]
#[ignore = "needs KeePassXC: tests/run installs it"]
fn an_entry_that_needs_permission_says_how_to_give_it() {
    let mut session = Session::keepassxc(ASKS_NOBODY);
    session.store("openclaw", "openai", "value-openai");
    session.open_database("");
    let monitor = session.monitor(&["--profile"]);
    let ended = command(&session, &[]).request(&["openai"]).end();
    let (code, message) = failure(&ended);
    assert_eq!((ended.code, code.as_str()), (Some(0), "ACCESS_DENIED"), "{ended:?}");
    assert!(message.contains("Confirm when passwords are retrieved by clients"), "{ended:?}");
    let set = command(&session, &["set", "openai"]).stdin("other").end();
    assert!(set.code == Some(1) && set.stderr.contains("ask a person"), "{set:?}");
    let calls = monitor.seen();
    assert!(
        calls.contains("SearchItems") && !calls.contains("Unlock") && !calls.contains("Prompt"),
        "{calls}"
    );
}

/// KeePassXC asks a question here that no person answers.
#[test]
#[ignore = "needs KeePassXC: tests/run installs it"]
fn a_deletion_that_needs_confirmation_times_out() {
    let mut session = Session::keepassxc(ASKS_NOBODY);
    session.store("openclaw", "openai", "value-openai");
    session.open_database("ConfirmAccessItem=false\n");
    let delete = command(&session, &["delete", "openai", "--yes", "--timeout", "30s"]).end();
    assert!(delete.code == Some(1) && delete.stderr.contains("no answer within 3 s"), "{delete:?}");
    session.open_database(ASKS_NOBODY);
    let delete = command(&session, &["delete", "openai", "--yes"]).end();
    assert!(delete.code == Some(0) && delete.stderr.contains("recycle bin"), "{delete:?}");
    assert_eq!(command(&session, &["get", "openai"]).end().code, Some(1));
}

/// The notes of an entry may be secret, and an entry that a person has made has neither service nor username.
#[test]
#[ignore = "needs KeePassXC: tests/run installs it"]
fn an_entry_of_a_person_is_listed_by_its_names() {
    let session = Session::keepassxc(ASKS_NOBODY);
    session
        .store_as(&["Title", "Router", "UserName", "admin", "Notes", "value-notes", "pin", "value-pin"], "x");
    let ended = command(&session, &["list"]).end();
    let line = "{ Path = \"/Router\", Title = \"Router\", UserName = \"admin\" }";
    assert!(ended.stderr.contains(line) && !ended.stderr.contains("value-"), "{ended:?}");
    let profile = session.folder().join("keychain.toml");
    std::fs::write(&profile, format!("bus = \"{}\"\n[ids]\nrouter = {line}\n", session.bus().display()))
        .unwrap();
    let run =
        Run::new(resolver::path("secretref-keychain")).args(["--profile".as_ref(), profile.as_os_str()]);
    assert_eq!(run.args(["get", "router"]).end().stdout, "x");
}

/// KeePassXC does not look into a protected attribute when it searches: such an entry answers every search of its service.
#[test]
#[ignore = "needs KeePassXC: tests/run installs it"]
fn an_entry_with_a_protected_account_is_found_by_that_account_alone() {
    let string = |key: &str, value: &str, is_protected: &str| {
        format!("<String><Key>{key}</Key><Value{is_protected}>{value}</Value></String>")
    };
    let hidden = " ProtectInMemory=\"True\"";
    let entry = [
        "<Entry><UUID>EBESExQVFhcYGRobHB0eHw==</UUID>".to_owned(),
        string("Title", "hidden", "") + &string("Password", "value-hidden", hidden),
        string("service", "openclaw", "") + &string("username", "hidden", hidden) + "</Entry>",
    ];
    let session = Session::keepassxc_with(ASKS_NOBODY, &entry.concat());
    let made = command(&session, &["set", "openai"]).stdin("value-openai").end();
    assert_eq!(made.code, Some(0), "{made:?}");
    let get = |id| command(&session, &["get", id]).end();
    assert_eq!(get("hidden").stdout, "value-hidden");
    assert_eq!(get("openai").stdout, "value-openai");
    let absent = get("absent");
    assert!(absent.stdout.is_empty() && absent.stderr.contains("there is no entry"), "{absent:?}");
    let delete = command(&session, &["delete", "absent", "--yes"]).end();
    assert!(delete.stderr.contains("there is no entry"), "{delete:?}");
    let set = command(&session, &["set", "openai"]).stdin("value-changed").end();
    assert_eq!(set.code, Some(0), "{set:?}");
    assert_eq!([get("hidden").stdout, get("openai").stdout], ["value-hidden", "value-changed"]);
    assert_eq!(command(&session, &["list"]).end().stdout, "hidden\nopenai\n");
}
