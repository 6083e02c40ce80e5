//! Types the commands of the shell's page, the quick start and the help, against the real server.
//!
//! Blocks of `docs/shell.md`: "Troubleshooting" sh 1, "Troubleshooting" sh 2, "Check ids" sh 1, "Read a value" sh 1
//! Blocks of `docs/shell.md`: "List ids" sh 1, "Store a value" sh 1, "Delete a value" sh 1, "Delete a value" text 1
//! Blocks of `docs/shell.md`: "Scripts and exit codes" sh 1, "Shell completion" sh 1
//! Blocks of `docs/shell.md`: "Shell completion" sh 2, "Shell completion" sh 3, "Shell completion" sh 4
//! Blocks of `docs/shell.md`: "Manual pages" sh 1, "Manual pages" sh 2

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use secretref_tests::openbao::{self, OpenBao, ROOT};
use secretref_tests::page::{Page, type_in};
use secretref_tests::resolver;
use serde_json::json;
use tempfile::TempDir;

const SHELL: &str = "docs/shell.md";

/// A person's shell and a server: a home with a profile, and a store with the secrets of the pages.
struct Desk {
    server: OpenBao,
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        let server = OpenBao::start();
        for (path, field) in [("openai", "apiKey"), ("slack", "token"), ("old", "apiKey")] {
            let data = json!({"data": {field: format!("value-{path}"), "note": "kept"}});
            server.api(&format!("secret/data/providers/{path}"), Some(&data));
        }
        let desk = Self { server, home: tempfile::tempdir().expect("a folder") };
        let page = Page::read("resolvers/vault/README.md");
        desk.type_in(&page.blocks("Set up", "sh")[0]);
        desk.type_in(&page.blocks("Use a token", "sh")[0]);
        let editor = page.block("List and change secrets", "sh");
        let (token, profile) = editor.split_once("cat > ~/.config/secretref/editor.toml").expect("a profile");
        desk.type_in(token);
        desk.profiles();
        let (_, command) = profile.split_once("\nchmod ").expect("a command");
        desk.type_in(&format!("chmod {command}"));
        desk
    }

    /// The profiles of the pages, a gateway's and that of a person who changes secrets; the gateway's also in the folder
    /// where commands are typed, as the help has it.
    fn profiles(&self) {
        let folder = self.home.path().join(".config/secretref");
        for (profile, token) in [
            (folder.join("vault.toml"), "vault-token"),
            (self.home.path().join("vault.toml"), "vault-token"),
            (folder.join("editor.toml"), "editor-token"),
        ] {
            let text = format!(
                "#!{} --profile\naddress = \"{}\"\nca_cert = \"{}\"\ntoken_file = \"{}\"\nkeep_session = \"off\"\n",
                resolver::path("secretref-vault").display(),
                self.server.https,
                self.server.ca.display(),
                folder.join(token).display(),
            );
            fs::write(&profile, text).expect("a file");
            fs::set_permissions(&profile, Permissions::from_mode(0o700)).expect("a mode");
        }
        fs::write(self.home.path().join("key.txt"), "value-of-key.txt").expect("a file");
    }

    /// Types commands into bash, in the home, and returns what they print to stdout.
    fn type_in(&self, commands: &str) -> String {
        let (bao, binary) = (openbao::binary(), resolver::path("secretref-vault"));
        let folders = [&bao, &binary].map(|path| path.parent().expect("a folder"));
        let token = fs::read_to_string(self.home.path().join(".config/secretref/editor-token"));
        let ca = self.server.ca.display().to_string();
        let env = [
            ("BAO_ADDR", self.server.https.as_str()),
            ("BAO_CACERT", &ca),
            ("BAO_TOKEN", token.as_deref().unwrap_or(ROOT).trim()),
        ];
        type_in(commands, self.home.path(), &folders, &env)
    }

    /// Types all commands of a section of the page, in their order.
    fn follow(&self, section: &str) -> String {
        Page::read(SHELL).blocks(section, "sh").iter().map(|block| self.type_in(block)).collect()
    }

    fn field(&self, path: &str, field: &str) -> String {
        let found = self.server.api(&format!("secret/data/providers/{path}"), None);
        found["data"]["data"][field].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn what_is_read() {
    let desk = Desk::new();
    let report = desk.follow("Troubleshooting");
    assert!(report.contains("sign-in") && !report.contains("value-openai"), "{report}");
    let report = desk.follow("Check ids");
    assert!(report.contains("providers/slack#token") && !report.contains("value-slack"), "{report}");
    assert_eq!(desk.follow("Read a value"), "value-openai");
    assert_eq!(desk.follow("Scripts and exit codes"), "every id has a value\n");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn what_is_listed() {
    let listed = Desk::new().follow("List ids");
    assert!(listed.lines().any(|id| id.starts_with("providers/openai")), "{listed}");
}

#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn what_is_changed() {
    let desk = Desk::new();
    desk.follow("Store a value");
    assert_eq!(desk.field("openai", "apiKey"), "sk-new-5678");
    assert_eq!(desk.field("openai", "note"), "kept");
    desk.follow("Delete a value");
    assert_eq!((desk.field("old", "apiKey"), desk.field("old", "note")), (String::new(), "kept".to_owned()));
    desk.type_in(&Page::read(SHELL).block("Delete a value", "text").replace("#3'", "#1'"));
    assert_eq!(desk.field("old", "apiKey"), "value-old");
    // The hint of a deletion works with this token.
    let profile = "~/.config/secretref/editor.toml";
    let hint = desk.type_in(&format!("{profile} delete 'providers/slack#' --yes 2>&1"));
    desk.type_in(hint.rsplit_once("to bring it back: ").expect("a command").1);
    assert_eq!(desk.field("slack", "token"), "value-slack");
}

#[test]
#[ignore = "needs OpenBao and man: tests/run installs them"]
fn what_is_installed() {
    let desk = Desk::new();
    desk.follow("Shell completion");
    for script in [
        ".local/share/bash-completion/completions/secretref-vault",
        ".config/fish/completions/secretref-vault.fish",
        ".zfunc/_secretref-vault",
    ] {
        let script = fs::read_to_string(desk.home.path().join(script)).expect("a script");
        assert!(script.contains("kv-version"));
    }
    let complete = "COMP_WORDS=(vault.toml doc); COMP_CWORD=1; _secretref_vault; echo \"${COMPREPLY[@]}\"";
    let bash = Page::read(SHELL).blocks("Shell completion", "sh").remove(1);
    assert_eq!(desk.type_in(&format!("set +eu; {bash}\n{complete}")), "doctor\n");
    let pages = desk.follow("Manual pages");
    assert!(pages.contains("secretref-vault-protocol"), "{pages}");
    let found = desk.type_in("man -M ~/.local/share/man 5 secretref-vault-profile");
    assert!(found.contains("secretref-vault-profile"), "{found}");
}

/// The quick start's profile is the page's own but for the address; it is enough that its commands are known.
#[test]
#[ignore = "needs OpenBao: tests/run installs it"]
fn the_command_of_the_quick_start() {
    let desk = Desk::new();
    let blocks = Page::read("README.md").blocks("Quick start: Vault or OpenBao", "sh");
    let command = blocks.iter().find(|block| block.contains(" doctor ")).expect("the command");
    assert!(desk.type_in(command).contains("sign-in"));
}

#[test]
#[ignore = "needs OpenBao and man: tests/run installs them"]
fn the_examples_of_help() {
    let desk = Desk::new();
    desk.type_in("mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions ~/.zfunc");
    for example in examples(&desk, "")
        .into_iter()
        .chain(["completions", "man", "logout"].iter().flat_map(|verb| examples(&desk, verb)))
    {
        desk.type_in(&example);
    }
}

fn examples(desk: &Desk, verb: &str) -> Vec<String> {
    let help = desk.type_in(&format!("secretref-vault {verb} --help"));
    let (_, examples) = help.split_once("Examples:\n").expect("examples");
    examples.lines().take_while(|line| !line.is_empty()).map(|line| line.trim().to_owned()).collect()
}
