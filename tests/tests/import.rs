//! `import FILE`: what files people have, what is wrong with them, and what is left where it ends in the middle.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use secretref_tests::keyring::Session;
use secretref_tests::resolver::{self, Ended, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An encrypted store that is not there yet, and a folder for files.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let folder = self.0.path().join("store");
        let run = Run::new(resolver::path("secretref-keychain")).args(["--store", "file", "--folder"]);
        run.args([folder]).args(arguments)
    }

    fn file(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join("secrets");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn import(&self, bytes: impl AsRef<[u8]>) -> Ended {
        let ended = self.run(&["import", self.file(bytes).to_str().unwrap()]).end();
        assert!(!ended.stderr.contains("seeded") && ended.stdout.is_empty(), "{ended:?}");
        ended
    }

    /// What the store then has of these ids.
    fn values(&self, ids: &[&str]) -> Value {
        let ended = self.run(&[]).request(ids).end();
        serde_json::from_str::<Value>(&ended.stdout).unwrap()["values"].take()
    }
}

fn said(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for words in words {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
}

/// The file that the gateway itself reads, as people write it.
#[test]
fn a_file_of_lines_is_taken_as_others_take_it() {
    let place = Place::new();
    let text = "\u{feff}# keys\r\nexport OPENAI=seeded-1 # the first\r\nQUOTED=\"seeded \\\"2\\\"\\n# no comment\" # one\r\n\
        SINGLE='seeded\\n3 $HOME'\r\nPEM=\"-----BEGIN seeded-----\r\nMII=\r\n-----END-----\r\n\"\r\nEMPTY=\r\n\
        HASH=seeded#4\r\nTWICE=seeded-5\r\nTWICE=seeded-6\r\n _bad = seeded-7\r\n";
    let ended = place.import(text);
    said(
        &ended,
        1,
        &[
            "stored OPENAI",
            "stored PEM",
            "TWICE is there more than once: the last one counts",
            "EMPTY: the value is empty or blank",
            "_bad: ",
            "6 of 8 were stored; the file is still there\n",
        ],
    );
    assert_eq!(ended.stderr.matches("stored TWICE").count(), 1, "{ended:?}");
    assert_eq!(
        place.values(&["OPENAI", "QUOTED", "SINGLE", "PEM", "EMPTY", "HASH", "TWICE"]),
        json!({
            "OPENAI": "seeded-1", "QUOTED": "seeded \"2\"\n# no comment", "SINGLE": "seeded\\n3 $HOME",
            "PEM": "-----BEGIN seeded-----\nMII=\n-----END-----\n", "HASH": "seeded#4", "TWICE": "seeded-6",
        })
    );
}

#[test]
fn a_json_object_is_taken_with_what_is_in_it() {
    let place = Place::new();
    let ended = place.import(
        "\u{feff}{\"github.com/me\": \"seeded-1\\nx\", \"openai\": {\"apiKey\": \"seeded-2\"}, \"port\": 1.10,\n\
         \"list\": [\"seeded-3\"], \"none\": null, \"blank\": \" \", \"masked\": \"***\"}",
    );
    said(
        &ended,
        1,
        &["none: the value is empty", "blank: the value is empty", "masked: ", "4 of 7 were stored"],
    );
    assert_eq!(
        place.values(&["github.com/me", "openai#apiKey", "port", "list#/0", "none"]),
        json!({"github.com/me": "seeded-1\nx", "openai#apiKey": "seeded-2", "port": "1.10", "list#/0": "seeded-3"})
    );
    said(&place.import("{}"), 0, &["0 of 0 were stored"]);
}

/// Nothing is stored of a file that is not understood, and nothing of it is shown.
#[test]
fn what_is_no_such_file_is_refused_whole() {
    let place = Place::new();
    for (bytes, words) in [
        (&b"A=seeded-1\nseeded-2\n"[..], "at line 2 it is not NAME=value"),
        (b"A=seeded-1\n\nB=\"seeded-2\n", "at line 3 it is not NAME=value"),
        (b"A='seeded-1' seeded-2", "at line 1 it is not NAME=value"),
        (b"[\"seeded-1\"]", "at line 1 it is not NAME=value"),
        (b"{\"A\": \"seeded-1\"", "begins as JSON and is none"),
        (b"A=seeded-1\xff", "is not UTF-8 text"),
        (b"\xff\xfeA\0=\0", "is not UTF-8 text"),
        (&b"A=value\n".repeat(200_000), "is longer than 1 MiB"),
    ] {
        said(&place.import(bytes), 3, &[words]);
    }
    let path = |path: PathBuf| place.run(&["import", path.to_str().unwrap()]).end();
    said(&path(place.0.path().join("absent")), 3, &["cannot be opened"]);
    said(&path(place.0.path().to_owned()), 3, &["is not a regular file"]);
    let file = place.file("A=seeded-1");
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    said(&path(file), 3, &["can be written by everybody"]);
    assert!(!place.0.path().join("store").exists());
}

#[test]
fn who_else_can_read_the_file_is_said() {
    let place = Place::new();
    let file = place.file("A=seeded-1");
    for (mode, is_said) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let ended = place.run(&["import", file.to_str().unwrap()]).end();
        said(&ended, 0, &["the file is still there"]);
        assert_eq!(ended.stderr.contains("others than you can read it"), is_said, "{mode:o}: {ended:?}");
    }
}

