//! `check ID --equals`: whether the stored value is the one on stdin. No server is needed.

use secretref_tests::resolver::{self, Run};

#[test]
fn a_value_is_compared_and_not_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("store").display().to_string();
    let run = |line: &[&str], stdin: &str| {
        let run =
            Run::new(resolver::path("secretref-keychain")).args(["--store", "file", "--folder", &store]);
        run.args(line).stdin(stdin).end()
    };
    assert_eq!(run(&["set", "openai"], "value-1").code, Some(0));
    for (line, stdin, code, words) in [
        (&["check", "openai", "--equals"][..], "value-1\n", 0, "openai has this value"),
        (&["check", "openai", "--equals"], "value-2", 1, "the store has another value"),
        (&["check", "openai", "--equals"], " value-1", 1, "the store has another value"),
        (&["check", "other", "--equals"], "value-1", 1, "(NOT_FOUND)"),
        (&["check", "openai", "other", "--equals"], "value-1", 2, "one id"),
        (&["check", "openai", "--equals", "--json"], "value-1", 2, "cannot be used with"),
        (&["check", "openai", "--equals"], r#"{"protocolVersion":1,"ids":["openai"]}"#, 10, "refused"),
    ] {
        let ended = run(line, stdin);
        assert_eq!(ended.code, Some(code), "{line:?}: {ended:?}");
        assert!(ended.stderr.contains(words), "{line:?}: {ended:?}");
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("value-"), "{ended:?}");
    }
}
