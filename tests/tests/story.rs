//! A gateway's life with a store: from the package to a value at a model, a secret that is deleted, a store that stops and
//! comes back, and a rotation. And what the pages about it tell a reader to type. With the real gateway, OpenBao and journald.
//!
//! Blocks of `docs/rotate.md`: "By hand" sh 1, "By hand" sh 2, "By a timer" sh 1
//! Blocks of `docs/degraded.md`: "What the resolver did" sh 1, "Find the cause" sh 1, "Find the cause" sh 2, "Bring it back" sh 1

use std::fs::{self, Permissions};
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use secretref_tests::gateway::{Gateway, NOBODY, exec, models};
use secretref_tests::model::Model;
use secretref_tests::openbao::OpenBao;
use secretref_tests::page::{Page, type_in};
use secretref_tests::port;
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::room::in_room;
use serde_json::json;
use tempfile::TempDir;

const OPENAI: &str = "providers/openai/apiKey";
const MISTRAL: &str = "providers/mistral/apiKey";

/// A way to the store that can be cut.
struct Way {
    address: String,
    is_cut: Arc<AtomicBool>,
}

impl Way {
    fn to(store: &str) -> Self {
        let store = store.trim_start_matches("https://").to_owned();
        let listener: TcpListener = port::listen();
        let address = format!("https://{}", listener.local_addr().expect("an address"));
        let is_cut = Arc::new(AtomicBool::new(false));
        let cut = Arc::clone(&is_cut);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that is dropped sees a connection that was closed.
                if !cut.load(Ordering::SeqCst) {
                    let _ = TcpStream::connect(&store).and_then(|server| join(client, server));
                }
            }
        });
        Self { address, is_cut }
    }
}

