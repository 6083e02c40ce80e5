//! Every resolver has all that a store of this family has. What one lacks is named.

use std::collections::BTreeSet;
use std::path::Path;

use secretref_tests::page::Page;
use secretref_tests::resolver::repository;
use secretref_tests::stores;

#[test]
fn every_resolver_has_a_folder_in_the_kit() {
    let names: BTreeSet<_> = stores::ALL.iter().map(|store| store.name.to_owned()).collect();
    // A folder without a program only has libraries in it.
    let mut programs = folders("resolvers");
    programs.retain(|name| is_file(&format!("resolvers/{name}/src/main.rs")));
    assert_eq!(
        names, programs,
        "each folder of resolvers/ has one in tests/src/stores/, with a STORE of the same name"
    );
    assert_eq!(
        names,
        folders("tests/src/stores"),
        "each folder of tests/src/stores/ has one in resolvers/, with a src/main.rs"
    );
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
        needs(
            store.faults.as_ref().err().is_none_or(|why| why.contains("tests/")),
            "no tests of faults".to_owned(),
        );
        for heading in ["Ids", "Settings", "When something fails"] {
            let has = is_file(&store.page()) && !Page::read(&store.page()).text(heading).is_empty();
            needs(has, format!("no heading {heading:?} on its page"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

fn folders(parent: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository().join(parent)).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_dir());
    entries.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect()
}

fn is_empty(folder: &str) -> bool {
    std::fs::read_dir(repository().join(folder)).map_or(true, |mut entries| entries.next().is_none())
}

fn is_file(path: &str) -> bool {
    repository().join(Path::new(path)).is_file()
}
