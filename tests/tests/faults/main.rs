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
    let cases: Vec<Case> =
        [answers::cases(), refusals::cases(), connections::cases(), streams::cases()].concat();
    let mut trials = Vec::new();
    for (store, subject) in stores::ALL.iter().filter_map(|store| Some((store.name, store.faults.ok()?))) {
        for other in subject.others {
            assert!(cases.iter().any(|case| case.sentence == other.sentence), "no case: {}", other.sentence);
        }
        let in_batches = subject.batch.map(|id| (format!("{store} in batches"), Subject { id, ..subject }));
        let alone = (store.to_owned(), Subject { batch: None, ..subject });
        for (name, subject) in std::iter::once(alone).chain(in_batches) {
            trials.extend(
                cases
                    .iter()
                    .map(|case| case.of(&subject))
                    .filter(|case| !case.outcome.is_empty())
                    .flat_map(|case| self::trials(&name, subject, &case)),
            );
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// The case over each of its transports.
fn trials(store: &str, subject: Subject, case: &Case) -> Vec<Trial> {
    let trial = |wire| {
        let case = case.clone();
        let name = format!("{store}, {wire}: {}", case.sentence);
        Trial::test(name, move || judge::run(&subject, &case, wire).map_err(Into::into))
    };
    let is_clear = |wire| case.in_clear || wire == case::Wire::Clear;
    let can_have = |wire: &case::Wire| subject.in_clear || !is_clear(*wire);
    case.wires.iter().copied().filter(can_have).map(trial).collect()
}
