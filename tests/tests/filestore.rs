//! The encrypted store of `secretref-keychain`: killed writers, concurrent writers, torn files, read-only mounts, full disks,
//! and other users. Needs no server.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secretref_tests::resolver::{self, Ended, Run};
use serde_json::Value;
use tempfile::TempDir;

/// A folder for a store that does not exist yet.
struct Place {
    around: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { around: tempfile::tempdir().unwrap() }
    }

    /// A folder whose store has these entries.
    fn with(entries: &[(&str, &str)]) -> Self {
        let place = Self::new();
        for (id, value) in entries {
            place.set(id, value);
        }
        place
    }

    fn folder(&self) -> PathBuf {
        self.around.path().join("keychain")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn run(&self) -> Run {
        on(&resolver::path("secretref-keychain"), &self.folder())
    }

    fn set(&self, id: &str, value: &str) {
        let ended = self.run().args(["set", id]).stdin(value).end();
        assert_eq!(ended.code, Some(0), "set {id}: {ended:?}");
    }

    fn get(&self, id: &str) -> String {
        let ended = self.run().args(["get", id]).end();
        assert_eq!(ended.code, Some(0), "get {id}: {ended:?}");
        ended.stdout.trim_end().to_owned()
    }
}

/// The resolver at `binary` on the store in `folder`.
fn on(binary: &Path, folder: &Path) -> Run {
    Run::new(binary).args(["--store", "file", "--folder"]).args([folder])
}

/// Runs a shell script in a mount namespace of its own, where `keychain` is the command on the store of `place`.
fn in_namespace(place: &Place, script: &str) -> Ended {
    assert!(rustix::process::geteuid().is_root(), "needs root, for a mount namespace");
    let keychain = r#"keychain() { "$BINARY" --store file --folder "$AROUND/keychain" "$@"; }"#;
    Run::new("/usr/bin/unshare")
        .args(["-m", "sh", "-c", &format!("{keychain}\n{script}")])
        .env("PATH", "/usr/bin:/bin")
        .env("BINARY", resolver::path("secretref-keychain"))
        .env("AROUND", place.around.path())
        .end()
}

fn response(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("no response: {ended:?}"))
}