/// Whatever ends it, all that it has named is stored, and at most one more.
#[test]
fn an_import_that_is_ended_in_the_middle_has_named_what_it_took() {
    let place = Place::new();
    let mut text = String::new();
    for number in 100..400 {
        writeln!(text, "A{number}=seeded-{number}").unwrap();
    }
    let file = place.file(text);
    let mut child = place.run(&["import", file.to_str().unwrap()]).command().spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut named: Vec<String> = lines.by_ref().take(20).map(Result::unwrap).collect();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    named.extend(lines.map(Result::unwrap));
    child.wait().unwrap();
    assert!(named.len() < 300 && named.iter().all(|line| line.starts_with("note: stored A")), "{named:?}");
    let list = place.run(&["list"]).end();
    let stored: Vec<_> = list.stdout.lines().collect();
    assert!(
        stored.len() == named.len() || stored.len() == named.len() + 1,
        "{} {}",
        stored.len(),
        named.len()
    );
    for (id, line) in stored.iter().zip(&named) {
        assert!(line.starts_with(&format!("note: stored {id} (")), "{id}: {line}");
    }
}

/// What no id can help ends it at the first one.
#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_locked_keychain_ends_an_import_at_once() {
    let session = Session::locked(&[]);
    let place = Place::new();
    let file = place.file("A=seeded-1\nB=seeded-2\n_bad=seeded-3\n");
    let run = Run::new(resolver::path("secretref-keychain"));
    let ended = run
        .args(["--bus".as_ref(), session.bus().as_os_str()])
        .args(["import".as_ref(), file.as_os_str()])
        .end();
    said(
        &ended,
        5,
        &["A: the default keychain is locked", "secretref-keychain unlock", "0 of 3 were stored"],
    );
    assert_eq!(ended.stderr.matches("is locked").count(), 1, "{ended:?}");
}

/// So that they need never be on a disk.
#[test]
fn what_comes_through_a_pipe_is_taken() {
    let place = Place::new();
    for (text, id, value) in
        [("A=seeded-1\nB=seeded-2\n", "B", "seeded-2"), (r#"{"c": "seeded-3"}"#, "c", "seeded-3")]
    {
        let ended = place.run(&["import", "-"]).stdin(text).end();
        said(&ended, 0, &["were stored"]);
        assert!(!ended.stderr.contains("file") && !ended.stderr.contains("seeded"), "{ended:?}");
        assert_eq!(place.values(&[id])[id], value);
    }
    said(&place.run(&["import", "-"]).stdin("hunter2").end(), 3, &["at line 1 it is not NAME=value"]);
    said(&place.run(&["import", "-"]).stdin("").end(), 1, &["no value was given"]);
}
