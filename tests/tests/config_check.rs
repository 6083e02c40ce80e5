//! `check --config`: what a gateway's config asks for is resolved before the gateway does. No server is needed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secretref_tests::resolver::{self, Ended, Run};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with an encrypted store of two secrets, and a profile for it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        let store = place.path("store").display().to_string();
        for id in ["openai", "mistral"] {
            let set = ["--store", "file", "--folder", &store, "set", id];
            let stored = keychain().args(set).stdin(format!("value-of-{id}")).end();
            assert_eq!(stored.code, Some(0), "{stored:?}");
        }
        place.profile("keychain.toml", 0o700, "");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn profile(&self, name: &str, mode: u32, lines: &str) {
        let binary = resolver::path("secretref-keychain");
        let text = format!("#!{} --profile\nstore = \"file\"\nfolder = \"store\"\n{lines}", binary.display());
        fs::write(self.path(name), text).expect("a profile");
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("a mode");
    }

    /// Checks a config with this provider and these references, each at `models.providers.NAME.apiKey`.
    fn check(&self, provider: &str, references: &[(&str, &str)], more: &[&str]) -> Ended {
        let models: Vec<_> = references
            .iter()
            .map(|(name, id)| {
                format!("'{name}': {{ apiKey: {{ source: 'exec', provider: 'keys', id: '{id}' }} }},")
            })
            .collect();
        let config = format!(
            "// of a person\n{{ secrets: {{ providers: {{ keys: {{ source: 'exec', {provider} }},\n  \
             other: {{ source: 'exec', command: '/bin/sh' }} }} }},\n  models: {{ providers: {{ {} }} }} }}",
            models.concat()
        );
        fs::write(self.path("openclaw.json"), config).expect("a config");
        let config = self.path("openclaw.json").display().to_string();
        keychain().args(["check", "--config", &config]).args(more).end()
    }

    fn command(&self, name: &str) -> String {
        format!("command: '{}'", self.path(name).display())
    }
}

fn keychain() -> Run {
    Run::new(resolver::path("secretref-keychain"))
}

