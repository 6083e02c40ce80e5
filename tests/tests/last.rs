//! `doctor --last`: what the last runs did, from journald itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use secretref_tests::resolver::{self, Run};
use secretref_tests::room::in_room;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with an encrypted store of one secret, and a profile that logs every run.
fn place() -> TempDir {
    place_with("log = \"all\"\n")
}

/// The same, with these settings.
fn place_with(settings: &str) -> TempDir {
    let place = tempfile::tempdir().expect("a folder");
    let profile = place.path().join("keychain.toml");
    let binary = resolver::path("secretref-keychain");
    let text = format!("#!{} --profile\nstore = \"file\"\nfolder = \"store\"\n{settings}", binary.display());
    fs::write(&profile, text).expect("a profile");
    fs::set_permissions(&profile, Permissions::from_mode(0o700)).expect("a mode");
    let stored = Run::new(&profile).args(["set", "openai"]).stdin("value-of-openai").end();
    assert_eq!(stored.code, Some(0), "{stored:?}");
    place
}

/// Types commands into a shell; `ask ID…` asks as the provider `keys`.
fn type_in(place: &Path, commands: &str) -> Output {
    let ask = "ask() { ids=$(printf ',\"%s\"' \"$@\"); \
               echo \"{\\\"protocolVersion\\\":1,\\\"provider\\\":\\\"keys\\\",\\\"ids\\\":[${ids#,}]}\" | \
               env -i ./keychain.toml >answer || :; }\n";
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{ask}{commands}")]).current_dir(place).output().expect("a shell")
}

/// The commands, with a wait until the journal has this many records.
fn after(records: usize, commands: &str) -> String {
    let count = "journalctl --quiet -t secretref-keychain 2>/dev/null | wc -l";
    format!("for i in $(seq 100); do [ \"$({count})\" -lt {records} ] || break; sleep 0.1; done\n{commands}")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
#[ignore = "needs root and journald: tests/run has both"]
fn the_last_runs_are_shown_and_when_the_store_came_back() {
    in_room("the_last_runs_are_shown_and_when_the_store_came_back", last_runs);
}

fn last_runs() {
    let place = place();
    let broken = "ask openai\nask openai missing\nmv store gone\ntouch store\nask openai\n";
    let ended = type_in(place.path(), &(broken.to_owned() + &after(3, "./keychain.toml doctor --last")));
    let (said, notes) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(1), "{said}{notes}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}{notes}");
    assert!(lines[0].starts_with("ok      20") && lines[0].contains("  keys  1 id resolved, "), "{said}");
    assert!(
        lines[1].starts_with("failed  20") && lines[1].contains("1 of 2 ids failed: NOT_FOUND, "),
        "{said}"
    );
    assert!(lines[2].contains("1 of 1 id failed: MISCONFIGURED, "), "{said}");
    assert!(notes.contains("no value since 20") && notes.contains("(MISCONFIGURED)"), "{notes}");
    assert!(!said.contains("openai") && !said.contains("missing") && !said.contains("value-of"), "{said}");

    // The same record, once more: by another user it does not count.
    let copy = "journalctl --quiet -t secretref-keychain -n 1 -o export | grep -a '^[A-Z]' >record\n";
    let other = "setpriv --reuid=65534 --regid=65534 --clear-groups logger --journald <record\n";
    let shown = "./keychain.toml doctor --last | wc -l\n";
    let ended = type_in(
        place.path(),
        &(copy.to_owned() + other + &after(4, shown) + "logger --journald <record\n" + &after(5, shown)),
    );
    assert_eq!(text(&ended.stdout), "3\n4\n", "{ended:?}");

    let back = "ask openai\nrm store\nmv gone store\nask openai\n";
    let commands = "./keychain.toml doctor --last keys --names; ./keychain.toml doctor --last other; \
                    ./keychain.toml doctor --last --json >report";
    let ended = type_in(place.path(), &(back.to_owned() + &after(7, commands)));
    let (said, notes) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(0), "{said}{notes}");
    assert!(said.contains("1 id resolved for provider keys") && said.contains(": openai"), "{said}");
    assert!(notes.contains("then the store answers again"), "{notes}");
    assert!(notes.contains("no run of secretref-keychain of the provider other (NOT_FOUND)"), "{notes}");
    let report = fs::read(place.path().join("report")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let newest = report.as_array().and_then(|runs| runs.last()).expect("a run");
    assert_eq!((&newest["asked"], &newest["failed"], &newest["exit"]), (&1.into(), &0.into(), &0.into()));
    assert!(newest["time"].as_u64() > Some(1_700_000_000) && newest.get("ids").is_none(), "{report:#}");
}

/// The same from the file that the profile names.
#[test]
fn the_last_runs_are_read_from_the_file_of_the_profile() {
    let place = place();
    let path = place.path().join("keychain.toml");
    let profile = fs::read_to_string(&path).expect("the profile") + "log_file = \"runs.log\"\n";
    fs::write(&path, profile).expect("the profile");
    let doctor = || Run::new(&path).args(["doctor", "--last"]).end();
    let none = doctor();
    assert!(
        none.code == Some(1) && none.stderr.contains("runs.log has no run of secretref-keychain"),
        "{none:?}"
    );
    type_in(place.path(), "ask openai missing; mv store gone; touch store; ask openai");
    let down = doctor();
    assert_eq!(down.code, Some(1), "{down:?}");
    assert!(down.stdout.contains("  keys  1 of 2 ids failed: NOT_FOUND, "), "{down:?}");
    assert!(
        down.stdout.contains("failed: MISCONFIGURED, ") && down.stderr.contains("no value since 20"),
        "{down:?}"
    );
    type_in(place.path(), "rm store; mv gone store; ask openai");
    let back = doctor();
    assert!(back.code == Some(0) && back.stderr.contains("then the store answers again"), "{back:?}");
    assert!(back.stdout.contains("  keys  1 id resolved, ") && !back.stdout.contains("missing"), "{back:?}");
}

