//! Pages, help, manual pages and completions say what the binary says, and can be read on a screen.
//!
//! No server is needed. What drifted is named by its page and line.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use secretref_tests::page::Page;
use secretref_tests::resolver::{self, Run};

const SHELL: &str = "docs/shell.md";
const VAULT: &str = "resolvers/vault/README.md";

/// What the binary prints to stdout.
fn said(arguments: &[&str]) -> String {
    let ended = Run::new(resolver::path("secretref-vault")).args(arguments).end();
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    ended.stdout
}

/// The verbs, as `-h` lists them.
fn verbs() -> Vec<String> {
    let help = said(&["-h"]);
    let lines =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    lines.map(|line| line.split_whitespace().next().expect("a verb").to_owned()).collect()
}

/// A setting as `settings` explains it.
#[derive(Debug, Default, PartialEq)]
struct Setting {
    flag: Option<String>,
    variables: Vec<String>,
    choices: Vec<String>,
    default: Option<String>,
}

fn settings() -> BTreeMap<String, Setting> {
    let text = said(&["settings"]);
    let lines: Vec<_> = text.lines().collect();
    lines
        .chunks(2)
        .map(|pair| (pair[0].split(':').next().unwrap_or_default().to_owned(), setting(pair[1])))
        .collect()
}

/// `    --auth, $ONE, $OTHER; one of a, b; a if not set`
fn setting(line: &str) -> Setting {
    let mut setting = Setting::default();
    for part in line.trim().split("; ") {
        if let Some(words) = part.strip_prefix("one of ") {
            setting.choices = words.split(", ").map(str::to_owned).collect();
        } else if let Some(default) = part.strip_suffix(" if not set") {
            setting.default = Some(default.to_owned());
        } else {
            for place in part.split(", ") {
                match place.strip_prefix('$') {
                    Some(variable) => setting.variables.push(variable.to_owned()),
                    None if place.starts_with("--") => setting.flag = Some(place.to_owned()),
                    None => assert!(place.starts_with("the file "), "{line}"),
                }
            }
        }
    }
    setting
}

