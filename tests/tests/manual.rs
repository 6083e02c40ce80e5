//! Pages, help, manual pages and completions agree with the binary, and fit on a screen.
//!
//! No server is needed. A difference is named by its page and line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::LazyLock;

use secretref_tests::page::Page;
use secretref_tests::port;
use secretref_tests::resolver::{self, Ended, Run};
use secretref_tests::store::Store;
use secretref_tests::stores;
use serde_json::Value;

const SHELL: &str = "docs/shell.md";

/// A store, its binary and its page.
struct Subject {
    store: &'static Store,
    binary: String,
    page: String,
}

fn subject(store: &'static Store) -> Subject {
    Subject { store, binary: store.binary(), page: store.page() }
}

static SUBJECTS: LazyLock<Vec<Subject>> =
    LazyLock::new(|| stores::ALL.iter().copied().map(subject).collect());

/// Vault, for parts that only its pages have.
static VAULT: LazyLock<Subject> = LazyLock::new(|| subject(&stores::vault::STORE));

impl Subject {
    fn run(&self, arguments: &[&str]) -> Ended {
        Run::new(resolver::path(&self.binary)).args(arguments).end()
    }

    /// The output of the binary.
    fn said(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{} {arguments:?}: {ended:?}", self.binary);
        ended.stdout
    }

    /// The verbs, as `-h` lists them.
    fn verbs(&self) -> Vec<String> {
        let help = self.said(&["-h"]);
        let lines =
            help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        lines.map(|line| line.split_whitespace().next().expect("a verb").to_owned()).collect()
    }

    fn settings(&self) -> BTreeMap<String, Setting> {
        let text = self.said(&["settings"]);
        let lines: Vec<_> = text.lines().collect();
        lines
            .chunks(2)
            .map(|pair| (pair[0].split(':').next().unwrap_or_default().to_owned(), setting(pair[1])))
            .collect()
    }

    /// The settings for which its page leads to another's.
    fn settings_elsewhere(&self) -> Vec<String> {
        let text = Page::read(&self.page).text("Settings");
        let paragraph = text.split("\n\n").find_map(|part| part.split_once(" are those of [every resolver]"));
        paragraph.map(|(keys, _)| codes(keys)).unwrap_or_default()
    }

    /// The codes of errors in its manual.
    fn error_codes(&self) -> BTreeSet<String> {
        terms(&self.said(&["man", "protocol"])).into_iter().filter(|term| is_error_code(term)).collect()
    }
}

