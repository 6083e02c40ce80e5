//! Every transcript, as a test of its own: against the kit's Vault, and against the real one.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use libtest_mimic::{Arguments, Trial};
use secretref_tests::fake_vault::{FakeVault, Manner, Token};
use secretref_tests::openbao::{OpenBao, ROOT};
use secretref_tests::resolver::{self, Run};
use secretref_tests::transcript::{self, Case, Only};
use serde_json::json;

/// A token with that policy, and one that may not look itself up besides.
const LIMITED: &str = "limited-token-of-the-kit";
const BARE: &str = "bare-token-of-the-kit";

/// A policy that lets every path be read but those with `denied` as their first segment.
const POLICY: &str =
    r#"path "+/data/*" { capabilities = ["read"] } path "+/data/denied/*" { capabilities = ["deny"] }"#;

fn main() {
    let folder = resolver::repository().join("tests/transcripts");
    let cases: Vec<Case> =
        ["every", "vault"].iter().flat_map(|name| transcript::read(&folder.join(name))).collect();
    let trials = cases
        .iter()
        .flat_map(|case| [trial("fake", Only::Fake, case, fake), trial("OpenBao", Only::Real, case, real)])
        .flatten();
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    // A static is never dropped, and a server that outlives its test would stay.
    drop(REAL.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit();
}

/// The real server that all cases share, once there is one.
static REAL: Mutex<Option<(OpenBao, Arc<tempfile::TempDir>)>> = Mutex::new(None);

fn trial(store: &str, kind: Only, case: &Case, set_up: fn(&Case, &str) -> Place) -> Option<Trial> {
    let name = format!("{store}: {}", case.sentence);
    let case = case.clone();
    let runs_here = case.only.is_none_or(|only| only == kind);
    let run = move || run(&case, set_up).map_err(Into::into);
    // `cargo test` names what it leaves out; `tests/run` has the real server and leaves nothing out.
    runs_here.then(|| Trial::test(name, run).with_ignored_flag(kind == Only::Real))
}

/// Where a case finds its store.
struct Place {
    address: String,
    ca: PathBuf,
    folder: Arc<tempfile::TempDir>,
}

fn run(case: &Case, set_up: fn(&Case, &str) -> Place) -> Result<(), String> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mount = format!("case{number}");
    let place = set_up(case, &mount);
    let token_file = place.folder.path().join(format!("{mount}.token"));
    let token = match case.token.as_str() {
        "root" => ROOT,
        "limited" => LIMITED,
        "bare" => BARE,
        unknown => unknown,
    };
    std::fs::write(&token_file, format!("{token}\n")).expect("a token file");
    let fill = |text: &str| text.replace("{mount}", &mount).replace("{address}", &place.address);
    let profile = place.folder.path().join(format!("{mount}.toml"));
    let text = format!(
        "address = \"{}\"\nca_cert = \"{}\"\nmount = \"{mount}\"\ntoken_file = \"{}\"\n{}\n",
        place.address,
        place.ca.display(),
        token_file.display(),
        fill(&case.profile)
    );
    std::fs::write(&profile, text).expect("a profile");
    std::fs::set_permissions(&profile, Permissions::from_mode(0o600)).expect("a mode");
    let mut run = Run::new(resolver::path("secretref-vault"));
    run = run.args(["--profile".as_ref(), profile.as_os_str()]).args(case.args.iter().map(|arg| fill(arg)));
    for (name, value) in &case.env {
        run = run.env(name, value);
    }
    let ended = run.stdin(fill(&case.request())).end();
    let mut secrets = case.secrets();
    secrets.push(token.to_owned());
    case.judge(&ended, fill, &secrets)
}

fn fake(case: &Case, mount: &str) -> Place {
    static FAKE: LazyLock<(FakeVault, Arc<tempfile::TempDir>)> = LazyLock::new(|| {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let fake = FakeVault::start(folder.path(), Manner::default());
        fake.token(ROOT, Token { denied: "\0", may_look: true });
        fake.token(LIMITED, Token { denied: "denied/", may_look: true });
        fake.token(BARE, Token { denied: "denied/", may_look: false });
        (fake, folder)
    });
    let (fake, folder) = &*FAKE;
    fake.mount(mount);
    for (path, versions) in &case.store {
        versions.texts().iter().for_each(|json| fake.put(mount, path, json));
    }
    for (removed, destroy) in removals(case) {
        let (path, version) = removed.split_once('#').expect("path#version");
        fake.remove(mount, path, version.parse().expect("a version"), destroy);
    }
    Place { address: fake.https.clone(), ca: fake.ca.clone(), folder: Arc::clone(folder) }
}

fn real(case: &Case, mount: &str) -> Place {
    let mut shared = REAL.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, folder) = shared.get_or_insert_with(|| {
        let server = OpenBao::start();
        server.token(LIMITED, "limited", POLICY, true);
        server.token(BARE, "bare", POLICY, false);
        (server, Arc::new(tempfile::tempdir().expect("a folder")))
    });
    server.mount(mount);
    for (path, versions) in &case.store {
        for text in versions.texts() {
            let data: serde_json::Value = serde_json::from_str(text).expect("JSON in the store");
            server.api(&format!("{mount}/data/{path}"), Some(&json!({"data": data})));
        }
    }
    for (removed, destroy) in removals(case) {
        let (path, version) = removed.split_once('#').expect("path#version");
        let how = if destroy { "destroy" } else { "delete" };
        server.api(&format!("{mount}/{how}/{path}"), Some(&json!({"versions": [version]})));
    }
    Place { address: server.https.clone(), ca: server.ca.clone(), folder: Arc::clone(folder) }
}

fn removals(case: &Case) -> impl Iterator<Item = (&String, bool)> {
    case.deleted
        .iter()
        .map(|removed| (removed, false))
        .chain(case.destroyed.iter().map(|removed| (removed, true)))
}
