//! `doctor --as-gateway`: each thing that keeps a gateway from starting a command is named. No server is needed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;

use secretref_tests::gateway::{NOBODY, is_root};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::terminal::{On, Session, TYPES};
use tempfile::TempDir;

/// A folder with the program, an encrypted store with one secret, and a profile for it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        resolver::copy("secretref-keychain", &place.path("secretref-keychain"));
        place.set_mode("secretref-keychain", 0o755);
        let store = place.path("store").display().to_string();
        let stored =
            place.run(&["--store", "file", "--folder", &store, "set", "openai"]).stdin("value-1").end();
        assert_eq!(stored.code, Some(0), "{stored:?}");
        let text = place.text();
        place.write(&text);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::new(self.path("secretref-keychain")).args(arguments)
    }

    fn text(&self) -> String {
        let binary = self.path("secretref-keychain");
        format!("#!{} --profile\nstore = \"file\"\nfolder = \"store\"\n", binary.display())
    }

    fn write(&self, text: &str) {
        fs::write(self.path("p.toml"), text).expect("a profile");
        self.set_mode("p.toml", 0o700);
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("a mode");
    }

    fn doctor(&self, more: &[&str]) -> Ended {
        let profile = self.path("p.toml").display().to_string();
        self.run(&["--profile", &profile, "doctor", "--as-gateway"]).args(more).end()
    }
}

/// Says that the report has these words, in a line below this step.
fn assert_finds(ended: &Ended, code: i32, step: &str, words: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let at = ended.stdout.find(&format!("failed   {step}")).unwrap_or_else(|| panic!("{step}: {ended:?}"));
    assert!(ended.stdout[at..].contains(words), "{words}: {ended:?}");
    assert!(!ended.stdout.contains("value-1"), "{ended:?}");
}

#[test]
fn a_command_that_works_is_started_as_the_gateway_does() {
    let place = Place::new();
    let well = place.doctor(&["openai"]);
    assert_eq!(well.code, Some(0), "{well:?}");
    for words in
        ["ok       command", "ok       first line", "ok       start", "1 of 1 have a value", "ok       id 1"]
    {
        assert!(well.stdout.contains(words), "{words}: {well:?}");
    }
    let folder = place.0.path().display().to_string();
    assert!(!well.stdout.contains(&folder), "{well:?}");
    assert!(place.doctor(&["--names", "openai"]).stdout.contains(&folder));
    let missing = place.doctor(&["openai", "missing"]);
    assert_finds(&missing, 1, "id 2", "(NOT_FOUND)");
    // The whole message, which has colons of its own.
    assert_finds(&missing, 1, "id 2", "in the file: store it with `set`");
    let without = place.doctor(&[]);
    assert_eq!(without.code, Some(0), "{without:?}");
    assert!(without.stdout.contains("skipped  ids") && without.stdout.contains("name an id"), "{without:?}");
    let json = place.doctor(&["--json", "missing"]);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((report["ok"].as_bool(), json.code), (Some(false), Some(1)), "{report:#}");
}

#[test]
fn what_keeps_the_gateway_from_it_is_named() {
    let place = Place::new();
    place.set_mode("p.toml", 0o775);
    assert_finds(&place.doctor(&["openai"]), 3, "command", "its group or all users can write it (mode 0775)");
    place.set_mode("p.toml", 0o600);
    let closed = place.doctor(&["openai"]);
    assert_finds(&closed, 3, "command", "its owner cannot execute it (mode 0600)");
    assert_finds(&closed, 3, "start", "the system cannot start the command");

    place.write(&place.text().replace("keychain --", "gone --"));
    let gone = place.doctor(&["openai"]);
    assert_finds(&gone, 3, "first line", "which does not exist");
    assert_finds(&gone, 3, "start", "see the first line above");
    place.write(&place.text().replace("--profile\n", "--profile\r\n"));
    assert_finds(&place.doctor(&["openai"]), 3, "first line", "ends in CRLF");
    place.write("store = \"file\"\nfolder = \"store\"\n");
    assert_finds(&place.doctor(&["openai"]), 3, "first line", "is missing");
    // It is then no command, and the program itself is one.
    place.set_mode("p.toml", 0o600);
    assert_eq!(place.doctor(&["openai"]).code, Some(0));
    place.write(&place.text().replace("folder", "foldr"));
    assert_finds(&place.doctor(&["openai"]), 3, "environment", "did you mean `folder`?");
    fs::remove_file(place.path("p.toml")).expect("a profile");
    assert_finds(&place.doctor(&["openai"]), 3, "command", "cannot be examined");
}