#[test]
fn what_would_fail_is_named_by_its_path_in_the_config() {
    let place = Place::new();
    let command = place.command("keychain.toml");
    let both = [("one", "openai"), ("my.two", "mistral")];
    let clean = place.check(&command, &both, &[]);
    assert_eq!(clean.code, Some(0), "{clean:?}");
    assert!(clean.stderr.contains("2 references, 0 failed"), "{clean:?}");
    assert!(clean.stderr.contains("do not start this resolver: other"), "{clean:?}");

    let three = [both[0], both[1], ("three", "missing")];
    let failed = place.check(&command, &three, &[]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let line = failed.stdout.lines().find(|line| line.starts_with("failed")).expect("a line");
    assert!(line.contains("models.providers.three.apiKey") && line.contains("keys missing"), "{failed:?}");
    assert!(failed.stdout.contains("(NOT_FOUND)") && failed.stdout.contains("hint:"), "{failed:?}");

    let report = place.check(&command, &three, &["--json"]);
    assert_eq!(report.code, Some(1), "{report:?}");
    let report_text = report.stdout.clone();
    let report: Value = serde_json::from_str(&report.stdout).expect("JSON");
    let references = report["references"].as_array().expect("references");
    let bad: Vec<_> = references.iter().filter(|reference| reference["ok"] == false).collect();
    assert_eq!((report["ok"].as_bool(), bad.len(), references.len()), (Some(false), 1, 3), "{report:#}");
    assert_eq!(bad[0]["code"], "NOT_FOUND");
    assert!(references.iter().any(|one| one["path"] == "models.providers[\"my.two\"].apiKey"), "{report:#}");
    assert_eq!(report["not_checked"][0], "other");
    for text in [clean.stdout, clean.stderr, failed.stdout, failed.stderr, report_text] {
        assert!(!text.contains("value-of"), "{text}");
    }
}

#[test]
fn a_command_that_the_gateway_refuses_is_named_with_the_clause() {
    let place = Place::new();
    let refused = |name: &str, words: &str| {
        let ended = place.check(&place.command(name), &[("one", "openai")], &[]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stdout.contains(words), "{words}: {ended:?}");
        assert_eq!(ended.stdout.matches(words).count(), 1, "{ended:?}");
    };
    place.profile("closed.toml", 0o600, "");
    refused("closed.toml", "its owner cannot execute it (mode 0600)");
    place.profile("open.toml", 0o775, "");
    refused("open.toml", "its group or all users can write it (mode 0775)");
    std::os::unix::fs::symlink("keychain.toml", place.path("link.toml")).expect("a link");
    refused("link.toml", "it is a symbolic link");
    refused("gone.toml", "cannot be examined");
    let text = fs::read_to_string(place.path("keychain.toml")).expect("a profile");
    let write = |name: &str, text: String| {
        fs::write(place.path(name), text).expect("a profile");
        fs::set_permissions(place.path(name), Permissions::from_mode(0o700)).expect("a mode");
    };
    write("crlf.toml", text.replace('\n', "\r\n"));
    refused("crlf.toml", "ends in CRLF");
    let settings = text.split_once('\n').expect("a first line").1;
    write("bare.toml", settings.to_owned());
    refused("bare.toml", "is missing, so a shell runs the file");
    write("bare", settings.to_owned());
    refused("bare", "is missing, so a shell runs the file");
    write("shell.toml", format!("#!/bin/sh\n{settings}"));
    refused("shell.toml", "starts /bin/sh, and not a resolver with --profile");
    write("short.toml", text.replace(" --profile", ""));
    refused("short.toml", "and not a resolver with --profile");
    write("upgraded.toml", text.replace("secretref-keychain --", "gone/secretref-keychain --"));
    refused("upgraded.toml", "which does not exist");
    write("wrong.toml", text.replace("folder =", "foldr ="));
    refused("wrong.toml", "did you mean `folder`?");
}

/// A provider works if it answers, even if each of its ids failed by itself.
#[test]
fn a_provider_that_answers_is_called_well() {
    let place = Place::new();
    let command = place.command("keychain.toml");
    for (ids, code) in [
        (&[("one", "missing"), ("two", "gone")][..], 1),
        (&[("one", "missing"), ("two", "openai")], 1),
        (&[], 0),
    ] {
        let ended = place.check(&command, ids, &[]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stdout.contains("ok      provider keys"), "{ended:?}");
    }
    fs::rename(place.path("store"), place.path("gone")).expect("no store");
    fs::write(place.path("store"), "").expect("no store");
    let ended = place.check(&command, &[("one", "openai")], &[]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("failed  provider keys"), "{ended:?}");
}

/// The hint is a command that makes the profile work, and keeps its settings.
#[test]
fn the_hint_about_a_first_line_is_typed() {
    let place = Place::new();
    let text = fs::read_to_string(place.path("keychain.toml")).expect("a profile");
    let settings = text.split_once('\n').expect("a first line").1;
    let (file, command) = (place.path("p.toml"), place.command("p.toml"));
    for text in [
        text.replace('\n', "\r\n"),
        settings.to_owned(),
        format!("#!/usr/bin/env -S secretref-keychain --profile\n{settings}"),
        text.replace(" --profile", " --profile --timeout 1s"),
        text.replace("secretref-keychain --", "gone/secretref-keychain --"),
    ] {
        fs::write(&file, &text).expect("a profile");
        fs::set_permissions(&file, Permissions::from_mode(0o700)).expect("a mode");
        let refused = place.check(&command, &[("one", "openai")], &[]);
        assert_eq!(refused.code, Some(3), "{refused:?}");
        let hint = refused.stdout.lines().find_map(|line| line.trim().strip_prefix("hint: run "));
        let hint = hint.unwrap_or_else(|| panic!("{refused:?}"));
        let typed = std::process::Command::new("sh").args(["-c", hint]).output().expect("a shell");
        assert!(typed.status.success(), "{hint}: {typed:?}");
        let well = place.check(&command, &[("one", "openai")], &[]);
        assert_eq!(well.code, Some(0), "{text}: {well:?}");
    }
}

/// A profile that configuration management wrote as root, for the user of tests that another user takes part in.
#[test]
#[ignore = "needs root: tests/run has it"]
fn a_profile_of_root_is_named_with_the_one_command_that_helps() {
    const OTHER: u32 = 65534;
    let place = Place::new();
    let _ = place.check(&place.command("keychain.toml"), &[("one", "openai"), ("two", "mistral")], &[]);
    fs::set_permissions(place.0.path(), Permissions::from_mode(0o755)).expect("a mode");
    fs::set_permissions(place.path("openclaw.json"), Permissions::from_mode(0o644)).expect("a mode");
    let config = place.path("openclaw.json").display().to_string();
    let ended = keychain().args(["check", "--config", &config]).uid(OTHER).end();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let chown = format!("hint: run as root: chown nobody {}", place.path("keychain.toml").display());
    assert_eq!(ended.stdout.matches("hint:").count(), 1, "{ended:?}");
    assert!(ended.stdout.contains(&chown), "{ended:?}");
    let typed = chown.strip_prefix("hint: run as root: ").expect("a command");
    assert!(std::process::Command::new("sh").args(["-c", typed]).status().expect("a shell").success());
    let ended = keychain().args(["check", "--config", &config]).uid(OTHER).end();
    assert!(!ended.stdout.contains("cannot start"), "{ended:?}");
}

#[test]
fn the_config_and_the_profile_are_compared() {
    let place = Place::new();
    place.profile(
        "slow.toml",
        0o700,
        "timeout = \"7s\"\nmax_output = \"2MiB\"\nenv = [\"DBUS_SESSION_BUS_ADDRESS\"]\n",
    );
    let ended = place.check(&place.command("slow.toml"), &[("one", "openai")], &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for words in ["`timeout` is 7000 ms", "`max_output` is 2097152 bytes", "passEnv does not pass it on"] {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    let more = "timeoutMs: 9000, maxOutputBytes: 3000000, passEnv: ['DBUS_SESSION_BUS_ADDRESS']";
    let provider = format!("{}, {more}", place.command("slow.toml"));
    let ended = place.check(&provider, &[("one", "openai")], &[]);
    assert!(ended.stderr.contains("is in passEnv, and not set here"), "{ended:?}");
    assert_eq!(ended.stderr.matches("warning:").count(), 1, "{ended:?}");
    let provider = format!("{}, args: ['list']", place.command("keychain.toml"));
    let ended = place.check(&provider, &[("one", "openai")], &[]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("a command other than `resolve`"), "{ended:?}");
}

#[test]
fn what_cannot_be_checked_is_said() {
    let place = Place::new();
    let config = place.path("openclaw.json").display().to_string();
    let check = || keychain().args(["check", "--config", &config]).end();
    assert_eq!(check().code, Some(3));
    fs::write(&config, "{\n  secrets: [\n").expect("a config");
    let ended = check();
    assert!(ended.code == Some(3) && ended.stderr.contains("is not JSON5"), "{ended:?}");
    fs::write(&config, "{ a: { source: 'exec', provider: 'gone', id: 'x' } }").expect("a config");
    let ended = check();
    assert!(ended.code == Some(1) && ended.stdout.contains("no exec provider gone"), "{ended:?}");
    for line in
        [&["check"][..], &["check", "--config", &config, "id"], &["check", "a", "--expires-within", "30d"]]
    {
        assert_eq!(keychain().args(line).end().code, Some(2), "{line:?}");
    }
    let wrong = ["check", "--config", &config, "--expires-within", "30"];
    assert!(keychain().args(wrong).end().stderr.contains("such as 30d"));
}

/// Its providers decide which files are read.
#[test]
fn a_config_that_others_can_write_is_not_followed() {
    let place = Place::new();
    let config = place.path("openclaw.json");
    fs::write(&config, "{}").expect("a config");
    for mode in [0o666, 0o664, 0o602] {
        fs::set_permissions(&config, Permissions::from_mode(mode)).expect("a mode");
        let ended = keychain().args(["check", "--config"]).arg(&config).end();
        assert_eq!(ended.code, Some(3), "{mode:o}: {ended:?}");
        assert!(
            ended.stderr.contains("is writable by other users") && ended.stderr.contains("chmod go-w"),
            "{ended:?}"
        );
    }
}

#[test]
#[ignore = "needs root, to give a file away"]
fn the_config_of_another_user_is_not_followed() {
    // Its `args` would decide which file a credential is read from, and where it is sent.
    let place = Place::new();
    let config = place.path("openclaw.json").display().to_string();
    fs::write(&config, "{}").expect("a config");
    std::os::unix::fs::chown(&config, Some(65534), None).expect("an owner");
    let ended = keychain().args(["check", "--config", &config]).end();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("belongs to uid 65534") && ended.stderr.contains("sudo -u"), "{ended:?}");
}
