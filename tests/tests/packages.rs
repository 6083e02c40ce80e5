//! What packages rely on: every resolver says which build it is, and each formula is that of the template.
//!
//! `packaging/test` builds the packages and tries them.

use std::fs;
use std::process::Command;

use secretref_tests::resolver::{self, Run};
use secretref_tests::stores;

#[test]
fn every_resolver_says_which_build_it_is() {
    for store in stores::ALL {
        let binary = store.binary();
        let ended = Run::new(resolver::path(&binary)).args(["--version"]).end();
        let build = ended.stdout.trim().strip_prefix(&format!("{binary} {} (", env!("CARGO_PKG_VERSION")));
        let build = build.and_then(|build| build.strip_suffix(')')).unwrap_or_else(|| panic!("{ended:?}"));
        let (commit, target) = build.split_once(", ").expect("a commit and a target");
        let is_commit = commit.strip_prefix("commit ").is_some_and(|commit| commit.len() == 12);
        assert!(is_commit || ["development build", "unknown commit"].contains(&commit), "{build}");
        assert!(target.starts_with(std::env::consts::ARCH), "{build}");
    }
}

#[test]
fn each_formula_is_that_of_the_template() {
    let made = tempfile::tempdir().expect("a folder");
    let generate = resolver::repository().join("packaging/homebrew/generate");
    let ended = Command::new(generate).args(["", ""]).arg(made.path()).status().expect("the script");
    assert!(ended.success());
    for entry in fs::read_dir(made.path()).expect("a folder") {
        let made = entry.expect("a formula").path();
        let name = made.file_name().expect("a name");
        let committed = resolver::repository().join("packaging/homebrew").join(name);
        // A store that has just been added has none yet.
        if let Ok(committed) = fs::read_to_string(committed) {
            assert_eq!(
                committed,
                fs::read_to_string(&made).expect("a formula"),
                "packaging/homebrew/generate"
            );
        }
    }
}