/// A line that a shell or `env` reads starts no resolver under a gateway, which has no PATH.
#[test]
fn a_first_line_of_another_program_is_named_with_the_right_one() {
    let place = Place::new();
    let program = place.path("secretref-keychain").display().to_string();
    let right = format!("make #!{program} --profile the first line");
    // `install` corrects a line that names the resolver.
    let install = format!("run {program} install --yes --to {}", place.path("p.toml").display());
    for (line, right) in [
        ("#!/bin/sh", &right),
        ("#!/usr/bin/env -S secretref-keychain --profile", &install),
        ("#!/bin/cat", &right),
    ] {
        let rest = place.text();
        place.write(&format!("{line}\n{}", rest.split_once('\n').expect("a line").1));
        let found = place.doctor(&["--names", "openai"]);
        assert_finds(&found, 3, "first line", "and not a resolver with --profile");
        assert!(found.stdout.contains(right), "{line}: {found:?}");
    }
}

#[test]
fn names_are_hidden_although_the_profile_cannot_be_used() {
    let place = Place::new();
    place.write(&(place.text() + "corp_vault = \"x\"\n"));
    let shown = place.doctor(&["--names", "corp/openai#key"]);
    let hidden = place.doctor(&["corp/openai#key"]);
    assert_eq!((shown.code, hidden.code), (Some(3), Some(3)), "{shown:?} {hidden:?}");
    let folder = place.0.path().display().to_string();
    for name in [folder.as_str(), "corp", "openai", "#key"] {
        assert!(shown.stdout.contains(name), "{name}: {shown:?}");
        assert!(!hidden.stdout.contains(name), "{name}: {hidden:?}");
    }
}

/// After an upgrade of the package, the copy that `install --copy` made is the version before.
#[test]
fn a_copy_of_another_version_is_named_with_both_versions() {
    let place = Place::new();
    let (copy, to) = (place.path("made/secretref-keychain"), place.path("made/keychain.toml"));
    let (to, store) = (to.display().to_string(), place.path("store").display().to_string());
    let install = |more: &[&str]| {
        let line = ["install", "--copy", "--yes", "--to", &to];
        let ended = place.run(&line).args(more).command().stdin(std::process::Stdio::null()).output();
        let ended = ended.expect("it starts");
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    };
    install(&["--store", "file", "--folder", &store]);
    let doctor = || place.run(&["--profile", &to, "doctor", "--as-gateway", "--names", "openai"]).end();
    let fresh = doctor();
    assert_eq!(fresh.code, Some(0), "{fresh:?}");
    assert!(
        fresh.stdout.contains("ok       copy") && fresh.stdout.contains(&copy.display().to_string()),
        "{fresh:?}"
    );

    let now = place.run(&["--version"]).end().stdout;
    let version = now.split(' ').nth(1).expect("a version");
    let change = format!("s/{}/0.0.9/g", version.replace('.', r"\."));
    let changed =
        std::process::Command::new("sed").env("LC_ALL", "C").args(["-i", &change]).arg(&copy).status();
    assert!(changed.expect("sed").success());
    let stale = doctor();
    assert_finds(&stale, 3, "copy", "the command is secretref-keychain 0.0.9");
    assert_finds(&stale, 3, "copy", &format!("and this program is secretref-keychain {version}"));
    assert_finds(&stale, 3, "copy", &format!("install --copy --yes --to {to}"));
    // The hint works as it is written.
    install(&[]);
    assert_eq!(doctor().code, Some(0));
}

#[test]
fn root_sees_what_another_user_would_get() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).expect("a mode");
    let of_root = place.doctor(&["--user", "nobody", "openai"]);
    assert_finds(&of_root, 3, "command", "it belongs to uid 0, and the gateway runs as uid 65534");
    for name in ["p.toml", "store"] {
        chown(place.path(name), Some(NOBODY), None).expect("an owner");
    }
    for entry in fs::read_dir(place.path("store")).expect("a folder") {
        chown(entry.expect("a file").path(), Some(NOBODY), None).expect("an owner");
    }
    let theirs = place.doctor(&["--user", "nobody", "openai"]);
    assert_eq!(theirs.code, Some(0), "{theirs:?}");
    assert_finds(&place.doctor(&["openai"]), 3, "command", "and the gateway runs as uid 0");
    // A file that they cannot read.
    chown(place.path("store"), Some(0), None).expect("an owner");
    let unreadable = place.doctor(&["--user", "nobody", "openai"]);
    assert!(unreadable.code != Some(0) && unreadable.stdout.contains("failed   id 1"), "{unreadable:?}");
    let unknown = place.doctor(&["--user", "no-such-user", "openai"]);
    assert!(unknown.stderr.contains("there is no user no-such-user"), "{unknown:?}");
}

