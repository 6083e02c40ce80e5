//! What the page about moving secrets tells a reader to type, typed with the real gateway.
//!
//! Blocks of `docs/migrate.md`: "From plaintext" sh 1, "From plaintext" sh 2, "From plaintext" text 1
//! Blocks of `docs/migrate.md`: "See what is left" sh 1, "See what is left" sh 2, "See what is left" text 1
//! Blocks of `docs/migrate.md`: "From the gateway's Vault plugin" sh 1, "From a command such as vault or aws" sh 1

use std::fs;
use std::os::unix::fs::symlink;

use secretref_tests::gateway::Gateway;
use secretref_tests::openbao::OpenBao;
use secretref_tests::page::{self, Page};
use secretref_tests::{port, resolver};
use serde_json::{Value, json};

const PAGE: &str = "docs/migrate.md";

/// A gateway, and a person whose home has its state folder.
struct Desk(Gateway);

impl Desk {
    fn new(config: &Value) -> Self {
        let gateway = Gateway::own();
        gateway.configure(config);
        symlink(gateway.folder().join("state"), gateway.folder().join("home/.openclaw")).expect("a link");
        fs::create_dir_all(gateway.folder().join("home/.config/secretref")).expect("a folder");
        Self(gateway)
    }

    fn type_in(&self, commands: &str) -> String {
        let commands_of_gateway = self.0.commands();
        let binaries = ["secretref-vault", "secretref-keychain"].map(resolver::path);
        let mut folders = vec![commands_of_gateway.as_path()];
        folders.extend(binaries.iter().map(|binary| binary.parent().expect("a folder")));
        page::type_in(commands, &self.0.folder().join("home"), &folders, &[])
    }

    /// The lines that a command prints, with the paths of the page.
    fn lines(&self, commands: &str) -> String {
        let state = fs::canonicalize(self.0.folder().join("state")).expect("a folder");
        let printed = self.type_in(&format!("{{ {commands}\n}} 2>&1"));
        printed.replace(&state.display().to_string(), "/home/you/.openclaw").trim_end().to_owned()
    }

    fn config(&self) -> Value {
        let text = fs::read_to_string(self.0.folder().join("state/openclaw.json")).expect("a config");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// The config of a model with this key.
fn model(key: &Value) -> Value {
    json!({
        "baseUrl": "http://127.0.0.1:1/v1", "api": "openai-completions", "models": [{"id": "m1", "name": "m1"}],
        "apiKey": key,
    })
}

#[test]
fn every_block_is_typed_or_read_by_a_test() {
    assert_eq!(Page::read(PAGE).all_blocks(), page::claims(PAGE));
}

/// From two keys in files to a clean audit, and to files without them.
#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn plaintext_leaves_the_files() {
    let desk = Desk::new(&json!({"models": {"providers": {
        "openai": model(&json!("value-openai")), "mistral": model(&json!("${MISTRAL_API_KEY}")),
    }}}));
    desk.0.file("state/.env", 0o600, "# keys\nLANG=C\nMISTRAL_API_KEY=value-mistral\n");
    let first = format!("#!{} --profile\n", resolver::path("secretref-keychain").display());
    let lines = "store = \"file\"\nfolder = \"store\"\n";
    desk.0.file("home/.config/secretref/keychain.toml", 0o700, first + lines);
    let page = Page::read(PAGE);

    let shown = desk.lines(&page.blocks("From plaintext", "sh")[0]);
    let want = page.block("From plaintext", "text");
    let shown: Vec<_> = shown.lines().filter(|line| !line.contains("left: LANG")).collect();
    assert_eq!(shown.join("\n"), want);
    let moved = desk.type_in(&page.blocks("From plaintext", "sh")[1]);
    assert!(moved.contains("Secrets applied") && moved.contains("no gateway runs"), "{moved}");
    let reference = |id: &str| json!({"source": "exec", "provider": "keychain", "id": id});
    let providers = &desk.config()["models"]["providers"];
    assert_eq!(providers["openai"]["apiKey"], reference("providers.openai.apiKey"));
    assert_eq!(providers["mistral"]["apiKey"], reference("env.MISTRAL_API_KEY"));

    let left = desk.lines(&page.blocks("See what is left", "sh")[0]);
    let want = page.block("See what is left", "text") + "\nvalues are left";
    assert_eq!(left, want);
    desk.type_in(&page.blocks("See what is left", "sh")[1]);
    assert_eq!(desk.type_in("cat ~/.openclaw/.env"), "# keys\nLANG=C\n");
}

/// A server with the secrets of the page, and a person with a token.
fn with_server(config: &Value) -> (OpenBao, Desk) {
    let server = OpenBao::start();
    server.api("secret/data/providers/openai", Some(&json!({"data": {"apiKey": "value-openai"}})));
    server.api("sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "2"}})));
    server.api("kv/data/slack", Some(&json!({"data": {"token": "value-slack"}})));
    let policy = r#"path "secret/data/*" { capabilities = ["read"] }
        path "kv/data/*" { capabilities = ["read"] }"#;
    server.token("reader", "reader", policy, true);
    let desk = Desk::new(config);
    desk.0.file("home/.vault-token", 0o600, "reader");
    (server, desk)
}

#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn a_profile_replaces_the_plugin_and_a_command() {
    let reference =
        |provider: &str| json!({"source": "exec", "provider": provider, "id": "providers/openai/apiKey"});
    let plugin = json!({"pluginId": "vault", "integrationId": "vault"});
    let (server, desk) = with_server(&json!({
        "gateway": {"mode": "local", "bind": "loopback", "port": port::free(), "auth": {"mode": "none"}},
        "plugins": {"entries": {"vault": {"enabled": true}}},
        "secrets": {"providers": {"vault": {"source": "exec", "pluginIntegration": plugin}}},
        "models": {"providers": {"openai": model(&reference("vault"))}},
    }));
    let page = Page::read(PAGE);
    let ca = format!("{} --ca-cert {}", server.https, server.ca.display());
    let commands = page.block("From the gateway's Vault plugin", "sh");
    desk.type_in(&commands.replace("https://vault.example.com:8200", &ca));
    let profile = desk.0.folder().join("home/.config/secretref/vault.toml");
    let config = desk.config();
    assert_eq!(config["secrets"]["providers"]["vault"]["command"], json!(profile), "{config:#}");
    assert_eq!(config["models"]["providers"]["openai"]["apiKey"], reference("vault"));

    let old = desk.0.file("home/vault-cli", 0o700, "#!/bin/sh\nexit 1\n");
    let name = "secrets.providers.vault_cli";
    desk.type_in(&format!(
        "openclaw config set {name} --provider-source exec --provider-command {}",
        old.display()
    ));
    let title = "From a command such as vault or aws";
    desk.type_in(&page.block(title, "sh"));
    assert!(desk.config()["secrets"]["providers"].get("vault_cli").is_none());

    let rows = page.table(title);
    let ids = rows.iter().filter(|(_, row)| row[0].contains("vault kv get")).map(|(_, row)| &row[1]);
    let ids: Vec<_> = ids.map(|id| id.split('`').nth(1).expect("an id").to_owned()).collect();
    let values = desk.type_in(&format!("{} get --json {}", profile.display(), ids.join(" ")));
    let values: Value = serde_json::from_str(&values).expect("JSON");
    assert_eq!(
        values["values"],
        json!({"providers/openai/apiKey": "value-openai", "kv:slack#token": "value-slack"})
    );
}
