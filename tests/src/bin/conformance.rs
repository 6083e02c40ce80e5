//! Runs the cases that every resolver must pass against any resolver, given by its path.
//!
//! ```text
//! conformance --store              prints what the store must hold first: secrets by name, as JSON
//! conformance RESOLVER [ARG…]      runs the cases; the arguments go before each case's own
//! ```

use std::collections::BTreeMap;
use std::process::ExitCode;

use secretref_tests::resolver::Run;
use secretref_tests::transcript::{self, Case};

const USAGE: &str = "usage: conformance --store | conformance RESOLVER [ARG...]
  --store   print what the store must hold first: secrets by name, each a JSON object of fields
  RESOLVER  run the cases against this program; the arguments go before each case's own";

fn main() -> ExitCode {
    let cases = transcript::every();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--store") => {
            println!("{}", serde_json::to_string_pretty(&store(&cases)).expect("JSON"));
            ExitCode::SUCCESS
        }
        Some(path) if !path.starts_with('-') => run(&cases, path, &arguments[1..]),
        Some("--help" | "-h") => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            println!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The secrets of all cases. Two cases must not need different secrets with one name.
fn store(cases: &[Case]) -> BTreeMap<&str, serde_json::Value> {
    let mut secrets = BTreeMap::new();
    for (name, versions) in cases.iter().flat_map(|case| &case.store) {
        let [text] = versions.texts() else { panic!("{name} has versions, which not every store has") };
        let value = serde_json::from_str(text).expect("JSON in the store");
        let before = secrets.insert(name.as_str(), value);
        assert!(
            before.is_none_or(|before| before == secrets[name.as_str()]),
            "two secrets are called {name}"
        );
    }
    secrets
}

fn run(cases: &[Case], path: &str, arguments: &[String]) -> ExitCode {
    let mut failed = 0;
    for case in cases {
        let ended = Run::new(path).args(arguments).args(&case.args).stdin(case.request()).end();
        match case.judge(&ended, str::to_owned, &case.secrets()) {
            Ok(()) => println!("ok      {}", case.sentence),
            Err(why) => {
                failed += 1;
                println!("FAILED  {}\n{why}", case.sentence);
            }
        }
    }
    println!("{} passed, {failed} failed", cases.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}
