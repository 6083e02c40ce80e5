//! A resolver at a real terminal: its prompts, its output, and the modes that it leaves; and closed streams.
//! Each run has an empty environment, except for what is set here.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::resolver::{self, Run, SLACK};
use secretref_tests::terminal::{Left, On, Session};

const TOKEN: &str = "hvs.token-at-a-terminal";
const SIGINT: Option<i32> = Some(2);
const PROMPT: &str = "value of a#k: ";

struct Store {
    fake: FakeVault,
    _folder: tempfile::TempDir,
}

/// A store with one secret. A request for a name that contains `hang` is never answered.
fn store() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeVault::start(folder.path(), Manner::default());
    fake.mount("secret");
    fake.token(TOKEN, Token { denied: "\0", may_look: true });
    fake.put("secret", "a", r#"{"k":"value-a"}"#);
    Store { fake, _folder: folder }
}

fn at(address: &str, token: &str) -> Run {
    Run::new(resolver::path("secretref-vault")).env("VAULT_ADDR", address).env("VAULT_TOKEN", token)
}

impl Store {
    fn run(&self, args: &str) -> Run {
        at(&self.fake.http, TOKEN).args(args.split(' '))
    }

    /// A script, with the resolver as `$0`.
    fn script(&self, script: &str) -> Run {
        let run = Run::new("/bin/sh").env("VAULT_ADDR", &self.fake.http).env("VAULT_TOKEN", TOKEN);
        run.args(["-c", script]).args([resolver::path("secretref-vault")])
    }

    /// `set a#k`, which sends only `asked` requests to the store.
    fn set(&self, keys: &str) -> Left {
        let session = start(self.run("set a#k"), On::ALL);
        session.until(PROMPT, 1);
        session.keys(keys);
        session.end()
    }
}

fn start(run: Run, on: On) -> Session {
    Session::start(env!("CARGO_BIN_EXE_in-session"), run, on)
}

fn color(run: Run) -> Run {
    run.env("TERM", "xterm-256color")
}

/// Text typed at the prompt is not shown anywhere, the terminal is as it was, and the value is asked for once.
#[test]
fn input_at_the_prompt_is_not_shown() {
    let left = store().set("seeded-secret\r");
    assert!(left.is_as_before && !left.shown.contains("seeded"), "{left:?}");
    assert_eq!(left.shown.matches("value of").count(), 1, "{left:?}");
    assert!(left.screen().starts_with(&format!("{PROMPT}\n")), "{left:?}");
}

/// Input that is not a value is refused before anything is sent.
#[test]
fn an_invalid_value_is_refused_at_the_prompt() {
    let store = store();
    for (keys, reason) in [
        ("\r", "no value was given"),
        ("\u{4}", "no value was given"),
        ("seeded\u{15}\r", "no value was given"),
        ("é\u{7f}\r", "no value was given"),
        ("seeded\u{1b}[D\r", "a control character"),
        ("-----BEGIN seeded\rseeded\r-----END\r", "several lines"),
        ("seeded-one\r\rseeded-two", "several lines"),
    ] {
        let left = store.set(keys);
        assert!(left.code == Some(1) && left.is_as_before, "{keys:?}: {left:?}");
        assert!(left.shown.contains(reason) && !left.shown.contains("seeded"), "{keys:?}: {left:?}");
    }
    assert_eq!(store.fake.counts(), (0, 0));
}

/// A value may be longer than a line of a terminal, which ends at 4095 bytes; but not longer than a value may be.
#[test]
fn a_value_is_as_long_as_it_is_typed() {
    let left = store().set(&format!("{}\r", "seeded ".repeat(2_000)));
    assert!(left.code != Some(2) && !left.shown.contains("seeded"), "{left:?}");
    let left = store().set(&"seeded ".repeat(150_000));
    assert!(left.code == Some(1) && left.shown.contains("longer than 1 MiB"), "{left:?}");
}

/// Ctrl-C ends the command by the signal, as shells expect it, and the script that it is part of.
#[test]
fn ctrl_c_at_the_prompt_ends_it_and_restores_the_terminal() {
    let store = store();
    let left = store.set("seeded\u{3}");
    assert!(left.signal == SIGINT && left.is_as_before && left.shown == "value of a#k: \r\n", "{left:?}");
    let session = start(store.script("\"$0\" set a#k; echo went on"), On::ALL);
    session.until(PROMPT, 1);
    session.keys("\u{3}");
    let left = session.end();
    assert!(left.signal == SIGINT && left.is_as_before && !left.shown.contains("went on"), "{left:?}");
    assert_eq!(store.fake.counts(), (0, 0));
}

