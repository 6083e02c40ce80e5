//! The keychain of a desktop: gnome-keyring in a session of its own, and KeePassXC for the cases that are the same.
//!
//! Blocks of `resolvers/keychain/README.md`: "Desktop" sh 1, "Desktop" ini 1, "Server without a desktop" sh 1, "Ids" sh 1, "Ids" toml 1

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use secretref_tests::gateway::Gateway;
use secretref_tests::keepassxc::ASKS_NOBODY;
use secretref_tests::keyring::{Activation, PASSWORD, Session};
use secretref_tests::page::Page;
use secretref_tests::provider::Provider;
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::transcript;
use serde_json::{Map, Value, json};

/// The time limit for a silent keychain.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time limit for immediate failures, also on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(500);

fn keychain() -> Run {
    Run::new(resolver::path("secretref-keychain"))
}

/// A session of each program that provides a keychain, open.
fn every_provider() -> [Session; 2] {
    [Session::unlocked(), Session::keepassxc(ASKS_NOBODY)]
}

/// A profile that leads to a session, with these lines.
fn profile(session: &Session, lines: &str) -> PathBuf {
    let path = session.folder().join("keychain.toml");
    fs::write(&path, format!("bus = \"{}\"\n{lines}\n", session.bus().display())).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

fn answer(session: &Session, lines: &str, ids: &[&str]) -> Value {
    let run = keychain().args(["--profile".as_ref(), profile(session, lines).as_os_str()]);
    let ended = run.request(ids).end();
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

/// A command of a person, in a session that only `--bus` names.
fn command(session: &Session, arguments: &[&str]) -> Run {
    let bus = session.bus();
    keychain().args(["--bus", bus.to_str().unwrap()]).args(arguments)
}

/// The error code and message of one id.
fn failure(ended: &Ended, id: &str) -> (String, String) {
    let response: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let error = &response["errors"][id];
    let text = |key: &str| error[key].as_str().unwrap_or_else(|| panic!("{ended:?}")).to_owned();
    (text("code"), text("message"))
}

#[test]
#[ignore = "needs gnome-keyring and KeePassXC: tests/run installs both"]
fn entries_of_other_programs_are_found_by_service_and_account() {
    for session in every_provider() {
        session.store("openclaw", "openai", "value-openai");
        session.store("https://git.example/v4", "me", "value-git");
        session.store_as(&["service", "mail", "account", "me@example.org"], "value-mail");
        session.store_as(&["Title", "Router", "UserName", "admin"], "value-router");
        session.store("openclaw", "json", r#"{"apiKey":"value-json","n":1.10}"#);
        let pem = "-----BEGIN KEY-----\nvalue-pem\n-----END KEY-----\n";
        session.store("openclaw", "pem", pem);

        let lines = "[ids]\nmail = { name = \"me@example.org\", service = \"mail\" }\nrouter = { Title = \"Router\", UserName = \"admin\" }\nall = { name = \"openai\" }";
        let ids = [
            "openai",
            "openclaw/openai",
            "https://git.example/v4/me",
            "mail",
            "router",
            "all",
            "json#apiKey",
            "json#n",
            "pem",
            "absent",
            "openai#field",
            "openai##2",
        ];
        let response = answer(&session, lines, &ids);
        assert_eq!(
            response["values"],
            json!({
                "openai": "value-openai", "openclaw/openai": "value-openai", "https://git.example/v4/me": "value-git",
                "mail": "value-mail", "router": "value-router", "all": "value-openai", "json#apiKey": "value-json",
                "json#n": "1.10", "pem": pem,
            }),
            "{response}"
        );
        let code = |id: &str| response["errors"][id]["code"].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            ["absent", "openai#field", "openai##2"].map(code),
            ["NOT_FOUND", "INVALID_VALUE", "INVALID_ID"]
        );

        let response = answer(&session, "service = \"https://git.example/v4\"", &["me", "openclaw/openai"]);
        let values = json!({"me": "value-git", "openclaw/openai": "value-openai"});
        assert_eq!(response["values"], values, "{response}");
    }
}

#[test]
#[ignore = "needs gnome-keyring and KeePassXC: tests/run installs both"]
fn two_entries_for_one_id_are_an_error() {
    for session in every_provider() {
        session.store_as(&["service", "s", "username", "a", "host", "one"], "value-one");
        session.store_as(&["service", "s", "username", "a", "host", "two"], "value-two");
        session.store("s", "b", "value-by-username");
        session.store_as(&["service", "s", "account", "b"], "value-by-account");
        let lines = "[ids]\none = { name = \"a\", service = \"s\", host = \"one\" }";
        let response = answer(&session, lines, &["s/a", "s/b", "one"]);
        for id in ["s/a", "s/b"] {
            assert_eq!(response["errors"][id]["code"], "AMBIGUOUS_DUPLICATE_KEY", "{response}");
        }
        assert_eq!(response["values"], json!({"one": "value-one"}));
    }
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn bytes_that_are_not_text_are_reported() {
    let session = Session::unlocked();
    session.store("s", "binary", b"\xff\xfe\x00value");
    session.store("s", "plain", "value-plain");
    let response = answer(&session, "", &["s/binary", "s/plain"]);
    assert_eq!(response["values"], json!({"s/plain": "value-plain"}));
    assert_eq!(response["errors"]["s/binary"]["code"], "INVALID_VALUE");
    let message = response["errors"]["s/binary"]["message"].as_str().unwrap();
    assert!(message.contains("not UTF-8"), "{message}");
}

/// A locked keychain is reported at once, without asking for a window.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_locked_keychain_fails_at_once_and_opens_no_window() {
    let mut session = Session::locked(&[("openclaw", "openai", "value-openai")]);
    let monitor = session.monitor(&["--profile"]);
    let run = || command(&session, &[]).request(&["openai", "absent"]).end();
    let ended = run();
    let (code, message) = failure(&ended, "openai");
    assert_eq!((ended.code, code.as_str()), (Some(0), "UNAVAILABLE"), "{ended:?}");
    assert!(
        message.contains("is locked") && message.contains("unlock") && message.contains("file"),
        "{message}"
    );
    assert!(ended.took < AT_ONCE, "{ended:?}");
    assert_eq!(failure(&ended, "absent").0, "NOT_FOUND");
    // Also among many ids.
    let ids: Vec<_> = (0..12).map(|number| format!("absent{number}")).chain(["openai".to_owned()]).collect();
    let ended = command(&session, &[]).request(&ids.iter().map(String::as_str).collect::<Vec<_>>()).end();
    assert!(failure(&ended, "openai").1.contains("is locked"), "{ended:?}");
    assert_eq!(failure(&ended, "absent11").0, "NOT_FOUND");
    let set = command(&session, &["set", "openai"]).stdin("other").end();
    assert!(set.code != Some(0) && set.stderr.contains("is locked"), "{set:?}");
    let calls = monitor.seen();
    assert!(calls.contains("SearchItems"), "{calls}");
    assert!(!calls.contains("Unlock") && !calls.contains("Prompt"), "{calls}");

    session.end_provider();
    session.provide(&["--unlock"], "a wrong password");
    assert_eq!(failure(&command(&session, &[]).request(&["openai"]).end(), "openai").0, "UNAVAILABLE");
    session.end_provider();
    session.provide(&["--unlock"], PASSWORD);
    assert_eq!(command(&session, &["get", "openai"]).end().stdout, "value-openai");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_missing_part_is_named_within_a_second() {
    let nothing = Session::without_provider(Activation::Nothing);
    let failing = Session::without_provider(Activation::Command("/bin/false"));
    let hanging = Session::without_provider(Activation::Command("/bin/sleep 3"));
    let stopped = Session::unlocked();
    stopped.store("openclaw", "openai", "value-openai");
    let provider = Pid::from_raw(i32::try_from(stopped.provider()).unwrap()).unwrap();
    kill_process(provider, Signal::STOP).unwrap();
    let absent = nothing.folder().join("no-bus");
    for (bus, words, limit) in [
        (absent.as_path(), "there is no session bus at", AT_ONCE),
        (&nothing.bus(), "nothing on the session bus provides a keychain", AT_ONCE),
        (&failing.bus(), "could not start the keychain provider", AT_ONCE),
        (&hanging.bus(), "did not start in time", PATIENCE + AT_ONCE),
        (&stopped.bus(), "the keychain provider does not answer", PATIENCE + AT_ONCE),
    ] {
        let ended = keychain().args(["--bus".as_ref(), bus.as_os_str()]).request(&["openai"]).end();
        let (code, message) = failure(&ended, "openai");
        assert_eq!((ended.code, code.as_str()), (Some(5), "UNAVAILABLE"), "{ended:?}");
        assert!(message.contains(words), "{words}: {message}");
        assert!(message.contains("store = \"file\""), "{message}");
        assert!(ended.took < limit, "{words}: {ended:?}");
    }
    kill_process(provider, Signal::CONT).unwrap();
    assert_eq!(command(&stopped, &["get", "openai"]).end().stdout, "value-openai");
}

/// All users can connect to the socket of a bus, but it accepts only its own user.
#[test]
#[ignore = "needs gnome-keyring and root: tests/run has both"]
fn another_user_is_refused_by_the_bus() {
    let session = Session::unlocked();
    fs::set_permissions(session.folder(), Permissions::from_mode(0o711)).unwrap();
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let copy = place.path().join("secretref-keychain");
    resolver::copy("secretref-keychain", &copy);
    for mode in [0o700, 0o711] {
        fs::set_permissions(session.folder().join("run"), Permissions::from_mode(mode)).unwrap();
        let run = Run::new(&copy).uid(4242).args(["--bus".as_ref(), session.bus().as_os_str()]);
        let ended = run.request(&["openai"]).end();
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert_eq!(failure(&ended, "openai").0, "UNAUTHENTICATED", "{ended:?}");
    }
}

/// A monitor of the bus reads the values, unless the session is encrypted.
#[test]
#[ignore = "needs gnome-keyring and KeePassXC: tests/run installs both"]
fn an_encrypted_session_hides_values_from_the_bus() {
    for session in every_provider() {
        session.store("openclaw", "openai", "value-openai");
        for (kind, is_seen) in [("plain", true), ("encrypted", false)] {
            let monitor = session.monitor(&[]);
            let lines = format!("session = \"{kind}\"");
            assert_eq!(answer(&session, &lines, &["openai"])["values"], json!({"openai": "value-openai"}));
            let set = command(&session, &["--session", kind, "set", "openai"]).stdin("value-openai").end();
            assert_eq!(set.code, Some(0), "{set:?}");
            let seen = monitor.seen();
            assert!(seen.contains("GetSecrets") && seen.contains("SetSecret"), "{kind}: {seen}");
            assert_eq!(seen.contains("value-openai"), is_seen, "{kind}: {seen}");
        }
    }
}

#[test]
#[ignore = "needs gnome-keyring and KeePassXC: tests/run installs both"]
fn more_ids_than_the_bus_allows_pending_calls() {
    for session in every_provider() {
        let ids: Vec<String> = (0..140).map(|number| format!("many/n{number}")).collect();
        let entries: Map<_, _> = ids
            .iter()
            .enumerate()
            .map(|(number, id)| (id.clone(), json!(format!("value-{number}"))))
            .collect();
        let file = session.folder().join("many.json");
        fs::write(&file, Value::Object(entries).to_string()).unwrap();
        let import = command(&session, &["import", file.to_str().unwrap(), "--timeout", "60s"]).end();
        assert_eq!(import.code, Some(0), "{import:?}");
        let response = answer(&session, "", &ids.iter().map(String::as_str).collect::<Vec<_>>());
        for number in 0..140 {
            assert_eq!(response["values"][format!("many/n{number}")], format!("value-{number}"));
        }

        let listed = command(&session, &["list", "many/"]).end();
        assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 140), "{listed:?}");

        // Also among many ids, an entry may have its account in another attribute, and exist twice.
        session.store_as(&["service", "many", "account", "other"], "value-other");
        session.store_as(&["service", "many", "account", "n7"], "value-twice");
        let more: Vec<_> = ids.iter().map(String::as_str).chain(["many/other", "openclaw/absent"]).collect();
        let response = answer(&session, "", &more);
        assert_eq!(response["values"].as_object().map(serde_json::Map::len), Some(140), "{response}");
        assert_eq!(response["values"]["many/other"], "value-other");
        assert_eq!(response["errors"]["many/n7"]["code"], "AMBIGUOUS_DUPLICATE_KEY", "{response}");
        assert_eq!(response["errors"]["openclaw/absent"]["code"], "NOT_FOUND");
        // Also if a service has many more entries than are requested.
        let some: Vec<_> =
            ids.iter().map(String::as_str).take(20).chain(["many/other", "many/absent"]).collect();
        let response = answer(&session, "", &some);
        assert_eq!(response["values"].as_object().map(serde_json::Map::len), Some(20), "{response}");
        assert_eq!(response["errors"]["many/n7"]["code"], "AMBIGUOUS_DUPLICATE_KEY", "{response}");
        assert_eq!(response["errors"]["many/absent"]["code"], "NOT_FOUND", "{response}");
    }
}

/// Without a profile the person's own session is used, with one only the session that it names.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn the_bus_of_the_environment_counts_without_a_profile_or_where_it_is_listed() {
    let session = Session::unlocked();
    session.store("openclaw", "openai", "value-openai");
    let address = &session.environment()["DBUS_SESSION_BUS_ADDRESS"];
    let run = |lines: Option<&str>| {
        let path = session.folder().join("plain.toml");
        fs::write(&path, lines.unwrap_or_default()).unwrap();
        let run = keychain().env("DBUS_SESSION_BUS_ADDRESS", address);
        let run = if lines.is_some() { run.args(["--profile".as_ref(), path.as_os_str()]) } else { run };
        run.args(["get", "openai"]).end()
    };
    assert_eq!(run(None).stdout, "value-openai");
    assert_eq!(run(Some("env = [\"DBUS_SESSION_BUS_ADDRESS\"]")).stdout, "value-openai");
    let own = run(Some("")).stderr;
    assert!(own.contains(&format!("/run/user/{}/bus", rustix::process::geteuid().as_raw())), "{own}");
}

