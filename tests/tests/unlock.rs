//! `unlock`: a keychain that is locked, one that does not exist yet, and the messages of the other commands about both; with
//! the real gnome-keyring, at a real terminal and from a pipe.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use secretref_tests::keyring::{Activation, PASSWORD, Session};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::terminal::{self, Left, On};

const PROMPT: &str = "password of the keychain Login: ";
const NEW: &str = "new password: ";
const AGAIN: &str = "repeat the password: ";
const SIGINT: Option<i32> = Some(2);

/// A keychain in clear text, as gnome-keyring writes one with an empty password.
const IN_THE_CLEAR: &str = "[keyring]\ndisplay-name=Login\nctime=0\nmtime=0\nlock-on-idle=false\nlock-after=false\n\n\
    [1]\nitem-type=0\ndisplay-name=openai\nsecret=value-clear\nmtime=0\nctime=0\n\n\
    [1:attribute0]\nname=service\ntype=string\nvalue=openclaw\n\n\
    [1:attribute1]\nname=username\ntype=string\nvalue=openai\n";

fn on(bus: &Path, arguments: &[&str]) -> Run {
    Run::new(resolver::path("secretref-keychain")).args(["--bus".as_ref(), bus.as_os_str()]).args(arguments)
}

/// A command of a person in a session.
fn run(session: &Session, arguments: &[&str]) -> Run {
    on(&session.bus(), arguments)
}

/// The same at a terminal, which nothing is typed at yet.
fn typed(session: &Session, arguments: &[&str]) -> terminal::Session {
    terminal::Session::start(env!("CARGO_BIN_EXE_in-session"), run(session, arguments), On::ALL)
}

/// `unlock` at a terminal: each prompt, and the answer to it.
fn unlock(session: &Session, prompts: &[(&str, &str)]) -> Left {
    let terminal = typed(session, &["unlock"]);
    for (at, (prompt, keys)) in prompts.iter().enumerate() {
        let nth = prompts[..=at].iter().filter(|(other, _)| other == prompt).count();
        terminal.until(prompt, nth);
        terminal.keys(keys);
    }
    terminal.end()
}

/// A session in which gnome-keyring runs, without any login before.
fn untouched() -> Session {
    let mut session = Session::without_provider(Activation::Nothing);
    session.provide(&[], "");
    session
}

/// A session whose locked keychain has an entry.
fn locked() -> Session {
    Session::locked(&[("openclaw", "openai", "value-openai")])
}

/// The folder of gnome-keyring's files.
fn keyrings(session: &Session) -> PathBuf {
    session.folder().join("home/.local/share/keyrings")
}

fn is_unlocked(session: &Session) -> bool {
    let ended = run(session, &["get", "openai"]).end();
    assert!([Some(0), Some(5)].contains(&ended.code), "{ended:?}");
    ended.code == Some(0)
}