/// Ctrl-Z stops it with the terminal as it was; when it continues, it asks again, and ignores what was typed before.
#[test]
fn ctrl_z_at_the_prompt_gives_the_terminal_back_until_it_goes_on() {
    let script = "set -m; \"$0\" set a#k; echo stopped $?; stty -a; fg >&2";
    let session = start(store().script(script), On::ALL);
    session.until(PROMPT, 1);
    session.keys("seeded\u{1a}");
    session.until(PROMPT, 2);
    session.keys("\r");
    let left = session.end();
    assert!(left.is_as_before && !left.shown.contains("seeded"), "{left:?}");
    for words in ["stopped 148", " icanon", " echo ", "no value was given"] {
        assert!(left.shown.contains(words), "{words:?}: {left:?}");
    }
}

/// What was typed before the prompt is not the value, and the rest of a paste is not a command of the shell.
#[test]
fn input_typed_too_early_or_too_late_is_discarded() {
    let store = store();
    let session = start(store.script("sleep 0.5; \"$0\" set a#k"), On::ALL);
    session.keys("ahead\r");
    session.until(PROMPT, 1);
    session.keys("\u{4}");
    let left = session.end();
    assert!(left.shown.contains("no value was given"), "{left:?}");
    let session = start(store.script("\"$0\" set a#k; read -r line; echo \"read <$line>\""), On::ALL);
    session.until(PROMPT, 1);
    session.keys("seeded-1\rseeded-2\rseeded-3");
    session.until("several lines", 1);
    session.keys("own\r");
    let left = session.end();
    assert!(left.shown.contains("read <own>") && !left.shown.contains("seeded"), "{left:?}");
}

/// If stdin is not a terminal, all of it is the value, or there is a failure.
#[test]
fn a_piped_value_is_whole_or_refused() {
    let store = store();
    for (bytes, reason) in [
        (b"".to_vec(), "no value was given"),
        (b"\r\n".to_vec(), "no value was given"),
        (b"\xffseeded".to_vec(), "not UTF-8 text"),
        (b"seeded".repeat(200_000), "longer than 1 MiB"),
    ] {
        let ended = store.run("set a#k").stdin(bytes).end();
        assert!(ended.code == Some(1) && ended.stderr.contains(reason), "{ended:?}");
        assert!(!ended.stderr.contains("seeded") && ended.stdout.is_empty(), "{ended:?}");
    }
    let mut folder = store.run("set a#k").command();
    let ended = folder.stdin(File::open("/").unwrap()).output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(store.fake.counts(), (0, 0));
}

/// The store has exactly the text that is typed, edited and pasted at the prompt, or piped in.
#[test]
#[ignore = "needs OpenBao"]
fn a_stored_value_is_read_back() {
    let bao = OpenBao::start();
    let run = |args: &str| at(&bao.http, ROOT).args(args.split(' '));
    let long = "0123456789".repeat(1_000);
    for (keys, value) in [
        ("typed secret\r", "typed secret"),
        ("wrong\u{15}right\r", "right"),
        ("naé€\u{7f}\u{8}ïve\r", "naïve"),
        ("pasted\ttab\r\r", "pasted\ttab"),
        (&format!("{long}\r"), &long),
    ] {
        let session = start(run("set a#k"), On::ALL);
        session.until(PROMPT, 1);
        session.keys(keys);
        let left = session.end();
        assert!(left.code == Some(0) && left.is_as_before && !left.shown.contains(value), "{left:?}");
        assert_eq!(run("get a#k").end().stdout, value);
    }
    for (piped, value) in [("one\n", "one"), ("one\r\n", "one"), ("a\nb\n", "a\nb\n"), (" \tx", " \tx")] {
        let ended = run("set a#k").stdin(piped).end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(run("get a#k").end().stdout, value);
    }
}

/// A step that takes longer than a second is shown; at the end only the failure is left.
#[test]
fn progress_is_shown_and_cleared_before_other_output() {
    let store = store();
    for command in ["get hang#k", "check hang#k", "doctor hang#k", "delete hang#k --yes"] {
        let session = start(color(store.run(&format!("--timeout 2300ms {command}"))), On::ALL);
        session.until("read … 1 s", 1);
        session.until("read … 2 s", 1);
        let left = session.end();
        let screen = left.screen();
        assert!(!screen.contains('…') && screen.contains("no answer within 2300 ms"), "{screen}\n{left:?}");
        assert!(screen.lines().all(|line| !line.trim().is_empty()), "{screen}\n{left:?}");
        assert!(left.is_as_before && left.code == Some(6), "{left:?}");
    }
}

