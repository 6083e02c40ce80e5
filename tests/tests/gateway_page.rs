//! What the page about gateways tells a reader to type, typed with the real gateway.
//!
//! Blocks of `docs/gateway.md`: "Install" sh 1, "Install" sh 2, "The provider block" sh 1, "Check before a restart" sh 1, "Find out why the gateway refuses it" sh 1
//! Blocks of `docs/gateway.md`: "A gateway with its own user" text 1, "Containers" text 1, "Find out why the gateway refuses it" text 1

use std::fs;

use secretref_tests::gateway::Gateway;
use secretref_tests::openbao::OpenBao;
use secretref_tests::page::{self, Page};
use secretref_tests::resolver;
use serde_json::{Value, json};

const PAGE: &str = "docs/gateway.md";

/// A gateway that has a model without a key, and a person with a home.
struct Desk(Gateway);

impl Desk {
    fn new() -> Self {
        let gateway = Gateway::own();
        gateway.configure(&json!({"models": {"providers": {"openai": {
            "baseUrl": "http://127.0.0.1:1/v1", "api": "openai-completions",
            "models": [{"id": "m1", "name": "m1"}],
        }}}}));
        Self(gateway)
    }

    fn type_in(&self, commands: &str, env: &[(&str, &str)]) -> String {
        let commands_of_gateway = self.0.commands();
        let binaries = ["secretref-vault", "secretref-keychain"].map(resolver::path);
        let mut folders = vec![commands_of_gateway.as_path()];
        folders.extend(binaries.iter().map(|binary| binary.parent().expect("a folder")));
        page::type_in(commands, &self.0.folder().join("home"), &folders, env)
    }

    fn config(&self) -> Value {
        let text = fs::read_to_string(self.0.folder().join("state/openclaw.json")).expect("a config");
        serde_json::from_str(&text).expect("JSON")
    }
}

#[test]
fn every_block_is_typed_or_read_by_a_test() {
    assert_eq!(Page::read(PAGE).all_blocks(), page::claims(PAGE));
}

/// From a binary to a value that the gateway has seen.
#[test]
#[ignore = "needs the real gateway and OpenBao: tests/run installs them"]
fn vault_is_installed() {
    let server = OpenBao::start();
    server.api("secret/data/providers/openai", Some(&json!({"data": {"apiKey": "value-1"}})));
    server.token("reader", "reader", r#"path "secret/data/*" { capabilities = ["read"] }"#, true);
    let desk = Desk::new();
    desk.0.file("home/.vault-token", 0o600, "reader");
    let ca = format!("{} --ca-cert {}", server.https, server.ca.display());
    let commands = Page::read(PAGE).blocks("Install", "sh").remove(0);
    assert_eq!(commands.lines().count(), 3);
    desk.type_in(&commands.replace("https://vault.example.com:8200", &ca), &[]);
    assert_eq!(desk.config()["secrets"]["providers"]["vault"]["timeoutMs"], 6000, "{:#}", desk.config());
}

/// The same for an encrypted file, and then the three forms of its block.
#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn a_keychain_is_installed_and_its_block_is_accepted_in_each_form() {
    let desk = Desk::new();
    let commands = Page::read(PAGE).blocks("Install", "sh").remove(1);
    assert!(commands.lines().count() <= 5);
    desk.type_in(&commands, &[("OPENAI_API_KEY", "value-1")]);
    let provider = desk.config()["secrets"]["providers"]["keychain"].clone();
    let profile = desk.0.folder().join("home/.config/secretref/keychain.toml");
    assert_eq!(provider["command"], json!(profile), "{provider:#}");

    desk.type_in(&Page::read(PAGE).block("The provider block", "sh"), &[]);
    let found = desk.type_in(&Page::read(PAGE).block("Find out why the gateway refuses it", "sh"), &[]);
    assert!(found.contains("ok       start"), "{found}");
    let state = desk.0.folder().join("state");
    let check = Page::read(PAGE).block("Check before a restart", "sh");
    desk.type_in(&check.replace("~/.openclaw", &state.display().to_string()), &[]);
    let report = fs::read_to_string(desk.0.folder().join("home/report.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["references"][0]["path"], "models.providers.openai.apiKey", "{report:#}");

    desk.type_in("openclaw config unset models.providers.openai.apiKey", &[]);
    for form in ["json5", "set", "plan"] {
        desk.type_in("openclaw config unset secrets.providers.keychain", &[]);
        let text = desk.type_in(&format!("{} snippet --form {form}", profile.display()), &[]);
        desk.0.file("home/block", 0o600, &text);
        desk.type_in(
            match form {
                "json5" => "openclaw config patch --file block",
                "set" => "sh -eu block",
                _ => "openclaw secrets apply --from block --allow-exec",
            },
            &[],
        );
        assert_eq!(desk.config()["secrets"]["providers"]["keychain"], provider, "{form}");
        desk.type_in("openclaw config validate", &[]);
    }
}

/// The lines for other users name only flags that there are.
#[test]
fn the_lines_for_services_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for title in ["A gateway with its own user", "Containers"] {
        let line = Page::read(PAGE).block(title, "text");
        let line = line.replace("--user nova", &format!("--to {}", "/var/lib/nova/vault.toml"));
        let place = line.split_once("--to ").expect("a place").1.split(' ').next().expect("a path");
        let to = folder.path().join("made/vault.toml").display().to_string();
        let line = line.replace(place, &to).replace(" --no-test", "");
        let line = line.replace(" --yes", " --yes --no-test --force");
        let binary = resolver::path("secretref-vault");
        let said = page::type_in(&line, folder.path(), &[binary.parent().expect("a folder")], &[]);
        assert!(said.contains(&to), "{said}");
    }
}