/// Asserts the exit code, and these words on stderr.
fn said(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for words in words {
        assert!(ended.stderr.contains(words) || ended.stdout.contains(words), "{words}: {ended:?}");
    }
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn the_first_keychain_is_made_at_a_terminal() {
    let mut session = untouched();
    for (arguments, code) in [(&["get", "openai"][..], 1), (&["doctor"], 3), (&["set", "openai"], 3)] {
        let ended = run(&session, arguments).stdin("value-openai").end();
        said(&ended, code, &["no default keychain", "unlock"]);
    }
    let left = unlock(&session, &[(NEW, "seeded-1\r"), (AGAIN, "seeded-2\r")]);
    assert!(left.code == Some(1) && left.shown.contains("the two passwords differ"), "{left:?}");
    assert!(!keyrings(&session).join("login.keyring").exists());

    let left = unlock(&session, &[(NEW, "seeded-pass phrase\r"), (AGAIN, "seeded-pass phrase\r")]);
    assert!(left.code == Some(0) && left.is_as_before && !left.shown.contains("seeded"), "{left:?}");
    for words in ["there is no keychain yet", "created and unlocked the keychain Login"] {
        assert!(left.shown.contains(words), "{words}: {left:?}");
    }
    said(&run(&session, &["set", "openai"]).stdin("value-openai").end(), 0, &["stored openai"]);
    assert!(is_unlocked(&session));

    // It is the one that gnome-keyring looks for at its next start, and no other is created.
    session.relock();
    assert!(!is_unlocked(&session));
    said(&run(&session, &["unlock"]).stdin("seeded-pass phrase\n").end(), 0, &["Login is unlocked"]);
    assert!(is_unlocked(&session));
    session.end_provider();
    session.provide(&["--unlock"], "seeded-pass phrase");
    assert!(is_unlocked(&session));
    let files = fs::read_dir(keyrings(&session)).unwrap().map(|file| file.unwrap().path());
    assert_eq!(files.filter(|path| path.extension().is_some_and(|end| end == "keyring")).count(), 1);
}

/// A script that makes a machine ready gives the password once, and may run again.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn the_first_keychain_is_made_from_a_pipe() {
    let session = untouched();
    let unlock = |input: &str| run(&session, &["unlock"]).stdin(input).end();
    for nothing in ["", "\n"] {
        said(&unlock(nothing), 1, &["no password was given"]);
    }
    said(&run(&session, &["set", "openai"]).stdin("value").end(), 3, &["no default keychain"]);
    said(&unlock("seeded-1\n"), 0, &["created and unlocked the keychain Login"]);
    said(&run(&session, &["set", "openai"]).stdin("value-openai").end(), 0, &[]);
    said(&unlock("seeded-1\n"), 0, &["already unlocked"]);
    assert!(is_unlocked(&session));
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_failed_creation_of_a_keychain_is_reported() {
    let session = Session::without_provider(Activation::Nothing);
    fs::create_dir_all(keyrings(&session).parent().unwrap()).unwrap();
    fs::write(keyrings(&session), "no folder").unwrap();
    let mut session = session;
    session.provide(&[], "");
    said(
        &run(&session, &["unlock"]).stdin("seeded-1").end(),
        5,
        &["keychain provider failed", "it can write to its files"],
    );
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn the_password_is_asked_for_and_never_shown() {
    let mut session = locked();
    let left = unlock(&session, &[(PROMPT, &format!("{PASSWORD}\r"))]);
    assert!(left.code == Some(0) && left.is_as_before && !left.shown.contains(PASSWORD), "{left:?}");
    assert_eq!(left.screen().lines().next(), Some(PROMPT), "{left:?}");
    assert!(is_unlocked(&session));
    session.relock();
    assert!(!is_unlocked(&session));
}

/// A typing error is not visible, so there are three tries; from a pipe there is one.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_wrong_password_is_asked_for_again() {
    let session = locked();
    let left = unlock(&session, &[(PROMPT, "seeded-1\r"), (PROMPT, "seeded-2\r"), (PROMPT, "seeded-3\r")]);
    assert!(left.code == Some(4) && left.is_as_before && !left.shown.contains("seeded"), "{left:?}");
    assert_eq!(left.shown.matches("wrong password for the keychain").count(), 3, "{left:?}");
    let ended = run(&session, &["unlock"]).stdin("seeded-1\nseeded-2\n").end();
    said(&ended, 4, &["wrong password for the keychain"]);
    assert!(!is_unlocked(&session) && !ended.stderr.contains("seeded"), "{ended:?}");
    let left = unlock(&session, &[(PROMPT, "seeded-1\r"), (PROMPT, &format!("{PASSWORD}\r"))]);
    assert!(left.code == Some(0) && is_unlocked(&session), "{left:?}");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn an_invalid_password_changes_nothing() {
    let session = locked();
    for (keys, words) in [
        ("\r", "no password was given"),
        ("\u{4}", "no password was given"),
        ("seeded\u{1b}[A\r", "a control character"),
        ("seeded\rseeded\r", "several lines"),
    ] {
        let left = unlock(&session, &[(PROMPT, keys)]);
        assert!(
            left.code == Some(1) && left.is_as_before && left.shown.contains(words),
            "{keys:?}: {left:?}"
        );
        assert!(!left.shown.contains("seeded"), "{keys:?}: {left:?}");
    }
    let left = unlock(&session, &[(PROMPT, "seeded\u{3}")]);
    assert!(left.signal == SIGINT && left.is_as_before && !left.shown.contains("seeded"), "{left:?}");
    assert!(!is_unlocked(&session));
    for prompts in [&[(NEW, "seeded\u{3}")][..], &[(NEW, "seeded\r"), (AGAIN, "seeded\u{3}")]] {
        let session = untouched();
        let left = unlock(&session, prompts);
        assert!(left.signal == SIGINT && left.is_as_before && !left.shown.contains("seeded"), "{left:?}");
        assert!(!keyrings(&session).join("login.keyring").exists());
    }
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn an_unlocked_keychain_asks_for_nothing() {
    let session = Session::unlocked();
    let left = unlock(&session, &[]);
    assert!(left.code == Some(0) && left.screen().contains("Login is already unlocked"), "{left:?}");
    assert!(!left.shown.contains(PROMPT), "{left:?}");
    // Also from a pipe that is not closed.
    let mut child = run(&session, &["unlock"]).command().spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("already unlocked"), "{line}");
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // A late writer does not get SIGPIPE, and the script goes on.
    let script = format!("set -o pipefail; (sleep 0.5; printf %s {PASSWORD}) | \"$0\" --bus \"$1\" unlock");
    let bash = Run::new("/bin/bash").env("PATH", "/usr/bin:/bin").args(["-c", &script]);
    let ended = bash.args([resolver::path("secretref-keychain"), session.bus()]).end();
    said(&ended, 0, &["already unlocked"]);
}

/// A login without a password creates such a keychain.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_keychain_without_a_password_asks_for_none() {
    let mut session = Session::without_provider(Activation::Nothing);
    fs::create_dir_all(keyrings(&session)).unwrap();
    fs::write(keyrings(&session).join("login.keyring"), IN_THE_CLEAR).unwrap();
    session.provide(&[], "");
    let left = unlock(&session, &[]);
    assert!(left.code == Some(0) && left.shown.contains("it has no password"), "{left:?}");
    assert!(!left.shown.contains(PROMPT) && is_unlocked(&session), "{left:?}");
}

/// gnome-keyring takes the line end of `echo PASSWORD | gnome-keyring-daemon --unlock` for a part of the password.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_password_that_echo_ended_is_the_password() {
    let mut session = Session::without_provider(Activation::Nothing);
    session.provide(&["--unlock"], "seeded-1\n");
    session.store("openclaw", "openai", "value-openai");
    session.relock();
    said(&run(&session, &["unlock"]).stdin("seeded-2\n").end(), 4, &["wrong password for the keychain"]);
    let left = unlock(&session, &[(PROMPT, "seeded-1\r")]);
    assert!(left.code == Some(0) && left.shown.contains("line end that `echo` writes"), "{left:?}");
    assert!(is_unlocked(&session));
}

