//! `install` and `snippet`: a profile that a gateway accepts, and the block that names it. No server is needed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secretref_tests::gateway::is_root;
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::terminal::{On, Session, TYPES};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with an encrypted store that has one secret.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        let store = place.path("store");
        let set = ["--store", "file", "--folder", &store, "set", "openai"];
        let stored = keychain().args(set).stdin("value-1").end();
        assert_eq!(stored.code, Some(0), "{stored:?}");
        place
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn profile(&self) -> PathBuf {
        self.0.path().join("made/keychain.toml")
    }

    /// Runs `install` for the profile, as a script without a home does.
    fn install(&self, more: &[&str]) -> Ended {
        let (to, store) = (self.path("made/keychain.toml"), self.path("store"));
        let line = ["install", "--to", &to, "--yes", "--store", "file", "--folder", &store];
        end(keychain().args(line).args(more))
    }
}

fn keychain() -> Run {
    Run::new(resolver::path("secretref-keychain"))
}

/// Ends a run whose stdin is /dev/null.
fn end(run: Run) -> Ended {
    let output = run.command().stdin(Stdio::null()).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    Ended { code: output.status.code(), stdout, stderr, took: std::time::Duration::ZERO }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o7777
}

#[test]
fn a_profile_is_written_tested_and_named_and_again_changes_nothing() {
    let place = Place::new();
    let first = place.install(&[]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.stderr.contains("note: wrote ") && first.stderr.contains("note: tested: "), "{first:?}");
    assert!(first.stdout.contains(&format!("command: \"{}\"", place.profile().display())), "{first:?}");
    assert_eq!(mode(&place.profile()), 0o700);
    let text = fs::read_to_string(place.profile()).expect("a profile");
    let line = format!("#!{} --profile\n", resolver::path("secretref-keychain").display());
    assert!(text.starts_with(&line), "{text}");

    let got = end(Run::new(place.profile()).args(["get", "openai"]));
    assert_eq!((got.code, got.stdout.as_str()), (Some(0), "value-1"), "{got:?}");

    let again = place.install(&[]);
    assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout), "{again:?}");
    assert!(again.stderr.contains("is unchanged"), "{again:?}");
    assert_eq!(fs::read_to_string(place.profile()).expect("a profile"), text);

    // As a pod's fsGroup leaves it.
    fs::set_permissions(place.profile(), Permissions::from_mode(0o770)).expect("a mode");
    let corrected = place.install(&[]);
    assert!(corrected.stderr.contains("corrected the mode"), "{corrected:?}");
    assert_eq!(mode(&place.profile()), 0o700);

    let other = place.install(&["--timeout", "1500ms"]);
    assert!(other.stderr.contains("note: replaced "), "{other:?}");
    assert!(other.stdout.contains("timeoutMs: 3500"), "{other:?}");
}