/// What stands between backticks.
fn codes(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The variables of a cell: `*` stands for both names of a store.
fn variables(cell: &str) -> Vec<String> {
    let both = |name: String| match name.strip_prefix('*') {
        Some(rest) => vec![format!("BAO{rest}"), format!("VAULT{rest}")],
        None => vec![name],
    };
    codes(cell).into_iter().flat_map(both).collect()
}

#[test]
fn the_table_of_settings_is_that_of_the_binary() {
    let mut known = settings();
    let mut secrets = Vec::new();
    for (line, cells) in Page::read(VAULT).table("Settings") {
        let at = format!("{VAULT}:{line}");
        let [key, flag, variable, default, meaning] = &cells[..] else { panic!("{at}: not five cells") };
        if key == "none" {
            secrets.extend(variables(variable).into_iter().map(|variable| (at.clone(), variable)));
            continue;
        }
        let [key] = &codes(key)[..] else { panic!("{at}: not one key") };
        if key == "env" || key == "[ids]" {
            continue;
        }
        let setting = known.remove(key).unwrap_or_else(|| panic!("{at}: there is no setting {key}"));
        assert_eq!(codes(flag).first(), setting.flag.as_ref(), "{at}: flag");
        assert_eq!(variables(variable), setting.variables, "{at}: variables");
        if let Some(known) = &setting.default {
            assert_eq!(codes(default).first(), Some(known), "{at}: default");
        }
        for choice in &setting.choices {
            let is_there = codes(meaning).contains(choice) || codes(default).contains(choice);
            assert!(is_there, "{at}: {key} can be {choice}");
        }
    }
    for (at, variable) in secrets {
        let holds = |setting: &Setting| setting.flag.is_none() && setting.variables.contains(&variable);
        let key = known.iter().find(|(_, setting)| holds(setting)).map(|(key, _)| key.clone());
        let key = key.unwrap_or_else(|| panic!("{at}: there is no secret in {variable}"));
        let left = known.get_mut(&key).expect("a secret");
        left.variables.retain(|other| *other != variable);
        if left.variables.is_empty() {
            known.remove(&key);
        }
    }
    assert!(known.is_empty(), "{VAULT} has not: {known:?}");
}

/// What the page says of flags beside a profile.
#[test]
fn the_flags_that_are_taken_beside_a_profile_are_those_of_the_pages() {
    let page = Page::read(VAULT).text("Profiles").replace('\n', " ");
    let (_, flags) = page.split_once("With a profile all flags but ").expect("the sentence");
    let (flags, _) = flags.split_once(" are refused").expect("the sentence");
    let folder = tempfile::tempdir().expect("a folder");
    let profile = folder.path().join("p.toml");
    fs::write(&profile, "").expect("a profile");
    let taken = settings().into_values().filter_map(|setting| Some((setting.flag?, setting.choices))).filter(
        |(flag, choices)| {
            let value = match flag.as_str() {
                "--timeout" => "1s",
                "--max-output" => "1MiB",
                _ => choices.first().map_or("true", String::as_str),
            };
            let flag_alone = [flag.as_str(), "--profile", profile.to_str().expect("UTF-8"), "logout"];
            let with_value = [&flag_alone[..1], &[value], &flag_alone[1..]].concat();
            [&flag_alone[..], &with_value[..]].iter().all(|arguments| {
                let ended = Run::new(resolver::path("secretref-vault")).args(*arguments).end();
                !ended.stderr.contains("cannot stand beside --profile")
            })
        },
    );
    let taken: Vec<_> = taken.map(|(flag, _)| flag).collect();
    assert_eq!(codes(flags), taken, "{VAULT}");
    let manual = said(&["man", "profile"]).replace("\\-", "-");
    assert!(
        manual.contains(&format!("\\fB{}\\fR are taken", taken.join("\\fR, \\fB"))),
        "secretref-profile(5)"
    );
}

#[test]
fn the_manual_has_every_setting_and_every_verb() {
    let terms = terms(&said(&["man"]));
    for key in settings().keys() {
        assert!(terms.contains(key), "secretref-vault(1) has no {key}");
    }
    for verb in verbs() {
        assert!(
            terms.iter().any(|term| term.split(' ').next() == Some(&verb)),
            "secretref-vault(1) has no {verb}"
        );
    }
}

#[test]
fn the_page_of_the_shell_has_every_verb() {
    let mut listed: Vec<_> =
        Page::read(SHELL).table("In a shell").into_iter().flat_map(|(_, cells)| codes(&cells[0])).collect();
    let mut verbs = verbs();
    listed.sort();
    verbs.sort();
    assert_eq!(listed, verbs, "{SHELL}");
}

#[test]
fn help_pages_and_manuals_have_the_same_exit_codes() {
    let of_page = |page: &str, title: &str| -> Vec<_> {
        let rows = Page::read(page).table(title).into_iter();
        rows.filter(|(_, cells)| cells[0].parse::<u8>().is_ok())
            .map(|(_, cells)| (cells[0].clone(), cells[1].clone()))
            .collect()
    };
    let of_manual = |page: &[&str]| -> Vec<_> {
        entries(&said(page)).into_iter().filter(|(term, _)| term.parse::<u8>().is_ok()).collect()
    };
    let codes = of_manual(&["man"]);
    assert_eq!(codes.len(), 10);
    assert_eq!(of_manual(&["man", "protocol"]), codes, "secretref-protocol(7)");
    assert_eq!(of_page(VAULT, "When something fails"), codes, "{VAULT}");
    assert_eq!(of_page(SHELL, "Use it in a script"), codes, "{SHELL}");
    let help = said(&["--help"]);
    let (_, in_help) = help.split_once("Exit codes:\n").expect("exit codes in help");
    let in_help = in_help.split([',', '\n']).filter_map(|code| code.split_whitespace().next());
    assert!(in_help.eq(codes.iter().map(|(code, _)| code.as_str())), "--help");
}

/// Vault gives no secret two answers.
#[test]
fn the_error_codes_of_the_page_are_those_of_the_manual() {
    let is_code = |word: &str| word.len() > 5 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let manual = terms(&said(&["man", "protocol"]))
        .into_iter()
        .filter(|term| is_code(term) && term != "AMBIGUOUS_DUPLICATE_KEY");
    let rows = Page::read(VAULT).table("When something fails").into_iter();
    let mut page: Vec<_> = rows.flat_map(|(_, cells)| codes(&cells[0])).collect();
    let mut manual: Vec<_> = manual.collect();
    page.sort();
    manual.sort();
    assert_eq!(page, manual, "{VAULT}");
}

#[test]
fn help_fits_a_screen() {
    let fits = |arguments: &[&str], most: usize| {
        let text = said(arguments);
        let lines = text.lines().count();
        assert!(lines <= most, "{arguments:?} has {lines} lines");
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{arguments:?}: {line}");
        }
        lines
    };
    assert!(fits(&["-h"], 25) < fits(&["--help"], 46));
    for verb in verbs() {
        assert!(fits(&[&verb, "-h"], 20) <= fits(&[&verb, "--help"], 24), "{verb}");
    }
}

