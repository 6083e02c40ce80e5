//! `watch --once`: a gateway reloads when a secret behind its config was rotated, and only then. The gateway's command is a
//! stand-in here; `tests/tests/story.rs` has the real one.
//!
//! Blocks of `docs/rotate.md`: "systemd" ini 1, "systemd" ini 2, "systemd" text 1, "launchd" xml 1, "launchd" text 1

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use secretref_tests::page::{Page, claims};
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::unit::Unit;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An encrypted store, a profile, a config that asks for two secrets of it, and a command of a gateway that counts.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        let binary = resolver::path("secretref-keychain");
        let profile = format!("#!{} --profile\nstore = \"file\"\nfolder = \"store\"\n", binary.display());
        place.file("keychain.toml", 0o700, &profile);
        place.set("openai", "value-1");
        place.set("mistral", "value-2");
        let reference = |id: &str| json!({"apiKey": {"source": "exec", "provider": "keys", "id": id}});
        let config = json!({
            "secrets": {"providers": {
                "keys": {"source": "exec", "command": place.path("keychain.toml")},
                "other": {"source": "exec", "command": "/bin/sh"},
            }},
            "models": {"providers": {"a": reference("openai"), "b": reference("mistral")}},
        });
        place.file("openclaw.json", 0o600, &config.to_string());
        let reload = "#!/bin/sh\ncd \"${0%/*}\"\n[ \"$*\" = 'secrets reload --json' ] || exit 9\n\
                      echo \"$OPENCLAW_CONFIG_PATH\" >> reloads\ncat reply\nexit \"$(cat code)\"\n";
        place.file("openclaw", 0o700, reload);
        place.gateway(0, r#"{"ok":true,"warningCount":0}"#);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, mode: u32, text: &str) {
        fs::write(self.path(name), text).expect("a file");
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("a mode");
    }

    /// How the gateway's command ends from now on.
    fn gateway(&self, code: i32, reply: &str) {
        self.file("code", 0o600, &code.to_string());
        self.file("reply", 0o600, reply);
    }

    fn keychain(&self, words: &[&str]) -> Run {
        Run::new(self.path("keychain.toml")).args(words)
    }

    fn set(&self, id: &str, value: &str) {
        let stored = self.keychain(&["set", id]).stdin(value).end();
        assert_eq!(stored.code, Some(0), "{stored:?}");
    }

    fn watching(&self) -> Run {
        let path = |name: &str| self.path(name).display().to_string();
        let words = ["watch".into(), "--once".into(), "--config".into(), path("openclaw.json")];
        let more = ["--state".into(), path("state"), "--openclaw".into(), path("openclaw")];
        let run = Run::new(resolver::path("secretref-keychain")).args(words).args(more);
        run.env("PATH", "/usr/bin:/bin").env("HOME", self.0.path())
    }

    /// Runs the watch: its exit code, its words, and how often the gateway was asked to reload by now.
    fn watch(&self) -> (Option<i32>, String, usize) {
        let ended = self.watching().end();
        let Ended { code, stdout, stderr, .. } = ended;
        (code, stdout + &stderr, self.reloads())
    }

    fn reloads(&self) -> usize {
        fs::read_to_string(self.path("reloads")).map_or(0, |text| text.lines().count())
    }

    /// The one state file.
    fn state(&self) -> PathBuf {
        let names =
            fs::read_dir(self.path("state")).expect("a folder").map(|entry| entry.expect("a file").path());
        let mut files: Vec<_> =
            names.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

#[track_caller]
fn assert_watch(place: &Place, code: i32, words: &[&str], reloads: usize) {
    let (found, said, asked) = place.watch();
    assert_eq!((found, asked), (Some(code), reloads), "{said}");
    for words in words {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("value-"), "{said}");
}

#[test]
fn a_rotated_secret_and_one_that_came_back_reload_the_gateway() {
    let place = Place::new();
    assert_watch(&place, 0, &["2 ids, 2 seen for the first time, nothing to do"], 0);
    assert_watch(&place, 0, &["2 ids, nothing to do"], 0);
    place.set("openai", "value-3");
    assert_watch(&place, 0, &["rotated    keys openai", "the gateway has reloaded its secrets"], 1);
    assert_watch(&place, 0, &["nothing to do"], 1);
    let asked = fs::read_to_string(place.path("reloads")).expect("the config of the gateway");
    assert_eq!(asked.trim(), place.path("openclaw.json").display().to_string());

    let deleted = place.keychain(&["delete", "mistral", "--yes"]).end();
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    assert_watch(&place, 1, &["keys mistral: ", "(NOT_FOUND)", "nothing to do"], 1);
    place.set("mistral", "value-2");
    assert_watch(&place, 0, &["recovered  keys mistral"], 2);

    place.gateway(0, r#"{"ok":true,"warningCount":2}"#);
    place.set("openai", "value-4");
    assert_watch(&place, 0, &["with 2 warnings"], 3);

    // A folder with the name of a draft, and a gateway that prints much and leaves a child.
    fs::create_dir(place.state().with_extension("json.new")).expect("a folder");
    let much = "#!/bin/sh\ncd \"${0%/*}\"\necho >> reloads\nsleep 200 2>/dev/null &\necho $! > child\nhead -c 300000 /dev/zero\n";
    place.file("openclaw", 0o700, much);
    place.set("openai", "value-5");
    assert_watch(&place, 0, &["the gateway has reloaded"], 4);
    let child = fs::read_to_string(place.path("child")).expect("a child");
    let ended = Command::new("kill").arg(child.trim()).status().expect("kill");
    assert!(ended.success(), "{child}");
}

#[test]
fn a_failed_reload_is_tried_again() {
    let place = Place::new();
    assert_watch(&place, 0, &[], 0);
    place.set("openai", "value-3");
    place.gateway(1, r#"{"ok":false,"error":{"message":"Gateway not reachable\nmore"}}"#);
    let words = [
        "rotated    keys openai",
        "failed (exit status: 1): Gateway not reachable (",
        "asks the gateway again",
    ];
    assert_watch(&place, 12, &words, 1);
    assert_watch(&place, 12, &["not reachable"], 2);
    place.gateway(0, "");
    assert_watch(&place, 0, &["the gateway has reloaded"], 3);
    assert_watch(&place, 0, &["nothing to do"], 3);

    place.set("openai", "value-4");
    fs::remove_file(place.path("openclaw")).expect("the gateway's command");
    assert_watch(&place, 3, &["the gateway's command", "cannot be started", "--openclaw"], 3);
}

/// No value is kept, and other users cannot read what is.
#[test]
fn the_state_is_private_and_has_no_value() {
    let place = Place::new();
    assert_watch(&place, 0, &[], 0);
    let mode = |path: PathBuf| fs::metadata(path).expect("a file").permissions().mode() & 0o7777;
    assert_eq!((mode(place.path("state")), mode(place.state())), (0o700, 0o600));
    let text = fs::read_to_string(place.state()).expect("the state");
    let state: Value = serde_json::from_str(&text).expect("JSON");
    assert!(!text.contains("value-"), "{text}");
    let marks = ["openai", "mistral"].map(|id| state["seen"][format!("keys {id}")]["mark"].to_string());
    assert!(marks[0].starts_with("\"mark ") && marks[0] != marks[1], "{text}");

    // With another key, equal values have other marks: a state tells nothing to who knows another one.
    let other = Place::new();
    assert_watch(&other, 0, &[], 0);
    let other = fs::read_to_string(other.state()).expect("the state");
    assert!(!other.contains(&marks[0]), "{other}");

    fs::write(place.state(), "{}").expect("a state");
    assert_watch(&place, 3, &["is not a state of this version", "delete it"], 0);
    fs::remove_file(place.state()).expect("a state");
    fs::set_permissions(place.path("state"), Permissions::from_mode(0o755)).expect("a mode");
    assert_watch(&place, 3, &["the state folder"], 0);
}

#[test]
fn runs_at_once_reload_once() {
    let place = Place::new();
    assert_watch(&place, 0, &[], 0);
    place.set("openai", "value-3");
    let start = || {
        let mut command = place.watching().command();
        command.stdin(Stdio::null()).spawn().expect("the resolver")
    };
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    for child in children {
        let ended = child.wait_with_output().expect("its end");
        assert!(ended.status.success(), "{ended:?}");
    }
    assert_eq!(place.reloads(), 1);
}

#[test]
fn what_cannot_be_watched_is_said() {
    let place = Place::new();
    fs::remove_file(place.path("openclaw.json")).expect("the config");
    assert_watch(&place, 3, &["openclaw.json: cannot be read"], 0);
    place.file("openclaw.json", 0o600, "{}");
    assert_watch(&place, 0, &["the config asks this resolver for nothing"], 0);
    let once = Run::new(resolver::path("secretref-keychain")).args(["watch"]).end();
    assert!(once.code == Some(2) && once.stderr.contains("--once"), "{once:?}");
}

#[test]
fn every_block_of_the_pages_is_typed_or_read_by_a_test() {
    for page in ["docs/rotate.md", "docs/degraded.md"] {
        assert_eq!(Page::read(page).all_blocks(), claims(page), "{page}");
    }
}

/// The units of the page, with a shorter time.
#[test]
#[ignore = "needs systemd and root: tests/run has both"]
fn a_timer_of_systemd_runs_it() {
    let [service, timer] =
        Page::read("docs/rotate.md").blocks("systemd", "ini").try_into().expect("two units");
    let unit = Unit::new("");
    let binary = unit.resolver("secretref-keychain");
    let work = unit.folder().join("work").display().to_string();
    let text = format!("#!{} --profile\nstore = \"file\"\nfolder = \"{work}/store\"\n", binary.display());
    let profile = unit.file("keychain.toml", 0o700, text).display().to_string();
    let config = json!({
        "secrets": {"providers": {"keys": {"source": "exec", "command": profile}}},
        "a": {"source": "exec", "provider": "keys", "id": "openai"},
    });
    let config = unit.file("openclaw.json", 0o600, config.to_string()).display().to_string();
    let openclaw = unit.file("openclaw", 0o700, format!("#!/bin/sh\necho \"$@\" >> {work}/reloads\n"));
    let service = service
        .replace("/usr/bin/secretref-keychain", &binary.display().to_string())
        .replace("User=nova", "User=nobody")
        .replace("/var/lib/nova/openclaw.json", &config)
        .replace("/usr/local/bin/openclaw", &openclaw.display().to_string())
        .replace("[Unit]\n", "[Unit]\nDefaultDependencies=no\n");
    let timer = timer.replace("5min", "1s").replace("[Timer]\n", "[Timer]\nAccuracySec=100ms\n");
    let timer = format!("[Unit]\nDefaultDependencies=no\n{timer}");
    // Its state is in /var/lib, which is the machine's own.
    let prepare = format!(
        "mount -t tmpfs none /var/lib\ninstall -d -o nobody -m 700 {work}\ncd /run/systemd/system\n\
         printf value-1 | setpriv --reuid=nobody --regid=nogroup --clear-groups {profile} set openai\n\
         cat > secretref-watch.service <<'EOF'\n{service}\nEOF\ncat > secretref-watch.timer <<'EOF'\n{timer}\nEOF\n\
         mkdir gateway.service.wants\nln -s ../secretref-watch.timer gateway.service.wants\n"
    );
    let script = format!(
        "until grep -qs '\"mark\":\"mark' /var/lib/secretref-watch/watch/*.json; do sleep 0.1; done\n\
         [ ! -e {work}/reloads ]\nprintf value-2 | {profile} set openai\n\
         until [ -e {work}/reloads ]; do sleep 0.1; done\ncat {work}/reloads\n"
    );
    let ended = unit.prepared(&prepare).run(&script);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "secrets reload --json\n"), "{ended:?}");
    assert!(Page::read("docs/rotate.md").block("systemd", "text").contains("secretref-watch.timer"));
}

#[test]
fn the_job_of_launchd_is_one() {
    let page = Page::read("docs/rotate.md");
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("watch.plist");
    fs::write(&file, page.block("launchd", "xml")).expect("a file");
    let read = "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let read = Command::new("python3").args(["-c", read]).arg(&file).output().expect("python3");
    let job: Value = serde_json::from_slice(&read.stdout).unwrap_or_else(|_| panic!("{read:?}"));
    assert_eq!((&job["Label"], &job["StartInterval"]), (&json!("secretref-watch"), &json!(300)));
    let words = job["ProgramArguments"].as_array().expect("words").iter().skip(1);
    let words: Vec<_> = words.map(|word| word.as_str().expect("a word")).collect();
    // Nothing is configured: its words are understood.
    let ended = Run::new(resolver::path("secretref-keychain")).args(words).env("HOME", place.path()).end();
    assert!(
        ended.code == Some(3) && ended.stderr.contains(".openclaw/openclaw.json: cannot be read"),
        "{ended:?}"
    );
    assert!(page.block("launchd", "text").contains("secretref-watch.plist"));
}
