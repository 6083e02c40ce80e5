//! Finds the stores of the kit for `src/stores/mod.rs`: each folder of `resolvers/` that has a folder in `src/stores/`.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    // A new resolver changes the lock file; a file that is missing is looked for in every build.
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("the folder of the kit");
    let (mut modules, mut stores) = (String::new(), String::new());
    for name in resolvers() {
        println!("cargo::rerun-if-changed=src/stores/{name}/mod.rs");
        let (path, module) = (format!("{here}/src/stores/{name}/mod.rs"), name.replace('-', "_"));
        if Path::new(&path).exists() {
            writeln!(modules, "#[path = {path:?}]\npub mod {module};").expect("a line");
            write!(stores, "&{module}::STORE, ").expect("a line");
        }
    }
    let list = format!(
        "{modules}/// Every store, in the order of their names.\npub const ALL: &[&Store] = &[{stores}];\n"
    );
    let folder = std::env::var("OUT_DIR").expect("a folder for what is made");
    std::fs::write(Path::new(&folder).join("stores.rs"), list).expect("the list of the stores");
}

/// The names of the folders in `resolvers/`, sorted.
fn resolvers() -> Vec<String> {
    let folders = std::fs::read_dir("../resolvers").expect("a folder").map(|entry| entry.expect("an entry"));
    let folders = folders.filter(|entry| entry.path().join("src/main.rs").exists());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}