fn is_error_code(word: &str) -> bool {
    word.len() > 5 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// A setting as `settings` explains it.
#[derive(Debug, Default, PartialEq)]
struct Setting {
    flag: Option<String>,
    variables: Vec<String>,
    choices: Vec<String>,
    default: Option<String>,
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

/// The texts between backticks.
fn codes(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The variables of a cell: `*` means both names of a store.
fn variables(cell: &str) -> Vec<String> {
    let both = |name: String| match name.strip_prefix('*') {
        Some(rest) => vec![format!("BAO{rest}"), format!("VAULT{rest}")],
        None => vec![name],
    };
    codes(cell).into_iter().flat_map(both).collect()
}

#[test]
fn the_table_of_settings_is_that_of_the_binary() {
    for subject in SUBJECTS.iter() {
        let mut known = subject.settings();
        let mut secrets = Vec::new();
        for key in subject.settings_elsewhere() {
            assert!(known.remove(&key).is_some(), "{}: there is no setting {key}", subject.page);
        }
        for (line, cells) in Page::read(&subject.page).table("Settings") {
            let at = format!("{}:{line}", subject.page);
            let [key, flag, variable, default, meaning] = &cells[..] else {
                panic!("{at}: a setting has five cells: key, flag, variable, default, meaning")
            };
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
        take_secrets(&mut known, secrets);
        assert!(known.is_empty(), "{} has no line for: {:?}", subject.page, known.keys());
    }
}

/// Removes the variables that hold secrets, each with its line of a page, from the known settings.
fn take_secrets(known: &mut BTreeMap<String, Setting>, secrets: Vec<(String, String)>) {
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
}

/// The sentences of the manual and of Vault's page about flags with a profile.
#[test]
fn the_pages_name_the_flags_that_can_be_used_with_a_profile() {
    for subject in SUBJECTS.iter() {
        let taken = taken_beside_a_profile(subject);
        let manual = subject.said(&["man", "profile"]).replace("\\-", "-");
        assert!(
            manual.contains(&format!("\\fB{}\\fR are taken", taken.join("\\fR, \\fB"))),
            "{0}-profile(5) of {0}: {taken:?}",
            subject.binary
        );
    }
    let page = Page::read(&VAULT.page).text("Profiles").replace('\n', " ");
    let (_, flags) = page.split_once("With a profile all flags but ").expect("the sentence");
    let (flags, _) = flags.split_once(" are refused").expect("the sentence");
    assert_eq!(codes(flags), taken_beside_a_profile(&VAULT), "{}", VAULT.page);
}

fn taken_beside_a_profile(subject: &Subject) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = folder.path().join("p.toml");
    fs::write(&profile, "allow = []").expect("a profile");
    let profile = profile.to_str().expect("UTF-8");
    let is_taken = |flag: &str, setting: &Setting| {
        let value = match flag {
            "--timeout" => "1s",
            "--max-output" => "1MiB",
            _ => setting.choices.first().map_or("true", String::as_str),
        };
        let rest = ["--profile", profile, "get", "x"];
        let lines = [[&[flag][..], &rest].concat(), [&[flag, value][..], &rest].concat()];
        lines.iter().all(|line| !subject.run(line).stderr.contains("cannot be used with --profile"))
    };
    let settings = subject.settings();
    let flags = settings.values().filter_map(|setting| Some((setting.flag.as_deref()?, setting)));
    flags.filter(|(flag, setting)| is_taken(flag, setting)).map(|(flag, _)| flag.to_owned()).collect()
}

#[test]
fn the_manual_has_every_setting_and_every_verb() {
    for subject in SUBJECTS.iter() {
        let terms = terms(&subject.said(&["man"]));
        for key in subject.settings().keys() {
            assert!(terms.contains(key), "{}(1) has no {key}", subject.binary);
        }
        for verb in subject.verbs() {
            let has_verb = terms.iter().any(|term| term.split(' ').next() == Some(&verb));
            assert!(has_verb, "{}(1) has no {verb}", subject.binary);
        }
    }
}

#[test]
fn the_page_of_the_shell_has_every_verb() {
    let listed: BTreeSet<_> =
        Page::read(SHELL).table("In a shell").into_iter().flat_map(|(_, cells)| codes(&cells[0])).collect();
    let verbs: BTreeSet<_> = SUBJECTS.iter().flat_map(Subject::verbs).collect();
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
    let codes = of_page(SHELL, "Scripts and exit codes");
    assert_eq!(codes.len(), 15);
    assert_eq!(of_page(&VAULT.page, "When something fails"), codes, "{}", VAULT.page);
    for subject in SUBJECTS.iter() {
        for page in [&["man"][..], &["man", "protocol"]] {
            let entries = entries(&subject.said(page)).into_iter();
            let manual: Vec<_> = entries.filter(|(term, _)| term.parse::<u8>().is_ok()).collect();
            assert_eq!(manual, codes, "{} {page:?}", subject.binary);
        }
        let help = subject.said(&["--help"]);
        let (_, in_help) = help.split_once("Exit codes:\n").expect("exit codes in help");
        let in_help = in_help.split([',', '\n']).filter_map(|code| code.split_whitespace().next());
        assert!(in_help.eq(codes.iter().map(|(code, _)| code.as_str())), "{} --help", subject.binary);
    }
}

#[test]
fn the_error_codes_of_the_page_are_those_of_the_manual() {
    for subject in SUBJECTS.iter() {
        let manual = subject.error_codes();
        let rows = Page::read(&subject.page).table("When something fails").into_iter();
        let words = rows.flat_map(|(_, cells)| cells).flat_map(|cell| codes(&cell));
        let page: BTreeSet<_> = words.filter(|word| is_error_code(word)).collect();
        assert!(page.is_subset(&manual), "{}: {:?}", subject.page, page.difference(&manual));
        if let Some(never) = subject.store.manual.never {
            let missing: Vec<_> = manual.difference(&page).collect();
            assert_eq!(missing, never, "{}", subject.page);
        }
    }
}

/// The characters of a line of help; a text to be copied cannot be broken, and its longest has as many.
const WIDE: usize = 102;

#[test]
fn the_help_names_a_manual_page_that_there_is() {
    for subject in SUBJECTS.iter() {
        let name = format!("{}-protocol", subject.binary);
        assert!(subject.said(&["--help"]).contains(&format!("{name}(7)")), "{}", subject.binary);
        let page = subject.said(&["man", "protocol"]).replace("\\-", "-");
        assert!(page.starts_with(&format!(".TH {} 7", name.to_ascii_uppercase())), "{page}");
    }
}

#[test]
fn help_fits_a_screen() {
    let fits = |subject: &Subject, arguments: &[&str], most: usize| {
        let text = subject.said(arguments);
        let lines = text.lines().count();
        assert!(lines <= most, "{} {arguments:?} has {lines} lines", subject.binary);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDE, "{} {arguments:?}: {line}", subject.binary);
        }
        lines
    };
    for subject in SUBJECTS.iter() {
        assert!(fits(subject, &["-h"], 30) < fits(subject, &["--help"], 54));
        for verb in subject.verbs() {
            let (short, long) = (fits(subject, &[&verb, "-h"], 20), fits(subject, &[&verb, "--help"], 25));
            assert!(short <= long, "{} {verb}", subject.binary);
        }
    }
}

#[test]
fn a_typo_is_answered_with_a_suggestion() {
    for subject in SUBJECTS.iter() {
        for (arguments, meant) in subject.store.manual.slips {
            let ended = subject.run(arguments);
            assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
            assert!(ended.stderr.contains(meant), "{arguments:?}: {}", ended.stderr);
        }
    }
}

/// Help does not offer flags that are refused.
#[test]
fn help_names_the_flags_that_can_be_used_with_a_profile() {
    for subject in SUBJECTS.iter() {
        let taken = taken_beside_a_profile(subject);
        let (last, others) = taken.split_last().expect("a flag");
        let words = format!("With a profile, the only flags are {} and {last}", others.join(", "));
        for line in [&["--help"][..], &["get", "--help"], &["help", "get"]] {
            let told = subject.said(&[&["--profile", "./p.toml"], line].concat());
            assert!(told.contains(&words) && !told.contains("is a flag here"), "{line:?}: {told}");
        }
    }
}

/// The examples of the help can be typed: an executable profile is a command, and `--profile` cannot be used twice.
#[test]
fn help_of_a_profile_shows_how_it_is_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let profile = folder.path().join("p.toml");
    fs::write(&profile, "allow = []").expect("a profile");
    let path = profile.to_str().expect("UTF-8");
    for (subject, mode) in SUBJECTS.iter().flat_map(|subject| [(subject, 0o700), (subject, 0o600)]) {
        fs::set_permissions(&profile, Permissions::from_mode(mode)).expect("a mode");
        let option = format!("{} --profile {path}", subject.binary);
        let start = if mode == 0o700 { path } else { &option };
        for line in [&["--help"][..], &["-h"], &["get", "--help"], &["get", "-h"], &["help", "get"]] {
            let told = subject.said(&[&["--profile", path], line].concat());
            assert!(told.contains(&format!("Usage: {start} ")), "{line:?}: {told}");
            assert!(!told.contains("--profile <"), "{line:?}: {told}");
            let examples = told.split_once("Examples:\n").map_or("", |(_, examples)| examples);
            let examples: Vec<_> = examples.lines().take_while(|line| !line.is_empty()).collect();
            let is_short = line.contains(&"-h");
            assert_eq!(
                examples.is_empty(),
                is_short,
                "{line:?}: only long help has `Store::examples`: {told}"
            );
            for example in examples {
                let command = example.rsplit(" | ").next().expect("a command").trim();
                assert!(command.starts_with(&format!("{start} ")), "{line:?}: {example}");
            }
        }
    }
}

