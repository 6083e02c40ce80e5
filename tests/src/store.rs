//! The description of a store, which every suite needs to run for it.
//!
//! A store is a folder in `stores/` with a constant [`Store`]. The suites walk [`crate::stores::ALL`]. If a store lacks
//! something, such as a folder in the kit, a transcript or a page, `tests/tests/stores.rs` fails and names it.

use std::path::Path;

use crate::bench::Report;
use crate::fault::Subject;
use crate::resolver::{self, Run};
use crate::transcript::{Case, Only};

/// A store, and how each suite runs its resolver.
pub struct Store {
    /// The name of its folder in `resolvers/`. The binary is `secretref-NAME`.
    pub name: &'static str,
    /// The servers for transcripts: those of every resolver (`tests/transcripts/`), and those in the store's own folder.
    pub servers: &'static [Server],
    /// The resolver and the server for the faults over HTTP; for a store that is not reached over HTTP, a sentence with the
    /// files of the tests that replace them.
    pub faults: Result<Subject, &'static str>,
    /// The limits for the instructions of its runs.
    pub budget: Budget,
    /// Measures its resolver and other programs that read the store, in this many rounds.
    pub bench: fn(rounds: usize) -> Report,
    /// The facts that its help and pages are compared with.
    pub manual: Manual,
}

impl Store {
    /// The name of its binary.
    pub fn binary(&self) -> String {
        format!("secretref-{}", self.name)
    }

    /// A run of its resolver, which is built first if needed.
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

/// A server that transcripts are run on.
pub struct Server {
    /// Its name in the names of tests.
    pub name: &'static str,
    /// The kit's own, which is always there, or the real one, which `tests/run` installs.
    pub kind: Only,
    /// Starts it. It ends when the value is dropped.
    pub start: fn() -> Box<dyn Holds + Send>,
}

/// A started server that stores the secrets of cases.
pub trait Holds {
    /// Stores the secrets of a case in `room`: a mount, folder or prefix of this name, which only this case uses.
    fn put(&mut self, case: &Case, room: &str) -> Prepared;
}

/// How a resolver is run on a case.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The lines of the profile with which the resolver finds the case's secrets.
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
    /// Creates 100 secrets with the values `value-0` to `value-99`. The folder is for files that they need.
    pub start: fn(&Path) -> Box<dyn Counted>,
}

/// The limit for one kind of run.
pub struct Cost {
    /// What the run does, for the printed table.
    pub sentence: &'static str,
    /// A word for [`Counted::profile`] that chooses the lines of the profile; or the arguments of a run without a profile.
    pub way: Result<&'static str, &'static [&'static str]>,
    /// The number of ids in the request.
    pub ids: usize,
    /// Its thousands of instructions when the budget was last set.
    pub thousands: u64,
}

/// The secrets for the runs that are counted.
pub trait Counted {
    /// The lines of the profile for a [`Cost::way`].
    fn profile(&self, way: &str) -> String;

    /// The id of the secret with this number.
    fn id(&self, number: usize) -> String;
}

/// The facts that the help and the pages of a store are compared with.
pub struct Manual {
    /// The error codes that this store never returns: its page must have all others. `None` if the page only has some.
    pub never: Option<&'static [&'static str]>,
    /// Mistyped arguments, each with the suggestion that stderr must contain.
    pub slips: &'static [(&'static [&'static str], &'static str)],
    /// Words of other stores, which must not occur in its help.
    pub foreign: &'static [&'static str],
}