#[test]
fn without_a_journal_the_log_is_said() {
    let ended =
        Run::new(resolver::path("secretref-keychain")).args(["doctor", "--last"]).env("PATH", "/nonexistent");
    let ended = ended.end();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    for words in ["journalctl cannot be started", "no journal", "set `log_file`", "/var/log/syslog"] {
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    assert!(!ended.stderr.contains("macOS"), "{ended:?}");
}

/// Whether the store came back is unknown then: a success has no line.
#[test]
fn without_log_all_the_newest_failure_is_only_the_last_in_the_log() {
    let place = place_with("log_file = \"runs.log\"\n");
    type_in(place.path(), "mv store gone; touch store; ask openai; rm store; mv gone store; ask openai");
    let last = Run::new(place.path().join("keychain.toml")).args(["doctor", "--last"]).end();
    assert_eq!(last.code, Some(0), "{last:?}");
    assert!(last.stdout.starts_with("failed  20") && last.stdout.lines().count() == 1, "{last:?}");
    for words in ["the last failure in the log is of 20", "(MISCONFIGURED)", "set `log = \"all\"`"] {
        assert!(last.stderr.contains(words), "{words}: {last:?}");
    }
    assert!(!last.stderr.contains("no value since"), "{last:?}");
}

#[test]
fn a_test_of_a_person_is_no_run_of_the_gateway() {
    let place = place_with("log = \"all\"\nlog_file = \"runs.log\"\n");
    let doctor =
        |words: &[&str]| Run::new(place.path().join("keychain.toml")).args(["doctor"]).args(words).end();
    type_in(place.path(), "ask openai");
    let tested = doctor(&["--as-gateway", "missing"]);
    assert_eq!(tested.code, Some(1), "{tested:?}");
    let last = doctor(&["--last"]);
    assert!(last.code == Some(0) && last.stdout.lines().count() == 1, "{last:?}");
    let of_doctor = doctor(&["--last", "doctor"]);
    assert!(
        of_doctor.code == Some(1) && of_doctor.stdout.contains("  doctor  1 of 1 id failed"),
        "{of_doctor:?}"
    );
}

#[test]
fn a_pipe_is_not_read_as_a_log() {
    let place = place_with("log_file = \"runs.log\"\n");
    let made = Command::new("mkfifo").arg(place.path().join("runs.log")).status().expect("mkfifo");
    assert!(made.success());
    let last = Run::new(place.path().join("keychain.toml")).args(["doctor", "--last"]).end();
    assert_eq!(last.code, Some(3), "{last:?}");
    assert!(last.stderr.contains("it is not a regular file"), "{last:?}");
}

/// The user of tests that another user takes part in.
const OTHER: u32 = 65534;

#[test]
#[ignore = "needs root: tests/run has it"]
fn a_log_of_another_user_gets_no_line() {
    let place = place_with("log_file = \"runs.log\"\n");
    let log = place.path().join("runs.log");
    fs::write(&log, "2026-11-30T09:10:15Z secretref-keychain[7]: run 00ff: 1 id resolved in 5 ms: a\n")
        .expect("a log");
    let before = fs::read(&log).expect("the log");
    std::os::unix::fs::chown(&log, Some(OTHER), None).expect("an owner");
    type_in(place.path(), "ask missing");
    assert_eq!(fs::read(&log).expect("the log"), before);
    let profile = place.path().join("keychain.toml");
    let doctor = Run::new(&profile).args(["doctor", "openai"]).end();
    assert!(
        doctor.stdout.contains("cannot be written (it belongs to another user, uid 65534)"),
        "{doctor:?}"
    );
    let last = Run::new(&profile).args(["doctor", "--last"]).end();
    assert!(last.code == Some(3) && last.stderr.contains("it belongs to another user"), "{last:?}");
}

#[test]
#[ignore = "needs root: tests/run has it"]
fn root_reads_the_log_file_of_another_users_profile() {
    let place = place_with("log_file = \"runs.log\"\n");
    type_in(place.path(), "mv store gone; touch store; ask openai");
    for name in ["", "keychain.toml", "runs.log"] {
        std::os::unix::fs::chown(place.path().join(name), Some(OTHER), None).expect("an owner");
    }
    let profile = place.path().join("keychain.toml").display().to_string();
    let last = || {
        let run = Run::new(resolver::path("secretref-keychain"));
        run.args(["--profile", &profile, "doctor", "--last"]).env("PATH", "/nonexistent").end()
    };
    let read = last();
    assert!(read.code == Some(0) && read.stdout.contains("failed: MISCONFIGURED"), "{read:?}");
    // What the other user makes of it leads root to no other file.
    fs::remove_file(place.path().join("runs.log")).expect("the log");
    std::os::unix::fs::symlink("/etc/shadow", place.path().join("runs.log")).expect("a link");
    let led = last();
    assert!(led.code == Some(3) && led.stderr.contains("cannot be read"), "{led:?}");
}