/// No progress is shown for a step under a second, or on a stream or terminal that cannot rewrite a line.
#[test]
fn progress_is_shown_only_on_a_terminal() {
    let store = store();
    let hang = || store.run("--timeout 1400ms get hang#k");
    let pipe = On { stderr: false, ..On::ALL };
    let runs = [(color(hang()), pipe), (hang(), On::ALL), (hang().env("TERM", "dumb"), On::ALL)];
    let sessions = runs.map(|(run, on)| start(run, on)).into_iter();
    let quick = start(color(store.run("get a#k")), On::ALL);
    for left in sessions.chain([quick]).map(Session::end) {
        assert!(!format!("{}{}", left.shown, left.stderr).contains('…'), "{left:?}");
    }
}

/// Ctrl-C while it waits ends it by the signal, and leaves only the line on the screen.
#[test]
fn ctrl_c_while_it_waits_leaves_a_plain_terminal() {
    let session = start(color(store().run("get hang#k")), On::ALL);
    session.until("read … 1 s", 1);
    session.keys("\u{3}");
    let left = session.end();
    assert!(left.signal == SIGINT && left.is_as_before, "{left:?}");
    assert_eq!(left.screen(), "read … 1 s^C");
}

/// stdout and stderr are coloured independently, each if it is a terminal with colours.
#[test]
fn colour_is_for_terminals_that_want_it() {
    let store = store();
    let check = || store.run("check a#k missing#k");
    let (out, err) = ("\u{1b}[32mok", "\u{1b}[31merror:");
    let only = |stdout, stderr| On { stdin: false, stdout, stderr };
    for (run, on, expected) in [
        (color(check()), On::ALL, [true, true]),
        (color(check()), only(true, false), [true, false]),
        (color(check()), only(false, true), [false, true]),
        (color(check()), only(false, false), [false, false]),
        (color(check()).env("NO_COLOR", "1"), On::ALL, [false, false]),
        (color(check()).env("NO_COLOR", "0"), On::ALL, [false, false]),
        (color(check()).env("NO_COLOR", ""), On::ALL, [true, true]),
        (check().env("TERM", "dumb"), On::ALL, [false, false]),
        (check(), On::ALL, [false, false]),
    ] {
        let left = start(run, on).end();
        let all = format!("{}{}{}", left.shown, left.stdout, left.stderr);
        assert_eq!([out, err].map(|words| all.contains(words)), expected, "{left:?}");
        assert_eq!(all.contains('\u{1b}'), expected.contains(&true), "{left:?}");
        assert!(left.code == Some(1) && all.contains("ok") && all.contains("error:"), "{left:?}");
    }
}

/// A value gets a line break on a terminal, and nothing in a pipe.
#[test]
fn a_value_gets_a_line_break_only_on_a_terminal() {
    let store = store();
    let left = start(store.run("get a#k"), On::ALL).end();
    assert_eq!((left.code, left.shown.as_str()), (Some(0), "value-a\r\n"));
    let left = start(store.run("get a#k"), On { stdout: false, ..On::ALL }).end();
    assert_eq!((left.code, left.stdout.as_str(), left.shown.as_str()), (Some(0), "value-a", ""));
}

/// Without a command it prints the help of `-h` on stderr, and does not wait for a request.
#[test]
fn without_a_command_it_helps_and_does_not_wait() {
    let started = Instant::now();
    let left = start(store().run("--timeout 4s"), On { stdout: false, ..On::ALL }).end();
    assert!(left.code == Some(2) && left.shown.contains("Usage: secretref-vault"), "{left:?}");
    assert!(left.stdout.is_empty() && left.shown.lines().count() <= 30, "{left:?}");
    assert!(started.elapsed() < Duration::from_secs(2), "{left:?}");
}

/// `doctor` reports on stdout, in colour.
#[test]
fn doctor_reports_on_a_terminal() {
    let left = start(color(store().run("doctor a#k")), On { stderr: false, ..On::ALL }).end();
    assert!(left.code == Some(0) && left.is_as_before, "{left:?}");
    assert!(left.shown.contains("\u{1b}[32mok") && !left.shown.contains(TOKEN), "{left:?}");
    assert!(left.screen().lines().any(|line| line.starts_with("warning  sign-in")), "{}", left.screen());
}

/// The commands that write to stdout, and need only the kit's server.
const TALKERS: [&str; 7] =
    ["get a#k", "get --json a#k", "check a#k", "doctor a#k", "--help", "--version", "settings"];