#[test]
#[ignore = "needs gnome-keyring and KeePassXC: tests/run installs both"]
fn other_programs_find_the_entries_that_set_stores() {
    for session in every_provider() {
        let set = |id: &str, value: &str| {
            let ended = command(&session, &["set", id]).stdin(value).end();
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(!ended.stderr.contains(value), "{ended:?}");
        };
        let lookup = |attributes: &[&str]| {
            let arguments: Vec<_> = ["lookup"].iter().chain(attributes).copied().collect();
            String::from_utf8(session.secret_tool(&arguments, "").stdout).unwrap()
        };
        set("openai", "value-1");
        set("openai", "value-2");
        assert_eq!(lookup(&["service", "openclaw", "username", "openai"]), "value-2");
        set("github.com/me#token", "value-3");
        set("github.com/me#other", "value-4");
        assert_eq!(
            lookup(&["service", "github.com", "username", "me"]),
            r#"{"other":"value-4","token":"value-3"}"#
        );
        session.store_as(&["service", "mail", "account", "me@example.org"], "value-mail");
        session.store_as(&["Title", "Router"], "value-router");

        let listed = command(&session, &["list"]).end();
        assert_eq!(listed.stdout, "github.com/me\nopenai\n", "{listed:?}");
        for line in
            ["\"me-example.org\" = { name = \"me@example.org\", service = \"mail\" }", "Title = \"Router\" }"]
        {
            assert!(listed.stderr.contains(line), "{line}: {listed:?}");
        }
        assert!(!listed.stderr.contains("value-"), "{listed:?}");

        assert_eq!(command(&session, &["delete", "openai", "--yes"]).end().code, Some(0));
        assert_eq!(lookup(&["service", "openclaw", "username", "openai"]), "");
        assert_eq!(command(&session, &["get", "openai"]).end().code, Some(1));
        assert_eq!(command(&session, &["delete", "openai", "--yes"]).end().code, Some(1));
    }
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn doctor_says_who_provides_the_keychain_and_whether_it_is_locked() {
    let locked = Session::locked(&[("openclaw", "openai", "value-openai")]);
    let ended = command(&locked, &["doctor", "--names", "openai"]).end();
    assert_eq!(ended.code, Some(5), "{ended:?}");
    for words in ["provided by gnome-keyring-daemon", "session plain", "is Login, locked", "UNAVAILABLE"] {
        assert!(ended.stdout.contains(words), "{words}: {ended:?}");
    }
    let unlocked = Session::unlocked();
    let ended = command(&unlocked, &["doctor"]).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("is <keychain>, unlocked"), "{ended:?}");
    assert!(!ended.stdout.contains(unlocked.bus().to_str().unwrap()), "{ended:?}");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn unlock_accepts_only_the_right_password() {
    let session = Session::locked(&[("openclaw", "openai", "value-openai")]);
    let unlock = |password: &str| command(&session, &["unlock"]).stdin(password).end();
    let wrong = unlock("a wrong password");
    assert_eq!(wrong.code, Some(4), "{wrong:?}");
    assert!(wrong.stderr.contains("wrong password for the keychain"), "{wrong:?}");
    assert_eq!(command(&session, &["get", "openai"]).end().code, Some(5));
    let right = unlock(&format!("{PASSWORD}\n"));
    assert_eq!(right.code, Some(0), "{right:?}");
    assert_eq!(command(&session, &["get", "openai"]).end().stdout, "value-openai");
    assert!(unlock(PASSWORD).stderr.contains("already unlocked"));
}

#[test]
fn a_file_of_secrets_is_imported_and_named() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store").display().to_string();
    let run =
        |arguments: &[&str]| keychain().args(["--store", "file", "--folder", &folder]).args(arguments).end();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let env =
        file(".env", "# keys\nexport OPENAI_API_KEY=value-openai\nPEM=\"value\\npem\\n\"\n_bad=value-bad\n");
    let imported = run(&["import", &env]);
    assert_eq!(imported.code, Some(1), "{imported:?}");
    for words in ["stored OPENAI_API_KEY", "stored PEM", "_bad: ", "stored 2 of 3"] {
        assert!(imported.stderr.contains(words), "{words}: {imported:?}");
    }
    assert!(!imported.stderr.contains("value-"), "{imported:?}");
    assert_eq!(run(&["get", "PEM"]).stdout, "value\npem\n");
    let json = file("secrets.json", r#"{"github.com/me": "value-git", "openai": {"apiKey": "value-key"}}"#);
    assert_eq!(run(&["import", &json]).code, Some(0));
    assert_eq!(run(&["get", "openai#apiKey"]).stdout, "value-key");
    assert_eq!(run(&["list"]).stdout, "OPENAI_API_KEY\nPEM\ngithub.com/me\nopenai\n");
    assert_eq!(run(&["import", &file("x", "value-secret\n")]).code, Some(3));
}

/// A service of the system has no session, and its user no entry in passwd.
#[test]
#[ignore = "needs root: tests/run has it"]
fn a_service_without_a_session_bus_is_told_to_use_the_file_store() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    let copy = place.path().join("secretref-keychain");
    resolver::copy("secretref-keychain", &copy);
    let run = || Run::new(&copy).uid(4242);
    let ended = run().request(&["openai"]).end();
    let (code, message) = failure(&ended, "openai");
    assert_eq!(code, "UNAVAILABLE");
    assert!(message.contains("/run/user/4242/bus") && message.contains("store = \"file\""), "{message}");

    let folder = place.path().join("store").display().to_string();
    let file = |arguments: &[&str]| run().args(["--store", "file", "--folder", &folder]).args(arguments);
    assert_eq!(file(&["set", "openai"]).stdin("value-openai").end().code, Some(0));
    assert_eq!(file(&["set", "s/b"]).stdin("value-b").end().code, Some(0));
    assert_eq!(file(&["get", "openai"]).end().stdout, "value-openai");
    assert_eq!(file(&["list"]).end().stdout, "openai\ns/b\n");
    assert_eq!(file(&["delete", "openai", "--yes"]).end().code, Some(0));
    assert_eq!(failure(&file(&[]).request(&["openai"]).end(), "openai").0, "NOT_FOUND");
    let doctor = file(&["doctor", "--names", "s/b"]).end();
    assert!(doctor.stdout.contains("mode 0600, owned by uid 4242"), "{doctor:?}");
}

