//! The crate `secretref-protocol` for programs that depend on it: its example, and its dependencies.

use std::process::{Command, Stdio};

use secretref_tests::resolver::{self, Run};
use secretref_tests::transcript;

/// The most lines of `cargo tree` for the protocol alone, its own included.
const TREE_LIMIT: usize = 15;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(resolver::repository())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "cargo {arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_example_passes_the_cases_of_every_resolver() {
    let built = cargo(&[
        "build",
        "--quiet",
        "--package=secretref-protocol",
        "--example=folder",
        "--message-format=json",
    ]);
    let messages = built.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut paths = messages.filter_map(|message| message["executable"].as_str().map(str::to_owned));
    let example = paths.next().expect("the path of the example");
    let folder = tempfile::tempdir().expect("a folder");
    let cases = transcript::every();
    for (name, versions) in cases.iter().flat_map(|case| &case.store) {
        std::fs::write(folder.path().join(name), &versions.texts()[0]).expect("a secret");
    }
    for case in cases {
        let run = Run::new(&example).args(["--folder".as_ref(), folder.path().as_os_str()]).args(&case.args);
        let judged = case.judge(&run.stdin(case.request()).end(), str::to_owned, &case.secrets());
        judged.unwrap_or_else(|why| panic!("{}\n{why}", case.sentence));
    }
}

#[test]
fn the_protocol_alone_brings_few_crates() {
    let tree = cargo(&["tree", "--package=secretref-protocol", "--no-default-features", "--edges=normal"]);
    assert!(tree.lines().count() <= TREE_LIMIT, "{tree}");
}