#[test]
fn what_install_did_not_write_is_kept() {
    let place = Place::new();
    fs::create_dir(place.0.path().join("made")).expect("a folder");
    let written = |text: &str| fs::write(place.profile(), text).expect("a file");
    let is_kept = |text: &str| {
        for more in [&[][..], &["--remove"]] {
            let refused = place.install(more);
            assert_eq!(refused.code, Some(3), "{refused:?}");
            assert!(refused.stderr.contains("add --force to re"), "{refused:?}");
            assert!(refused.stdout.is_empty(), "{refused:?}");
            assert_eq!(fs::read_to_string(place.profile()).expect("a file"), text);
        }
    };
    written("store = \"file\"\n");
    is_kept("store = \"file\"\n");
    assert_eq!(place.install(&["--force"]).code, Some(0));
    let edited = fs::read_to_string(place.profile()).expect("a file") + "timeout = \"2s\"\n";
    written(&edited);
    is_kept(&edited);

    fs::remove_file(place.profile()).expect("a file");
    symlink("elsewhere.toml", place.profile()).expect("a link");
    let refused = place.install(&["--force"]);
    assert!(refused.stderr.contains("is a symbolic link"), "{refused:?}");
    fs::remove_file(place.profile()).expect("a link");

    assert_eq!(place.install(&[]).code, Some(0));
    let removed = place.install(&["--remove"]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert!(!place.profile().exists());
}

#[test]
fn the_profile_allows_what_the_config_asks_for() {
    let place = Place::new();
    let config = place.path("openclaw.json");
    let reference =
        |provider: &str, id: &str| format!("{{ source: 'exec', provider: '{provider}', id: '{id}' }}");
    // The last one is no reference: it is in a place of free form, where its id can be any text.
    let references = [
        reference("keychain", "openai"),
        reference("other", "mail"),
        reference("keychain", "b"),
        reference("keychain", "**"),
    ];
    fs::write(&config, format!("{{ a: [{}] }}", references.join(", "))).expect("a config");
    let written = place.install(&["--config", &config]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let text = fs::read_to_string(place.profile()).expect("a profile");
    assert!(text.contains("allow = [\"openai\", \"b\"]\n"), "{text}");
    assert!(written.stderr.contains("cannot be one: \"**\""), "{written:?}");
    let denied = end(Run::new(place.profile()).args(["get", "mail"]));
    assert!(denied.stderr.contains("(NOT_ALLOWED)"), "{denied:?}");
    assert!(denied.stderr.contains("run `install --yes --to PROFILE --config openclaw.json`"), "{denied:?}");
    // Another user could add a reference, and have it allowed.
    fs::set_permissions(&config, Permissions::from_mode(0o666)).expect("a mode");
    for more in [&["--config", &config][..], &["--config", &config, "--timeout", "3s"]] {
        let to = place.path("made/keychain.toml");
        let refused = end(keychain().args(["install", "--to", &to, "--yes"]).args(more));
        assert!(refused.code == Some(3) && refused.stderr.contains("chmod go-w"), "{refused:?}");
    }
    fs::set_permissions(&config, Permissions::from_mode(0o600)).expect("a mode");
    // Without an id that is one, the profile would allow everything.
    fs::write(&config, format!("{{ a: [{}] }}", reference("keychain", "**"))).expect("a config");
    for more in [&[][..], &["--force"]] {
        let refused = place.install(&[&["--config", &config][..], more].concat());
        assert!(
            refused.code == Some(3) && refused.stderr.contains("name the ids with --allow"),
            "{refused:?}"
        );
        assert_eq!(fs::read_to_string(place.profile()).expect("a profile"), text);
    }
    let named = place.install(&["--config", &config, "--allow", "openai"]);
    assert_eq!(named.code, Some(0), "{named:?}");
    fs::write(&config, "{}").expect("a config");
    let none = place.install(&["--config", &config]);
    assert!(none.stderr.contains("has no reference to the provider keychain"), "{none:?}");
}

#[test]
fn nothing_is_written_that_cannot_work() {
    let place = Place::new();
    let to = place.path("made/keychain.toml");
    let systemd = ["install", "--to", &to, "--yes", "--store", "systemd"];
    let refused = end(keychain().args(systemd));
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(
        refused.stderr.contains("nothing was written") && refused.stderr.contains("--no-test"),
        "{refused:?}"
    );
    assert!(!place.profile().exists());
    // In the unit it will work.
    let written = end(keychain().args(systemd).args(["--no-test"]));
    assert_eq!(written.code, Some(0), "{written:?}");
    assert!(written.stdout.contains("passEnv: [\"CREDENTIALS_DIRECTORY\"]"), "{written:?}");
    // If the store is not made yet, the profile is written, and the test says what to do.
    let untried = ["install", "--to", &to, "--yes", "--store", "file", "--folder", "/no/such/store"];
    let empty = end(keychain().args(untried));
    assert_eq!(empty.code, Some(0), "{empty:?}");
    assert!(empty.stderr.contains("note: there is no store in /no/such/store"), "{empty:?}");
    assert!(empty.stderr.contains(&format!("{to} set ID < key.txt")), "{empty:?}");
    assert!(empty.stdout.contains("command: ") && !empty.stderr.contains("error"), "{empty:?}");
}

/// A profile that works stays until another has passed the test.
#[test]
fn a_profile_that_works_is_kept_if_the_test_fails() {
    let place = Place::new();
    assert_eq!(place.install(&[]).code, Some(0));
    let works = fs::read_to_string(place.profile()).expect("a profile");
    let damaged = place.path("damaged");
    fs::create_dir(&damaged).expect("a folder");
    fs::set_permissions(&damaged, Permissions::from_mode(0o700)).expect("a mode");
    fs::write(place.0.path().join("damaged/store.age"), "no store").expect("a file");
    fs::set_permissions(place.0.path().join("damaged/store.age"), Permissions::from_mode(0o600))
        .expect("a mode");
    let to = place.path("made/keychain.toml");
    let line = ["install", "--to", &to, "--yes", "--store", "file", "--folder", &damaged];
    let failed = end(keychain().args(line));
    assert!(failed.code != Some(0) && failed.stdout.is_empty(), "{failed:?}");
    assert!(
        failed.stderr.contains("nothing was written") && failed.stderr.contains("--no-test"),
        "{failed:?}"
    );
    assert_eq!(fs::read_to_string(place.profile()).expect("a profile"), works);
    assert_eq!(fs::read_dir(place.0.path().join("made")).expect("a folder").count(), 1);
}

/// Each store says what is missing, with the flag for it.
#[test]
fn a_profile_that_sets_nothing_is_not_written() {
    for (binary, more, words) in [
        ("secretref-vault", &[][..], "add --address"),
        ("secretref-vault", &["--no-test"], "add --address"),
        (
            "secretref-vault",
            &["--address", "https://vault.test", "--auth", "approle"],
            "add --role-id; --auth approle uses --auth-mount, --role-id",
        ),
        (
            "secretref-vault",
            &["--address", "https://vault.test", "--auth", "token"],
            "add --token-file, with --auth token_file; or add --no-test",
        ),
        ("secretref-azure", &[], "add --vault"),
        ("secretref-azure", &["--no-test"], "add --vault"),
        ("secretref-aws", &[], "add --region"),
    ] {
        let place = tempfile::tempdir().expect("a folder");
        let to = place.path().join("made/p.toml");
        let line = ["install", "x", "--yes", "--to", &to.display().to_string()];
        let refused = end(Run::new(resolver::path(binary)).args(line).args(more));
        assert_eq!(refused.code, Some(3), "{binary} {more:?}: {refused:?}");
        assert!(
            refused.stderr.contains("nothing was written") && refused.stderr.contains(words),
            "{binary}: {refused:?}"
        );
        assert!(refused.stdout.is_empty() && !to.exists(), "{binary}: {refused:?}");
        assert!(!refused.stderr.contains("in the profile"), "{binary}: {refused:?}");
    }
}

/// A setting that is wrong is not called missing.
#[test]
fn a_file_that_is_not_there_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    let to = place.path().join("made/p.toml");
    let line = [
        "--address",
        "https://127.0.0.1:1",
        "--token-file",
        "/no/such/token",
        "--to",
        &to.display().to_string(),
    ];
    let refused = end(Run::new(resolver::path("secretref-vault")).args(["install", "--yes"]).args(line));
    assert!(refused.stderr.contains("/no/such/token, which `token_file` names"), "{refused:?}");
    assert!(!refused.stderr.contains("add --token-file") && !to.exists(), "{refused:?}");
    // Certificates are read even where no TLS would need them.
    let (certificate, token) = (place.path().join("ca.pem"), place.path().join("token"));
    fs::write(&certificate, "no certificate").expect("a file");
    fs::write(&token, "t").expect("a file");
    let [certificate, token, to] = [certificate, token, to].map(|path| path.display().to_string());
    let line = ["--address", "http://127.0.0.1:1", "--token-file", &token, "--to", &to];
    let run =
        Run::new(resolver::path("secretref-vault")).args(["install", "--yes", "--ca-cert", &certificate]);
    let refused = end(run.args(line));
    assert!(refused.code == Some(3) && refused.stderr.contains(&certificate), "{refused:?}");
    assert!(!Path::new(&to).exists(), "{refused:?}");
}

/// What a hint says, `install` without settings, keeps what a person has written.
#[test]
fn without_a_setting_only_the_first_line_is_corrected() {
    let place = Place::new();
    fs::create_dir(place.0.path().join("made")).expect("a folder");
    fs::set_permissions(place.0.path().join("made"), Permissions::from_mode(0o700)).expect("a mode");
    let own = format!("# mine\nstore = \"file\"\nfolder = \"{}\"\n", place.path("store"));
    let to = place.path("made/keychain.toml");
    let line = format!("#!{} --profile\n", resolver::path("secretref-keychain").display());
    let marked = format!("\u{feff}{line}");
    for (first, more) in [
        ("", &["--force"][..]),
        ("#!/gone/secretref-keychain --profile\n", &[]),
        (&line, &[]),
        (&marked, &[]),
    ] {
        fs::write(place.profile(), format!("{first}{own}")).expect("a profile");
        let corrected = end(keychain().args(["install", "--yes", "--to", &to]).args(more));
        assert_eq!(corrected.code, Some(0), "{corrected:?}");
        assert!(corrected.stderr.contains("keeps its own"), "{corrected:?}");
        assert_eq!(fs::read_to_string(place.profile()).expect("a profile"), format!("{line}{own}"));
        assert_eq!(mode(&place.profile()), 0o700);
    }
    // `allow` from a config is a setting, which a person has to write into such a profile.
    let config = place.path("openclaw.json");
    fs::write(&config, "{ a: { source: 'exec', provider: 'keychain', id: 'openai' } }").expect("a config");
    let with_config = ["install", "--yes", "--to", &to, "--config", &config];
    let told = end(keychain().args(with_config));
    assert!(told.code == Some(3) && told.stderr.contains("allow = [\"openai\"]"), "{told:?}");
    assert!(told.stderr.contains("add --force, which keeps the rest"), "{told:?}");
    // With --force it replaces only that.
    fs::write(place.profile(), format!("{line}{own}allow = [\n  'x', # mine\n]\n")).expect("a profile");
    let forced = end(keychain().args(with_config).args(["--force"]));
    assert_eq!(forced.code, Some(0), "{forced:?}");
    let text = fs::read_to_string(place.profile()).expect("a profile");
    assert_eq!(text, format!("{line}{own}allow = [\"openai\"]\n"));
    assert_eq!(place.install(&["--force"]).code, Some(0));
    assert_eq!(end(keychain().args(with_config)).code, Some(0));
    let text = fs::read_to_string(place.profile()).expect("a profile");
    assert!(text.contains("allow = [\"openai\"]") && text.contains("store = \"file\""), "{text}");
}

/// In a folder that others can write, the resolver would refuse the profile. A volume often is one.
#[test]
fn a_place_where_others_can_replace_the_profile_is_refused_before_it_is_written() {
    let place = Place::new();
    let (volume, store) = (place.0.path().join("volume"), place.path("store"));
    fs::create_dir(&volume).expect("a folder");
    let to = volume.join("secretref/keychain.toml");
    let install = || {
        let to = to.display().to_string();
        end(keychain().args(["install", "--to", &to, "--yes", "--store", "file", "--folder", &store]))
    };
    for mode in [0o777, 0o2777, 0o2775] {
        fs::set_permissions(&volume, Permissions::from_mode(mode)).expect("a mode");
        let refused = install();
        assert_eq!(refused.code, Some(3), "{mode:o}: {refused:?}");
        for words in ["other users could replace", "chmod +t", "--to"] {
            assert!(refused.stderr.contains(words), "{words}: {refused:?}");
        }
        assert!(refused.stdout.is_empty(), "{refused:?}");
        assert_eq!(fs::read_dir(&volume).expect("a folder").count(), 0, "{mode:o}");
    }
    // As the message says.
    fs::set_permissions(&volume, Permissions::from_mode(0o3777)).expect("a mode");
    assert_eq!(install().code, Some(0));
    assert_eq!(end(Run::new(&to).args(["get", "openai"])).stdout, "value-1");
}

/// A base of root: what it sets, no profile can change.
#[test]
fn a_profile_extends_a_base_of_root() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let (base, to) = (place.path("etc/base.toml"), place.path("made/keychain.toml"));
    let write_base = |text: &str, mode| {
        fs::write(&base, text).expect("a base");
        fs::set_permissions(&base, Permissions::from_mode(mode)).expect("a mode");
    };
    fs::create_dir(place.path("etc")).expect("a folder");
    // A relative path starts at the folder of the base.
    write_base("store = \"file\"\nfolder = \"../store\"\nallow = [\"open*\"]\n", 0o644);
    let written =
        end(keychain().args(["install", "--to", &to, "--yes", "--extends", &base, "--allow", "*ai"]));
    assert_eq!(written.code, Some(0), "{written:?}");
    let get = |id: &str| end(Run::new(place.profile()).args(["get", id]));
    assert_eq!(get("openai").stdout, "value-1");
    assert!(get("xai").stderr.contains("`allow` in the base"), "{:?}", get("xai"));
    assert!(get("openb").stderr.contains("no pattern of `allow` matches"), "{:?}", get("openb"));
    let doctor = end(Run::new(place.profile()).args(["doctor", "--names", "openai"]));
    assert!(doctor.stdout.contains(&format!("extends {base}")), "{doctor:?}");

    let refused = |words: &str| {
        let refused = get("openai");
        assert_eq!(refused.code, Some(3), "{refused:?}");
        assert!(refused.stderr.contains(words) && refused.stderr.contains(&base), "{words}: {refused:?}");
        assert!(refused.stdout.is_empty(), "{refused:?}");
    };
    let text = fs::read_to_string(place.profile()).expect("a profile");
    let profile = |more: &str| fs::write(place.profile(), format!("{text}{more}\n")).expect("a profile");
    profile("folder = \"/tmp\"");
    refused("sets `folder`, and its base");
    assert!(get("openai").stderr.contains(&to));
    profile("[ids]\nopenai = { name = \"other\" }");
    refused("has [ids], and its base");
    profile("service = \"other\"");
    refused("sets `service`, and its base");
    profile("");
    assert_eq!(get("openai").stdout, "value-1");

    write_base("store = \"file\"\nfolder = \"store\"\n", 0o664);
    refused("is not only root's");
    write_base("store = \"file\"\nfolder = \"store\"\n", 0o644);
    std::os::unix::fs::chown(&base, Some(65534), None).expect("an owner");
    refused("is not only root's");
    std::os::unix::fs::chown(&base, Some(0), None).expect("an owner");
    fs::set_permissions(place.path("etc"), Permissions::from_mode(0o775)).expect("a mode");
    refused("is not only root's");
    fs::set_permissions(place.path("etc"), Permissions::from_mode(0o755)).expect("a mode");
    // A link that another user could have made in a shared folder.
    let (shared, link) = (place.0.path().join("shared"), place.path("shared/base.toml"));
    fs::create_dir(&shared).expect("a folder");
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("a mode");
    symlink(&base, &link).expect("a link");
    std::os::unix::fs::lchown(&link, Some(65534), None).expect("an owner");
    fs::write(place.profile(), text.replace(&base, &link)).expect("a profile");
    let linked = get("openai");
    assert!(linked.code == Some(3) && linked.stderr.contains("is not only root's"), "{linked:?}");
}