#[test]
fn a_umask_does_not_shut_the_owner_out() {
    let place = Place::with(&[("a", "1")]);
    let binary = resolver::path("secretref-keychain");
    let set = format!(
        "umask 0777; exec {} --store file --folder {} set b",
        binary.display(),
        place.folder().display()
    );
    let ended = Run::new("/bin/sh").args(["-c", &set]).stdin("2").end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(fs::metadata(place.file("store.age")).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(place.get("b"), "2");
}

#[test]
fn a_writer_that_is_killed_at_any_time_loses_nothing() {
    const KILLS: u32 = 150;
    let place = Place::with(&[("svc/kept", "kept"), ("svc/a", "value-0")]);
    let (mut before, mut after) = (0, 0);
    let mut span = Duration::ZERO;
    let mut now = String::new();
    for kill in 0..KILLS {
        if kill % 15 == 0 {
            // How long it takes undisturbed, measured again and again, because the load of the machine changes.
            let started = Instant::now();
            now = format!("whole-{kill}");
            place.set("svc/a", &now);
            span = started.elapsed().mul_f32(1.2);
        }
        let new = format!("value-{kill}");
        let mut writer = place.run().args(["set", "svc/a"]).command().spawn().unwrap();
        writer.stdin.take().unwrap().write_all(new.as_bytes()).unwrap();
        // Every part of the time is tried between two measurements.
        std::thread::sleep(span * (kill % 15 * 10 + kill / 15) / KILLS);
        writer.kill().unwrap();
        writer.wait().unwrap();
        let found = place.get("svc/a");
        assert!(found == now || found == new, "kill {kill}: {found}, neither {now} nor {new}");
        if found == new {
            after += 1;
        } else {
            before += 1;
        }
        now = found;
        assert_eq!(place.get("svc/kept"), "kept", "kill {kill}");
    }
    assert!(before > 0 && after > 0, "{before} died before, {after} after the change");
    place.set("svc/a", "last");
    assert_eq!(place.get("svc/a"), "last");
}

#[test]
fn writers_that_come_together_lose_nothing() {
    let place = Place::new();
    std::thread::scope(|threads| {
        for writer in 0..8 {
            let place = &place;
            threads.spawn(move || {
                for entry in 0..20 {
                    place.set(&format!("svc-{writer}/{entry}"), &format!("value-{writer}-{entry}"));
                }
            });
        }
    });
    let ids: Vec<String> = (0..160).map(|n| format!("svc-{}/{}", n / 20, n % 20)).collect();
    let ended = place.run().request(&ids.iter().map(String::as_str).collect::<Vec<_>>()).end();
    let values = &response(&ended)["values"];
    for n in 0..160 {
        assert_eq!(values[&ids[n]], format!("value-{}-{}", n / 20, n % 20));
    }
}

#[test]
fn a_reader_during_a_write_finds_the_store_whole() {
    let place = Place::with(&[("svc/kept", "kept"), ("svc/a", "value")]);
    std::thread::scope(|threads| {
        let writer = threads.spawn(|| (0..30).for_each(|n| place.set("svc/a", &format!("value-{n}"))));
        while !writer.is_finished() {
            let ended = place.run().request(&["svc/kept", "svc/a"]).end();
            let response = response(&ended);
            assert_eq!(response["values"]["svc/kept"], "kept", "{ended:?}");
            assert!(response["values"]["svc/a"].as_str().unwrap().starts_with("value"), "{ended:?}");
        }
    });
}

#[test]
fn a_torn_or_altered_store_is_refused_and_the_last_good_copy_named() {
    let place = Place::with(&[("svc/a", "value-first"), ("svc/a", "value-second")]);
    let whole = fs::read(place.file("store.age")).unwrap();
    let cut = (0..whole.len()).step_by(37).map(|length| whole[..length].to_vec());
    let altered = (0..whole.len()).step_by(41).map(|at| {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        altered
    });
    for bytes in cut.chain(altered) {
        fs::write(place.file("store.age"), bytes).unwrap();
        let ended = place.run().request(&["svc/a"]).end();
        let error = &response(&ended)["errors"]["svc/a"];
        assert_eq!(error["code"], "UNAVAILABLE", "{ended:?}");
        let copy = place.file("store.age.last").display().to_string();
        assert!(error["message"].as_str().unwrap().contains(&copy), "{ended:?}");
        assert!(!ended.stdout.contains("value-") && !ended.stderr.contains("value-"), "{ended:?}");
    }
    fs::copy(place.file("store.age.last"), place.file("store.age")).unwrap();
    assert_eq!(place.get("svc/a"), "value-first");
}

#[test]
fn a_store_that_may_only_be_read_resolves() {
    let place = Place::with(&[("svc/a", "value")]);
    for (name, mode) in [("identity", 0o400), ("store.age", 0o400), ("lock", 0o400), ("", 0o500)] {
        fs::set_permissions(place.file(name), Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(place.get("svc/a"), "value");
    // So that an ordinary user can remove it.
    fs::set_permissions(place.folder(), Permissions::from_mode(0o700)).unwrap();
}

#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn a_mount_that_cannot_be_written_resolves_and_says_why_it_cannot_be_changed() {
    let place = Place::with(&[("svc/a", "value")]);
    let script = r#"mount --bind "$AROUND" "$AROUND" && mount -o remount,ro,bind "$AROUND" || exit 99
        keychain get svc/a && echo other | keychain set svc/a"#;
    let ended = in_namespace(&place, script);
    assert_eq!(ended.stdout.trim_end(), "value", "{ended:?}");
    assert!(ended.code == Some(3) && ended.stderr.contains("where it can be written"), "{ended:?}");
}

#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn a_full_disk_leaves_the_store_as_it_was() {
    let place = Place::new();
    let script = r#"mount -t tmpfs -o size=64k,mode=700 none "$AROUND" || exit 99
        echo value-small | keychain set svc/small
        for n in 1 2 3 4 5 6 7 8; do
            head -c 6000 /dev/zero | tr '\0' x | keychain set svc/$n || { full=$n; break; }
        done
        for n in small $(seq $((full - 1))); do keychain get svc/$n >/dev/null || exit 98; done
        keychain get svc/$full && exit 97
        echo value-other | keychain set svc/small || true
        ls "$AROUND/keychain"
        keychain get svc/small"#;
    let ended = in_namespace(&place, script);
    assert!(ended.stderr.contains("free some space there"), "{ended:?}");
    let lines: Vec<_> = ended.stdout.split_whitespace().collect();
    let files = ["identity", "lock", "store.age", "store.age.last"];
    assert!(lines.starts_with(&files) && lines.len() == 5, "{ended:?}");
    assert!(["value-small", "value-other"].contains(&lines[4]), "{ended:?}");
}

#[test]
#[ignore = "needs root, to be another user: tests/run"]
fn a_store_of_another_user_is_refused_and_a_credential_of_root_is_taken() {
    assert!(rustix::process::geteuid().is_root(), "needs root, to be another user");
    let place = Place::with(&[("svc/a", "value")]);
    let around = place.around.path();
    // The folder of the build may be one that another user cannot enter.
    let binary = around.join("secretref-keychain");
    resolver::copy("secretref-keychain", &binary);
    fs::set_permissions(around, Permissions::from_mode(0o755)).unwrap();
    // As systemd hands a credential to a unit with `User=`: root's, and the user's to read.
    let identity = around.join("keychain-identity");
    fs::rename(place.file("identity"), &identity).unwrap();
    fs::set_permissions(&identity, Permissions::from_mode(0o440)).unwrap();
    chown(&identity, Some(0), Some(65534)).unwrap();
    for file in [place.folder(), place.file("store.age")] {
        chown(file, Some(65534), Some(65534)).unwrap();
    }
    let get = |uid| {
        let run = on(&binary, &place.folder()).args(["--identity-file"]).args([&identity]);
        run.args(["get", "svc/a"]).uid(uid).end()
    };
    let own = get(65534);
    assert_eq!((own.code, own.stdout.trim_end()), (Some(0), "value"), "{own:?}");
    fs::set_permissions(place.folder(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.file("store.age"), Permissions::from_mode(0o644)).unwrap();
    for other in [get(65533), get(0)] {
        assert!(other.stdout.is_empty() && other.stderr.contains("belongs to uid 65534"), "{other:?}");
    }
}

#[test]
fn no_file_of_the_folder_contains_a_value() {
    let place = Place::with(&[("svc/a", "value-first"), ("svc/a", "value-second")]);
    let files: Vec<_> = fs::read_dir(place.folder()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains("value-") && !text.contains("svc"), "{}", file.display());
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{}", file.display());
    }
}

#[test]
fn waiting_for_a_held_lock_times_out() {
    let place = Place::with(&[("svc/a", "value")]);
    let lock = fs::File::open(place.file("lock")).unwrap();
    lock.lock().unwrap();
    let ended = place.run().args(["set", "svc/a"]).stdin("other").end();
    assert!(ended.code == Some(5) && ended.stderr.contains("another process holds"), "{ended:?}");
    assert!(ended.took < Duration::from_secs(4), "{ended:?}");
    assert_eq!(place.get("svc/a"), "value");
}

/// The kernel would end a process that writes beyond the limit, without a message.
#[test]
fn a_limit_on_the_size_of_files_leaves_the_store_as_it_was() {
    for limit in [0, 1, 100, 200] {
        let place = Place::with(&[("svc/a", "value")]);
        let store = fs::read(place.file("store.age")).unwrap();
        let set = |folder: &Path| {
            let run = Run::new("/usr/bin/prlimit").args([format!("--fsize={limit}:{limit}")]);
            let run = run.args([resolver::path("secretref-keychain")]).args(["--store", "file", "--folder"]);
            run.args([folder]).args(["set", "svc/a"]).stdin("other").end()
        };
        let ended = set(&place.folder());
        assert!(ended.code == Some(3) && ended.stderr.contains("(file too large)"), "{limit}: {ended:?}");
        assert!(ended.stderr.contains("ulimit -f"), "{limit}: {ended:?}");
        assert_eq!(fs::read(place.file("store.age")).unwrap(), store, "{limit}");
        let names = fs::read_dir(place.folder()).unwrap().flatten().map(|entry| entry.file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{limit}");
        // The first change makes no file that is not whole, so the next one succeeds.
        let first = Place::new();
        assert_eq!(set(&first.folder()).code, Some(3), "{limit}");
        first.set("svc/a", "value");
        assert_eq!(first.get("svc/a"), "value", "{limit}");
    }
}

#[test]
fn a_lock_is_waited_for_with_any_stack_size_in_the_environment() {
    let place = Place::with(&[("svc/a", "value")]);
    let lock = fs::File::open(place.file("lock")).unwrap();
    lock.lock().unwrap();
    let run = place.run().env("RUST_MIN_STACK", (1_u64 << 46).to_string());
    let ended = run.args(["set", "svc/a"]).stdin("other").end();
    assert!(ended.code == Some(5) && ended.stderr.contains("another process holds"), "{ended:?}");
}

/// With a profile such a variable is refused only if a host is looked up. This store looks none up.
#[test]
fn variables_that_change_the_name_lookup_do_not_matter() {
    let place = Place::with(&[("svc/a", "value")]);
    let profile = place.around.path().join("keychain.toml");
    fs::write(&profile, "store = \"file\"\nfolder = \"keychain\"\n").unwrap();
    fs::set_permissions(&profile, Permissions::from_mode(0o600)).unwrap();
    let run = Run::new(resolver::path("secretref-keychain")).env("LOCALDOMAIN", "example.org");
    let ended = run.args(["--profile".as_ref(), profile.as_os_str()]).args(["get", "svc/a"]).end();
    assert_eq!(ended.stdout, "value", "{ended:?}");
}

/// Like `folder`, it is relative to the profile, wherever the command is typed.
#[test]
fn an_identity_elsewhere_is_found_from_the_profile() {
    let place = Place::with(&[("openai", "value-openai")]);
    let keys = place.around.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::rename(place.file("identity"), keys.join("id")).unwrap();
    let profile = place.around.path().join("keychain.toml");
    fs::write(&profile, "store = \"file\"\nfolder = \"keychain\"\nidentity_file = \"keys/id\"\n").unwrap();
    fs::set_permissions(&profile, Permissions::from_mode(0o600)).unwrap();
    let cd =
        format!("cd {} && \"$BINARY\" --profile ./keychain.toml get openai", place.around.path().display());
    let typed =
        Run::new("/bin/sh").args(["-c", &cd]).env("BINARY", resolver::path("secretref-keychain")).end();
    assert_eq!(typed.stdout, "value-openai", "{typed:?}");
}

#[test]
fn doctor_reports_permissions_as_the_modes_are() {
    let closed = "other users of this machine cannot read the store";
    let place = Place::with(&[("openai", "value-openai")]);
    let doctor = || place.run().args(["doctor"]).end().stdout;
    assert!(doctor().contains(closed));
    fs::set_permissions(place.folder(), Permissions::from_mode(0o755)).unwrap();
    assert!(doctor().contains(closed), "{}", doctor());
    fs::set_permissions(place.file("identity"), Permissions::from_mode(0o644)).unwrap();
    assert!(!doctor().contains(closed), "{}", doctor());
    let nothing = Place::new().run().args(["doctor"]).end().stdout;
    assert!(!nothing.contains(closed) && nothing.contains("does not exist"), "{nothing}");
}

/// The order of the requests makes no difference.
#[test]
fn a_value_that_is_too_large_fails_only_its_own_id() {
    let place = Place::with(&[("small", "value-small"), ("large", &"x".repeat(1 << 20))]);
    for ids in [["large", "small"], ["small", "large"]] {
        let response = response(&place.run().request(&ids).end());
        assert_eq!(response["values"]["small"], "value-small", "{ids:?}");
        assert_eq!(response["errors"]["large"]["code"], "INVALID_VALUE", "{ids:?}");
    }
}

/// A `folder` without `store` means the file store.
#[test]
fn a_folder_without_the_store_is_an_error() {
    let folder = Place::new().folder();
    let run = Run::new(resolver::path("secretref-keychain")).args(["--folder"]).args([&folder]);
    let ended = run.args(["set", "openai"]).stdin("value").end();
    assert!(ended.code == Some(3) && ended.stderr.contains("set store = \"file\""), "{ended:?}");
}
