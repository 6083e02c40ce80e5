//! What the page about gateways tells a reader to type, typed with the real gateway.
//!
//! Blocks of `docs/gateway.md`: "Install" sh 1, "Install" sh 2, "The provider block" sh 1, "Check before a restart" sh 1, "Find out why the gateway refuses it" sh 1
//! Blocks of `docs/gateway.md`: "Find out why the gateway refuses it" text 1
//! Blocks of `docs/gateway.md`: "A base that belongs to root" sh 1, "A base that belongs to root" toml 1

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use secretref_tests::gateway::{Gateway, exec, is_root, models};
use secretref_tests::openbao::OpenBao;
use secretref_tests::page::{self, Page};
use secretref_tests::resolver::{self, Run};
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
    let line = Page::read(PAGE).block("Find out why the gateway refuses it", "text");
    let user = if is_root() { "--user root" } else { "" };
    let line = line
        .replace("secretref-vault --profile /var/lib/nova/vault.toml", &profile.display().to_string())
        .replace("--user nova", user)
        .replace("providers/openai/apiKey", "openai");
    assert!(desk.type_in(&line, &[]).contains("ok       id 1"), "{line}");
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

/// The base of the page, and a profile that extends it.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn a_base_of_root_decides() {
    if !is_root() {
        return;
    }
    let server = OpenBao::start();
    for path in ["gateways/nova/openai", "gateways/iris/openai", "other/openai"] {
        server.api(&format!("secret/data/{path}"), Some(&json!({"data": {"key": "value-1"}})));
    }
    server.token("reader", "reader", r#"path "secret/data/*" { capabilities = ["read"] }"#, true);
    let folder = tempfile::tempdir().expect("a folder");
    let place = |text: &str| {
        text.replace("/etc/secretref", &folder.path().display().to_string())
            .replace("https://vault.example.com:8200", &server.https)
            .replace("/etc/ssl/certs/company.pem", &server.ca.display().to_string())
            .replace("/var/lib/nova/token", &folder.path().join("token").display().to_string())
    };
    let title = "A base that belongs to root";
    page::type_in(&place(&Page::read(PAGE).block(title, "sh")), folder.path(), &[], &[]);
    fs::write(folder.path().join("token"), "reader").expect("a token");
    let profile = folder.path().join("vault.toml").display().to_string();
    fs::write(&profile, place(&Page::read(PAGE).block(title, "toml"))).expect("a profile");
    let check = |id: &str| {
        Run::new(resolver::path("secretref-vault")).args(["--profile", &profile, "check", id]).end()
    };
    let well = check("gateways/nova/openai#key");
    assert_eq!(well.code, Some(0), "{well:?}");
    assert!(check("gateways/iris/openai#key").stderr.contains("(NOT_ALLOWED)"));
    let base = folder.path().join("base.toml").display().to_string();
    assert!(check("other/openai#key").stderr.contains("NOT_ALLOWED"));
    let changed =
        fs::read_to_string(&profile).expect("a profile") + "\naddress = \"https://elsewhere.test\"\n";
    fs::write(&profile, changed).expect("a profile");
    let refused = check("gateways/nova/openai#key");
    assert!(refused.stderr.contains(&profile) && refused.stderr.contains(&base), "{refused:?}");
}

/// Each row of the table, said by the real gateway.
#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn the_gateway_says_what_the_page_says() {
    let gateway = Gateway::ordinary();
    let binary = gateway.folder().join("secretref-keychain");
    resolver::copy("secretref-keychain", &binary);
    fs::set_permissions(&binary, Permissions::from_mode(0o755)).expect("a mode");
    let start = format!("#!{} --profile", binary.display());
    let text = |first: &str, more: &str| format!("{first}\nstore = \"file\"\nfolder = \"none\"\n{more}");
    let of = |name: &str, mode, text: &str| exec(&gateway.file(name, mode, text));

    let open = of("open.toml", 0o775, &text(&start, ""));
    let good = of("good.toml", 0o700, &text(&start, ""));
    let link = gateway.folder().join("link.toml");
    symlink("good.toml", &link).expect("a link");
    let mut said: Vec<String> = gateway
        .validate(&json!({
            "foreign": {"source": "exec", "command": "/usr/bin/env"},
            "open": open,
            "link": exec(&link),
            "folder": exec(gateway.folder()),
            "missing": exec(&gateway.folder().join("missing.toml")),
        }))
        .into_values()
        .collect();
    said.extend(
        gateway.validate(&json!({"relative": {"source": "exec", "command": "good.toml"}})).into_values(),
    );

    let mut slow = of("slow", 0o700, "#!/bin/sh\nsleep 9\n");
    slow["timeoutMs"] = json!(500);
    let providers = json!({
        "closed": of("closed.toml", 0o600, &text(&start, "")),
        "gone": of("gone.toml", 0o700, &text("#!/no/such/secretref-keychain --profile", "")),
        "slow": slow,
        "wrong": of("wrong.toml", 0o700, &text(&start, "timeout = 1\n")),
        "good": good,
    });
    assert_eq!(gateway.validate(&providers).len(), 0, "the page says that this passes");
    let asks: Vec<(&str, &[&str])> =
        ["closed", "gone", "slow", "wrong", "good"].map(|name| (name, &["openai"][..])).to_vec();
    said.extend(
        gateway.resolve(&providers, &asks, &[]).into_iter().map(|answer| answer.expect_err("a failure")),
    );

    let mut config = models("wrong", &providers["wrong"], &["openai"]);
    config["logging"] = json!({"file": gateway.folder().join("own.log")});
    gateway.configure(&config);
    said.push(gateway.says_at_start("DEGRADED"));

    for (number, cells) in Page::read(PAGE).table("What the gateway says") {
        for words in cells[0].split('`').skip(1).step_by(2).filter(|words| *words != "config validate") {
            let is_said = |one: &String| words.split(" … ").all(|words| one.contains(words));
            assert!(said.iter().any(is_said), "{PAGE}:{number}: {words}: {said:#?}");
        }
    }
}