#[test]
fn the_credentials_of_a_unit_are_read_and_never_written() {
    let place = resolver::of_a_unit();
    let credential = |name: &str, text: &[u8]| fs::write(place.path().join(name), text).unwrap();
    credential("openai", b"value-openai\n");
    credential("openclaw_mistral", b"value-mistral");
    credential("json", br#"{"apiKey":"value-json"}"#);
    credential("binary", b"\xff");
    let path = profile_of_credentials(place.path());
    let run = keychain().args(["--profile".as_ref(), path.as_os_str()]);
    let run = run.env("CREDENTIALS_DIRECTORY", place.path());
    let ids = ["openai", "openclaw/mistral", "json#apiKey", "alias", "binary", "absent"];
    let response: Value = serde_json::from_str(&run.request(&ids).end().stdout).unwrap();
    assert_eq!(
        response["values"],
        json!({
            "openai": "value-openai", "openclaw/mistral": "value-mistral", "json#apiKey": "value-json",
            "alias": "value-mistral",
        }),
        "{response}"
    );
    let code = |id: &str| response["errors"][id]["code"].as_str().unwrap_or_default().to_owned();
    assert_eq!(["binary", "absent"].map(code), ["INVALID_VALUE", "NOT_FOUND"]);

    let named = || keychain().args(["--store", "systemd", "--credentials", place.path().to_str().unwrap()]);
    assert_eq!(named().args(["list", "open"]).end().stdout, "openai\nopenclaw_mistral\n");
    let set = named().args(["set", "openai"]).stdin("other").end();
    assert!(set.code == Some(3) && set.stderr.contains("systemd-creds"), "{set:?}");
    credential("keychain-identity", b"AGE-SECRET-KEY-1");
    let key = named().args(["get", "keychain-identity"]).end();
    assert!(
        key.code == Some(1) && key.stderr.contains("is the encryption key of the `file` store"),
        "{key:?}"
    );
    assert!(!named().args(["list"]).end().stdout.contains("identity"));
    let gone =
        keychain().args(["--store", "systemd", "--credentials", "/nonexistent", "get", "openai"]).end();
    assert!(
        gone.code == Some(3) && gone.stderr.contains("no folder of credentials at /nonexistent"),
        "{gone:?}"
    );
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    let open = named().args(["get", "openai"]).end();
    assert!(open.code == Some(3) && open.stderr.contains("is writable by other users"), "{open:?}");
    let nowhere = keychain().args(["--store", "systemd"]).request(&["openai"]).end();
    assert_eq!((nowhere.code, failure(&nowhere, "openai").0.as_str()), (Some(3), "MISCONFIGURED"));
}

/// A variable can only lead to the credentials of a unit, and not to other files, such as cached sessions.
#[test]
fn only_folders_of_systemd_hold_credentials() {
    let unit = resolver::of_a_unit();
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::write(other.path().join("openai"), "value-kept").unwrap();
    let link = unit.path().join("link");
    std::os::unix::fs::symlink(other.path(), &link).unwrap();
    let inside = unit.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("openai"), "value-inside").unwrap();
    let upwards = unit.path().join("../../shm").join(other.path().file_name().unwrap());
    for folder in [other.path(), &link, &inside, &upwards, Path::new("/run")] {
        let run = keychain().args(["--store", "systemd"]).env("CREDENTIALS_DIRECTORY", folder);
        let ended = run.request(&["openai"]).end();
        let (code, message) = failure(&ended, "openai");
        assert_eq!((ended.code, code.as_str()), (Some(3), "MISCONFIGURED"), "{folder:?}: {ended:?}");
        assert!(message.contains("/run/credentials/UNIT"), "{message}");
    }
}

