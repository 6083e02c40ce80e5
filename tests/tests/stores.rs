//! Every resolver has all parts of a store in this repository. A missing part is named.

use std::collections::BTreeSet;
use std::path::Path;

use secretref_tests::page::Page;
use secretref_tests::resolver::repository;
use secretref_tests::stores;

#[test]
fn every_resolver_has_a_folder_in_the_kit() {
    let names: BTreeSet<_> = stores::ALL.iter().map(|store| store.name.to_owned()).collect();
    // A folder without a program only has libraries in it.
    let programs = folders("resolvers", "src/main.rs");
    for name in &programs {
        assert!(names.contains(name), "{name}: no tests/src/stores/{name}/mod.rs with a STORE of this name");
    }
    for name in names.union(&folders("tests/src/stores", "")) {
        assert!(programs.contains(name), "{name}: no resolvers/{name}/src/main.rs");
    }
}

#[test]
fn no_store_lacks_what_the_others_have() {
    let front_page = std::fs::read_to_string(repository().join("README.md")).expect("the front page");
    let mut missing = Vec::new();
    for store in stores::ALL {
        let name = store.name;
        let mut needs = |is_there: bool, what: String| {
            if !is_there {
                missing.push(format!("{name}: {what}"));
            }
        };
        needs(is_file(&store.page()), format!("no page {}", store.page()));
        needs(!is_empty(&store.transcripts()), format!("no transcript in {}", store.transcripts()));
        needs(
            front_page.contains(&format!("]({})", store.page()))
                && front_page.contains(&format!("`{}`", store.binary())),
            "no line in the table of the front page".to_owned(),
        );
        needs(!store.servers.is_empty(), "no server to run transcripts on".to_owned());
        needs(store.budget.costs.iter().any(|cost| cost.way.is_ok()), "no budget of a resolve".to_owned());
        needs(!store.manual.slips.is_empty(), "no mistyped commands in its manual".to_owned());
        if let Err(instead) = store.faults {
            needs(names_files(instead), format!("`faults` names no file of tests that exists: {instead}"));
        }
        for heading in ["Ids", "Settings", "When something fails"] {
            let has = is_file(&store.page()) && !Page::read(&store.page()).text(heading).is_empty();
            needs(has, format!("no heading {heading:?} on its page"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The folders of `parent` that have this file or folder in them.
fn folders(parent: &str, inside: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository().join(parent)).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry"));
    let entries = entries.filter(|entry| entry.path().is_dir() && entry.path().join(inside).exists());
    entries.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect()
}

/// Whether a text names files of tests, and all of them exist.
fn names_files(text: &str) -> bool {
    let mut names = text.split([' ', ',', ';']).filter(|word| word.starts_with("tests/")).peekable();
    names.peek().is_some() && names.all(is_file)
}

fn is_empty(folder: &str) -> bool {
    std::fs::read_dir(repository().join(folder)).map_or(true, |mut entries| entries.next().is_none())
}

fn is_file(path: &str) -> bool {
    repository().join(Path::new(path)).is_file()
}
