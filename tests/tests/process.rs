//! The process as a gateway sees it: its deadline, streams, signals and files. Needs no server.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secretref_tests::canned::Canned;
use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::resolver::{self, Ended, Run, SLACK};
use serde_json::Value;

fn vault() -> Run {
    Run::new(resolver::path("secretref-vault"))
}

/// Without a profile, against `address`.
fn at(address: &str) -> Run {
    vault().env("VAULT_ADDR", address).env("VAULT_TOKEN", "hvs.seeded-token")
}

fn code(ended: &Ended, id: &str) -> String {
    let response: Value = serde_json::from_str(&ended.stdout).expect("a response");
    response["errors"][id]["code"].as_str().unwrap_or_default().to_owned()
}

fn fake(folder: &tempfile::TempDir) -> FakeVault {
    let fake = FakeVault::start(folder.path(), Manner::default());
    fake.mount("secret");
    fake.token("hvs.seeded-token", Token { denied: "\0", may_look: true });
    fake.put("secret", "a", r#"{"k":"value-a"}"#);
    fake
}

#[test]
fn a_store_that_never_answers_costs_the_deadline_and_no_more() {
    let silent = Canned::start("");
    let ended = at(&silent.http).args(["--timeout", "300ms"]).request(&["a#k", "b#k", "@"]).end();
    assert_eq!(ended.code, Some(6), "{ended:?}");
    assert_eq!(
        [code(&ended, "a#k"), code(&ended, "b#k"), code(&ended, "@")],
        ["TIMEOUT", "TIMEOUT", "INVALID_ID"]
    );
    assert!(ended.took < Duration::from_millis(300) + SLACK, "{ended:?}");
}

#[test]
fn values_that_arrived_before_the_deadline_are_returned() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    for http in ["h1", "h2"] {
        let run = at(&fake.https).env("VAULT_CACERT", &fake.ca).args(["--timeout", "400ms", "--http", http]);
        let ended = run.request(&["a#k", "hang#k"]).end();
        assert_eq!((ended.code, code(&ended, "hang#k").as_str()), (Some(0), "TIMEOUT"), "{ended:?}");
        assert!(
            ended.stdout.contains(r#""a#k":"value-a""#) && ended.took < Duration::from_millis(400) + SLACK,
            "{ended:?}"
        );
    }
}

#[test]
fn a_stdin_that_stays_open_ends_at_the_deadline() {
    for request in [r#"{"protocolVersion":1,"ids":["a#k"]}"#, ""] {
        let started = Instant::now();
        let mut child = at("http://127.0.0.1:1").args(["--timeout", "300ms"]).command().spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(request.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(6));
        assert!(started.elapsed() < Duration::from_millis(300) + SLACK);
        let stdout = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(stdout.contains(r#""a#k":{"code":"TIMEOUT""#), !request.is_empty(), "{stdout}");
        drop(stdin);
    }
}

#[test]
fn a_reader_that_does_not_read_ends_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    fake.put("secret", "large", &format!("{{\"k\":\"{}\"}}", "x".repeat(500_000)));
    let started = Instant::now();
    let mut child = at(&fake.http).args(["--timeout", "400ms"]).command().spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(br#"{"protocolVersion":1,"ids":["large#k"]}"#).unwrap();
    drop(stdin);
    child.wait().unwrap();
    assert!(started.elapsed() < Duration::from_millis(400) + SLACK, "{:?}", started.elapsed());
}

#[test]
fn a_truncated_response_is_not_a_success() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for args in [&["get", "a#k"][..], &[]] {
        let mut command = at(&fake.http).args(args).command();
        let mut child = command.stdout(full()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(br#"{"protocolVersion":1,"ids":["a#k"]}"#).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(9));
    }
}

#[test]
fn a_stderr_that_is_not_read_delays_nothing() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let started = Instant::now();
    let mut child = at("http://127.0.0.1:1").command().stderr(writer).spawn().unwrap();
    child.stdin.take().unwrap().write_all(br#"{"protocolVersion":1,"ids":["a#k"]}"#).unwrap();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert!(stdout.contains("UNAVAILABLE") && child.wait().unwrap().code() == Some(5));
    assert!(started.elapsed() < Duration::from_secs(1));
    drop(reader);
}

#[test]
fn values_over_the_output_limit_fail_alone_and_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    let ids: Vec<String> = (0..100).map(|number| format!("large{number}#k")).collect();
    for number in 0..100 {
        fake.put("secret", &format!("large{number}"), &format!("{{\"k\":\"{}\"}}", "x".repeat(1_000_000)));
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).chain(["a#k", "hang#k"]).collect();
    let ended = at(&fake.http).args(["--timeout", "3s", "--max-output", "64KiB"]).request(&ids).end();
    let response: Value = serde_json::from_str(&ended.stdout).expect("one whole response");
    assert_eq!(
        response["values"].as_object().unwrap().len() + response["errors"].as_object().unwrap().len(),
        102
    );
    assert!(
        ended.stdout.len() <= 64 << 10 && ended.took < Duration::from_secs(3) + SLACK,
        "{:?}",
        ended.took
    );
}

#[test]
fn with_a_profile_variables_that_change_the_name_lookup_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = profile(folder.path(), "address = \"https://vault\"\ntoken_file = \"t\"\n", 0o700, 0o600);
    for name in [
        "HOSTALIASES",
        "LOCALDOMAIN",
        "RES_OPTIONS",
        "RESOLV_HOST_CONF",
        "RESOLV_MULTI",
        "RESOLV_REORDER",
        "RESOLV_ADD_TRIM_DOMAINS",
        "RESOLV_OVERRIDE_TRIM_DOMAINS",
        "RESOLV_SERV_ORDER",
        "RESOLV_SPOOF_CHECK",
        "NIS_PATH",
        "NIS_DEFAULTS",
        "NIS_GROUP",
        "GCONV_PATH",
    ] {
        // The C library accepts any bytes, so the name of a file can be a space, or not UTF-8.
        for value in [&b"x"[..], b" ", b"", b"/tmp/\xff"] {
            let run =
                vault().args(["--profile".as_ref(), path.as_os_str()]).env(name, OsStr::from_bytes(value));
            let ended = run.request(&["a#k"]).end();
            assert!(ended.code == Some(3) && ended.stdout.contains(name), "{ended:?}");
        }
    }
}

#[test]
fn a_closed_reader_is_not_an_error() {
    let mut child = at("http://127.0.0.1:1").args(["--timeout", "2s"]).command().spawn().unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(br#"{"protocolVersion":1,"ids":["@"]}"#).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn sigterm_ends_it_at_once() {
    let silent = Canned::start("");
    let mut child = at(&silent.http).command().spawn().unwrap();
    child.stdin.take().unwrap().write_all(br#"{"protocolVersion":1,"ids":["a#k"]}"#).unwrap();
    while silent.connections() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let started = Instant::now();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    assert!(started.elapsed() < SLACK);
}

#[test]
fn no_core_is_dumped() {
    let mut child = at("http://127.0.0.1:1").args(["--timeout", "1s"]).command().spawn().unwrap();
    let limits = format!("/proc/{}/limits", child.id());
    let says_none = || {
        let limits = std::fs::read_to_string(&limits).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        core.split_whitespace().skip(4).take(2).all(|limit| limit == "0")
    };
    let started = Instant::now();
    while !says_none() {
        assert!(started.elapsed() < Duration::from_millis(500), "the limit stays");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
#[ignore = "needs root, for a mount namespace: tests/run"]
fn a_name_server_that_never_answers_costs_the_deadline_and_no_more() {
    assert!(
        rustix::process::geteuid().is_root(),
        "needs root: a name server is put in place in a mount namespace"
    );
    let folder = tempfile::tempdir().unwrap();
    let process = std::process::id();
    let server = format!("127.53.{}.{}", process / 250 % 250 + 1, process % 250 + 1);
    let _silent = std::net::UdpSocket::bind((server.as_str(), 53)).unwrap();
    let conf = folder.path().join("resolv.conf");
    std::fs::write(&conf, format!("nameserver {server}\noptions timeout:10 attempts:1\n")).unwrap();
    let switch = folder.path().join("nsswitch.conf");
    std::fs::write(&switch, "hosts: dns\n").unwrap();
    let script = "mount --bind \"$1\" /etc/resolv.conf && mount --bind \"$2\" /etc/nsswitch.conf && shift 2 && exec \"$@\"";
    let run = Run::new("/usr/bin/unshare").args(["-m", "sh", "-c", script, "sh"]).args([&conf, &switch]);
    let run = run.args([resolver::path("secretref-vault")]).args(["--timeout", "500ms"]);
    let run = run
        .env("PATH", "/usr/bin:/bin")
        .env("VAULT_ADDR", "https://vault.example.com")
        .env("VAULT_TOKEN", "t");
    let ended = run.request(&["a#k"]).end();
    assert_eq!((ended.code, code(&ended, "a#k").as_str()), (Some(6), "TIMEOUT"), "{ended:?}");
    // The namespace and the shell before it take their time, too.
    assert!(
        ended.took > Duration::from_millis(500) && ended.took < Duration::from_millis(600) + SLACK,
        "{ended:?}"
    );
}

#[test]
fn a_missing_store_is_unreachable() {
    let ended = at("http://127.0.0.1:1").request(&["a#k"]).end();
    assert_eq!((ended.code, code(&ended, "a#k").as_str()), (Some(5), "UNAVAILABLE"), "{ended:?}");
    assert!(
        ended.stderr.contains("check that the store is running") && ended.took < Duration::from_secs(1),
        "{ended:?}"
    );
}

#[test]
fn too_many_open_files_is_reported() {
    for limit in 4..=6 {
        let run = Run::new("/usr/bin/prlimit").args([format!("--nofile={limit}:{limit}")]);
        let run = run.args([resolver::path("secretref-vault")]).env("VAULT_ADDR", "http://127.0.0.1:1");
        let ended = run.env("VAULT_TOKEN", "t").request(&["a#k"]).end();
        assert_eq!(
            (ended.code, code(&ended, "a#k").as_str()),
            (Some(3), "MISCONFIGURED"),
            "{limit}: {ended:?}"
        );
        assert!(ended.stderr.contains("too many files open: raise the limit"), "{limit}: {ended:?}");
    }
}

#[test]
fn an_id_that_is_not_allowed_opens_no_connection() {
    let silent = Canned::start("");
    let ended = at(&silent.http).args(["--allow", "b/**"]).request(&["a#k"]).end();
    assert_eq!((ended.code, code(&ended, "a#k").as_str()), (Some(0), "NOT_ALLOWED"), "{ended:?}");
    assert_eq!(silent.connections(), 0);
}

#[test]
fn doctor_warns_of_a_timeout_that_a_gateway_does_not_wait_for() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    for (timeout, is_warned) in [("4s", false), ("5s", true), ("10s", true)] {
        let ended = at(&fake.http).args(["--timeout", timeout, "doctor", "a#k"]).end();
        let words = "a gateway ends a run after 5000 ms, without an answer";
        assert_eq!(ended.stdout.contains(words), is_warned, "{timeout}: {ended:?}");
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

#[test]
fn without_an_address_or_a_token_nothing_is_configured() {
    for (run, words) in [
        (vault().env("VAULT_TOKEN", "t"), "`address` is not set"),
        (vault().env("VAULT_ADDR", "http://127.0.0.1:1").env("HOME", "/nonexistent"), "there is no token"),
        (vault().env("VAULT_ADDR", "http://vault.example.com").env("VAULT_TOKEN", "t"), "clear text"),
        (
            vault().env("VAULT_ADDR", "http://user:hunter2@127.0.0.1").env("VAULT_TOKEN", "t"),
            "user name or password",
        ),
        (at("http://127.0.0.1:1").env("OPENCLAW_VAULT_AUTH_METHOD", "magic"), "not one of token"),
        (at("http://127.0.0.1:1").env("OPENCLAW_VAULT_AUTH_METHOD", "ldap"), "`username` is not set"),
        (
            at("https://127.0.0.1:1").env("VAULT_CACERT", "/nonexistent"),
            "`VAULT_CACERT` names, cannot be opened",
        ),
        (at("https://127.0.0.1:1").env("VAULT_CACERT", "/etc/passwd"), "contains no certificate"),
        (at("http://127.0.0.1:1/v1"), "`VAULT_ADDR` ends in /v1"),
        (at("http://127.0.0.1:1").args(["--mount", "a//b"]), "`mount` has an empty segment"),
        (at("http://127.0.0.1:1").args(["--mount", "../b/"]), "`mount` has an empty segment"),
        (vault().env("VAULT_ADDR", "http://127.0.0.1:1").env("VAULT_TOKEN", "two words"), "white space"),
    ] {
        let ended = run.request(&["a#k", "@"]).end();
        assert_eq!((ended.code, code(&ended, "a#k").as_str()), (Some(3), "MISCONFIGURED"), "{ended:?}");
        assert!(ended.stdout.contains(words) && ended.stderr.contains(words), "{words}: {ended:?}");
        assert!(!format!("{ended:?}").contains("hunter2"));
    }
}

/// A person who has set them for `bao` may rely on them.
#[test]
fn variables_that_a_profile_ignores_are_named_if_nothing_could_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = "address = \"http://127.0.0.1:1\"\nenv = [\"VAULT_TOKEN\"]\n";
    let profile = profile(folder.path(), text, 0o700, 0o600);
    for command in ["get", "check"] {
        let run = vault().env("VAULT_TOKEN", "t").env("VAULT_ADDR", "http://127.0.0.1:2");
        let ended = run.args(["--profile".as_ref(), profile.as_os_str()]).args([command, "a#k"]).end();
        assert_eq!(ended.code, Some(5), "{ended:?}");
        assert!(ended.stderr.contains("ignored because of the profile: VAULT_ADDR\n"), "{ended:?}");
    }
}

#[test]
fn a_token_is_found_in_the_documented_order() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    let file = |name: &str, token: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{token}\n")).unwrap();
        path
    };
    let (good, bad) = (file("good", "hvs.seeded-token"), file("bad", "hvs.other"));
    let base = || vault().env("VAULT_ADDR", &fake.http);
    let home = |token: &str| {
        let home = tempfile::tempdir_in(folder.path()).unwrap().keep();
        std::fs::write(home.join(".vault-token"), token).unwrap();
        home
    };
    let credentials = resolver::of_a_unit();
    std::fs::write(credentials.path().join("vault-token"), "hvs.seeded-token").unwrap();
    for run in [
        base().env("VAULT_TOKEN", " hvs.seeded-token\n").env("VAULT_TOKEN_FILE", &bad),
        base().env("VAULT_TOKEN", "hvs.other").args(["--token-file".as_ref(), good.as_os_str()]),
        base().env("VAULT_TOKEN_FILE", &good).env("HOME", home("hvs.other")),
        base().env("CREDENTIALS_DIRECTORY", credentials.path()).env("HOME", home("hvs.other")),
        base().env("HOME", home("hvs.seeded-token")),
        base().env("VAULT_TOKEN", "").env("VAULT_TOKEN_FILE", &good),
        base()
            .env("OPENCLAW_VAULT_AUTH_METHOD", "token_file")
            .env("VAULT_TOKEN", "hvs.other")
            .env("VAULT_TOKEN_FILE", &good),
        base()
            .env("OPENCLAW_VAULT_AUTH_METHOD", "token")
            .env("VAULT_TOKEN", "hvs.seeded-token")
            .env("VAULT_TOKEN_FILE", &bad),
    ] {
        let ended = run.request(&["a#k"]).end();
        assert!(ended.stdout.contains("value-a"), "{ended:?}");
    }
}

#[test]
fn the_variables_of_the_bundled_plugin_are_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    fake.mount("team/kv");
    fake.put("team/kv", "providers/openai", r#"{"apiKey":"value-b"}"#);
    let run = at(&format!("{}/", fake.http))
        .env("OPENCLAW_VAULT_KV_MOUNT", "/team/kv/")
        .env("OPENCLAW_VAULT_KV_VERSION", "2");
    let ended = run.env("VAULT_NAMESPACE", "").request(&["providers/openai/apiKey"]).end();
    assert!(ended.stdout.contains("value-b"), "{ended:?}");
    let ended = at(&format!("{}/base", fake.http)).request(&["a/k"]).end();
    assert!(ended.stdout.contains("value-a"), "an address with a base path: {ended:?}");
}

/// A profile in a folder of its own, with these modes.
fn profile(folder: &Path, text: &str, folder_mode: u32, mode: u32) -> PathBuf {
    let inner = tempfile::tempdir_in(folder).unwrap().keep();
    let path = inner.join("vault.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    std::fs::set_permissions(&inner, Permissions::from_mode(folder_mode)).unwrap();
    path
}

#[test]
fn a_profile_that_others_could_have_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = "address = \"http://127.0.0.1:1\"\ntoken_file = \"/nonexistent\"\n";
    for (folder_mode, mode, words) in [
        (0o700, 0o600, "/nonexistent"),
        (0o755, 0o644, "/nonexistent"),
        (0o1777, 0o600, "/nonexistent"),
        (0o700, 0o620, "is writable by other users"),
        (0o700, 0o602, "is writable by other users"),
        (0o777, 0o600, "where other users can replace it"),
        (0o770, 0o600, "where other users can replace it"),
    ] {
        let path = profile(folder.path(), text, folder_mode, mode);
        let ended = vault().args(["--profile".as_ref(), path.as_os_str()]).request(&["a#k"]).end();
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains(words), "{folder_mode:o} {mode:o}: {ended:?}");
    }
    // Also through a link in a folder that other users can write.
    let path = profile(folder.path(), text, 0o700, 0o600);
    let open = profile(folder.path(), text, 0o777, 0o600);
    let link = open.with_file_name("link.toml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let ended = vault().args(["--profile".as_ref(), link.as_os_str()]).request(&["a#k"]).end();
    assert!(ended.stderr.contains("where other users can replace it"), "{ended:?}");
    // Also if such a folder is only a part of the path.
    let first = path.with_file_name("first.toml");
    std::os::unix::fs::symlink(&link, &first).unwrap();
    let ended = vault().args(["--profile".as_ref(), first.as_os_str()]).request(&["a#k"]).end();
    assert!(ended.stderr.contains("where other users can replace it"), "{ended:?}");
}

#[test]
#[ignore = "needs root, for a file of another user: tests/run"]
fn a_profile_of_another_user_is_refused() {
    assert!(rustix::process::geteuid().is_root(), "needs root: a file is given to another user");
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let path = profile(folder.path(), "address = \"http://127.0.0.1:1\"\n", 0o755, 0o644);
    let told = || vault().args(["--profile".as_ref(), path.as_os_str()]).request(&["a#k"]).end().stderr;
    // If root took over the file, the service would lose it.
    let leads_to = |told: &str, user: &str| {
        let command = format!("run this as its owner: sudo -u {user}, then the same command");
        assert!(told.contains(&command) && !told.contains("chown"), "{told}");
    };
    std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
    assert!(told().contains("belongs to uid 1234, neither root nor you (0)"), "{}", told());
    leads_to(&told(), "'#1234'");
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    leads_to(&told(), "nobody");
    // The output of `doctor` can be shared, and the name of a user is private.
    let doctor = |more: &[&str]| {
        vault().args(["--profile".as_ref(), path.as_os_str()]).args(["doctor"]).args(more).end().stdout
    };
    assert!(doctor(&[]).contains("sudo -u <user>, then the same command"), "{}", doctor(&[]));
    leads_to(&doctor(&["--names"]), "nobody");
    std::os::unix::fs::chown(&path, Some(0), None).unwrap();
    std::os::unix::fs::chown(path.parent().unwrap(), Some(1234), None).unwrap();
    assert!(
        told().contains("where other users can replace it: the folder belongs to uid 1234"),
        "{}",
        told()
    );
    leads_to(&told(), "'#1234'");
}

/// It would be called wrong key by key.
#[test]
fn the_first_line_tells_a_profile_of_another_resolver() {
    let folder = tempfile::tempdir().unwrap();
    let text = "#!/usr/local/bin/secretref-keychain --profile\nstore = \"file\"\n";
    let path = profile(folder.path(), text, 0o755, 0o700);
    let ended = vault().args(["--profile".as_ref(), path.as_os_str()]).args(["get", "a#k"]).end();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("is a profile for secretref-keychain, by its first line"), "{ended:?}");
    assert!(ended.stderr.contains("hint: use secretref-keychain, or another profile"), "{ended:?}");
}

/// The page has what a shell says about it.
#[test]
fn a_profile_without_its_first_line_is_run_by_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let path = profile(folder.path(), "address = \"http://127.0.0.1:1\"\n", 0o755, 0o700);
    let page = std::fs::read_to_string(resolver::repository().join("docs/shell.md")).unwrap();
    let said = "address: command not found";
    let ended = std::process::Command::new("bash").args(["-c", "\"$0\""]).arg(&path).output().unwrap();
    assert_eq!(ended.status.code(), Some(127), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains(said) && page.contains(said), "{ended:?}");
}

/// Whether the kernel follows such a link is a setting of the machine, `fs.protected_symlinks`.
#[test]
#[ignore = "needs root, for a link of another user: tests/run"]
fn a_link_of_another_user_in_a_sticky_folder_is_no_way_to_a_profile() {
    let (own, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = profile(
        own.path(),
        "address = \"http://127.0.0.1:1\"\ntoken_file = \"/nonexistent\"\n",
        0o700,
        0o600,
    );
    let sticky = profile(shared.path(), "", 0o1777, 0o600);
    let (link, folder) = (sticky.with_file_name("link.toml"), sticky.with_file_name("folder"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    std::os::unix::fs::symlink(path.parent().unwrap(), &folder).unwrap();
    let inside = folder.join(path.file_name().unwrap());
    let said = |profile: &Path| {
        vault().args(["--profile".as_ref(), profile.as_os_str()]).request(&["a#k"]).end().stderr
    };
    for (way, made) in [(&link, &link), (&inside, &folder)] {
        assert!(said(way).contains("/nonexistent"), "{}", said(way));
        std::os::unix::fs::lchown(made, Some(1234), None).unwrap();
        let words = format!("is reached through the link {}, which belongs to another user", made.display());
        assert!(said(way).contains(&words), "{}", said(way));
    }
}

#[test]
fn a_profile_that_is_not_a_file_is_refused_at_once() {
    for path in ["/dev/zero", "/tmp/", "/nonexistent/x.toml"] {
        let ended = vault().args(["--profile", path]).request(&["a#k"]).end();
        assert_eq!((ended.code, code(&ended, "a#k").as_str()), (Some(3), "MISCONFIGURED"), "{ended:?}");
        assert!(ended.took < Duration::from_secs(1));
    }
}

#[test]
fn an_executable_profile_is_a_command_and_refuses_every_sensitive_flag() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    let token = folder.path().join("token");
    std::fs::write(&token, "hvs.seeded-token").unwrap();
    let binary = resolver::path("secretref-vault");
    let text =
        format!("#!{} --profile\naddress = \"{}\"\ntoken_file = \"token\"\n", binary.display(), fake.http);
    let path = folder.path().join("vault.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    let ended = Run::new(&path).request(&["a#k"]).end();
    assert!(ended.stdout.contains("value-a"), "{ended:?}");
    let ended = Run::new(&path).args(["get", "a#k", "--timeout", "3s"]).end();
    assert_eq!((ended.stdout.as_str(), ended.code), ("value-a", Some(0)), "{ended:?}");
    for flag in [
        "--address=x",
        "--ca-cert=x",
        "--ca-cert-bytes=x",
        "--ca-path=x",
        "--client-cert=x",
        "--client-key=x",
        "--proxy=x",
        "--http-proxy=x",
        "--https-proxy=x",
        "--no-proxy=x",
        "--proxy-auth-file=x",
        "--ssl-cert-file=x",
        "--tls-server-name=x",
        "--tls-skip-verify",
        "--auth=token",
        "--mount=x",
        "--namespace=x",
        "--token-file=x",
        "--allow=**",
        "--allow-http",
        "--json-fields",
        "--kv-version=2",
    ] {
        let ended = Run::new(&path).args([flag]).request(&["a#k"]).end();
        assert_eq!(
            (ended.code, code(&ended, "a#k").as_str()),
            (Some(2), "MISCONFIGURED"),
            "{flag}: {ended:?}"
        );
        let ended = Run::new(&path).args(["get", "a#k", flag]).end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{flag}: {ended:?}");
    }
}

#[test]
fn a_first_line_that_cannot_work_says_so_to_the_gateway_too() {
    let folder = tempfile::tempdir().unwrap();
    let binary = resolver::path("secretref-vault");
    for (line, words) in [("--profile\r", "ends in CRLF"), ("", "if it is a profile, its first line must be")]
    {
        let path = folder.path().join("vault.toml");
        std::fs::write(&path, format!("#!{} {line}\n", binary.display())).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        let ended = Run::new(&path).request(&["a#k"]).end();
        assert_eq!((ended.code, code(&ended, "a#k").as_str()), (Some(2), "MISCONFIGURED"), "{ended:?}");
        assert!(ended.stdout.contains(words) && ended.stderr.contains(words), "{ended:?}");
    }
    let ended = vault().args(["--profile", "vault.toml"]).request(&["a#k"]).end();
    assert!(ended.code == Some(3) && ended.stdout.contains("write ./vault.toml"), "{ended:?}");
    let ended = vault().args(["--profile", "no-such-name"]).request(&["a#k"]).end();
    assert!(
        ended.code == Some(3) && ended.stdout.contains("/.config/secretref/no-such-name.toml"),
        "{ended:?}"
    );
}

#[test]
fn get_prints_values_and_nothing_else_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let fake = fake(&folder);
    let ended = at(&fake.http).args(["get", "a#k"]).end();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str(), ended.code), ("value-a", "", Some(0)));
    let ended = at(&fake.http).args(["--timeout", "3s", "get", "a#k", "b#k", "a/k"]).end();
    assert_eq!((ended.stdout.as_str(), ended.code), ("value-a\nvalue-a\n", Some(1)));
    assert!(
        ended.stderr.starts_with("error: b#k: there is no secret at secret/b (NOT_FOUND)\n  hint: "),
        "{ended:?}"
    );
    let ended = at("http://127.0.0.1:1").args(["get", "a#k"]).end();
    assert_eq!((ended.stdout.as_str(), ended.code), ("", Some(5)));
}

#[test]
fn a_line_typed_wrong_says_what_was_meant() {
    let ended = vault().args(["--adress", "x", "get", "a#k"]).end();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("--address"), "{ended:?}");
    let ended = vault().args(["gett", "a#k"]).stdin("").end();
    assert!(ended.code == Some(2) && ended.stderr.contains("'get'"), "{ended:?}");
    for help in ["-h", "--help", "--version"] {
        let ended = vault().args([help]).end();
        assert!(
            ended.code == Some(0) && ended.stderr.is_empty() && ended.stdout.contains("ecret"),
            "{ended:?}"
        );
    }
}