#[test]
fn a_script_without_a_terminal_is_not_asked() {
    let place = Place::new();
    let to = place.path("made/keychain.toml");
    let refused = end(keychain().args(["install", "--to", &to]));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("add --yes"), "{refused:?}");
    let profile = ["--profile", &to, "install", "--yes"];
    assert_eq!(end(keychain().args(profile)).code, Some(2));
    assert!(!place.profile().exists());
}

#[test]
fn a_person_is_asked_for_what_is_missing() {
    let place = Place::new();
    let (to, store) = (place.path("made/keychain.toml"), place.path("store"));
    let run = keychain().args(["install", "--to", &to, "--folder", &store]);
    let session = Session::start(env!("CARGO_BIN_EXE_in-session"), run, On { stdout: false, ..On::ALL });
    session.until("store [the keychain of the system]: ", 1);
    session.keys("fil\n");
    session.until("did you mean `file`?", 1);
    session.until("store [the keychain of the system]: ", 2);
    session.keys("file\n");
    session.until("service [openclaw]: ", 1);
    session.keys("\n");
    let left = session.end();
    assert_eq!(left.code, Some(0), "{left:?}");
    assert!(left.stdout.contains("command: "), "{left:?}");
    let text = fs::read_to_string(place.profile()).expect("a profile");
    assert!(text.contains("store = \"file\"\n") && !text.contains("service"), "{text}");
}