#[test]
fn help_and_settings_can_be_asked_for_one_thing() {
    for subject in SUBJECTS.iter() {
        assert_eq!(subject.said(&["help"]), subject.said(&["--help"]));
        for verb in subject.verbs() {
            assert_eq!(subject.said(&["help", &verb]), subject.said(&[&verb, "--help"]));
        }
        let all = subject.said(&["settings"]);
        let [first, second] = ["timeout", "max_output"].map(|key| subject.said(&["settings", key]));
        assert!(
            first.starts_with("timeout: ") && first.lines().count() == 2 && all.contains(&first),
            "{first}"
        );
        assert_eq!(subject.said(&["settings", "timeout", "--max-output"]), first + &second);
    }
    assert_eq!(VAULT.said(&["settings", "VAULT_ADDR"]), VAULT.said(&["settings", "address"]));
}

/// A step that was not reached is not a failure, because a reader would think that it was tried.
#[test]
fn doctor_tells_what_it_tried_from_what_it_skipped() {
    let address = format!("http://127.0.0.1:{}", port::free());
    let ids = ["doctor", "--json", "--address", &address, "a#k", "b#k"];
    for (line, skipped) in [(&ids[..4], 1), (&ids[..5], 2), (&ids[..], 2)] {
        let ended = Run::new(resolver::path(&VAULT.binary)).args(line).env("VAULT_TOKEN", "x").end();
        let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let steps = report["steps"].as_array().expect("steps");
        let with = |status: &str| steps.iter().filter(|step| step["status"] == status).collect::<Vec<_>>();
        let [failed] = with("failed")[..] else { panic!("{report:#}") };
        assert_eq!((failed["step"].as_str(), ended.code), (Some("connection"), Some(5)), "{report:#}");
        assert_eq!(failed["facts"].to_string().contains("tried 3 times"), line.len() > 4, "{report:#}");
        let skips = with("skipped");
        assert_eq!(skips.len(), skipped, "{report:#}");
        assert!(skips.iter().all(|step| step["micros"].is_null() && step["failure"].is_null()), "{report:#}");
    }
}

