//! A start by a gateway only reads: each command that changes something, with each stdin that a process can have.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use secretref_tests::fault::{Act, Answer, Asked, Server, Setup};
use secretref_tests::resolver::{self, Run};
use secretref_tests::terminal::{On, Session};
use tempfile::TempDir;

const REQUEST: &str = r#"{"protocolVersion":1,"provider":"px","ids":["openai"]}"#;

/// The exit code of a refusal.
const REFUSED: i32 = 10;

/// An encrypted store with one secret, and a file to import.
struct Place(TempDir);

/// All files of a store.
type Files = BTreeMap<String, Vec<u8>>;

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let stored = place.run(&["set", "openai"]).stdin("seeded-1").end();
        assert_eq!(stored.code, Some(0), "{stored:?}");
        fs::write(place.file(), "IMPORTED=seeded-2\n").unwrap();
        fs::set_permissions(place.file(), Permissions::from_mode(0o600)).unwrap();
        place
    }

    fn file(&self) -> String {
        self.0.path().join("secrets.env").display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let folder = self.0.path().join("store");
        let run = Run::new(resolver::path("secretref-keychain")).args(["--store", "file", "--folder"]);
        run.args([folder]).args(arguments)
    }

    fn files(&self) -> Files {
        let file = |entry: std::io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        };
        fs::read_dir(self.0.path().join("store")).unwrap().map(file).collect()
    }

    /// The commands that change the store, as a gateway's `args` could contain them.
    fn lines(&self) -> Vec<Vec<String>> {
        let file = self.file();
        let profile = self.0.path().join("store/profile.toml").display().to_string();
        let touched = self.0.path().join("store/touched").display().to_string();
        let lines: [&[&str]; 16] = [
            &["doctor", "--last"],
            &["check", "--config", &file],
            &["watch", "--once", "--config", &file, "--state", &touched],
            &["exec", "--env", "KEY=openai", "--", "touch", &touched],
            &["doctor", "--as-gateway", "openai"],
            &["install", "--yes", "--no-test", "--to", &profile],
            &["install", "--remove", "--to", &profile],
            &["set", "openai"],
            &["import", "-"],
            &["import", &file],
            &["import", "--from", &file, "--plan", &profile],
            &["import", "--residue", &file],
            &["unlock"],
            &["delete", "openai", "--yes"],
            &["--timeout", "1ms", "delete", "--yes", "openai"],
            &["delete", "--timeout=1ms", "--yes", "--", "openai"],
        ];
        lines.map(|line| line.iter().map(ToString::to_string).collect()).into()
    }

    /// Runs a command line with this stdin, and returns the exit code and stderr.
    fn with(&self, line: &[String], stdin: impl Into<Stdio>) -> (Option<i32>, String) {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let mut command = self.run(&line).command();
        let ended = command.stdin(stdin).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    }

    fn is_refused(&self, how: &str, stdin: impl Fn() -> Stdio) {
        let before = self.files();
        for line in self.lines() {
            let (code, said) = self.with(&line, stdin());
            assert_eq!(code, Some(REFUSED), "{how}: {line:?}: {said}");
            assert!(
                said.contains("refused, nothing was changed") && said.contains("a gateway may only read"),
                "{how}: {line:?}: {said}"
            );
            assert!(!said.contains("seeded"), "{how}: {line:?}: {said}");
            assert!(self.files() == before, "{how}: {line:?} changed the store: {said}");
        }
    }
}

/// A pipe that gets this text after a while, and is then closed.
fn pipe(parts: &[(u64, &[u8])]) -> Stdio {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let parts: Vec<_> = parts.iter().map(|(wait, bytes)| (*wait, bytes.to_vec())).collect();
    thread::spawn(move || {
        let mut writer = File::from(writer);
        for (wait, bytes) in parts {
            thread::sleep(Duration::from_millis(wait));
            // The reader may have exited.
            let _ = writer.write_all(&bytes);
        }
    });
    reader.into()
}

#[test]
fn no_command_changes_anything_where_stdin_is_a_socket() {
    let place = Place::new();
    // A gateway's pipe with its request, a closed one, and one with a value, as a script in Node creates it.
    for text in [REQUEST, "", "sk-1"] {
        place.is_refused(text, || {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(text.as_bytes()).unwrap();
            OwnedFd::from(theirs).into()
        });
    }
}

