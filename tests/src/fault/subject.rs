//! The resolver that the faults are tried on.

use std::path::Path;

use super::{CANARY, Handler};
use crate::resolver::Run;

/// A resolver, and a server that answers as its store does if nothing is wrong.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Returns a handler that answers as the store does. The value of the secret NAME is [`value`]`(NAME)`.
    pub handler: fn() -> Handler,
    /// The id of the secret `name`, which is read by a request of its own.
    pub id: fn(name: &str) -> String,
    /// The id of the secret `name`, which is read together with others, so that they can share a fault.
    pub batch: Option<fn(name: &str) -> String>,
    /// Cases that end otherwise in this store.
    pub others: &'static [Other],
    /// Whether it sends a credential without TLS at all, even to this machine.
    pub in_clear: bool,
    /// Runs the resolver against a URL, with a credential that contains [`CANARY`]. `ca` is the certificate of the server's
    /// authority.
    pub run: fn(url: &str, ca: &Path) -> Run,
}

/// How a case of faults ends in a store that differs from the others.
#[derive(Debug, Clone, Copy)]
pub struct Other {
    /// The sentence of the case.
    pub sentence: &'static str,
    /// `value`, or a code; empty if the case is not run.
    pub outcome: &'static str,
    /// What the message says.
    pub words: &'static str,
    /// How often the secret is asked for; `None` if that does not matter.
    pub tries: Option<usize>,
}

/// The value of a secret.
pub fn value(name: &str) -> String {
    format!("{CANARY}-value-of-{name}")
}