/// `doctor` hides private names, and none of its own words.
#[test]
fn doctor_does_not_hide_its_own_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("my corp folder");
    fs::create_dir(&inner).expect("a folder");
    let absent = inner.join("absent.toml");
    let absent = absent.to_str().expect("UTF-8");
    for (profile, words) in [
        (absent, "cannot be opened"),
        ("corp.toml", "--profile <profile> is neither a path nor a name"),
        ("corp.toml", "for a profile in ~/.config/secretref"),
    ] {
        let told = VAULT.run(&["--profile", profile, "doctor"]).stdout;
        assert!(told.contains(words) && !told.contains("corp"), "{told}");
    }
}

/// No text of a binary mentions a store that it does not read.
#[test]
fn no_resolver_mentions_another_store() {
    for subject in SUBJECTS.iter() {
        let of_verbs = subject.verbs().into_iter().map(|verb| vec![verb, "--help".to_owned()]);
        let pages = ["--help", "settings", "man", "man profile", "man protocol", "completions bash"];
        let pages = pages.map(|page| page.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for page in of_verbs.chain(pages) {
            let page: Vec<_> = page.iter().map(String::as_str).collect();
            let text = subject.said(&page).to_lowercase();
            for word in subject.store.manual.foreign {
                let line = text.lines().find(|line| line.contains(word));
                assert!(line.is_none(), "{} {page:?} speaks of {word}: {line:?}", subject.binary);
            }
        }
    }
}

/// An id that the example does not allow is refused, so the example could be read.
#[test]
fn the_example_of_the_manual_is_a_profile() {
    for subject in SUBJECTS.iter() {
        let manual = plain(&subject.said(&["man", "profile"]));
        let (_, example) = manual.split_once(".EX\n").expect("an example");
        let (example, _) = example.split_once("\n.EE").expect("its end");
        assert!(
            example.starts_with(&format!("#!/usr/local/bin/{} --profile\n", subject.binary)),
            "{example}"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let profile = folder.path().join("p.toml");
        fs::write(&profile, example).expect("a profile");
        fs::set_permissions(&profile, Permissions::from_mode(0o700)).expect("a mode");
        // The file of a credential that it names.
        for name in example.lines().filter_map(|line| line.split_once("_file = \"")?.1.strip_suffix('"')) {
            fs::write(folder.path().join(name), "x").expect("a credential");
        }
        let ended = subject.run(&["--profile", profile.to_str().expect("UTF-8"), "get", "else/where/x"]);
        assert!(
            ended.stderr.contains("(NOT_ALLOWED)"),
            "{}: `Store::profile` sets all that a resolve needs, and an `allow` that excludes else/where/x: {ended:?}",
            subject.binary
        );
        let name = subject.store.name;
        assert!(manual.contains(&format!("~/.config/secretref/{name}.toml doctor")), "{manual}");
    }
}

#[test]
fn the_front_page_leads_to_every_page() {
    let front = fs::read_to_string(resolver::repository().join("README.md")).expect("a page");
    let others = [SHELL, "docs/install.md", "docs/speed.md", "resolvers/vault/sign-in.md"];
    let others = others.into_iter().chain(["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]);
    for page in SUBJECTS.iter().map(|subject| subject.page.as_str()).chain(others) {
        assert!(front.contains(&format!("]({page})")), "README.md does not lead to {page}");
    }
}

#[test]
#[ignore = "needs groff: tests/run installs it"]
fn the_manual_pages_are_well_formed() {
    let pages = [&["man"][..], &["man", "profile"], &["man", "protocol"]];
    for (subject, page) in SUBJECTS.iter().flat_map(|subject| pages.map(|page| (subject, page))) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("page");
        let text = subject.said(page);
        let place = text.split('@').nth(1).filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
        assert!(place.is_none(), "{page:?} has a place that nothing was put into: {place:?}");
        fs::write(&file, &text).expect("a file");
        let groff = Command::new("groff").args(["-man", "-ww", "-Tutf8"]).arg(&file).output().expect("groff");
        let complaints = String::from_utf8_lossy(&groff.stderr);
        assert!(groff.status.success() && complaints.is_empty(), "{page:?}: {complaints}");
        let shown = String::from_utf8_lossy(&groff.stdout).into_owned();
        // A heading is bold: on some systems by escapes, on others by printing each letter twice.
        assert!(shown.contains("secretref") && shown.lines().count() > 60, "{page:?}: {shown}");
    }
}

/// The entries of a manual page that come from a table: each term with its text.
fn entries(page: &str) -> Vec<(String, String)> {
    let lines: Vec<_> = page.lines().collect();
    let terms = lines.windows(3).filter(|lines| lines[0] == ".TP");
    let terms =
        terms.filter_map(|lines| Some((lines[1].strip_prefix(".B \"")?.strip_suffix('"')?, lines[2])));
    terms.map(|(term, text)| (plain(term), plain(text))).collect()
}

fn terms(page: &str) -> Vec<String> {
    entries(page).into_iter().map(|(term, _)| term).collect()
}

/// A roff text, as it is displayed.
fn plain(text: &str) -> String {
    let marks = [("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ti", "~"), ("\\(dq", "\""), ("\\&", "")];
    marks.iter().fold(text.to_owned(), |text, (mark, character)| text.replace(mark, character))
}
