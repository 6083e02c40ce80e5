//! The set-up of Vault's page and the recipes of the page about signing in, typed as written, against the real server.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secretref_tests::canned::Canned;
use secretref_tests::jwt::Issuer;
use secretref_tests::openbao::{self, OpenBao, ROOT};
use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver::{self, Run};
use serde_json::json;
use tempfile::TempDir;

/// The role id of the page.
const ROLE_ID: &str = "0f8ab8b4-2f2b-0f0a-8e4e-6d2a2d7b5a34";

/// The blocks of "Set up": those that write the policy, create the role and its secret id, and write the profile.
const POLICY: usize = 0;
const ROLE: usize = 1;
const PROFILE: usize = 2;

fn set_up(block: usize) -> String {
    Page::read("resolvers/vault/README.md").blocks("Set up", "sh").swap_remove(block)
}

/// An administrator's shell, a server, and the home of the gateway's user.
struct Desk {
    server: OpenBao,
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        let server = OpenBao::start();
        server.api("secret/data/providers/openai", Some(&json!({"data": {"apiKey": "value-openai"}})));
        let home = tempfile::tempdir().expect("a folder");
        let desk = Self { server, home };
        desk.type_in(&set_up(POLICY));
        desk
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join(".config/secretref")
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("a file");
    }

    /// Types commands into bash, in the user's home.
    fn type_in(&self, commands: &str) -> String {
        let (bao, ca) = (openbao::binary(), self.server.ca.display().to_string());
        let env = [
            ("BAO_ADDR", self.server.https.as_str()),
            ("BAO_CACERT", &ca),
            ("BAO_TOKEN", ROOT),
            ("PASSWORD", "password-of-the-kit"),
        ];
        type_in(commands, self.home.path(), &[bao.parent().expect("a folder")], &env)
    }

    /// Types commands that write a profile, with this server's address and this build's program in it.
    fn type_in_profile(&self, commands: &str) -> String {
        let program = resolver::path("secretref-vault").display().to_string();
        let settings = format!(
            "address = \"{}\"\nca_cert = \"{}\"\nkeep_session = \"off\"",
            self.server.https,
            self.server.ca.display()
        );
        let commands = commands.replace("/usr/local/bin/secretref-vault", &program);
        self.type_in(&commands.replace("address = \"https://vault.example.com:8200\"", &settings))
    }

    fn role_id(&self) -> String {
        let found = self.server.api("auth/approle/role/gateway/role-id", None);
        found["data"]["role_id"].as_str().expect("a role id").to_owned()
    }

    /// Types a recipe's commands, puts its settings into a profile, and reads with it twice, the second time with the cached
    /// session. `here` replaces the page's examples.
    fn follow(&self, recipe: &str, here: &[(&str, String)]) {
        let page = Page::read("resolvers/vault/sign-in.md");
        let put = |text: String| here.iter().fold(text, |text, (example, real)| text.replace(example, real));
        if recipe == "Wrapped secret id" {
            self.type_in(&set_up(ROLE));
        }
        self.type_in(&put(page.block(recipe, "sh")));
        let mut settings = put(page.block(recipe, "toml"));
        if recipe == "Wrapped secret id" {
            settings = settings.replace(ROLE_ID, &self.role_id());
        }
        let kept = self.home.path().join("kept");
        let profile = self.folder().join("vault.toml");
        let text = format!(
            "address = \"{}\"\nca_cert = \"{}\"\nkeep_session = \"{}\"\n{}\n",
            self.server.https,
            self.server.ca.display(),
            kept.display(),
            settings
        );
        fs::write(&profile, text).expect("a file");
        fs::set_permissions(&profile, Permissions::from_mode(0o700)).expect("a mode");
        for _ in 0..2 {
            let arguments = ["--profile", profile.to_str().expect("UTF-8"), "get", "providers/openai/apiKey"];
            let ended = Run::new(resolver::path("secretref-vault")).args(arguments).end();
            assert_eq!(ended.stdout, "value-openai", "{recipe}: {ended:?}");
        }
        let is_record = |path: &PathBuf| path.extension().is_none();
        let kept = fs::read_dir(&kept).expect("what is kept").flatten().map(|entry| entry.path());
        assert_eq!(
            kept.filter(is_record).count(),
            1 + usize::from(recipe == "Wrapped secret id"),
            "{recipe}"
        );
    }
}