#[test]
fn a_slip_of_the_fingers_is_answered_with_what_was_meant() {
    for (arguments, meant) in [
        (&["chekc", "x"][..], "check"),
        (&["doctro"], "doctor"),
        (&["get", "x", "--adress", "y"], "--address"),
        (&["get", "x", "--max_output", "1MiB"], "--max-output"),
        (&["--auth", "aprole", "get", "x"], "did you mean `approle`?"),
        (&["--kv-version", "atuo", "get", "x"], "did you mean `auto`?"),
        (&["completions", "bsah"], "bash"),
        (&["man", "protocl"], "protocol"),
        (&["read", "x"], "to read a secret: secretref-vault get ID"),
    ] {
        let ended = Run::new(resolver::path("secretref-vault")).args(arguments).end();
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(meant), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn the_front_page_leads_to_every_page() {
    let front = fs::read_to_string(resolver::repository().join("README.md")).expect("a page");
    for page in [SHELL, VAULT, "resolvers/vault/sign-in.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    {
        assert!(front.contains(&format!("]({page})")), "README.md does not lead to {page}");
    }
}

#[test]
#[ignore = "needs groff: tests/run installs it"]
fn the_manual_pages_are_well_formed() {
    for page in [&["man"][..], &["man", "profile"], &["man", "protocol"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("page");
        let text = said(page);
        assert!(!text.contains('@'), "{page:?} has a place that nothing was put into");
        fs::write(&file, &text).expect("a file");
        let groff = Command::new("groff").args(["-man", "-ww", "-Tutf8"]).arg(&file).output().expect("groff");
        let complaints = String::from_utf8_lossy(&groff.stderr);
        assert!(groff.status.success() && complaints.is_empty(), "{page:?}: {complaints}");
        let shown = String::from_utf8_lossy(&groff.stdout).into_owned();
        // A heading is bold: on some systems by escapes, on others by printing each letter twice.
        assert!(shown.contains("secretref") && shown.lines().count() > 60, "{page:?}: {shown}");
    }
}

/// The entries of a manual page that were made from a table: each term with what is said of it.
fn entries(page: &str) -> Vec<(String, String)> {
    let plain = |text: &str| {
        let marks =
            [("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ti", "~"), ("\\(dq", "\""), ("\\&", "")];
        marks.iter().fold(text.to_owned(), |text, (mark, character)| text.replace(mark, character))
    };
    let lines: Vec<_> = page.lines().collect();
    let terms = lines.windows(3).filter(|lines| lines[0] == ".TP");
    let terms =
        terms.filter_map(|lines| Some((lines[1].strip_prefix(".B \"")?.strip_suffix('"')?, lines[2])));
    terms.map(|(term, text)| (plain(term), plain(text))).collect()
}

fn terms(page: &str) -> Vec<String> {
    entries(page).into_iter().map(|(term, _)| term).collect()
}
