//! What the page of Azure tells a reader to type, and its blocks of settings. `az` is a script that answers as the real one,
//! and notes what it is told.
//!
//! Blocks of `resolvers/azure/README.md`: "Set up" sh 1, "Set up" sh 2, "Set up" sh 3, "Ids" toml 1
//! Blocks of `resolvers/azure/README.md`: "Sign in" toml 1, "Sign in" toml 2, "Sign in" toml 3, "Sign in" toml 4
//! Blocks of `resolvers/azure/README.md`: "Sign in" toml 5, "List and change secrets" sh 1

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secretref_tests::gateway::{Gateway, models};
use secretref_tests::page::{self, Page, type_in};
use secretref_tests::resolver::{self, Run};
use secretref_tests::stores::azure::desk::Desk;
use secretref_tests::stores::azure::entra::TENANT;
use secretref_tests::stores::azure::servers::{CLIENT, SECRET, host};
use secretref_tests::stores::azure::vaults::Version;
use serde_json::json;

const PAGE: &str = "resolvers/azure/README.md";

#[test]
fn every_block_is_typed_or_read_by_a_test() {
    assert_eq!(Page::read(PAGE).all_blocks(), page::claims(PAGE));
}

/// The vault of the page, and the tools of an administrator.
struct Office {
    desk: Desk,
    tools: PathBuf,
}

impl Office {
    fn new() -> Self {
        let desk = Desk::new();
        for (name, value) in
            [("openai-key", "value-of-the-page"), ("openai-old", "value-old"), ("slack", "x")]
        {
            desk.server().put(&host("my-vault"), name, Version::new(value));
        }
        let tools = desk.path("tools");
        fs::create_dir(&tools).expect("a folder");
        let az = format!(
            "#!/bin/sh\necho \"$@\" >> ~/az.log\ncase \"$*\" in\n'ad sp create-for-rbac '*) printf '{CLIENT}\\t{SECRET}\\t{TENANT}\\n' ;;\n\
             'keyvault show '*) echo /subscriptions/1/vaults/my-vault ;;\nesac\n"
        );
        fs::write(tools.join("az"), az).expect("a script");
        fs::set_permissions(tools.join("az"), Permissions::from_mode(0o700)).expect("a mode");
        Self { desk, tools }
    }

    /// Types commands, with the stand-in in the place of Azure.
    fn type_in(&self, commands: &str, folders: &[&std::path::Path]) -> String {
        let binary = resolver::path("secretref-azure").display().to_string();
        let way = format!("vault = \"my-vault\"\n{}", self.desk.way());
        let commands = commands
            .replace("/usr/local/bin/secretref-azure", &binary)
            .replace("vault = \"my-vault\"\n", &way);
        let folders: Vec<_> = folders.iter().copied().chain([self.tools.as_path()]).collect();
        type_in(&commands, &self.desk.path(""), &folders, &[])
    }

    fn set_up(&self) -> String {
        let blocks = Page::read(PAGE).blocks("Set up", "sh");
        self.type_in(&blocks[..2].join("\n"), &[])
    }
}

#[test]
fn the_recipe_of_the_page_leads_to_a_value() {
    let office = Office::new();
    assert_eq!(office.set_up(), "value-of-the-page");
    let told = fs::read_to_string(office.desk.path("az.log")).expect("what az was told");
    let words =
        format!("--role Key Vault Secrets User --assignee {CLIENT} --scope /subscriptions/1/vaults/my-vault");
    assert!(told.contains(&words), "{told}");
    let refused = office.type_in("~/.config/secretref/azure.toml get slack 2>&1 || true", &[]);
    assert!(refused.contains("no pattern of `allow` matches the id"), "{refused}");
}

#[test]
fn what_a_person_changes_is_typed() {
    let office = Office::new();
    office.set_up();
    office.desk.write("key.txt", "value-new");
    let said = office.type_in(&Page::read(PAGE).block("List and change secrets", "sh"), &[]);
    assert_eq!(said, "openai-key\nopenai-old\n");
    let profile = "~/.config/secretref/azure.toml";
    assert_eq!(office.type_in(&format!("{profile} get openai-key"), &[]), "value-new");
    assert_eq!(office.type_in(&format!("{profile} list"), &[]), "openai-key\n");
}

#[test]
#[ignore = "needs the real gateway: tests/run installs it"]
fn the_gateway_is_told_of_the_profile() {
    let office = Office::new();
    office.set_up();
    let gateway = Gateway::own();
    let mut config = models("azure", &json!({}), &["openai-key"]);
    config.as_object_mut().expect("an object").remove("secrets");
    gateway.configure(&config);
    let commands = gateway.commands();
    let [.., set] = &Page::read(PAGE).blocks("Set up", "sh")[..] else { panic!("three blocks") };
    office.type_in(set, &[&commands]);
}

#[test]
fn the_profiles_of_the_page_are_profiles() {
    let desk = Desk::new();
    let server = desk.server();
    for (vault, name) in [("my-vault", "slack-bot"), ("my-vault", "openai"), ("other-vault", "openai-key")] {
        let json = format!("{{\"token\": \"value-of-{name}\"}}");
        server.put(&host(vault), name, Version::new(&json));
    }
    let way = desk.way() + "keep_session = \"off\"\n";
    let page = Page::read(PAGE);
    let reads = |profile: &str, ids: &[&str], run: &dyn Fn(Run) -> Run| {
        desk.write("profile.toml", profile);
        let ended = run(desk.command(&[])).request(ids).end();
        assert_eq!(ended.stdout.matches("value-of-").count(), ids.len(), "{profile}\n{ended:?}");
    };
    let entries = page.block("Ids", "toml");
    let by_secret = format!(
        "vault = \"my-vault\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\n{way}"
    );
    reads(&format!("{by_secret}{entries}"), &["slack", "openai/other"], &|run| run);
    let [federated, app_service, arc, pfx, cli] = &page.blocks("Sign in", "toml")[..] else {
        panic!("five blocks")
    };
    desk.write("token", server.entra().cluster_token("gateway"));
    let federated = federated
        .replace("/var/run/secrets/azure/tokens/azure-identity-token", "token")
        .replace("72f988bf-86f1-41af-91ab-2d7cd011db47", TENANT)
        .replace("11112222-bbbb-3333-cccc-4444dddd5555", CLIENT);
    reads(&format!("{federated}\n{way}"), &["openai"], &|run| run);
    reads(&format!("{app_service}\n{way}"), &["openai"], &|run| {
        let run = run.env("IDENTITY_ENDPOINT", format!("{}/msi/token", server.metadata));
        run.env("IDENTITY_HEADER", "header-of-the-kit")
    });
    // This machine has neither an agent nor these files.
    for (profile, lacks) in [
        (arc, "no connection to the metadata service http://localhost:40342"),
        (pfx, "client.pfx, which `client_certificate` names, cannot be opened"),
        (cli, "/usr/bin/az, which `cli_path` names, is not there"),
    ] {
        desk.write("profile.toml", format!("{profile}\n{way}"));
        desk.fails(lacks);
    }
}