fn profile_of_credentials(folder: &Path) -> PathBuf {
    let path = folder.join("keychain.toml");
    fs::write(&path, "store = \"systemd\"\n[ids]\nalias = { name = \"openclaw_mistral\" }\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}

/// Runs the cases of every resolver with a profile of these lines, after `store` has stored their secrets.
fn every_case(folder: &Path, lines: &str, store: impl Fn(&str, &str)) {
    let path = folder.join("every.toml");
    fs::write(&path, lines).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let cases = transcript::every();
    let mut wrong = Vec::new();
    for case in &cases {
        for (name, versions) in &case.store {
            versions.texts().iter().for_each(|text| store(name, text));
        }
        let run = keychain().args(["--profile".as_ref(), path.as_os_str()]).args(&case.args);
        let ended = run.stdin(case.request()).end();
        wrong.extend(case.judge(&ended, str::to_owned, &case.secrets()).err());
    }
    assert!(cases.len() > 10 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_file_store_passes_the_cases_of_every_resolver() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store").display().to_string();
    let lines = format!("store = \"file\"\nfolder = \"{folder}\"\n");
    every_case(place.path(), &lines, |name, text| {
        let set = keychain().args(["--store", "file", "--folder", &folder, "set", &format!("{name}#")]);
        assert_eq!(set.stdin(text).end().code, Some(0));
    });
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn gnome_keyring_passes_the_cases_of_every_resolver() {
    let session = Session::unlocked();
    let lines = format!("bus = \"{}\"\n", session.bus().display());
    every_case(session.folder(), &lines, |name, text| session.store("openclaw", name, text));
}

#[test]
#[ignore = "needs KeePassXC: tests/run installs it"]
fn keepassxc_passes_the_cases_of_every_resolver() {
    let session = Session::keepassxc(ASKS_NOBODY);
    let lines = format!("bus = \"{}\"\n", session.bus().display());
    every_case(session.folder(), &lines, |name, text| {
        let set = command(&session, &["set", &format!("{name}#")]).stdin(text).end();
        assert_eq!(set.code, Some(0), "{set:?}");
    });
}

/// Types the commands of the page into bash, in a session and its home, with its examples replaced.
fn type_in(session: &Session, commands: &str, here: &[(&str, String)]) -> String {
    let binary = resolver::path("secretref-keychain");
    let commands = here.iter().fold(commands.to_owned(), |text, (example, real)| text.replace(example, real));
    let commands = commands.replace("/usr/local/bin/secretref-keychain", &binary.display().to_string());
    let mut bash = session.command("bash");
    bash.args(["-euo", "pipefail", "-c", &commands]).current_dir(session.folder().join("home"));
    bash.env("OPENAI_API_KEY", "value-openai");
    let path = format!("{}:/usr/bin:/bin", binary.parent().unwrap().display());
    let ended = bash.env("PATH", path).stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{commands}\n{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn the_recipes_of_the_page_work_as_they_are_written() {
    let session = Session::unlocked();
    let page = Page::read("resolvers/keychain/README.md");
    let bus = format!("bus = \"{}\"\nallow", session.bus().display());
    assert_eq!(type_in(&session, &page.blocks("Desktop", "sh")[0], &[("allow", bus)]), "value-openai");

    // With a profile `~` is the home of the system's records, which is not that of the test.
    let folder = session.folder().join("home/.local/share/secretref/keychain");
    let store = format!("folder = \"{}\"\nallow", folder.display());
    let server = page.block("Server without a desktop", "sh");
    assert_eq!(type_in(&session, &server, &[("allow =", format!("{store} ="))]), "value-openai");

    let ids =
        page.block("Ids", "sh").replace("secret-tool store", "printf %s value-stored | secret-tool store");
    assert_eq!(type_in(&session, &ids, &[]), "value-stored");
    session.store_as(&["Title", "Router", "UserName", "admin"], "value-router");
    session.store("smtp.example.org", "me@example.org", "value-mail");
    let git = ["user", "me", "server", "git.example", "protocol", "https"];
    session.store_as(&git, "value-token\npassword_expiry_utc=1");
    let ids = ["mail", "router", "work", "mine", "git"];
    let response = answer(&session, &page.blocks("Ids", "toml")[0], &ids);
    let values = json!({
        "mail": "value-mail", "router": "value-router", "work": "value-stored", "mine": "value-stored",
        "git": "value-token",
    });
    assert_eq!(response["values"], values, "{response}");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn the_keyring_library_and_this_resolver_find_each_others_entries() {
    let session = Session::unlocked();
    let keyring = |arguments: &[&str]| {
        let ended = session.command(env!("CARGO_BIN_EXE_keyring-entry")).args(arguments).output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    keyring(&["github.com", "me", "value-keyring"]);
    assert_eq!(command(&session, &["get", "github.com/me"]).end().stdout, "value-keyring");
    assert_eq!(command(&session, &["set", "github.com/me"]).stdin("value-changed").end().code, Some(0));
    assert_eq!(command(&session, &["set", "openai"]).stdin("value-openai").end().code, Some(0));
    assert_eq!(keyring(&["github.com", "me"]), "value-changed");
    assert_eq!(keyring(&["openclaw", "openai"]), "value-openai");
}

/// As the gateway starts it: an executable profile, and nothing in the environment.
#[test]
#[ignore = "needs the real gateway and gnome-keyring: tests/run installs both"]
fn the_real_gateway_gets_values_of_both_keychains() {
    let session = Session::unlocked();
    let pem = "-----BEGIN KEY-----\nvalue-pem\n-----END KEY-----\n";
    session.store("openclaw", "pem", pem);
    session.store("github.com", "me", r#"{"token":"value-token"}"#);
    let gateway = Gateway::own();
    let folder = session.folder().join("file").display().to_string();
    let set =
        keychain().args(["--store", "file", "--folder", &folder, "set", "openai"]).stdin("value-file").end();
    assert_eq!(set.code, Some(0), "{set:?}");
    let exec = |name: &str, lines: &str| {
        let binary = resolver::path("secretref-keychain");
        let text = format!("#!{} --profile\n{lines}\n", binary.display());
        json!({"source": "exec", "command": gateway.file(name, 0o700, text)})
    };
    let providers = json!({
        "desktop": exec("desktop.toml", &format!("bus = \"{}\"", session.bus().display())),
        "file": exec("file.toml", &format!("store = \"file\"\nfolder = \"{folder}\"")),
    });
    let asks: [(&str, &[&str]); 2] = [("desktop", &["pem", "github.com/me#token"]), ("file", &["openai"])];
    let values: Vec<_> =
        gateway.resolve(&providers, &asks, &[]).into_iter().map(|answer| answer.unwrap()).collect();
    assert_eq!(values[0]["pem"], pem);
    assert_eq!(values[0]["github.com/me#token"], "value-token");
    assert_eq!(values[1]["openai"], "value-file");
}

/// However an id finds its entry, alone or among many, the entry has one account, and all ids that find it get its value.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn several_ids_can_lead_to_one_entry_and_none_to_that_of_another_account() {
    let session = Session::unlocked();
    session.store_as(
        &["service", "openclaw", "username", "both", "account", "alias", "extra", "e1"],
        "value-both",
    );
    session.store("openclaw", "you", "value-you");
    let lines = "[ids]\ni1 = { name = \"both\", extra = \"e1\" }\ni2 = { service = \"openclaw\", extra = \"e1\" }\n\
                 i3 = { username = \"both\" }\nwrong = { name = \"nobody\", username = \"you\" }";
    for more in [0, 12] {
        let absent: Vec<_> = (0..more).map(|number| format!("absent{number}")).collect();
        let ids = ["both", "alias", "i1", "i2", "i3", "you", "wrong"];
        let ids: Vec<_> = ids.into_iter().chain(absent.iter().map(String::as_str)).collect();
        let response = answer(&session, lines, &ids);
        for id in ["both", "alias", "i1", "i2", "i3"] {
            assert_eq!(response["values"][id], "value-both", "{id}: {response}");
        }
        assert_eq!(response["values"]["you"], "value-you", "{response}");
        assert_eq!(response["errors"]["wrong"]["code"], "INVALID_ID", "{response}");
    }
}

#[test]
#[ignore = "needs dbus-daemon: tests/run installs it"]
fn a_search_without_an_answer_fails_only_its_own_id() {
    let session = Session::without_provider(Activation::Nothing);
    let own = |account| [("service", "openclaw"), ("username", account)];
    let provider = Provider::default().silent_at("hangs");
    provider
        .entry("login", &own("one"), "value-one")
        .entry("login", &own("two"), "value-two")
        .serve(&session);
    let ended = command(&session, &[]).request(&["one", "hangs", "two"]).end();
    let response: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(response["values"], json!({"one": "value-one", "two": "value-two"}), "{response}");
    assert_eq!(response["errors"]["hangs"]["code"], "UNAVAILABLE", "{response}");
}

/// The attributes of an entry count, not the search that found it: KeePassXC finds every entry of a service whose account is
/// protected.
#[test]
#[ignore = "needs dbus-daemon: tests/run installs it"]
fn an_entry_that_does_not_match_is_never_read_written_or_deleted() {
    let session = Session::without_provider(Activation::Nothing);
    let own = |account| [("service", "openclaw"), ("username", account)];
    let provider = Provider::default().loose().entry("login", &own("other"), "value-other");
    let provider = provider.entry("login", &[("service", "openclaw"), ("account", "me")], "value-me");
    provider.serve(&session);
    let lines = "[ids]\nby-attributes = { service = \"openclaw\", kind = \"x\" }";
    for more in [0, 12] {
        let absent: Vec<_> = (0..more).map(|number| format!("absent{number}")).collect();
        let ids: Vec<_> = ["other", "me", "wrong", "by-attributes"]
            .into_iter()
            .chain(absent.iter().map(String::as_str))
            .collect();
        let response = answer(&session, lines, &ids);
        assert_eq!(response["values"], json!({"other": "value-other", "me": "value-me"}), "{response}");
        for id in &ids[2..] {
            assert_eq!(response["errors"][id]["code"], "NOT_FOUND", "{id}: {response}");
        }
    }
    for id in ["wrong", "other", "me"] {
        assert_eq!(answer(&session, "", &[id])["values"][id].is_null(), id == "wrong", "{id}");
    }
    let delete = command(&session, &["delete", "wrong", "--yes"]).end();
    assert!(delete.code == Some(1) && delete.stderr.contains("there is no entry"), "{delete:?}");
    let set = command(&session, &["set", "new"]).stdin("value-new").end();
    assert_eq!(set.code, Some(0), "{set:?}");
    assert_eq!(command(&session, &["set", "new"]).stdin("value-again").end().code, Some(0));
    let values = answer(&session, "", &["other", "me", "new"])["values"].clone();
    assert_eq!(values, json!({"other": "value-other", "me": "value-me", "new": "value-again"}));
    assert_eq!(command(&session, &["delete", "new", "--yes"]).end().code, Some(0));
    assert_eq!(command(&session, &["list"]).end().stdout, "me\nother\n");
}

/// The same if the other entry is in a locked keychain, which is not unlocked.
#[test]
#[ignore = "needs dbus-daemon: tests/run installs it"]
fn a_locked_entry_that_does_not_match_is_not_used() {
    let session = Session::without_provider(Activation::Nothing);
    let own = |account| [("service", "openclaw"), ("username", account)];
    let provider = Provider::default().loose().locked("mine").locked("zother");
    let provider =
        provider.entry("mine", &own("me"), "value-me").entry("zother", &own("other"), "value-other");
    provider.entry("login", &own("open"), "value-open").serve(&session);
    let response = answer(&session, "", &["me", "open", "absent"]);
    assert_eq!(response["values"], json!({"open": "value-open"}), "{response}");
    assert_eq!(response["errors"]["me"]["code"], "UNAVAILABLE", "{response}");
    assert_eq!(response["errors"]["absent"]["code"], "NOT_FOUND", "{response}");
    let unlock = command(&session, &["unlock", "me"]).stdin(PASSWORD).end();
    assert!(unlock.code == Some(0) && unlock.stderr.contains("the keychain mine is unlocked"), "{unlock:?}");
    let response = answer(&session, "", &["me", "other"]);
    assert_eq!(response["values"], json!({"me": "value-me"}), "{response}");
    assert_eq!(response["errors"]["other"]["code"], "UNAVAILABLE", "{response}");
}

/// The remedies for two entries work as printed: they delete exactly one, or choose a keychain.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn of_two_entries_one_can_be_chosen_or_deleted() {
    let session = Session::unlocked();
    let pair = ["service", "s", "username", "a"];
    session.store_as(&pair, "value-login");
    let mut arguments = vec!["store", "--label=kit", "--collection=session"];
    arguments.extend(pair);
    assert!(session.secret_tool(&arguments, "value-session").status.success());
    session.store("s", "b", "value-b");

    let listed = command(&session, &["list"]).end();
    let lines: Vec<_> = listed.stderr.lines().filter(|line| line.contains(" = { ")).collect();
    assert!(listed.stdout == "s/b\n" && lines.len() == 2, "{listed:?}");
    let ids: Vec<_> = lines.iter().map(|line| line.split('"').nth(1).unwrap()).collect();
    let response = answer(&session, &format!("[ids]\n{}", lines.join("\n")), &ids);
    let mut values: Vec<_> = ids.iter().map(|id| response["values"][id].as_str().unwrap()).collect();
    values.sort_unstable();
    assert_eq!(values, ["value-login", "value-session"], "{response}");

    let chosen = |collection: &str| {
        format!("[ids]\nx = {{ name = \"a\", service = \"s\", collection = \"{collection}\" }}")
    };
    assert_eq!(answer(&session, &chosen("login"), &["x"])["values"]["x"], "value-login");
    assert_eq!(answer(&session, &chosen("session"), &["x"])["values"]["x"], "value-session");
    assert_eq!(answer(&session, &chosen("other"), &["x"])["errors"]["x"]["code"], "NOT_FOUND");
    let path = profile(&session, "[ids]\nx = { name = \"new\", service = \"s\", collection = \"session\" }");
    let in_session = |arguments: &[&str]| {
        keychain().args(["--profile".as_ref(), path.as_os_str()]).args(arguments).stdin("value-new").end()
    };
    assert_eq!(in_session(&["set", "x"]).code, Some(0));
    assert_eq!(in_session(&["delete", "x", "--yes"]).code, Some(0));
    assert_eq!(command(&session, &["get", "s/new"]).end().code, Some(1));

    let two = command(&session, &["get", "s/a"]).end();
    for words in ["login/", "session/", "collection = \"", "secret-tool search --all service s`"] {
        assert!(two.stderr.contains(words), "{words}: {two:?}");
    }
    let (_, rest) = two.stderr.split_once("`dbus-send").expect("a command");
    let delete = format!("dbus-send{}", rest.split('`').next().unwrap());
    type_in(&session, &delete, &[]);
    assert!(command(&session, &["get", "s/a"]).end().stdout.starts_with("value-"), "{delete}");
    assert_eq!(command(&session, &["get", "s/b"]).end().stdout, "value-b");
}

/// What `list` prints, pasted into a profile.
#[test]
#[ignore = "needs gnome-keyring and KeePassXC: tests/run installs both"]
fn every_line_of_list_works() {
    for session in every_provider() {
        session.store_as(&["service", "empty", "username", ""], "value-empty");
        session.store_as(&["name", "other", "kind", "named"], "value-named");
        session.store_as(&["service", "smtp", "username", "me@example.org"], "value-mail");
        session.store("openclaw", "openai", "value-openai");
        let listed = command(&session, &["list"]).end();
        let lines: Vec<_> = listed.stderr.lines().filter(|line| line.contains(" = { ")).collect();
        let ids = lines.iter().map(|line| line.trim_start_matches('"').split(['"', ' ']).next().unwrap());
        let ids: Vec<_> = ids.chain(listed.stdout.lines()).collect();
        let response = answer(&session, &format!("[ids]\n{}", lines.join("\n")), &ids);
        let mut values: Vec<_> = response["values"].as_object().unwrap().values().cloned().collect();
        values.sort_unstable_by_key(ToString::to_string);
        let want = ["value-empty", "value-mail", "value-named", "value-openai"];
        assert_eq!(values, want, "{listed:?} {response}");
    }
}

/// git stores more than the token in its entry, so an id can name a line.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_line_of_an_entry_is_asked_for_by_its_number() {
    let session = Session::unlocked();
    let git = ["user", "me", "server", "git.example", "protocol", "https"];
    session.store_as(&git, "value-token\npassword_expiry_utc=1\noauth_refresh_token=value-refresh");
    let entry = "user = \"me\", server = \"git.example\", protocol = \"https\"";
    let lines = format!("[ids]\ntoken = {{ {entry}, line = 1 }}\nnone = {{ {entry}, line = 9 }}");
    let response = answer(&session, &lines, &["token", "none"]);
    assert_eq!(response["values"], json!({"token": "value-token"}), "{response}");
    assert_eq!(response["errors"]["none"]["code"], "NOT_FOUND", "{response}");
    let path = profile(&session, &lines);
    let set =
        keychain().args(["--profile".as_ref(), path.as_os_str()]).args(["set", "token"]).stdin("x").end();
    assert!(set.code != Some(0) && set.stderr.contains("a line of a secret cannot be written"), "{set:?}");
    for wrong in ["line = 0", "line = \"1\"", "line = 1, field = \"a\""] {
        let path = profile(&session, &format!("[ids]\ntoken = {{ {entry}, {wrong} }}"));
        let run = keychain().args(["--profile".as_ref(), path.as_os_str()]);
        assert_eq!(run.args(["get", "token"]).end().code, Some(3), "{wrong}");
    }
}

/// Also if another program wrote the value.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn check_reports_invisible_characters_of_a_value() {
    let session = Session::unlocked();
    for (account, value, words) in [
        ("bom", &b"\xef\xbb\xbfvalue-1"[..], "byte order mark"),
        ("end", b"value-2\n", "line break"),
        ("wide", b"v\0a\0l\0", "UTF-16"),
    ] {
        session.store("openclaw", account, value);
        let check = command(&session, &["check", account]).end();
        assert!(check.code == Some(0) && check.stderr.contains(words), "{account}: {check:?}");
        let json = command(&session, &["check", "--json", account]).end();
        let report: Value = serde_json::from_str(&json.stdout).unwrap();
        assert!(report["ids"][0]["odd"].as_str().unwrap().contains(words), "{report}");
    }
    let set = command(&session, &["set", "openai"]).stdin("\u{feff}value-3").end();
    assert!(set.code == Some(0) && set.stderr.contains("byte order mark"), "{set:?}");
    let plain = command(&session, &["set", "openai"]).stdin("value-3\n").end();
    assert!(plain.code == Some(0) && !plain.stderr.contains("line break"), "{plain:?}");
    let wide: Vec<u8> = "\u{feff}value".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let set = command(&session, &["set", "openai"]).stdin(wide.clone()).end();
    assert!(set.code == Some(1) && set.stderr.contains("UTF-16"), "{set:?}");
    session.store("openclaw", "other", &wide);
    let get = command(&session, &["get", "other"]).end();
    assert!(get.code == Some(1) && get.stderr.contains("UTF-16"), "{get:?}");
}

#[test]
fn a_variable_without_a_bus_is_named() {
    let run = keychain().env("DBUS_SESSION_BUS_ADDRESS", "disabled:").args(["get", "openai"]).end();
    assert!(run.code == Some(3) && run.stderr.contains("$DBUS_SESSION_BUS_ADDRESS"), "{run:?}");
}

/// The file of the page, where the bus would otherwise start another provider before KeePassXC.
#[test]
#[ignore = "needs dbus-daemon: tests/run installs it"]
fn a_bus_without_activation_fails_at_once() {
    let file = Page::read("resolvers/keychain/README.md").block("Desktop", "ini");
    let starts = file.lines().find_map(|line| line.strip_prefix("Exec=")).expect("a command");
    assert!(file.contains("[D-BUS Service]") && file.contains("Name=org.freedesktop.secrets\n"), "{file}");
    let session = Session::without_provider(Activation::Command(starts));
    let ended = command(&session, &[]).request(&["openai"]).end();
    assert!(ended.took < AT_ONCE && failure(&ended, "openai").1.contains("could not start"), "{ended:?}");
}