/// An obstacle is reported before a person types.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn without_a_provider_there_is_no_prompt() {
    let nothing = Session::without_provider(Activation::Nothing);
    let failing = Session::without_provider(Activation::Command("/bin/false"));
    let hanging = Session::without_provider(Activation::Command("/bin/sleep 3"));
    for (bus, words) in [
        (nothing.folder().join("no-bus"), "there is no session bus at"),
        (nothing.bus(), "nothing on the session bus provides a keychain"),
        (failing.bus(), "could not start the keychain provider"),
        (hanging.bus(), "did not start in time"),
    ] {
        let leader = env!("CARGO_BIN_EXE_in-session");
        let left = terminal::Session::start(leader, on(&bus, &["unlock"]), On::ALL).end();
        assert!(left.code == Some(5) && left.is_as_before, "{left:?}");
        assert!(left.screen().replace('\n', "").contains(words), "{words}: {left:?}");
        assert!(!left.shown.contains("password of") && !left.shown.contains(NEW), "{left:?}");
    }
    let file = Run::new(resolver::path("secretref-keychain")).args([
        "--store",
        "systemd",
        "--credentials",
        "/",
        "unlock",
    ]);
    said(&file.end(), 3, &["has no password"]);
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_provider_that_dies_during_a_prompt_is_named() {
    let mut session = locked();
    let terminal = typed(&session, &["unlock"]);
    terminal.until(PROMPT, 1);
    session.end_provider();
    terminal.keys(&format!("{PASSWORD}\r"));
    let left = terminal.end();
    assert!(left.code == Some(5) && left.is_as_before, "{left:?}");
    assert!(left.shown.contains("nothing on the session bus provides a keychain"), "{left:?}");
    assert!(!left.shown.contains(PASSWORD), "{left:?}");
}

/// No command asks the provider to unlock or to open a window, and each says what is locked and what to do.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn every_command_says_that_the_keychain_is_locked() {
    let session = locked();
    let monitor = session.monitor(&["--profile"]);
    for (arguments, code) in [
        (&["get", "openai"][..], 5),
        (&["check", "openai"], 5),
        (&["doctor", "openai"], 5),
        (&["list"], 1),
        (&["set", "openai"], 5),
        (&["set", "other"], 5),
        (&["delete", "openai", "--yes"], 5),
    ] {
        let started = Instant::now();
        let ended = run(&session, arguments).stdin("value").end();
        said(&ended, code, &["is locked", "secretref-keychain unlock"]);
        assert!(!ended.stderr.contains("may still have taken effect"), "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(2), "{arguments:?}: {ended:?}");
    }
    let doctor = run(&session, &["doctor", "--names"]).end();
    said(&doctor, 5, &["the default keychain is Login, locked", "unlock"]);
    let calls = monitor.seen();
    assert!(calls.contains("SearchItems"), "{calls}");
    assert!(!calls.contains("\tUnlock") && !calls.contains("Prompt"), "{calls}");
}

