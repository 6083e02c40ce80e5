//! Every fault that a store, or a proxy in front of it, can have: over each transport, against each resolver.
//!
//! Whatever the fault, there is one response with one outcome for each id, before the deadline; an id that the fault does
//! not hit has its value; and nothing that the server said appears anywhere else.

mod answers;
mod case;
mod connections;
mod judge;
mod refusals;
mod streams;

use libtest_mimic::{Arguments, Trial};

use case::Case;
use secretref_tests::fault::Subject;
use secretref_tests::stores;

fn main() {
    let subjects = stores::ALL.iter().filter_map(|store| Some((store.name, store.faults.ok()?)));
    let trials = subjects.flat_map(|(store, subject)| {
        let cases = [answers::cases(), refusals::cases(), connections::cases(), streams::cases()]
            .into_iter()
            .flatten();
        cases.flat_map(move |case| trials(store, subject, &case))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

/// The case over each of its transports.
fn trials(store: &str, subject: Subject, case: &Case) -> Vec<Trial> {
    let trial = |wire| {
        let case = case.clone();
        let name = format!("{store}, {wire}: {}", case.sentence);
        Trial::test(name, move || judge::run(&subject, &case, wire).map_err(Into::into))
    };
    case.wires.iter().copied().map(trial).collect()
}
