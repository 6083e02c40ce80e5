//! `exec`: a command with values in its environment, in place of the resolver. No server is needed.
//!
//! Blocks of `docs/shell.md`: "Start a command with values" sh 1

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver::{self, Run};
use tempfile::TempDir;

/// A folder with an encrypted store: two secrets, one with a NUL character.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        for (id, value) in
            [("openai", "value-of-openai"), ("pem", "value\nof pem\n"), ("nul", "value\0of-nul")]
        {
            let stored = Run::new(resolver::path("secretref-keychain"));
            let stored = stored.args(place.store()).args(["set", id]).stdin(value).end();
            assert_eq!(stored.code, Some(0), "{stored:?}");
        }
        place
    }

    fn store(&self) -> [String; 4] {
        ["--store".into(), "file".into(), "--folder".into(), self.path("store").display().to_string()]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `exec` with these words after it, in an environment of its own.
    fn exec(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(resolver::path("secretref-keychain"));
        command.args(self.store()).arg("exec").args(words).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("KEPT", "yes").stdin(Stdio::null()).current_dir(self.0.path());
        command
    }

    fn run(&self, words: &[impl AsRef<OsStr>]) -> Output {
        self.exec(words).output().expect("the resolver")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_command_replaces_the_process_with_the_values_in_its_environment() {
    let place = Place::new();
    let script = "echo $$; cd /proc/$$/fd; echo *; tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' '|' </proc/$$/environ; exit 7";
    let command = ["bash", "-c", script];
    let env = ["--env", "KEY=openai", "--env", "PEM=pem", "--env", "AGAIN=openai", "--"];
    let mut child = place.exec(&[&env[..], &command].concat());
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the resolver");
    let pid = child.id().to_string();
    let ended = child.wait_with_output().expect("its end");
    assert_eq!((ended.status.code(), text(&ended.stderr).as_str()), (Some(7), ""), "{ended:?}");
    let said = text(&ended.stdout);
    let [own, files, rest] = said.splitn(3, '\n').collect::<Vec<_>>().try_into().expect("three parts");
    assert_eq!(own, pid, "not in its place: {said}");
    // It has no file of the resolver, only those that the command has without it.
    let without = Command::new("bash").args(&command[1..]).stdin(Stdio::null()).output().expect("bash");
    assert_eq!(Some(files), text(&without.stdout).lines().nth(1), "{said}");
    let variables = rest.strip_prefix(&command.join(" ")).expect("the words, without a value");
    for variable in [
        "KEY=value-of-openai",
        "AGAIN=value-of-openai",
        "KEPT=yes",
        "PEM=value\nof pem\n",
        "PATH=/usr/bin:/bin",
    ] {
        assert!(
            variables.split('|').any(|found| found.trim_start_matches(' ') == variable),
            "{variable}: {said}"
        );
    }
}

#[test]
fn words_stdin_and_signals_are_those_of_the_command() {
    let place = Place::new();
    let words = ["--env", "KEY=openai", "--", "printf", "%s|", "--env", "", "a b", "--"].map(OsStr::new);
    let odd = OsStr::from_bytes(b"\xff\xfe");
    let ended = place.run(&words.into_iter().chain([odd]).collect::<Vec<_>>());
    assert_eq!(ended.stdout, b"--env||a b|--|\xff\xfe|", "{ended:?}");

    fs::write(place.path("input"), "from stdin").expect("a file");
    let mut command = place.exec(&["--env", "KEY=openai", "--", "cat"]);
    let ended = command.stdin(fs::File::open(place.path("input")).expect("a file")).output().expect("cat");
    assert_eq!(ended.stdout, b"from stdin", "{ended:?}");

    let ended = place.run(&["--env", "KEY=openai", "--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(ended.status.signal(), Some(15), "{ended:?}");
}

#[test]
fn if_an_id_has_no_value_nothing_is_started_and_all_are_named() {
    let place = Place::new();
    let all = ["KEY=openai", "A=missing", "B=@bad", "C=nul"].map(|variable| ["--env", variable]).concat();
    let ended = place.run(&[&all[..], &["--", "touch", "started"]].concat());
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    for words in [
        "missing: ",
        "(NOT_FOUND)",
        "(INVALID_ID)",
        "nul: the value contains a NUL",
        "the command was not started",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(
        !place.path("started").exists() && !said.contains("value-of") && !said.contains("of-nul"),
        "{said}"
    );
    assert_eq!(text(&ended.stdout), "");
}

#[test]
fn a_value_decides_no_code() {
    let place = Place::new();
    for (variable, words) in [
        ("LD_PRELOAD=openai", "decides which code"),
        ("PATH=openai", "decides which code"),
        ("NODE_OPTIONS=openai", "decides which code"),
        ("PERLLIB=openai", "decides which code"),
        ("MAKEFLAGS=openai", "decides which code"),
        ("PYTHONUSERBASE=openai", "decides which code"),
        ("GIT_DIR=openai", "decides which code"),
        ("SSL_CERT_DIR=openai", "whom it trusts"),
        ("A-B=openai", "letters, digits and _"),
        ("KEY", "write NAME=ID"),
        ("KEY=", "the id is missing"),
    ] {
        let ended = place.run(&["--env", variable, "--", "touch", "started"]);
        let said = text(&ended.stderr);
        assert!(ended.status.code() == Some(2) && said.contains(words), "{variable}: {said}");
    }
    let twice = place.run(&["--env", "KEY=openai", "--env", "KEY=pem", "--", "touch", "started"]);
    assert!(twice.status.code() == Some(2) && text(&twice.stderr).contains("KEY is set twice"), "{twice:?}");
    for incomplete in
        [&["--env", "KEY=openai"][..], &["--env", "KEY=openai", "touch", "started"], &["--", "true"]]
    {
        assert_eq!(place.run(incomplete).status.code(), Some(2), "{incomplete:?}");
    }
    assert!(!place.path("started").exists());
}

#[test]
fn a_command_that_cannot_be_started_has_the_exit_codes_of_a_shell() {
    let place = Place::new();
    fs::write(place.path("plain"), "#!/bin/sh\n").expect("a file");
    fs::write(place.path("gone"), "#!/nonexistent/sh\n").expect("a file");
    fs::set_permissions(place.path("gone"), Permissions::from_mode(0o755)).expect("a mode");
    for (program, code) in
        [("no-such-program", 127), ("./no-such-program", 127), ("./gone", 127), ("./plain", 126), ("/", 126)]
    {
        let ended = place.run(&["--env", "KEY=openai", "--", program]);
        let said = text(&ended.stderr);
        assert!(ended.status.code() == Some(code) && said.contains(program), "{program}: {ended:?}");
        assert!(said.contains("hint: ") && !said.contains("value-of"), "{said}");
    }
}

/// What is started by the page has its variable.
#[test]
fn the_command_of_the_page() {
    let place = Place::new();
    let folder = place.path(".config/secretref");
    fs::create_dir_all(&folder).expect("a folder");
    let binary = resolver::path("secretref-keychain");
    let alias = "[ids]\n\"providers/openai/apiKey\" = { name = \"openai\" }\n";
    let text = format!(
        "#!{} --profile\nstore = \"file\"\nfolder = \"{}\"\n{alias}",
        binary.display(),
        place.path("store").display()
    );
    fs::write(folder.join("vault.toml"), text).expect("a profile");
    fs::write(place.path("app"), "#!/bin/sh\nprintf %s \"$OPENAI_API_KEY\"\n").expect("a program");
    for file in [folder.join("vault.toml"), place.path("app")] {
        fs::set_permissions(file, Permissions::from_mode(0o700)).expect("a mode");
    }
    let commands = Page::read("docs/shell.md").block("Start a command with values", "sh");
    assert_eq!(type_in(&commands, place.0.path(), &[], &[]), "value-of-openai");
}
