//! Completion by the Tab key, in the real shells.
//!
//! Blocks of `docs/shell.md`: "Shell completion" fish 1

use std::path::Path;
use std::process::Command;

use secretref_tests::page::Page;
use secretref_tests::resolver;
use tempfile::TempDir;

/// The typed words after the command, and the words after the Tab key.
const TYPED: [(&str, &str); 19] = [
    ("do", "doctor"),
    ("delete --y", "delete --yes"),
    ("--auth appr", "--auth approle"),
    ("--auth=appr", "--auth=approle"),
    ("--timeout 5s ch", "--timeout 5s check"),
    ("get a/b --json --tls-sk", "get a/b --json --tls-skip-verify"),
    ("man prof", "man profile"),
    ("settings --h", "settings --help"),
    ("completions z", "completions zsh"),
    ("--ca-cert comp", "--ca-cert company.pem"),
    ("--profile rese", "--profile research"),
    // A file of this folder is no name.
    ("--profile scri", "--profile scri"),
    ("--profile ./scri", "--profile ./script"),
    ("help comp", "help completions"),
    ("settings max", "settings max_output"),
    // Flags that are refused with a profile are not offered: --tls-skip-verify and --token-file would be others with a t.
    ("--profile research --t", "--profile research --timeout"),
    ("--profile research get --t", "--profile research get --timeout"),
    // With such a flag no profile is offered, so the text stays as it is.
    ("--address x --prof", "--address x --prof"),
    ("--timeout 5s --prof", "--timeout 5s --profile"),
];

/// A home with a profile, a certificate, and the script for `shell`.
fn home(shell: &str) -> TempDir {
    let home = tempfile::tempdir().expect("a folder");
    let profiles = home.path().join(".config/secretref");
    std::fs::create_dir_all(&profiles).expect("a folder");
    std::fs::write(profiles.join("research.toml"), "").expect("a profile");
    std::fs::write(home.path().join("company.pem"), "").expect("a file");
    let script = Command::new(resolver::path("secretref-vault")).args(["completions", shell]).output();
    std::fs::write(home.path().join("script"), script.expect("a script").stdout).expect("a file");
    home
}

/// Runs a program of `shell` in that home, and returns what it prints.
fn run(home: &Path, shell: &str, arguments: &[&str]) -> String {
    let ended = Command::new(shell)
        .args(arguments)
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .env("TERM", "dumb")
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap_or_else(|_| panic!("missing: {shell} (tests/run installs it)"));
    assert!(ended.stderr.is_empty(), "{shell}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8_lossy(&ended.stdout).trim().to_owned()
}

/// The word that a shell offers; empty if the Tab key changes nothing.
fn offered<'a>(typed: &str, completed: &'a str) -> &'a str {
    if typed == completed { "" } else { completed.rsplit(' ').next().expect("a word") }
}

#[test]
fn bash() {
    // bash makes a word of its own of an =.
    let script = r#"source ./script; COMP_WORDS=(secretref-vault ${1//=/ = }); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _secretref_vault; echo "${COMPREPLY[*]}""#;
    let home = home("bash");
    for (typed, completed) in TYPED {
        let words = run(home.path(), "bash", &["--norc", "-uc", script, "bash", typed]);
        let offered = offered(typed, completed);
        assert_eq!(words, offered.rsplit('=').next().expect("a word"), "{typed}");
    }
}

/// An executable profile is a command that has its profile.
#[test]
fn bash_completes_a_profile() {
    let home = home("bash");
    for (typed, completed) in [("do", "doctor"), ("get --t", "--timeout"), ("get --p", ""), ("--add", "")] {
        let script = r#"source ./script; COMP_WORDS=(~/bin/vault.toml $1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _secretref_vault; echo "${COMPREPLY[*]}""#;
        assert_eq!(run(home.path(), "bash", &["--norc", "-uc", script, "bash", typed]), completed, "{typed}");
    }
}

#[test]
#[ignore = "needs fish: tests/run installs it"]
fn fish_completes_a_profile() {
    let home = home("fish");
    let line = Page::read("docs/shell.md").block("Shell completion", "fish");
    let script = format!("source ./script; {line}\ncomplete -C $argv[1]");
    for (typed, completed) in [("vault.toml do", "doctor"), ("~/bin/vault.toml get --t", "--timeout")] {
        let words = run(home.path(), "fish", &["-N", "-c", &script, typed]);
        let words: Vec<_> = words.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(words, [completed], "{typed}");
    }
}

/// The name of a profile is not executed, whatever characters it has.
#[test]
fn bash_runs_no_name() {
    let home = home("bash");
    let name = "$(touch${IFS}RUN).toml";
    std::fs::write(home.path().join(".config/secretref").join(name), "").expect("a profile");
    let script = "source ./script; COMP_WORDS=(secretref-vault --profile ''); COMP_CWORD=2
        _secretref_vault; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let completed = run(home.path(), "bash", &["--norc", "-c", script]);
    assert!(completed.contains("$(touch${IFS}RUN)") && completed.contains("research"), "{completed}");
    assert!(!home.path().join("RUN").exists(), "a name was run");
}

#[test]
#[ignore = "needs fish: tests/run installs it"]
fn fish() {
    let home = home("fish");
    for (typed, completed) in TYPED {
        let line = format!("secretref-vault {typed}");
        let words = run(home.path(), "fish", &["-N", "-c", "source ./script; complete -C $argv[1]", &line]);
        // Each with a tab and its purpose.
        let words: Vec<_> = words.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(words.concat(), offered(typed, completed), "{typed}");
    }
}

/// A zsh in a terminal of its own: what it runs prints how it was called.
#[test]
#[ignore = "needs zsh: tests/run installs it"]
fn zsh() {
    let script = r#"
        zmodload zsh/zpty
        zpty z "zsh -f -i"
        zpty -w z 'PS1=; unsetopt beep; autoload -U compinit; compinit -D -u; source ./script
            secretref-vault() { print -r -- "GOT:$*:" }; print READY'
        while zpty -r z line && [[ $line != READY* ]] { }
        for typed in "$@"; do
            zpty -w -n z "secretref-vault $typed"$'\t\n'
            while zpty -r z line && [[ $line != GOT:* ]] { }
            print -r -- ${${line#GOT:}%%:*}
        done
        zpty -d z"#;
    let home = home("zsh");
    let typed = TYPED.iter().map(|(typed, _)| *typed);
    let arguments: Vec<_> = ["-f", "-c", script, "zsh"].into_iter().chain(typed).collect();
    let words = run(home.path(), "zsh", &arguments);
    let completed: Vec<_> = TYPED.iter().map(|(_, completed)| *completed).collect();
    assert_eq!(words.lines().collect::<Vec<_>>(), completed);
}
