//! The files that CONTRIBUTING.md and clippy.toml name exist, and the code map names every file of the protocol crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use secretref_tests::page::Page;
use secretref_tests::resolver::repository;

#[test]
fn every_path_of_the_code_map_exists() {
    let mut folder = String::new();
    for (line, is_below) in lines() {
        let paths = line.split_whitespace().take_while(|word| word.contains('/')).collect::<Vec<_>>();
        if !is_below {
            folder = paths.first().expect("a folder").replace("NAME", "vault");
        }
        for path in paths {
            let path =
                if is_below { format!("{folder}{path}") } else { folder.clone() }.replace("NAME", "vault");
            assert!(repository().join(&path).exists(), "CONTRIBUTING.md names {path}, which does not exist");
        }
    }
}

#[test]
fn the_code_map_has_every_file_of_the_protocol() {
    // These two only say how the crate is put together.
    let left_out = ["lib.rs", "fuzz.rs"];
    let map: BTreeSet<_> = lines().iter().flat_map(|(line, _)| words(line)).collect();
    for entry in fs::read_dir(repository().join("protocol/src")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let is_named = map.contains(&format!("src/{name}")) || map.contains(&format!("src/{name}/"));
        assert!(
            is_named || left_out.contains(&name.as_str()),
            "CONTRIBUTING.md does not name protocol/src/{name}"
        );
    }
}

#[test]
fn clippy_names_files_that_exist() {
    let text = fs::read_to_string(repository().join("clippy.toml")).expect("clippy.toml");
    for word in text.split(|c: char| c.is_whitespace() || "\",;:".contains(c)).filter(|word| is_source(word))
    {
        let path = if word.contains('/') { word.to_owned() } else { format!("protocol/src/{word}") };
        assert!(repository().join(&path).exists(), "clippy.toml names {word}, which does not exist");
    }
}

/// The lines of the code map, and whether each is below the folder of an earlier one.
fn lines() -> Vec<(String, bool)> {
    let map = Page::read("CONTRIBUTING.md").block("Code map", "text");
    let lines = map.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| (line.to_owned(), line.starts_with(' '))).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn is_source(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|end| end == "rs")
}