#[test]
fn every_store_asks_for_settings_that_it_has() {
    for (binary, first) in [
        ("secretref-vault", "address (required): "),
        ("secretref-aws", "region ["),
        ("secretref-azure", "vault (required): "),
        ("secretref-keychain", "store [the keychain of the system]: "),
    ] {
        let place = tempfile::tempdir().expect("a folder");
        let to = place.path().join("made/p.toml");
        let run = Run::new(resolver::path(binary)).args(["install", "--to", &to.display().to_string()]);
        let session = Session::start(env!("CARGO_BIN_EXE_in-session"), run, On { stdout: false, ..On::ALL });
        session.until(first, 1);
        session.keys("\u{4}");
        let left = session.end();
        assert_eq!(left.code, Some(3), "{binary}: {left:?}");
        assert!(left.shown.contains("nothing was written") && !to.exists(), "{binary}: {left:?}");
    }
}

/// The question about the way to sign in says what each way uses.
#[test]
fn a_way_to_sign_in_is_asked_for_with_what_it_uses() {
    let place = tempfile::tempdir().expect("a folder");
    let to = place.path().join("made/p.toml").display().to_string();
    let run = Run::new(resolver::path("secretref-vault")).args(["install", "--to", &to]);
    let session = Session::start(env!("CARGO_BIN_EXE_in-session"), run, On { stdout: false, ..On::ALL });
    session.until("address (required): ", 1);
    session.keys("https://vault.test\n");
    session.until("auth [the first token found]: ", 1);
    session.keys("\u{4}");
    let shown = session.end().shown;
    let line = shown.lines().find(|line| line.trim_start().starts_with("approle ")).unwrap_or_default();
    assert!(line.contains("uses") && line.contains("role_id, secret_id_file"), "{shown}");
    let line = shown.lines().find(|line| line.trim_start().starts_with("token ")).unwrap_or_default();
    assert!(line.contains("VAULT_TOKEN") && line.contains("for a file, choose token_file"), "{shown}");
}