/// The first recipe of the page: a role, a secret id, and a profile that signs in with them.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn set_up_with_approle() {
    let desk = Desk::new();
    desk.type_in(&set_up(ROLE));
    assert_eq!(desk.type_in_profile(&set_up(PROFILE)), "value-openai");
    // The quick start has the same profile, with the role id written out.
    let quick_start = Page::read("README.md").blocks("Quick start: Vault or OpenBao", "sh").swap_remove(0);
    assert_eq!(desk.type_in_profile(&quick_start.replace(ROLE_ID, &desk.role_id())), "value-openai");
    // The page about signing in has these settings, too.
    let settings = Page::read("resolvers/vault/sign-in.md").block("AppRole", "toml");
    assert!(quick_start.contains(&settings), "{settings}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn set_up_with_a_token() {
    let desk = Desk::new();
    let page = Page::read("resolvers/vault/README.md");
    page.blocks("Use a token", "sh").iter().for_each(|block| drop(desk.type_in(block)));
    let by_approle =
        |line: &str| line.starts_with("auth =") || line.contains("role_id") || line.contains("secret_id");
    let profile = set_up(PROFILE);
    let others: Vec<_> = profile.split('\n').filter(|line| !by_approle(line)).collect();
    let profile =
        others.join("\n").replace("allow =", &format!("{}\nallow =", page.block("Use a token", "toml")));
    assert_eq!(desk.type_in_profile(&profile), "value-openai");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn approle_wrapped() {
    Desk::new().follow("Wrapped secret id", &[]);
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn userpass() {
    let desk = Desk::new();
    desk.file("password", "password-of-the-kit");
    desk.follow("User and password", &[]);
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn jwt() {
    let desk = Desk::new();
    let issuer = Issuer::new();
    fs::write(desk.home.path().join("issuer.pem"), issuer.public_key()).expect("a file");
    desk.file("jwt", &issuer.sign(&json!({"sub": "gateway", "aud": "vault"}), 300));
    desk.follow("JWT", &[]);
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn certificate() {
    let desk = Desk::new();
    let certificates = &desk.server.certificates;
    fs::copy(&certificates.ca, desk.home.path().join("ca.pem")).expect("a file");
    for (name, path) in [("client.pem", &certificates.client), ("client.key", &certificates.client_key)] {
        fs::copy(path, desk.folder().join(name)).expect("a file");
    }
    desk.follow("TLS certificate", &[]);
}

/// A cluster that confirms the pod's token. The token is in a file of the kit, because the pod's own path is not writable.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn kubernetes() {
    let desk = Desk::new();
    let review = json!({
        "kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
        "status": {"authenticated": true, "user": {"username": "system:serviceaccount:agents:gateway", "uid": "u-1"}},
    });
    let cluster = Canned::http("201 Created", "content-type: application/json\r\n", &review.to_string());
    let claims = json!({
        "iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:agents:gateway",
        "kubernetes.io/serviceaccount/namespace": "agents",
        "kubernetes.io/serviceaccount/service-account.name": "gateway",
        "kubernetes.io/serviceaccount/service-account.uid": "u-1",
    });
    desk.file("token", &Issuer::new().sign(&claims, 300));
    let host = format!(
        "kubernetes_host={} disable_local_ca_jwt=true kubernetes_ca_cert=@{}",
        cluster.http,
        desk.server.ca.display()
    );
    let here = [
        ("kubernetes_host=https://kubernetes.example.com:6443", host),
        ("role = \"gateway\"", "role = \"gateway\"\njwt_file = \"token\"".to_owned()),
    ];
    desk.follow("Kubernetes", &here);
}