/// A reader that has closed its end is not a failure.
#[test]
fn a_closed_reader_is_not_a_failure() {
    let store = store();
    for command in TALKERS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = store.run(command).command().stdin(Stdio::null()).stdout(writer).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(0) && !stderr.contains("error"), "{command}: {stderr}");
    }
}

/// A full disk is a failure, and is reported.
#[test]
fn a_full_disk_is_said() {
    let store = store();
    for command in TALKERS {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = store.run(command).command().stdin(Stdio::null()).stdout(full).output().unwrap();
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.code() == Some(9) && stderr.contains("disk is not full"), "{command}: {stderr}");
    }
}

/// The same for `list`.
#[test]
#[ignore = "needs OpenBao"]
fn list_reports_a_full_disk_and_ignores_a_closed_reader() {
    let bao = OpenBao::start();
    bao.api("secret/data/a", Some(&serde_json::json!({"data": {"k": "v"}})));
    let list = || at(&bao.http, ROOT).args(["list"]).command();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = list().stdout(writer).output().unwrap();
    assert!(ended.status.code() == Some(0) && ended.stderr.is_empty(), "{ended:?}");
    let ended = list().stdout(File::options().write(true).open("/dev/full").unwrap()).output().unwrap();
    assert_eq!(ended.status.code(), Some(9), "{ended:?}");
}

/// A stream that was closed before the start does not affect the others.
#[test]
fn closed_streams_are_harmless() {
    let store = store();
    for (command, code, stdout) in [
        ("\"$0\" get a#k <&-", 0, "value-a"),
        ("\"$0\" get a#k 2>&-", 0, "value-a"),
        ("\"$0\" get missing#k 2>&-", 1, ""),
        ("\"$0\" get a#k >&-", 0, ""),
        ("\"$0\" set a#k <&-", 1, ""),
        ("\"$0\" <&-", 7, "{\"protocolVersion\":1,\"values\":{},\"errors\":{}}"),
    ] {
        let ended = store.script(command).end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), stdout), "{command}: {ended:?}");
    }
}

/// An id that a person typed or pasted cannot move the cursor or change colours.
#[test]
fn an_id_sends_only_text_to_the_terminal() {
    let store = store();
    for command in [
        "get \u{1b}[31mx",
        "check \u{1b}[31mx",
        "doctor --names \u{1b}[31mx",
        "delete \u{1b}[31mx",
        "delete --yes \u{1b}[31mx",
        "set \u{1b}[31mx",
        "list \u{1b}[31mx",
        "\u{1b}[31mx",
        "--\u{1b}[31mx",
        "get --timeout \u{1b}[31mx a#k",
        "get --address \u{1b}[31mx a#k",
        "completions \u{1b}[31mx",
    ] {
        let left = start(store.run(command), On { stdin: false, ..On::ALL }).end();
        // There is nothing to list, which is not a failure.
        let has_failed = left.code != Some(0) || command.starts_with("list");
        assert!(has_failed && !left.shown.contains('\u{1b}'), "{command:?}: {left:?}");
    }
    let left = start(store.run("set \u{1b}[31mx"), On::ALL).end();
    assert!(left.code == Some(1) && !left.shown.contains('\u{1b}'), "{left:?}");
}

/// A server that accepts connections and never answers is a failure, with and without an id.
#[test]
fn doctor_says_which_step_hung() {
    let silent = secretref_tests::port::listen();
    let address = format!("http://{}", silent.local_addr().unwrap());
    for (line, step) in [
        (&["doctor", "--json", "--timeout", "300ms"][..], "sign-in"),
        (&["doctor", "--json", "--timeout=300ms", "a#k"], "read"),
    ] {
        let ended = at(&address, TOKEN).args(line).end();
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((ended.code, &told["ok"]), (Some(6), &serde_json::json!(false)), "{told:#}");
        let failed =
            told["steps"].as_array().unwrap().iter().find(|step| step["status"] == "failed").unwrap();
        assert_eq!(
            (&failed["step"], &failed["failure"]["code"]),
            (&step.into(), &"TIMEOUT".into()),
            "{told:#}"
        );
    }
}

/// The time that a person types does not count.
#[test]
fn typing_does_not_count_against_the_timeout() {
    let session = start(store().run("--timeout 300ms set hang#k"), On::ALL);
    session.until("value of", 1);
    std::thread::sleep(Duration::from_millis(700));
    session.keys("seeded\r");
    let typed = Instant::now();
    let left = session.end();
    assert!(left.code == Some(6) && left.shown.contains("no answer within 300 ms"), "{left:?}");
    assert!(typed.elapsed() < Duration::from_millis(300 + 100) + 2 * SLACK, "{:?}", typed.elapsed());
}
