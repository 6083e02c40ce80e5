//! The stores, a folder each. A new one is a module here, and a line in [`ALL`].

pub mod keychain;
pub mod vault;

use crate::store::Store;

/// Every store that has a resolver.
pub const ALL: &[&Store] = &[&keychain::STORE, &vault::STORE];