/// An empty answer to a question about a required setting is no answer.
#[test]
fn a_required_setting_is_asked_for_until_it_has_a_value() {
    let place = tempfile::tempdir().expect("a folder");
    let to = place.path().join("made/p.toml").display().to_string();
    let run = Run::new(resolver::path("secretref-vault")).args(["install", "--no-test", "--to", &to]);
    let session = Session::start(env!("CARGO_BIN_EXE_in-session"), run, On { stdout: false, ..On::ALL });
    let answer = |question: &str, times: usize, text: &str| {
        session.until(question, times);
        session.keys(text);
    };
    answer("address (required): ", 1, "\n");
    session.until("`address` is required", 1);
    answer("address (required): ", 2, "https://vault.test\n");
    answer("auth [the first token found]: ", 1, "approle\n");
    answer("role_id (required): ", 1, "\n");
    answer("role_id (required): ", 2, "r\n");
    answer("secret_id_file [", 1, "s\n");
    answer("ca_cert [", 1, "\n");
    let left = session.end();
    assert_eq!(left.code, Some(0), "{left:?}");
    let text = fs::read_to_string(&to).expect("a profile");
    assert!(text.contains("role_id = \"r\"\n"), "{text}");
}

/// A variable is named only if the profile has its value or its name.
#[test]
fn only_variables_that_the_profile_has_are_called_taken() {
    let place = tempfile::tempdir().expect("a folder");
    let to = place.path().join("made/p.toml").display().to_string();
    let taken = |more: &[&str]| {
        let run =
            Run::new(resolver::path("secretref-vault")).args(["install", "--yes", "--no-test", "--force"]);
        let run = run.args(["--to", &to]).args(more).env("BAO_TOKEN", "value-of-token");
        let ended = end(run.env("VAULT_ADDR", "https://vault.test").env("VAULT_ROLE_ID", "r"));
        assert!(ended.code == Some(0) && !ended.stderr.contains("value-of"), "{ended:?}");
        let line = ended.stderr.lines().find_map(|line| line.split_once("this shell's environment: "));
        line.map(|(_, names)| names.to_owned()).unwrap_or_default()
    };
    assert_eq!(taken(&["--auth", "token"]), "BAO_TOKEN, VAULT_ADDR");
    assert_eq!(taken(&["--auth", "token_file", "--token-file", "/t"]), "VAULT_ADDR");
    assert_eq!(taken(&["--token-file", "/t"]), "VAULT_ROLE_ID, VAULT_ADDR");
    assert_eq!(taken(&["--auth", "approle", "--secret-id-file", "/s"]), "VAULT_ROLE_ID, VAULT_ADDR");
}

/// Other users may read a profile.
#[test]
fn a_password_in_an_address_is_not_written() {
    let place = tempfile::tempdir().expect("a folder");
    let to = place.path().join("made/p.toml");
    let install = |more: &[&str]| {
        let run = Run::new(resolver::path("secretref-vault")).args(["install", "--yes", "--to"]);
        run.arg(&to).args(["--token-file", "/t"]).args(more)
    };
    let address = ["--address", "https://vault.test"];
    for (run, called) in [
        (install(&address).env("HTTPS_PROXY", "http://u:sk-pass@127.0.0.1:9"), "`HTTPS_PROXY`"),
        (install(&address).env("HTTP_PROXY", "u:sk-pass@127.0.0.1:9"), "`HTTP_PROXY`"),
        (install(&address).args(["--proxy", "http://u:sk-pass@127.0.0.1:9"]), "`proxy`"),
        (install(&[]).env("VAULT_ADDR", "https://u:sk-pass@vault.test"), "`VAULT_ADDR`"),
    ] {
        let refused = end(run.arg("--no-test"));
        assert_eq!(refused.code, Some(3), "{called}: {refused:?}");
        let words = format!("{called} has a user name or password in it");
        assert!(refused.stderr.contains(&words) && !refused.stderr.contains("sk-pass"), "{refused:?}");
        assert!(!to.exists());
    }
}

/// In a container, numbers of processes repeat: a draft of a killed run is in the way of none, and is removed.
#[test]
fn a_killed_install_blocks_no_other() {
    let place = Place::new();
    let folder = place.0.path().join("made");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("a mode");
    let drafts = "cd \"$1\" && shift && for file in k.toml secretref-keychain; do printf x >.$file.$$; done; exec \"$@\"";
    fs::write(folder.join(".other.toml.5"), "x").expect("a file");
    let line = ["install", "--copy", "--to", "k.toml", "--yes", "--store", "file", "--folder"];
    let run = Run::new("/bin/sh").args(["-c", drafts, "sh"]).arg(&folder);
    let ended = end(run.arg(resolver::path("secretref-keychain")).args(line).arg(place.path("store")));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut left: Vec<_> =
        fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    left.sort_unstable();
    assert_eq!(left, [".other.toml.5", "k.toml", "secretref-keychain"]);
}