/// A session with an unlocked default keychain, and another one with an entry that is locked.
fn two_keychains() -> Session {
    let mut other = Session::unlocked();
    other.store("work", "mail", "value-mail");
    let name = ["org.freedesktop.Secret.Collection", "Label", "s", "Work"];
    let mut busctl = other.command("busctl");
    busctl.arg(format!("--address=unix:path={}", other.bus().display()));
    busctl.args(["set-property", "org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login"]);
    assert!(busctl.args(name).status().unwrap().success());
    other.end_provider();

    let mut session = Session::unlocked();
    session.store("openclaw", "openai", "value-openai");
    session.end_provider();
    fs::copy(keyrings(&other).join("login.keyring"), keyrings(&session).join("work.keyring")).unwrap();
    session.provide(&["--unlock"], PASSWORD);
    session
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn another_keychain_than_the_default_one_is_told_apart_and_unlocked_by_an_id() {
    let session = two_keychains();
    assert!(is_unlocked(&session));
    for arguments in [
        &["get", "work/mail"][..],
        &["check", "work/mail"],
        &["set", "work/mail"],
        &["delete", "work/mail", "--yes"],
    ] {
        let ended = run(&session, arguments).stdin("value").end();
        said(&ended, 5, &["the keychain with work/mail is locked", "unlock ID"]);
    }
    said(&run(&session, &["get", "openai", "work/mail", "--json"]).end(), 1, &["value-openai", "is locked"]);
    let doctor = run(&session, &["doctor", "--names", "work/mail"]).end();
    said(
        &doctor,
        5,
        &["default keychain is Login, unlocked", "another keychain is Work, locked", "unlock ID"],
    );
    let doctor = run(&session, &["doctor", "work/mail"]).end();
    assert!(!doctor.stdout.contains("Work") && !doctor.stdout.contains("work/mail"), "{doctor:?}");
    let list = run(&session, &["list"]).end();
    said(&list, 1, &["openai\n", "Work: it is locked", "unlock ID"]);
    said(&run(&session, &["set", "new"]).stdin("value-new").end(), 0, &[]);

    said(&run(&session, &["unlock"]).stdin(PASSWORD).end(), 0, &["Login is already unlocked"]);
    said(&run(&session, &["unlock", "absent"]).stdin(PASSWORD).end(), 1, &["no entry openclaw/absent"]);
    let terminal = typed(&session, &["unlock", "work/mail"]);
    terminal.until("password of the keychain Work: ", 1);
    terminal.keys(&format!("{PASSWORD}\r"));
    let left = terminal.end();
    assert!(left.code == Some(0) && left.shown.contains("the keychain Work is unlocked"), "{left:?}");
    assert_eq!(run(&session, &["get", "work/mail"]).end().stdout, "value-mail");
    said(&run(&session, &["unlock", "work/mail"]).end(), 0, &["Work is already unlocked"]);
}

/// `KeePassXC` opens its databases by itself.
#[test]
#[ignore = "needs KeePassXC: tests/run installs it"]
fn a_provider_that_takes_no_password_is_named() {
    let session = Session::without_provider(Activation::Nothing);
    let home = session.folder().join("home/.config/keepassxc");
    fs::create_dir_all(&home).unwrap();
    let settings = "[General]\nSingleInstance=false\nUpdateCheckMessageShown=true\n[FdoSecrets]\nEnabled=true\n\
        [GUI]\nCheckForUpdates=false\n";
    fs::write(home.join("keepassxc.ini"), settings).unwrap();
    let mut keepassxc = session.command("keepassxc");
    keepassxc
        .env("QT_QPA_PLATFORM", "offscreen")
        .env("TMPDIR", session.folder())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut keepassxc = keepassxc.spawn().unwrap();
    let mut tries = (0..300).map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        run(&session, &["unlock"]).stdin("seeded").end()
    });
    let ended = tries.find(|ended| !ended.stderr.contains("nothing on the session bus"));
    let list = run(&session, &["list"]).end();
    keepassxc.kill().unwrap();
    keepassxc.wait().unwrap();
    said(&ended.expect("it comes up"), 5, &["(keepassxc", "only in its own window", "KeePassXC"]);
    said(&list, 5, &["KeePassXC has no open database"]);
}
