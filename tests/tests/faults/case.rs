//! What a case says.

use std::fmt;

use secretref_tests::fault::{Act, Asked, Server, Setup};

/// What the requests go over.
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

/// Whom a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    /// The secret `bad`, which is asked for by itself and among others that are to keep their values.
    One,
    /// Everybody; two secrets are asked for, and one alone.
    All,
    /// Some of so many, all of which are to have their outcome.
    Some(usize),
}

/// A fault, and what comes of it.
#[derive(Clone)]
pub struct Case {
    /// What holds, in a sentence.
    pub sentence: &'static str,
    pub wires: &'static [Wire],
    pub hits: Hits,
    /// What becomes of the answers that the fault hits.
    pub fault: fn(Act, &Asked) -> Act,
    /// How the server meets its connections.
    pub setup: fn(Setup, Wire) -> Setup,
    /// How the resolver finds the server.
    pub url: fn(&Server) -> String,
    /// What those that are hit come to: `value`, or a code.
    pub outcome: &'static str,
    /// What the message says.
    pub words: &'static str,
    /// How often `bad` is asked for where it is asked for alone.
    pub tries: Option<usize>,
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
            timeout: 3000,
        }
    }

    /// A fault of the connections.
    pub fn all(sentence: &'static str, outcome: &'static str, setup: fn(Setup, Wire) -> Setup) -> Self {
        Self { hits: Hits::All, setup, ..Self::one(sentence, outcome, |act, _| act) }
    }

    /// A fault among so many requests, which costs none of them its value.
    pub fn some(sentence: &'static str, count: usize, fault: fn(Act, &Asked) -> Act) -> Self {
        Self {
            hits: Hits::Some(count),
            wires: &[Wire::H2],
            timeout: 10_000,
            ..Self::one(sentence, "value", fault)
        }
    }

    pub fn over(self, wires: &'static [Wire]) -> Self {
        Self { wires, ..self }
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