/// Other programs that speak the protocol start a resolver with a pipe.
#[test]
fn no_command_changes_anything_where_a_pipe_holds_a_request() {
    let place = Place::new();
    let ids: Vec<_> = (0..500).map(|number| format!("{number:0>240}")).collect();
    let long = serde_json::json!({"protocolVersion": 1, "provider": "px", "ids": ids}).to_string();
    let (start, rest) = REQUEST.split_at(20);
    let pretty = format!(" {}\n", REQUEST.replace(",\"", ",\n \"").replace(":1", ":2"));
    place.is_refused("at once", || pipe(&[(0, REQUEST.as_bytes())]));
    place.is_refused("soon", || pipe(&[(300, REQUEST.as_bytes())]));
    place.is_refused("in two parts", || pipe(&[(0, start.as_bytes()), (200, rest.as_bytes())]));
    place.is_refused("longer than a pipe", || pipe(&[(0, long.as_bytes())]));
    place.is_refused("other white space, another version", || pipe(&[(0, pretty.as_bytes())]));
}

/// However late it comes, a request never becomes a value or a password.
#[test]
fn a_request_is_never_a_value() {
    let place = Place::new();
    let before = place.files();
    for line in [["set", "openai"], ["import", "-"]].map(|line| line.map(str::to_owned)) {
        let (code, said) = place.with(&line, pipe(&[(1500, REQUEST.as_bytes())]));
        assert_eq!(code, Some(REFUSED), "{line:?}: {said}");
        assert!(place.files() == before, "{line:?} changed the store");
    }
    let file = place.0.path().join("request.json");
    fs::write(&file, REQUEST).unwrap();
    let (code, _) = place.with(&["set".into(), "openai".into()], File::open(&file).unwrap());
    assert_eq!((code, place.files() == before), (Some(REFUSED), true));
}

/// Starts by cron, systemd, a job, ssh without a terminal, and a person.
#[test]
fn a_script_and_a_person_change_what_they_like() {
    let place = Place::new();
    let file = place.0.path().join("list.txt");
    fs::write(&file, "openai\nother\n").unwrap();
    let kinds: [(&str, &dyn Fn() -> Stdio); 5] = [
        ("/dev/null", &|| Stdio::null()),
        ("a pipe that has ended", &|| pipe(&[])),
        ("a pipe that is silent", &|| pipe(&[(3000, b"")])),
        ("a pipe with the rest of a list", &|| pipe(&[(0, b"openai\nother\n")])),
        ("a file", &|| File::open(&file).unwrap().into()),
    ];
    for (how, stdin) in kinds {
        for line in [&["import", &place.file()][..], &["delete", "IMPORTED", "--yes"]] {
            let line: Vec<_> = line.iter().map(ToString::to_string).collect();
            let (code, said) = place.with(&line, stdin());
            assert_eq!(code, Some(0), "{how}: {line:?}: {said}");
        }
    }
    for value in ["sk-2", r#"{"key":"sk-2"}"#, "{", "{ids}", r#"{"ids":["a"]}"#] {
        let (code, said) = place.with(&["set".into(), "typed".into()], pipe(&[(0, value.as_bytes())]));
        assert_eq!(code, Some(0), "{value}: {said}");
    }
    let late = pipe(&[(1500, b"sk-3")]);
    assert_eq!(place.with(&["set".into(), "typed".into()], late).0, Some(0));
    let session = Session::start(
        env!("CARGO_BIN_EXE_in-session"),
        place.run(&["delete", "typed", "--yes"]),
        On { stdin: true, stdout: false, stderr: false },
    );
    let left = session.end();
    assert_eq!(left.code, Some(0), "{left:?}");
}

/// A command in a shell's loop does not consume the lines that the loop reads.
#[test]
fn a_loop_over_a_list_deletes_all_of_it() {
    let place = Place::new();
    for id in ["a", "b", "c"] {
        assert_eq!(place.run(&["set", id]).stdin("seeded-3").end().code, Some(0));
    }
    let store = place.0.path().join("store");
    let command = format!(
        "{} --store file --folder {}",
        resolver::path("secretref-keychain").display(),
        store.display()
    );
    let script = format!("{command} list | while read -r id; do {command} delete \"$id\" --yes; done");
    let ended = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(place.run(&["list"]).end().stdout, "");
}

/// The gateway gets a response with the reason for each id.
#[test]
fn a_refusal_answers_the_request() {
    let place = Place::new();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(REQUEST.as_bytes()).unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let mut command = place.run(&["delete", "openai", "--yes"]).command();
    let mut child = command.stdin(OwnedFd::from(theirs)).spawn().unwrap();
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(REFUSED));
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["errors"]["openai"]["code"], "MISCONFIGURED", "{answer}");
}

