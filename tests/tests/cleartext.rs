//! A GNOME keychain without a password, whose file is clear text: values that it cannot hold are refused, and a lost file is
//! not overwritten. The daemon itself reads the file again, after a restart.

use std::fs;
use std::path::PathBuf;

use secretref_tests::keyring::{Activation, Session};
use secretref_tests::resolver::{self, Ended, Run};

fn run(session: &Session, arguments: &[&str], input: &str) -> Ended {
    let bus = session.bus();
    let run = Run::new(resolver::path("secretref-keychain")).args(["--bus", bus.to_str().unwrap()]);
    run.args(arguments).stdin(input).end()
}

fn file(session: &Session) -> PathBuf {
    session.folder().join("home/.local/share/keyrings/login.keyring")
}

/// A session whose keychain has no password, as after a login without one.
fn clear_text() -> Session {
    let mut session = Session::without_provider(Activation::Nothing);
    let file = file(&session);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "[keyring]\ndisplay-name=Login\nctime=0\nmtime=0\n").unwrap();
    fs::write(file.with_file_name("default"), "login").unwrap();
    session.provide(&[], "");
    let unlock = run(&session, &["unlock"], "");
    assert!(unlock.code == Some(0) && unlock.stderr.contains("clear text"), "{unlock:?}");
    session
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn accepted_values_survive_a_restart_and_others_are_refused() {
    let mut session = clear_text();
    let pem = "-----BEGIN-----\nx\n-----END-----\n";
    let refused =
        [" x", "\tx", "\u{c}x", "a\\sb", "a\\\\b", "a\\nb", "a\\", "a\nb", pem, "a\n[9]\nsecret=x\nb"];
    let taken = [
        "x",
        "x ",
        "x\t",
        "a\tb",
        "a\rb",
        "#x",
        ";x",
        "[x]",
        "=x",
        "\"x\"",
        "é\u{1f511}",
        "%41",
        "\u{a0}x",
        "a\0b",
        "\u{1}",
    ];
    for (at, value) in taken.iter().enumerate() {
        let set = run(&session, &["set", &format!("taken/n{at}")], value);
        assert!(set.code == Some(0) && set.stderr.contains("clear text"), "{value:?}: {set:?}");
    }
    for (at, value) in refused.iter().enumerate() {
        let set = run(&session, &["set", &format!("refused/n{at}")], value);
        assert!(set.code == Some(1) && set.stderr.contains("cannot hold this value"), "{value:?}: {set:?}");
        let set = run(&session, &["set", "taken/n0"], value);
        assert!(set.code == Some(1) && set.stderr.contains("cannot hold this value"), "{value:?}: {set:?}");
    }
    let import = session.folder().join("home/.env");
    fs::write(&import, "GOOD=x\nBAD=\"a\\nb\"\n").unwrap();
    let import = run(&session, &["import", import.to_str().unwrap()], "");
    assert!(import.stderr.contains("stored GOOD") && import.stderr.contains("clear text"), "{import:?}");
    assert!(import.code == Some(1) && import.stderr.contains("BAD: the keychain login"), "{import:?}");
    let doctor = run(&session, &["doctor"], "");
    assert!(doctor.code == Some(0) && doctor.stdout.contains("clear text"), "{doctor:?}");

    session.relock();
    assert_eq!(run(&session, &["unlock"], "").code, Some(0));
    for (at, value) in taken.iter().enumerate() {
        assert_eq!(run(&session, &["get", &format!("taken/n{at}")], "").stdout, *value);
    }
    assert_eq!(run(&session, &["list", "refused/"], "").stdout, "");
}

/// gnome-keyring locks such a keychain when it starts, and any client can unlock it without a person.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_keychain_without_a_password_is_read_right_after_the_provider_starts() {
    let mut session = clear_text();
    let ids: Vec<_> = (0..12).map(|at| format!("n{at}")).collect();
    for id in &ids {
        assert_eq!(run(&session, &["set", id], &format!("value-{id}")).code, Some(0));
    }
    let bus = session.bus();
    let request = |ids: &[&str]| {
        let run = Run::new(resolver::path("secretref-keychain")).args(["--bus", bus.to_str().unwrap()]);
        let ended = run.request(ids).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout
    };
    let all: Vec<_> = ids.iter().map(String::as_str).collect();
    for ids in [&all[..1], &all] {
        session.relock();
        let answer: serde_json::Value = serde_json::from_str(&request(ids)).unwrap();
        for id in ids {
            assert_eq!(answer["values"][id], format!("value-{id}"), "{answer}");
        }
    }
    for arguments in [
        &["get", "n0"][..],
        &["list"],
        &["doctor"],
        &["set", "n0"],
        &["set", "new"],
        &["delete", "n1", "--yes"],
    ] {
        session.relock();
        let ended = run(&session, arguments, if arguments[0] == "set" { "value-n0" } else { "" });
        assert!(ended.code == Some(0) && !ended.stderr.contains("locked"), "{arguments:?}: {ended:?}");
    }
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_keychain_with_a_password_accepts_every_value_and_is_not_clear_text() {
    let mut session = Session::unlocked();
    for value in [" x", "a\nb\n", "a\\nb"] {
        let set = run(&session, &["set", "openai"], value);
        assert!(set.code == Some(0) && !set.stderr.contains("clear text"), "{set:?}");
        session.end_provider();
        session.provide(&["--unlock"], secretref_tests::keyring::PASSWORD);
        assert_eq!(run(&session, &["get", "openai"], "").stdout, value);
    }
    assert!(!run(&session, &["doctor"], "").stdout.contains("clear text"));
}

/// What another program has stored, the daemon cannot read any more: no hint leads to another keychain in that place.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_lost_keychain_is_not_created_again() {
    let mut session = clear_text();
    session.store("openclaw", "openai", "value-openai");
    session.store("openclaw", "pem", "a\nb");
    let before = fs::read_to_string(file(&session)).unwrap();
    session.relock();
    for arguments in [&["get", "openai"][..], &["unlock"], &["set", "other"], &["doctor", "--names"]] {
        let ended = run(&session, arguments, "password");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code != Some(0) && said.contains("that file is damaged"), "{arguments:?}: {ended:?}");
        assert!(said.contains("login.keyring") && !said.contains("make one"), "{arguments:?}: {ended:?}");
    }
    assert_eq!(fs::read_to_string(file(&session)).unwrap(), before);
    assert!(!file(&session).with_file_name("login_1.keyring").exists());

    // By the hint: each value on one line, and the daemon started again.
    fs::write(file(&session), before.replace("secret=a\nb\n", "secret=a\n")).unwrap();
    session.relock();
    assert_eq!(run(&session, &["unlock"], "").code, Some(0));
    assert_eq!(run(&session, &["get", "openai"], "").stdout, "value-openai");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn doctor_fails_if_the_keychain_is_gone() {
    let mut session = Session::unlocked();
    assert_eq!(run(&session, &["set", "openai"], "value-openai").code, Some(0));
    fs::remove_file(file(&session)).unwrap();
    // A daemon that runs may not notice for a while.
    let doctor = run(&session, &["doctor", "--names"], "");
    assert!(doctor.code == Some(3) && doctor.stdout.contains("no default keychain"), "{doctor:?}");
    session.relock();
    let doctor = run(&session, &["doctor"], "");
    assert!(doctor.code == Some(3) && doctor.stdout.contains("no default keychain"), "{doctor:?}");
    assert!(doctor.stdout.contains("KeePassXC"), "{doctor:?}");
}
