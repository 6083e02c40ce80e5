//! A resolver that is put to the faults.

use std::path::Path;

use super::{CANARY, Handler};
use crate::resolver::Run;

/// A resolver, and a store that it could read from.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Answers as the store does; every secret NAME has the value [`value`]`(NAME)`.
    pub handler: fn() -> Handler,
    /// The id of a secret.
    pub id: fn(name: &str) -> String,
    /// Runs the resolver with a credential that has [`CANARY`] in it, against a URL that has a certificate of this
    /// authority.
    pub run: fn(url: &str, ca: &Path) -> Run,
}

/// The value of a secret.
pub fn value(name: &str) -> String {
    format!("{CANARY}-value-of-{name}")
}