/// A pipe would keep the command waiting, and a file without an end would fill the memory.
#[test]
fn what_cannot_be_a_profile_is_not_read() {
    let place = Place::new();
    let pipe = Command::new("mkfifo").arg(place.path("pipe")).status().expect("mkfifo");
    assert!(pipe.success());
    fs::File::create(place.path("long")).and_then(|file| file.set_len(1 << 40)).expect("a file");
    for (name, words) in [("pipe", "is not a regular file"), ("long", "is longer than 1 MiB")] {
        for more in [&["--remove"][..], &["--yes", "--force", "--store", "file"]] {
            let refused = end(keychain().args(["install", "--to", &place.path(name)]).args(more));
            assert!(refused.code == Some(3) && refused.stderr.contains(words), "{refused:?}");
        }
    }
}

/// A stranger's folder decides nothing, and a file of another user is no profile of root.
#[test]
fn root_follows_no_file_of_another_user() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let shared = place.0.path().join("shared");
    fs::create_dir(&shared).expect("a folder");
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).expect("a mode");
    assert_eq!(place.install(&[]).code, Some(0));
    symlink(place.0.path().join("made"), shared.join("link")).expect("a link");
    std::os::unix::fs::lchown(shared.join("link"), Some(65534), None).expect("an owner");
    let to = shared.join("link/keychain.toml").display().to_string();
    let refused = end(keychain().args(["install", "--remove", "--to", &to]));
    assert!(refused.code == Some(3) && refused.stderr.contains("is a link of another user"), "{refused:?}");
    assert!(place.profile().exists());
    // In a sticky folder, root could replace the file of another user by its own.
    let theirs = shared.join("keychain.toml");
    fs::copy(place.profile(), &theirs).expect("a copy");
    std::os::unix::fs::chown(&theirs, Some(65534), None).expect("an owner");
    let refused = end(keychain().args(["install", "--yes", "--to"]).arg(&theirs));
    assert!(refused.code == Some(3) && refused.stderr.contains("belongs to "), "{refused:?}");
    assert_eq!(fs::metadata(&theirs).expect("a file").uid(), 65534);
}

/// For a folder whose path is too long for a first line.
#[test]
fn a_copy_of_the_program_is_named_where_no_first_line_can() {
    let place = Place::new();
    let folder = place.0.path().join("x".repeat(200)).join("y z");
    fs::create_dir_all(&folder).expect("a folder");
    let program = folder.join("secretref-keychain");
    resolver::copy("secretref-keychain", &program);
    let (to, store) = (place.path("made/keychain.toml"), place.path("store"));
    let line = ["install", "--to", &to, "--yes", "--store", "file", "--folder", &store];
    let refused = end(Run::new(&program).args(line));
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("add --copy"), "{refused:?}");
    let copied = end(Run::new(&program).args(line).args(["--copy"]));
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let copy = place.0.path().join("made/secretref-keychain");
    assert!(copied.stdout.contains(&format!("command: \"{}\"", copy.display())), "{copied:?}");
    assert!(copied.stdout.contains(&format!("args: [\"--profile\", \"{to}\"]")), "{copied:?}");
    assert_eq!((mode(&copy), mode(&place.profile())), (0o700, 0o600));
    let got = end(Run::new(&copy).args(["--profile", &to, "get", "openai"]));
    assert_eq!(got.stdout, "value-1", "{got:?}");
    assert!(copied.stderr.contains("after each upgrade, copy it again"), "{copied:?}");
    assert_eq!(end(Run::new(&program).args(line).args(["--copy"])).code, Some(0));
    let snippet = end(Run::new(&program).args(["--profile", &to, "snippet"]));
    assert_eq!(snippet.stdout, copied.stdout, "{snippet:?}");
    let removed = end(Run::new(&program).args(["install", "--to", &to, "--remove"]));
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert!(
        removed.stderr.contains("secretref-keychain;") && !copy.exists() && !place.profile().exists(),
        "{removed:?}"
    );
}

/// `sudo` can keep the `HOME` of the user.
#[test]
fn root_makes_no_folder_in_that_of_another_user() {
    if !is_root() {
        return;
    }
    let home = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::chown(home.path(), Some(65534), Some(65534)).expect("an owner");
    let set = keychain().args(["--store", "file", "set", "openai"]).env("HOME", home.path());
    let set = set.args(["--folder".into(), home.path().join(".local/share/secretref")]);
    let set = set.stdin("value-1").end();
    assert!(set.code == Some(3) && set.stderr.contains("run this as the user"), "{set:?}");
    assert_eq!(fs::read_dir(home.path()).expect("a folder").count(), 0);
}