/// A file of another user would run with the rights of the person who asks what is wrong with it.
#[test]
fn nothing_that_another_user_can_change_is_started() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).expect("a mode");
    let theirs = place.path("theirs");
    fs::create_dir(&theirs).expect("a folder");
    let (profile, ran) = (theirs.join("p.toml"), place.path("theirs/ran"));
    let is_left_out = |what: &str, step: &str, more: &[&str]| {
        let profile = profile.display().to_string();
        let line = ["--profile", &profile, "doctor", "--as-gateway", "--names"];
        let ended = place.run(&line).args(more).args(["openai"]).end();
        assert!(!ran.exists(), "{what}: {ended:?}");
        assert_eq!(ended.code, Some(3), "{what}: {ended:?}");
        for step in [step, "skipped  start"] {
            assert!(ended.stdout.contains(step), "{what}: {ended:?}");
        }
        assert!(ended.stdout.contains("another user could decide what runs"), "{what}: {ended:?}");
    };
    let script = format!("#!/bin/sh\n>{}\n", ran.display());
    let write = |path: &std::path::Path, text: &str, (owner, mode): (u32, u32)| {
        fs::write(path, text).expect("a file");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
        chown(path, Some(owner), None).expect("an owner");
    };
    write(&profile, &script, (NOBODY, 0o755));
    is_left_out("a file of another user", "failed   command", &[]);
    is_left_out("a third user", "failed   command", &["--user", "daemon"]);
    write(&profile, &script, (0, 0o777));
    is_left_out("a file that all users can write", "failed   command", &[]);
    let interpreter = theirs.join("interpreter");
    write(&interpreter, &script, (NOBODY, 0o755));
    write(&profile, &format!("#!{} --profile\n", interpreter.display()), (0, 0o755));
    is_left_out("an interpreter of another user", "ok       command", &[]);
    write(&profile, "store = \"file\"\nfolder = \"../store\"\n", (0, 0o600));
    resolver::copy("secretref-keychain", &theirs.join("secretref-keychain"));
    chown(theirs.join("secretref-keychain"), Some(NOBODY), None).expect("an owner");
    is_left_out("a copy of another user", "skipped  copy", &[]);
    fs::remove_file(theirs.join("secretref-keychain")).expect("a file");
    write(&profile, &script, (0, 0o755));
    chown(&theirs, Some(NOBODY), None).expect("an owner");
    is_left_out("a folder of another user", "failed   first line", &[]);
}

/// A profile of another user names the variables of its choice.
#[test]
fn no_value_of_this_shell_goes_to_another_user() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let folder = place.path("theirs");
    fs::create_dir(&folder).expect("a folder");
    for (name, text) in [
        ("show", format!("#!/bin/sh\nexport >{}/seen\n", folder.display())),
        ("p.toml", format!("#!{}/show --profile\nenv = [\"DBUS_SESSION_BUS_ADDRESS\"]\n", folder.display())),
    ] {
        fs::write(folder.join(name), text).expect("a file");
        fs::set_permissions(folder.join(name), Permissions::from_mode(0o700)).expect("a mode");
    }
    for path in [place.0.path(), &folder, &folder.join("show"), &folder.join("p.toml")] {
        chown(path, Some(NOBODY), None).expect("an owner");
    }
    let profile = folder.join("p.toml").display().to_string();
    let line = ["--profile", &profile, "doctor", "--as-gateway", "--user", "nobody"];
    let ended = place.run(&line).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/of-root").end();
    let seen = fs::read_to_string(folder.join("seen")).expect("it ran");
    assert!(seen.contains("OPENCLAW_CLI") && !seen.contains("unix:path=/of-root"), "{seen}");
    let said = "left out, because the value in this shell is another user's: DBUS_SESSION_BUS_ADDRESS";
    assert!(ended.stdout.contains(said), "{ended:?}");
}

/// The gateway's user types nothing into root's terminal, and reads nothing that root's shell has open.
#[test]
fn another_user_gets_neither_the_terminal_nor_a_descriptor() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let folder = place.path("theirs");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("p.toml"), TYPES).expect("a program");
    fs::set_permissions(folder.join("p.toml"), Permissions::from_mode(0o700)).expect("a mode");
    for path in [place.0.path(), &folder, &folder.join("p.toml")] {
        chown(path, Some(NOBODY), None).expect("an owner");
    }
    let program = place.path("secretref-keychain").display().to_string();
    let profile = folder.join("p.toml").display().to_string();
    for user in [&["--user", "nobody"][..], &[]] {
        let line = ["-c", "exec \"$0\" \"$@\" 9</etc/shadow", &program, "--profile", &profile, "doctor"];
        let run = Run::new("/bin/sh").args(line).args(["--as-gateway"]).args(user);
        let ended = Session::start(env!("CARGO_BIN_EXE_in-session"), run, On::ALL).end();
        assert_eq!(ended.code, Some(3), "{ended:?}");
        let seen = fs::read_to_string(folder.join("seen")).unwrap_or_else(|_| panic!("{ended:?}"));
        assert_eq!(seen, "ran\n", "{user:?}: {ended:?}");
        fs::remove_file(folder.join("seen")).expect("a file");
        chown(folder.join("p.toml"), Some(0), None).expect("an owner");
        chown(&folder, Some(0), None).expect("an owner");
        chown(place.0.path(), Some(0), None).expect("an owner");
    }
}
