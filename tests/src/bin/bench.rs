//! Runs the benchmark of one store. `tests/bench` builds what it needs, and runs it for each store.
//!
//! `bench STORE FILE [ROUNDS]` prints a table, and writes the same to the file as JSON.

use secretref_tests::stores;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, file, rounds @ ..] = &arguments[..] else { panic!("usage: bench STORE FILE [ROUNDS]") };
    let rounds = rounds.first().map_or(40, |text| text.parse().expect("a number of rounds"));
    let store = stores::ALL.iter().find(|store| store.name == name);
    let store = store.unwrap_or_else(|| panic!("tests/src/stores has no folder {name}"));
    let report = (store.bench)(rounds);
    report.print();
    let json = serde_json::to_string_pretty(&report).expect("JSON");
    std::fs::write(file, json + "\n").expect("the JSON file");
}
