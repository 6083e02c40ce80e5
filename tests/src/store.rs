//! What the kit must know of a store, so that every suite runs for it.
//!
//! A store is a folder in `stores/` that fills in a [`Store`]. The suites walk [`crate::stores::ALL`]. What a store does not
//! have, such as a folder in the kit, a transcript or a page, `tests/tests/stores.rs` names.

use std::path::Path;

use crate::bench::Report;
use crate::fault::Subject;
use crate::resolver::{self, Run};
use crate::transcript::{Case, Only};

/// A store, and how each suite runs its resolver.
pub struct Store {
    /// The name of its folder in `resolvers/`. The binary is `secretref-NAME`.
    pub name: &'static str,
    /// Where the cases of every resolver, `tests/transcripts/`, and those in the store's own folder are run.
    pub servers: &'static [Server],
    /// How it meets the faults of a server; for a store that is not reached over HTTP, what tests its faults instead.
    pub faults: Result<Subject, &'static str>,
    /// The instructions that its runs may take.
    pub budget: Budget,
    /// Measures its resolver and other ways to read the store, in this many rounds.
    pub bench: fn(rounds: usize) -> Report,
    /// What its help and pages are compared with.
    pub manual: Manual,
}

impl Store {
    /// The name of its binary.
    pub fn binary(&self) -> String {
        format!("secretref-{}", self.name)
    }

    /// A run of its resolver, built as the tests want it.
    pub fn run(&self) -> Run {
        Run::new(resolver::path(&self.binary()))
    }

    /// The folder of its own cases, from the root of the repository.
    pub fn transcripts(&self) -> String {
        format!("tests/src/stores/{}/transcripts", self.name)
    }

    /// Its page, from the root of the repository.
    pub fn page(&self) -> String {
        format!("resolvers/{}/README.md", self.name)
    }
}

/// A place where transcripts are run.
pub struct Server {
    /// What it is called in the names of tests.
    pub name: &'static str,
    /// Whether it is the kit's own, which is always there, or the real one, which `tests/run` installs.
    pub kind: Only,
    /// Starts it. It ends when the value is dropped.
    pub start: fn() -> Box<dyn Holds + Send>,
}

/// A started server that holds what cases need.
pub trait Holds {
    /// Stores what the case says where no other case looks: in `room`, which no other case is given.
    fn put(&mut self, case: &Case, room: &str) -> Prepared;
}

/// How a resolver is run on a case.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The lines of the profile that lead to the case's secrets.
    pub profile: String,
    /// The texts for the `{words}` of a case.
    pub words: Vec<(String, String)>,
    /// Credentials of the run, which must not be printed.
    pub credentials: Vec<String>,
}

impl Prepared {
    /// A text of a case with its `{words}` filled in.
    pub fn fill(&self, text: &str) -> String {
        self.words
            .iter()
            .fold(text.to_owned(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value))
    }
}

/// The instructions that the runs of a store may take.
pub struct Budget {
    /// Each kind of run.
    pub costs: &'static [Cost],
    /// Makes the secrets, in or for this folder: for each number below 100 one with the value `value-NUMBER`.
    pub start: fn(&Path) -> Box<dyn Counted>,
}

/// What one kind of run may cost.
pub struct Cost {
    /// What it does, for a person.
    pub sentence: &'static str,
    /// What leads to the secrets, as [`Counted::profile`] knows it; the arguments themselves where there is no profile.
    pub way: Result<&'static str, &'static [&'static str]>,
    /// How many ids it asks for.
    pub ids: usize,
    /// What it took when the budget was last set, in thousands of instructions.
    pub thousands: u64,
}

/// A place whose runs are counted.
pub trait Counted {
    /// The lines of the profile that goes this way.
    fn profile(&self, way: &str) -> String;

    /// The id of the secret with this number.
    fn id(&self, number: usize) -> String;
}

/// What help and pages of a store are compared with.
pub struct Manual {
    /// Codes of the protocol's manual that this store never gives; `None` where its page has some of them as examples.
    pub never: Option<&'static [&'static str]>,
    /// Mistyped arguments, and what was meant.
    pub slips: &'static [(&'static [&'static str], &'static str)],
    /// Words of other stores, which its help must not have.
    pub foreign: &'static [&'static str],
}
