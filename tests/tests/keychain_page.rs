//! Types the commands of the keychain's page and of its help, and checks that no block of a page is left out. The recipes of
//! the page are in `keychain.rs` and in files of their own.
//!
//! Blocks of `resolvers/keychain/README.md`: "Desktop" sh 2, "Import" sh 1

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use secretref_tests::keyring::{PASSWORD, Session};
use secretref_tests::page::{self, Page};
use secretref_tests::resolver;

const PAGE: &str = "resolvers/keychain/README.md";

/// Types commands into bash, in the home of a session.
fn type_in(session: &Session, commands: &str) -> String {
    let binary = resolver::path("secretref-keychain");
    let environment = session.environment();
    let env = environment.iter().filter(|(name, _)| **name != "PATH");
    let env: Vec<_> = env.map(|(name, value)| (*name, value.as_str())).collect();
    page::type_in(commands, &session.folder().join("home"), &[binary.parent().expect("a folder")], &env)
}

/// A block that no test claims has not been tried.
#[test]
fn every_block_is_typed_or_read_by_a_test() {
    for path in [PAGE, "docs/shell.md"] {
        let (blocks, claims) = (Page::read(path).all_blocks(), page::claims(path));
        let untried: Vec<_> = blocks.difference(&claims).collect();
        let gone: Vec<_> = claims.difference(&blocks).collect();
        assert!(
            untried.is_empty() && gone.is_empty(),
            "{path}: no test claims {untried:?}, and the page has not: {gone:?}. Where a test types or reads a block, \
             its file says so: //! Blocks of `{path}`: {}",
            untried.first().map_or("", |block| block)
        );
    }
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_locked_keychain_is_unlocked() {
    let session = Session::locked(&[("openclaw", "openai", "value-openai")]);
    let unlock = &Page::read(PAGE).blocks("Desktop", "sh")[1];
    type_in(&session, &format!("printf %s {PASSWORD} | {unlock}"));
    assert_eq!(type_in(&session, "secretref-keychain get openai"), "value-openai");
}

#[test]
#[ignore = "needs gnome-keyring: tests/run installs it"]
fn a_file_is_imported() {
    let session = Session::unlocked();
    fs::write(session.folder().join("home/.env"), "OPENAI_API_KEY=value-openai\n").expect("a file");
    type_in(&session, &Page::read(PAGE).block("Import", "sh"));
    assert_eq!(type_in(&session, "secretref-keychain get OPENAI_API_KEY"), "value-openai");
}

#[test]
#[ignore = "needs gnome-keyring and man: tests/run installs them"]
fn the_examples_of_help() {
    let session = Session::unlocked();
    for (service, account, value) in [
        ("github.com", "me", "value-me"),
        ("github.com", "old", "value-old"),
        ("openclaw", "mail", r#"{"password":"value-mail"}"#),
    ] {
        session.store(service, account, value);
    }
    let home = session.folder().join("home");
    let profile = format!("bus = \"{}\"\n", session.bus().display());
    for (name, text) in
        [("key.txt", "value-key\n"), (".env", "FROM_FILE=value-file\n"), ("keychain.toml", &profile)]
    {
        fs::write(home.join(name), text).expect("a file");
        fs::set_permissions(home.join(name), Permissions::from_mode(0o600)).expect("a mode");
    }
    type_in(
        &session,
        "mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions ~/.zfunc",
    );
    for verb in ["", "completions", "man", "settings"] {
        let help = type_in(&session, &format!("secretref-keychain {verb} --help"));
        let (_, examples) = help.split_once("Examples:\n").expect("examples");
        for example in examples.lines().take_while(|line| !line.is_empty()) {
            type_in(&session, example);
        }
    }
    assert_eq!(type_in(&session, "secretref-keychain list"), "FROM_FILE\ngithub.com/me\nmail\nopenai\n");
}