/// A request that comes while the store is read still stops the change: the store itself sends it here.
#[test]
fn a_request_that_comes_late_stops_a_deletion() {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let writer = Mutex::new(Some(File::from(writer)));
    let others = Arc::new(Mutex::new(Vec::new()));
    let asked_for = Arc::clone(&others);
    let answer = move |asked: &Asked| {
        if asked.method != "GET" {
            asked_for.lock().unwrap().push(asked.what());
        }
        if !asked.path.starts_with("/v1/secret/data/") {
            return Answer::new(404, r#"{"errors":[]}"#);
        }
        // Once: the read may be tried again.
        if let Some(mut writer) = writer.lock().unwrap().take() {
            writer.write_all(REQUEST.as_bytes()).unwrap();
        }
        let document =
            r#""data":{"key":"seeded-4"},"metadata":{"created_time":"2026-01-01T00:00:00Z","version":1}"#;
        Answer::new(200, format!(r#"{{"lease_duration":0,"data":{{{document}}}}}"#))
    };
    let server = Server::start(Setup::default(), Arc::new(answer), Arc::new(|act: Act, _| act));
    let run = Run::new(resolver::path("secretref-vault")).args(["--address", &server.url()]);
    let mut command = run.env("VAULT_TOKEN", "t").args(["delete", "openai#key", "--yes"]).command();
    let ended = command.stdin(Stdio::from(reader)).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(REFUSED), "{said}");
    assert!(said.contains("delete refused, nothing was changed"), "{said}");
    assert_eq!(*others.lock().unwrap(), [""; 0]);
}

/// Flags of a gateway's `args` that choose a program for the sign-in.
#[test]
fn a_gateway_starts_no_program_that_no_profile_names() {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let (program, ran) = (path("program"), place.path().join("ran"));
    fs::write(&program, format!("#!/bin/sh\n>{}\n", ran.display())).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    let aws = ["--region", "eu-west-1", "--auth", "process", "--credential-process", &program];
    let azure = ["--vault", "corp", "--auth", "cli", "--cli-path", &program];
    let profiles = [
        format!("region = \"eu-west-1\"\nauth = \"process\"\ncredential_process = \"{program}\"\n"),
        format!("vault = \"corp\"\nauth = \"cli\"\ncli_path = \"{program}\"\n"),
    ];
    for ((name, flags), lines) in [("aws", aws), ("azure", azure)].into_iter().zip(profiles) {
        let binary = resolver::path(&format!("secretref-{name}"));
        let run = |line: &[&str], stdin: Stdio| {
            let ended = Run::new(&binary).args(line).command().stdin(stdin).output().unwrap();
            let said = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
            (said, ended.status.code(), fs::remove_file(&ran).is_ok())
        };
        for verb in [&[][..], &["resolve"], &["get", "openai"], &["check", "openai"], &["doctor", "openai"]] {
            let line = [&flags[..], verb].concat();
            for stdin in [socket(), pipe(&[(0, REQUEST.as_bytes())])] {
                let (said, _, has_run) = run(&line, stdin);
                assert!(!has_run, "{line:?}: {said:?}");
                assert!(said.concat().contains("may not choose one"), "{line:?}: {said:?}");
            }
            if !verb.contains(&"resolve") && !verb.is_empty() {
                assert!(run(&line, Stdio::null()).2, "a person types {line:?}");
            }
        }
        let ([answer, _], code, _) = run(&flags, pipe(&[(0, REQUEST.as_bytes())]));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (answer["errors"]["openai"]["code"].as_str(), code),
            (Some("MISCONFIGURED"), Some(REFUSED))
        );
        // A person's own check does what the gateway would do.
        let words: Vec<_> = flags.iter().map(|word| format!("\"{word}\"")).collect();
        let (command, words) = (binary.display(), words.join(","));
        let config = format!(
            r#"{{"secrets":{{"providers":{{"px":{{"source":"exec","command":"{command}","args":[{words}]}}}}}},
                "models":{{"providers":{{"a":{{"apiKey":{{"source":"exec","provider":"px","id":"openai"}}}}}}}}}}"#
        );
        fs::write(place.path().join("openclaw.json"), config).unwrap();
        let (said, _, has_run) = run(&["check", "--config", &path("openclaw.json")], Stdio::null());
        assert!(!has_run && said.concat().contains("may not choose one"), "{said:?}");
        // With a profile, only that decides.
        fs::write(place.path().join("p.toml"), lines).unwrap();
        fs::set_permissions(path("p.toml"), Permissions::from_mode(0o600)).unwrap();
        assert!(run(&["--profile", &path("p.toml")], socket()).2, "{name}");
    }
}

/// A gateway's socket, with its whole request.
fn socket() -> Stdio {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(REQUEST.as_bytes()).unwrap();
    Stdio::from(OwnedFd::from(theirs))
}