/// `install` removes only a copy that it made and that no other profile needs, and replaces none that it did not make.
#[test]
fn a_copy_that_install_did_not_make_stays() {
    let place = Place::new();
    let folder = place.0.path().join("made");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("a mode");
    let (program, store) = (folder.join("secretref-keychain"), place.path("store"));
    let file = |name: &str| folder.join(name).display().to_string();
    let install = |program: &Path, to: &str, more: &[&str]| {
        let line = ["install", "--to", to, "--yes", "--no-test", "--store", "file", "--folder", &store];
        end(Run::new(program).args(line).args(more))
    };
    let of_package = resolver::path("secretref-keychain");
    // The program itself is no copy.
    resolver::copy("secretref-keychain", &program);
    let own = install(&program, &file("k.toml"), &["--copy"]);
    assert!(own.code == Some(3) && own.stderr.contains("is this program"), "{own:?}");
    // A program that was there is the command, and stays.
    let found = install(&of_package, &file("k"), &["--copy"]);
    assert!(found.code == Some(0) && found.stdout.contains(&program.display().to_string()), "{found:?}");
    assert_eq!(install(&of_package, &file("k"), &["--remove"]).code, Some(0));
    assert!(program.exists());
    fs::remove_file(&program).expect("a program");
    // The last profile that needs the copy takes it away, but never the program that runs.
    for name in ["a", "b"] {
        assert_eq!(install(&of_package, &file(name), &["--copy"]).code, Some(0));
    }
    assert_eq!(install(&of_package, &file("a"), &["--remove"]).code, Some(0));
    assert!(program.exists());
    assert_eq!(install(&program, &file("b"), &["--remove"]).code, Some(0));
    assert!(program.exists() && !folder.join("b").exists());
    assert_eq!(install(&of_package, &file("a"), &["--copy"]).code, Some(0));
    fs::remove_file(folder.join("a")).expect("a profile");
    // What is in its place is not replaced.
    let same = install(&of_package, &program.display().to_string(), &["--copy", "--force"]);
    assert!(same.code == Some(3) && same.stderr.contains("of the profile and of the copy"), "{same:?}");
    for is_link in [true, false] {
        fs::remove_file(&program).expect("a file");
        if is_link {
            symlink("gone", &program).expect("a link");
        } else {
            fs::write(&program, "other").expect("a file");
        }
        let refused = install(&of_package, &file("a"), &["--copy"]);
        assert!(refused.code == Some(3) && refused.stderr.contains("did not write it"), "{refused:?}");
    }
    assert_eq!(install(&of_package, &file("a"), &["--copy", "--force"]).code, Some(0));
    assert_eq!(mode(&program), 0o700);
}

/// A file of another program, or of another resolver, is not taken for a profile of this one.
#[test]
fn a_file_of_another_program_is_kept() {
    let place = Place::new();
    fs::create_dir(place.0.path().join("made")).expect("a folder");
    fs::set_permissions(place.0.path().join("made"), Permissions::from_mode(0o700)).expect("a mode");
    let (to, store) = (place.path("made/keychain.toml"), place.path("store"));
    let flags = ["--store", "file", "--folder", &store];
    let vault = Run::new(resolver::path("secretref-vault"));
    let line = ["install", "--yes", "--no-test", "--to", &to];
    let written = end(vault.args(line).args(["--address", "https://vault.test", "--timeout", "3s"]));
    assert_eq!(written.code, Some(0), "{written:?}");
    let of_vault = fs::read_to_string(place.profile()).expect("a profile");
    for text in [&of_vault, "#!/usr/bin/secretref-vault --profile\ntimeout = \"3s\"\n", "timeout = \"3s\"\n"]
    {
        fs::write(place.profile(), text).expect("a profile");
        for more in [&[][..], &flags, &["--remove"]] {
            let refused = end(keychain().args(line).args(more));
            assert_eq!(refused.code, Some(3), "{more:?}: {refused:?}");
            assert!(refused.stderr.contains("add --force"), "{more:?}: {refused:?}");
            assert_eq!(fs::read_to_string(place.profile()).expect("a profile"), *text);
        }
    }
    fs::write(place.profile(), "log_file = \"x.log\"\nfolder = \"x\"\n").expect("a profile");
    let forced = end(keychain().args(line).args(flags).args(["--force"]));
    assert!(forced.code == Some(0) && forced.stderr.contains("drops settings"), "{forced:?}");
    assert!(forced.stderr.contains(": log_file\n"), "{forced:?}");
}

/// As an init container runs it.
#[test]
fn a_user_without_an_entry_installs_into_an_empty_volume() {
    if !is_root() {
        return;
    }
    let volume = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::chown(volume.path(), Some(54_321), Some(0)).expect("an owner");
    let shared = tempfile::tempdir().expect("a folder");
    fs::set_permissions(shared.path(), Permissions::from_mode(0o755)).expect("a mode");
    let program = shared.path().join("secretref-keychain");
    resolver::copy("secretref-keychain", &program);
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("a mode");
    let profile = volume.path().join("secretref/keychain.toml");
    let to = profile.display().to_string();
    let line = ["install", "--to", &to, "--yes", "--no-test", "--store", "systemd"];
    for said in ["wrote", "is unchanged"] {
        let ended = end(Run::new(&program).args(line).uid(54_321));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    let file = fs::metadata(&profile).expect("a profile");
    assert_eq!((file.uid(), mode(&profile)), (54_321, 0o700));
    let nameless =
        end(Run::new(&program).args(["install", "--yes", "--no-test", "--store", "systemd"]).uid(54_321));
    assert!(nameless.stderr.contains("or name the file with --to"), "{nameless:?}");
}

/// Root installs for the user of a service, and does nothing as root in that user's folders.
#[test]
fn root_installs_for_another_user() {
    let place = Place::new();
    let to = place.path("theirs/keychain.toml");
    let line = ["install", "--to", &to, "--yes", "--no-test", "--store", "systemd"];
    if !is_root() {
        let refused = end(keychain().args(line).args(["--user", "root"]));
        assert!(refused.stderr.contains("only root can"), "{refused:?}");
        return;
    }
    let program = place.0.path().join("secretref-keychain");
    resolver::copy("secretref-keychain", &program);
    for path in [program.as_path(), place.0.path()] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
    }
    let run =
        || Run::new(&program).args(line).args(["--user", "nobody"]).env("DBUS_SESSION_BUS_ADDRESS", "x");
    let refused = end(run());
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.stderr.contains("cannot be created (permission denied)"), "{refused:?}");
    fs::create_dir(place.path("theirs")).expect("a folder");
    std::os::unix::fs::chown(place.path("theirs"), Some(65534), Some(65534)).expect("an owner");
    let written = end(run());
    assert_eq!(written.code, Some(0), "{written:?}");
    let file = fs::metadata(&to).expect("a profile");
    assert_eq!((file.uid(), mode(Path::new(&to))), (65534, 0o700));
    assert!(!fs::read_to_string(&to).expect("a profile").contains("bus"), "{to}");
    // A profile of root, as configuration management leaves it; the path is relative to root's folder.
    std::os::unix::fs::chown(&to, Some(0), Some(0)).expect("an owner");
    let of_root = Run::new(&program).args(["install", "--to", "theirs/keychain.toml"]).args(&line[3..]);
    let mut of_root = of_root.args(["--user", "nobody"]).command();
    let of_root = of_root.current_dir(place.0.path()).stdin(Stdio::null()).output().expect("it starts");
    let told = String::from_utf8_lossy(&of_root.stderr).into_owned();
    assert!(of_root.status.code() == Some(3) && told.contains(&format!("chown nobody {to}")), "{told}");
    let unknown = end(Run::new(&program).args(line).args(["--user", "no-such-user"]));
    assert!(unknown.stderr.contains("there is no user no-such-user"), "{unknown:?}");
}