/// Copies what two ends send each other, until both have ended.
fn join(one: TcpStream, other: TcpStream) -> io::Result<()> {
    for (mut from, mut to) in [(one.try_clone()?, other.try_clone()?), (other, one)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

/// An ordinary user with a gateway, and a resolver whose binary belongs to root.
struct Person {
    gateway: Gateway,
    package: TempDir,
}

impl Person {
    fn new() -> Self {
        let package = tempfile::tempdir().expect("a folder");
        resolver::copy("secretref-vault", &package.path().join("secretref-vault"));
        for path in [package.path().to_owned(), package.path().join("secretref-vault")] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
        }
        Self { gateway: Gateway::ordinary(), package }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.gateway.folder().join("home").join(name)
    }

    /// Runs a program of this person in a shell's environment.
    fn run(&self, program: PathBuf, words: &[&str]) -> Ended {
        let path = format!("{}:/usr/bin:/bin", self.gateway.commands().display());
        let run = Run::new(program).args(words).env("HOME", self.home("")).env("PATH", path);
        run.uid(NOBODY).end()
    }

    fn vault(&self, words: &[&str]) -> Ended {
        self.run(self.package.path().join("secretref-vault"), words)
    }

    fn watch(&self) -> Ended {
        let config = self.gateway.folder().join("state/openclaw.json").display().to_string();
        self.vault(&["watch", "--once", "--config", &config])
    }

    fn doctor(&self, words: &[&str]) -> Ended {
        self.run(self.home(".config/secretref/vault.toml"), &[&["doctor"], words].concat())
    }

    /// What root sees of the last runs.
    fn last(&self) -> Ended {
        let profile = self.home(".config/secretref/vault.toml").display().to_string();
        let run = Run::new(self.package.path().join("secretref-vault"));
        let run = run.args(["--profile", &profile, "doctor", "--last"]);
        run.env("PATH", "/usr/bin:/bin").end()
    }

    /// Changes the config as `openclaw config patch` does.
    fn patch(&self, text: &str) {
        let file = self.gateway.file("block", 0o600, text);
        let file = file.to_str().expect("UTF-8");
        assert_end(&self.gateway.openclaw(&["config", "patch", "--file", file]), 0);
    }

    /// Lets the running gateway ask a model, and returns the credential that the model saw.
    fn credential(&self, model: &Model) -> String {
        let words = ["infer", "model", "run", "--gateway", "--model", "acme0/m1", "--prompt", "hi", "--json"];
        let ended = self.gateway.openclaw(&words);
        let seen: Vec<_> = model.authorizations.try_iter().collect();
        seen.last().unwrap_or_else(|| panic!("no request at the model: {ended:#?}")).clone()
    }
}

#[track_caller]
fn assert_end(ended: &Ended, code: i32) {
    assert_eq!(ended.code, Some(code), "{ended:#?}");
}

fn put(server: &OpenBao, name: &str, fields: &serde_json::Value) {
    server.api(&format!("secret/data/providers/{name}"), Some(&json!({"data": fields})));
}

#[test]
#[ignore = "needs root, journald, the real gateway and OpenBao: tests/run has them"]
fn from_the_package_to_a_rotated_value() {
    in_room("from_the_package_to_a_rotated_value", || {
        let server = OpenBao::start();
        put(&server, "openai", &json!({"apiKey": "sk-first"}));
        put(&server, "mistral", &json!({"apiKey": "sk-other"}));
        server.token("reader", "reader", r#"path "secret/data/*" { capabilities = ["read"] }"#, true);
        let way = Way::to(&server.https);
        let person = Person::new();
        let model = Model::start();

        // From the package to a gateway that has its values.
        let ca = person.gateway.file("home/ca.pem", 0o600, fs::read(&server.ca).expect("the certificate"));
        let token = person.gateway.file("home/token", 0o600, "reader");
        let (ca, token) = (ca.to_str().expect("UTF-8"), token.to_str().expect("UTF-8"));
        let mut config = models("vault", &json!(null), &[OPENAI, MISTRAL]);
        config.as_object_mut().expect("an object").remove("secrets");
        for name in ["acme0", "acme1"] {
            let model_of = &mut config["models"]["providers"][name];
            model_of["baseUrl"] = json!(model.address);
            model_of.as_object_mut().expect("a model").remove("apiKey");
        }
        person.gateway.configure(&config);
        let settings = ["--address", &way.address, "--ca-cert", ca, "--token-file", token, "--log", "all"];
        let installed = person.vault(&[&["install", "--yes"], &settings[..]].concat());
        assert_end(&installed, 0);
        person.patch(&installed.stdout);
        let reference = |id: &str| json!({"apiKey": {"source": "exec", "provider": "vault", "id": id}});
        let references =
            json!({"models": {"providers": {"acme0": reference(OPENAI), "acme1": reference(MISTRAL)}}});
        person.patch(&references.to_string());
        assert_end(&person.gateway.openclaw(&["config", "validate"]), 0);
        assert_end(&person.gateway.openclaw(&["secrets", "audit", "--allow-exec", "--check"]), 0);
        let running = person.gateway.start();
        assert_eq!(person.credential(&model), "Bearer sk-first");
        assert_end(&person.watch(), 0);

        // A secret is deleted: what would fail is named before the gateway has to do without it.
        put(&server, "mistral", &json!({"note": "no key"}));
        let config = person.gateway.folder().join("state/openclaw.json").display().to_string();
        let checked = person.vault(&["check", "--config", &config]);
        assert_end(&checked, 1);
        assert!(checked.stdout.contains("failed  models.providers.acme1.apiKey"), "{checked:#?}");
        let doctor = person.doctor(&[MISTRAL]);
        assert_end(&doctor, 1);
        assert!(doctor.stdout.contains("NOT_FOUND"), "{doctor:#?}");
        put(&server, "mistral", &json!({"apiKey": "sk-other"}));

        // The store stops: the gateway keeps what it has, and its log does not say why.
        way.is_cut.store(true, Ordering::SeqCst);
        let _ = person.gateway.openclaw(&["secrets", "reload"]);
        running.wait_for("DEGRADED");
        assert_eq!(person.credential(&model), "Bearer sk-first");
        let last = || person.last();
        let down = last();
        assert_end(&down, 1);
        assert!(
            down.stderr.contains("no value since 20") && down.stderr.contains("(UNAVAILABLE)"),
            "{down:#?}"
        );
        assert!(!down.stdout.contains("providers/") && !down.stderr.contains("providers/"), "{down:#?}");
        assert_end(&person.watch(), 5);

        // It comes back, with a rotated secret: the gateway gets the new value.
        way.is_cut.store(false, Ordering::SeqCst);
        put(&server, "openai", &json!({"apiKey": "sk-second"}));
        let watched = person.watch();
        assert_end(&watched, 0);
        assert!(watched.stdout.contains(&format!("rotated    vault {OPENAI}")), "{watched:#?}");
        assert!(watched.stderr.contains("the gateway has reloaded its secrets"), "{watched:#?}");
        assert_eq!(person.credential(&model), "Bearer sk-second");
        let back = last();
        assert_end(&back, 0);
        assert!(back.stderr.contains("then the store answers again"), "{back:#?}");
        let quiet = person.watch();
        assert!(quiet.code == Some(0) && quiet.stderr.contains("2 ids, nothing to do"), "{quiet:#?}");
        for text in [&down, &back, &watched, &doctor, &checked] {
            assert!(!text.stdout.contains("sk-") && !text.stderr.contains("sk-"), "{text:#?}");
        }
    });
}

/// A gateway of the person who runs the tests, with a key in an encrypted file.
struct Desk {
    gateway: Gateway,
    model: Model,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { gateway: Gateway::own(), model: Model::start() };
        let home = desk.gateway.folder().join("home");
        fs::create_dir_all(home.join(".config/secretref")).expect("a folder");
        let binary = resolver::path("secretref-keychain");
        let text = format!(
            "#!{} --profile\nstore = \"file\"\nfolder = \"{}\"\nlog = \"all\"\n",
            binary.display(),
            home.join("store").display()
        );
        let profile = desk.gateway.file("home/.config/secretref/keychain.toml", 0o700, text);
        desk.gateway.file("home/key.txt", 0o600, "sk-first");
        desk.type_in("~/.config/secretref/keychain.toml set openai < key.txt");
        let mut config = models("keychain", &exec(&profile), &["openai"]);
        let mut model = config["models"]["providers"]["acme0"].take();
        model["baseUrl"] = json!(desk.model.address);
        config["models"]["providers"] = json!({"openai": model});
        desk.gateway.configure(&config);
        desk
    }

    fn type_in(&self, commands: &str) -> String {
        let (own, binary) = (self.gateway.commands(), resolver::path("secretref-keychain"));
        let folders = [own.as_path(), binary.parent().expect("a folder")];
        let state = self.gateway.folder().join("state").display().to_string();
        let commands = commands.replace("~/.openclaw", &state);
        type_in(&commands, &self.gateway.folder().join("home"), &folders, &[])
    }

    fn credential(&self) -> Option<String> {
        self.type_in(&Page::read("docs/rotate.md").blocks("By hand", "sh")[1]);
        self.model.authorizations.try_iter().last()
    }
}

#[test]
#[ignore = "needs root, journald and the real gateway: tests/run has them"]
fn the_pages_about_a_rotation_and_a_degraded_gateway() {
    in_room("the_pages_about_a_rotation_and_a_degraded_gateway", || {
        let desk = Desk::new();
        let running = desk.gateway.start();
        let (rotate, degraded) = (Page::read("docs/rotate.md"), Page::read("docs/degraded.md"));
        let watch = rotate.block("By a timer", "sh");
        desk.type_in(&watch);

        desk.gateway.file("home/key.txt", 0o600, "sk-second");
        desk.type_in(&rotate.blocks("By hand", "sh")[0]);
        assert_eq!(desk.credential().as_deref(), Some("Bearer sk-second"));
        desk.gateway.file("home/key.txt", 0o600, "sk-third");
        desk.type_in("~/.config/secretref/keychain.toml set openai < key.txt");
        assert_eq!(desk.type_in(&watch), "rotated    keychain openai\n");
        assert_eq!(desk.credential().as_deref(), Some("Bearer sk-third"));

        desk.type_in("mv store gone; touch store; openclaw secrets reload || true");
        running.wait_for("DEGRADED");
        let failing = |block: &str| desk.type_in(&format!("({block}) 2>&1 || true"));
        let last = failing(&degraded.block("What the resolver did", "sh"));
        assert!(last.contains("MISCONFIGURED") && last.contains("no value since"), "{last}");
        let [check, doctors] = degraded.blocks("Find the cause", "sh").try_into().expect("two blocks");
        let found = failing(&check);
        assert!(found.contains("failed  models.providers.openai.apiKey"), "{found}");
        for line in doctors.lines() {
            let found = failing(line);
            assert!(found.contains("failed") && !found.contains("sk-third"), "{line}: {found}");
        }
        desk.type_in("rm store; mv gone store");
        desk.type_in(&degraded.block("Bring it back", "sh"));
        running.wait_for("RECOVERED");
    });
}
