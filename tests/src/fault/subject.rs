//! The resolver that the faults are tried on.

use std::path::Path;

use super::{CANARY, Handler};
use crate::resolver::Run;

/// A resolver, and a server that answers as its store does if nothing is wrong.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Returns a handler that answers as the store does. The value of the secret NAME is [`value`]`(NAME)`.
    pub handler: fn() -> Handler,
    /// The id of the secret `name`.
    pub id: fn(name: &str) -> String,
    /// Runs the resolver against a URL, with a credential that contains [`CANARY`]. `ca` is the certificate of the server's
    /// authority.
    pub run: fn(url: &str, ca: &Path) -> Run,
}

/// The value of a secret.
pub fn value(name: &str) -> String {
    format!("{CANARY}-value-of-{name}")
}
