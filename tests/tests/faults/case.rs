//! A case.

use std::fmt;

use secretref_tests::fault::{Act, Asked, Server, Setup, Subject};

/// The transport of the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Clear,
    H1,
    H2,
}

pub const EVERY: &[Wire] = &[Wire::Clear, Wire::H1, Wire::H2];
pub const TEXT: &[Wire] = &[Wire::Clear, Wire::H1];
pub const TLS: &[Wire] = &[Wire::H1, Wire::H2];

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear => "http",
            Self::H1 => "https",
            Self::H2 => "h2",
        })
    }
}

/// The requests that a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    /// That for the secret `bad`: it is requested alone, and among others, which must keep their values.
    One,
    /// All: two secrets are requested, then one alone.
    All,
    /// Some of this many. All must have their outcome.
    Some(usize),
}

/// A fault, and the expected result.
#[derive(Clone)]
pub struct Case {
    /// The behaviour, in a sentence.
    pub sentence: &'static str,
    pub wires: &'static [Wire],
    pub hits: Hits,
    /// The script for the responses that the fault hits.
    pub fault: fn(Act, &Asked) -> Act,
    /// How the server treats its connections.
    pub setup: fn(Setup, Wire) -> Setup,
    /// How the resolver finds the server.
    pub url: fn(&Server) -> String,
    /// The outcome of the requests that are hit: `value`, or an error code.
    pub outcome: &'static str,
    /// Words of the message.
    pub words: &'static str,
    /// The number of requests for `bad` if it is requested alone.
    pub tries: Option<usize>,
    /// Whether it needs a resolver that sends a credential without TLS.
    pub in_clear: bool,
    /// The deadline, in milliseconds.
    pub timeout: u64,
}

impl Case {
    /// A fault of the answer to one secret.
    pub fn one(sentence: &'static str, outcome: &'static str, fault: fn(Act, &Asked) -> Act) -> Self {
        Self {
            sentence,
            wires: EVERY,
            hits: Hits::One,
            fault,
            setup: |setup, _| setup,
            url: Server::url,
            outcome,
            words: "",
            tries: None,
            in_clear: false,
            timeout: 3000,
        }
    }

    /// A fault of the connections.
    pub fn all(sentence: &'static str, outcome: &'static str, setup: fn(Setup, Wire) -> Setup) -> Self {
        Self { hits: Hits::All, setup, ..Self::one(sentence, outcome, |act, _| act) }
    }

    /// A fault among this many requests, all of which still get their values.
    pub fn some(sentence: &'static str, count: usize, fault: fn(Act, &Asked) -> Act) -> Self {
        Self {
            hits: Hits::Some(count),
            wires: &[Wire::H2],
            timeout: 10_000,
            ..Self::one(sentence, "value", fault)
        }
    }

    /// The same as it ends in a store.
    pub fn of(&self, subject: &Subject) -> Self {
        match subject.others.iter().find(|other| other.sentence == self.sentence) {
            None => self.clone(),
            Some(other) => {
                let (outcome, words, tries) = (other.outcome, other.words, other.tries);
                Self { outcome, words, tries, ..self.clone() }
            }
        }
    }

    pub fn over(self, wires: &'static [Wire]) -> Self {
        Self { wires, ..self }
    }

    pub fn in_clear(self) -> Self {
        Self { in_clear: true, ..self }
    }

    pub fn says(self, words: &'static str) -> Self {
        Self { words, ..self }
    }

    pub fn tried(self, tries: usize) -> Self {
        Self { tries: Some(tries), ..self }
    }

    pub fn within(self, timeout: u64) -> Self {
        Self { timeout, ..self }
    }

    pub fn setup(self, setup: fn(Setup, Wire) -> Setup) -> Self {
        Self { setup, ..self }
    }

    pub fn at(self, url: fn(&Server) -> String) -> Self {
        Self { url, ..self }
    }
}
