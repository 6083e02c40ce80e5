//! Tests of a store with faults: a writer that is killed at each of its steps, and files that are truncated, altered,
//! missing or owned by another user.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use secretref_protocol::Secret;
use tempfile::TempDir;

use super::*;

/// The path of a folder for a store, which does not exist yet.
struct Place {
    _around: TempDir,
    folder: PathBuf,
}

impl Place {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("deep/keychain");
        Self { _around: around, folder }
    }

    /// Makes a store with these entries, each by a change of its own.
    fn with(entries: &[(&str, &str)]) -> Self {
        let place = Self::new();
        for (account, value) in entries {
            set(&place.files(), account, value).unwrap();
        }
        place
    }

    fn files(&self) -> Files {
        Files::new(self.folder.clone(), None)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn refusal(&self) -> Failure {
        self.files().read().err().expect("a refusal")
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn set(files: &Files, account: &str, value: &str) -> Result<(), Failure> {
    files.change(|contents| {
        contents.set("s", account, Secret::new(value.to_owned()));
        Ok(())
    })
}

fn value(files: &Files, account: &str) -> Option<String> {
    Some(files.read().unwrap().get("s", account)?.expose().to_owned())
}

/// A panic in place of the end of the process. Both leave the files as they are.
struct Killed;

thread_local! {
    static STEPS_LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Sets an entry, and is killed after `steps` steps. Returns whether it was.
fn dies_at(steps: usize, place: &Place, account: &str, value: &str) -> bool {
    fn step(_: &'static str) {
        let left = STEPS_LEFT.get();
        STEPS_LEFT.set(left.wrapping_sub(1));
        if left == 0 {
            resume_unwind(Box::new(Killed));
        }
    }
    STEPS_LEFT.set(steps);
    let files = Files { step, ..place.files() };
    match catch_unwind(AssertUnwindSafe(|| set(&files, account, value))) {
        Ok(done) => {
            done.unwrap();
            false
        }
        Err(end) => {
            assert!(end.is::<Killed>());
            true
        }
    }
}

#[test]
fn a_writer_that_dies_at_any_step_loses_nothing() {
    let mut steps = 0;
    loop {
        let place = Place::with(&[("a", "first"), ("b", "kept")]);
        let died = dies_at(steps, &place, "a", "second");
        let now = value(&place.files(), "a").unwrap();
        assert!(now == "second" || (died && now == "first"), "step {steps}: {now}");
        assert_eq!(value(&place.files(), "b").unwrap(), "kept", "step {steps}");
        set(&place.files(), "c", "third").unwrap();
        assert_eq!(value(&place.files(), "a").unwrap(), now, "step {steps}");
        assert_eq!(value(&place.files(), "c").unwrap(), "third", "step {steps}");
        let names = fs::read_dir(&place.folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["identity", "lock", STORE, LAST], "step {steps}");
        if !died {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 13, "{steps} steps are not all");
}

#[test]
fn a_first_writer_that_dies_at_any_step_hinders_no_second() {
    let mut steps = 0;
    loop {
        let place = Place::new();
        let died = dies_at(steps, &place, "a", "first");
        match place.files().read() {
            Ok(contents) => assert_eq!(contents.get("s", "a").unwrap().expose(), "first", "step {steps}"),
            Err(failure) => assert!(died && failure.kind() == Kind::NotFound, "step {steps}: {failure}"),
        }
        let identity = fs::read(place.file(IDENTITY)).ok();
        set(&place.files(), "b", "second").unwrap();
        assert_eq!(value(&place.files(), "b").unwrap(), "second", "step {steps}");
        assert!(identity.is_none_or(|identity| fs::read(place.file(IDENTITY)).unwrap() == identity));
        if !died {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 13, "{steps} steps are not all");
}

#[test]
fn a_store_of_any_length_but_its_own_is_refused_and_the_last_good_copy_named() {
    let place = Place::with(&[("a", "first"), ("a", "second")]);
    let whole = fs::read(place.file(STORE)).unwrap();
    let copy_back = format!("cp -p {} {}", place.file(LAST).display(), place.file(STORE).display());
    for length in 0..whole.len() {
        fs::write(place.file(STORE), &whole[..length]).unwrap();
        let failure = place.refusal();
        assert_eq!(failure.kind(), Kind::Unavailable, "{length}: {failure}");
        assert!(failure.remedy().contains(&copy_back), "{length}: {failure}");
    }
    // A change reads no entry from it either, and leaves the copy unchanged.
    let last = fs::read(place.file(LAST)).unwrap();
    assert!(set(&place.files(), "b", "x").unwrap_err().remedy().contains(&copy_back));
    assert_eq!(fs::read(place.file(LAST)).unwrap(), last);
    fs::copy(place.file(LAST), place.file(STORE)).unwrap();
    assert_eq!(value(&place.files(), "a").unwrap(), "first");
}

#[test]
fn no_copy_is_called_good_that_is_not() {
    let place = Place::with(&[("a", "first"), ("a", "second")]);
    fs::write(place.file(STORE), "").unwrap();
    fs::write(place.file(LAST), "").unwrap();
    assert!(place.refusal().remedy().contains("from a backup"), "{}", place.refusal());
}

#[test]
fn a_missing_store_is_not_made_again() {
    let place = Place::with(&[("a", "first"), ("a", "second")]);
    fs::remove_file(place.file(STORE)).unwrap();
    for failure in [place.refusal(), set(&place.files(), "b", "x").unwrap_err()] {
        assert_eq!(failure.kind(), Kind::Unavailable, "{failure}");
        assert!(failure.to_string().contains(LAST), "{failure}");
    }
}

#[test]
fn a_missing_identity_is_not_made_again() {
    let place = Place::with(&[("a", "first")]);
    fs::remove_file(place.file(IDENTITY)).unwrap();
    for failure in [place.refusal(), set(&place.files(), "b", "x").unwrap_err()] {
        assert_eq!(failure.kind(), Kind::Misconfigured, "{failure}");
        assert!(failure.to_string().contains("does not exist"), "{failure}");
    }
    assert!(!place.file(IDENTITY).exists());
}

#[test]
fn another_identity_is_told_from_an_altered_store() {
    let (place, other) = (Place::with(&[("a", "first")]), Place::with(&[("a", "other")]));
    let sealed = fs::read(place.file(STORE)).unwrap();
    fs::copy(other.file(IDENTITY), place.file(IDENTITY)).unwrap();
    assert_eq!(place.refusal().kind(), Kind::Unauthenticated);
    assert_eq!(set(&place.files(), "a", "x").unwrap_err().kind(), Kind::Unauthenticated);
    assert_eq!(fs::read(place.file(STORE)).unwrap(), sealed);
    fs::write(place.file(IDENTITY), "no key").unwrap();
    assert_eq!(place.refusal().kind(), Kind::Misconfigured);
}

#[test]
fn an_identity_can_be_elsewhere_and_is_then_never_made() {
    let place = Place::with(&[("a", "first")]);
    let mounted = tempfile::tempdir().unwrap();
    let at = mounted.path().join("..data");
    fs::rename(place.file(IDENTITY), &at).unwrap();
    symlink(&at, mounted.path().join("keychain-identity")).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o400)).unwrap();
    let files = Files::new(place.folder.clone(), Some(mounted.path().join("keychain-identity")));
    set(&files, "b", "second").unwrap();
    assert_eq!((value(&files, "a"), value(&files, "b")), (Some("first".into()), Some("second".into())));
    assert!(!place.file(IDENTITY).exists());
    assert!(files.permissions().iter().any(|fact| fact.contains("elsewhere")), "{:?}", files.permissions());

    let nowhere = Files::new(mounted.path().join("new"), Some(mounted.path().join("none")));
    assert_eq!(set(&nowhere, "a", "x").unwrap_err().kind(), Kind::Misconfigured);
    assert!(!mounted.path().join("none").exists());
}

#[test]
fn what_others_can_write_or_read_is_refused() {
    let place = Place::with(&[("a", "first")]);
    for (name, mode, why) in [
        (STORE, 0o620, "writable by other users"),
        (STORE, 0o602, "writable by other users"),
        (IDENTITY, 0o620, "writable by other users"),
        (IDENTITY, 0o604, "readable by other users"),
        ("", 0o777, "writable by other users"),
        ("", 0o1777, "writable by other users"),
    ] {
        let before = fs::metadata(place.file(name)).unwrap().permissions();
        place.chmod(name, mode);
        assert!(place.refusal().what().contains(why), "{name} {mode:o}: {}", place.refusal());
        assert!(set(&place.files(), "b", "x").is_err(), "{name} {mode:o}");
        fs::set_permissions(place.file(name), before).unwrap();
    }
    place.chmod(STORE, 0o444);
    place.chmod("", 0o555);
    assert_eq!(value(&place.files(), "a").unwrap(), "first");
}

#[test]
fn what_is_made_is_closed_to_others() {
    let place = Place::with(&[("a", "first"), ("a", "second")]);
    for (name, mode) in [("", 0o700), (STORE, 0o600), (LAST, 0o600), (IDENTITY, 0o600), ("lock", 0o600)] {
        assert_eq!(fs::metadata(place.file(name)).unwrap().permissions().mode() & 0o7777, mode, "{name}");
    }
    for name in [STORE, LAST] {
        let sealed = fs::read(place.file(name)).unwrap();
        let sealed = String::from_utf8_lossy(&sealed).into_owned();
        assert!(!sealed.contains("first") && !sealed.contains("second") && !sealed.contains("secretref\""));
    }
}

#[test]
fn a_link_in_the_place_of_the_store_is_read_and_not_replaced() {
    let place = Place::with(&[("a", "first")]);
    let elsewhere = place.folder.parent().unwrap().join("moved");
    fs::rename(place.file(STORE), &elsewhere).unwrap();
    symlink(&elsewhere, place.file(STORE)).unwrap();
    assert_eq!(value(&place.files(), "a").unwrap(), "first");
    assert!(set(&place.files(), "a", "x").unwrap_err().what().contains("is a link"));
    assert_eq!(value(&place.files(), "a").unwrap(), "first");
    fs::remove_file(&elsewhere).unwrap();
    assert!(set(&place.files(), "a", "x").unwrap_err().what().contains("is a link"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_in_place_of_the_store_does_not_block() {
    let place = Place::with(&[("a", "first")]);
    fs::remove_file(place.file(STORE)).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, place.file(STORE), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(place.refusal().what().contains("not a regular file"), "{}", place.refusal());
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let place = Place::with(&[("a", "first")]);
    let sealed = fs::read(place.file(STORE)).unwrap();
    let failed = place.files().change(|contents| -> Result<(), Failure> {
        contents.set("s", "a", Secret::new("x".into()));
        Err(Failure::internal("here"))
    });
    assert!(failed.is_err());
    let large = set(&place.files(), "b", &"x".repeat(5 << 20)).unwrap_err();
    assert!(large.what().contains("longer than 4 MiB"), "{large}");
    assert_eq!(fs::read(place.file(STORE)).unwrap(), sealed);
    assert!(!place.file(LAST).exists());
}

#[test]
fn the_wait_for_a_lock_ends() {
    let place = Place::with(&[("a", "first")]);
    let _held = Folder::open(&place.folder).unwrap().unwrap().lock().unwrap();
    let started = std::time::Instant::now();
    let failure = set(&place.files(), "a", "x").unwrap_err();
    assert!(failure.what().contains("another process holds"), "{failure}");
    assert!(started.elapsed().as_secs() < 4);
    assert_eq!(value(&place.files(), "a").unwrap(), "first");
}

#[test]
fn writers_that_come_together_lose_nothing() {
    let place = Place::new();
    std::thread::scope(|threads| {
        for writer in 0..4 {
            let files = place.files();
            threads.spawn(move || {
                for entry in 0..5 {
                    set(&files, &format!("{writer}-{entry}"), "x").unwrap();
                }
            });
        }
    });
    assert_eq!(place.files().read().unwrap().names().count(), 20);
}