/// A program that the new profile names runs as the service's user: not with root's terminal, nor with what root's shell has
/// open.
#[test]
fn a_program_of_another_user_gets_neither_the_terminal_nor_a_descriptor() {
    if !is_root() {
        return;
    }
    let place = tempfile::tempdir().expect("a folder");
    let (program, theirs) = (place.path().join("secretref-aws"), place.path().join("theirs"));
    resolver::copy("secretref-aws", &program);
    fs::create_dir(&theirs).expect("a folder");
    fs::write(theirs.join("print"), TYPES).expect("a program");
    for path in [program.as_path(), place.path(), &theirs.join("print")] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
    }
    std::os::unix::fs::chown(&theirs, Some(65534), Some(65534)).expect("an owner");
    let (command, to) = (theirs.join("print").display().to_string(), theirs.join("aws.toml"));
    let (program, to) = (program.display().to_string(), to.display().to_string());
    let line =
        ["-c", "exec \"$0\" \"$@\" 9</etc/shadow", &program, "install", "--user", "nobody", "--to", &to];
    let run = Run::new("/bin/sh").args(line).args(["--yes", "--region", "eu-west-1", "--auth", "process"]);
    let run = run.args(["--credential-process", &command]);
    let ended = Session::start(env!("CARGO_BIN_EXE_in-session"), run, On::ALL).end();
    let seen = fs::read_to_string(theirs.join("seen")).unwrap_or_else(|_| panic!("{ended:?}"));
    assert_eq!(seen, "ran\n", "{ended:?}");
    assert!(ended.code != Some(0) && ended.shown.contains("nothing was written"), "{ended:?}");
    // A program that the user cannot start makes no profile.
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("a mode");
    let closed = end(Run::new(&program).args(["install", "--user", "nobody", "--to", &to, "--yes"]));
    assert!(closed.stderr.contains("nobody cannot run this program (permission denied)"), "{closed:?}");
}

/// What the settings in force need, and nothing else.
#[test]
fn a_snippet_names_the_variables_that_are_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = folder.path().join("vault.toml");
    let pass_env = |lines: &str, env: &[(&str, &str)]| {
        fs::write(&profile, format!("address = \"https://vault.test\"\n{lines}")).expect("a profile");
        let path = profile.display().to_string();
        let run = Run::new(resolver::path("secretref-vault")).args([
            "--profile",
            &path,
            "snippet",
            "--form",
            "plan",
        ]);
        let ended = end(env.iter().fold(run, |run, (name, value)| run.env(name, value)));
        let plan: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        assert!(!ended.stdout.contains("value-of"), "{ended:?}");
        let provider = &plan["providerUpserts"]["vault"];
        assert!(provider["env"].is_null(), "{plan:#}");
        let names = provider["passEnv"].as_array().cloned().unwrap_or_default();
        names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let both = "env = [\"VAULT_TOKEN\", \"VAULT_ADDR\", \"VAULT_SECRET_ID\"]\n";
    let token = [("VAULT_TOKEN", "value-of-token")];
    assert_eq!(pass_env("", &token), [""; 0]);
    assert_eq!(pass_env(both, &token), ["VAULT_TOKEN", "VAULT_SECRET_ID"]);
    assert_eq!(
        pass_env(&format!("auth = \"approle\"\nrole_id = \"r\"\n{both}"), &token),
        ["VAULT_SECRET_ID"]
    );
    assert_eq!(pass_env(&format!("auth = \"token\"\n{both}"), &[]), ["VAULT_TOKEN"]);
    // No variable and no file has it, so systemd does.
    assert_eq!(pass_env("auth = \"token\"\n", &[]), ["CREDENTIALS_DIRECTORY"]);
    assert_eq!(pass_env(&format!("token_file = \"t\"\nauth = \"token_file\"\n{both}"), &token), [""; 0]);
}
