//! Doors for the targets of `tests/fuzz`, which feed what is pure in here with bytes of their own.

use secretref_protocol::net::{Address, Reply};
use secretref_protocol::{Document, Failure, Field, Name, Store};

use crate::locator::{Defaults, Kv, Locator};
use crate::read;

/// The store with its table of settings.
pub const STORE: Store = crate::settings::STORE;

/// The path that `name` is read at, and the field of it.
pub fn locate(name: &Name, is_v1: bool) -> Result<(String, Field), Failure> {
    let (locator, field) = locator(name, is_v1)?;
    Ok((locator.request_path(), field))
}

/// What `reply` means to a read of `name`.
pub fn understand(reply: &Reply, name: &Name, is_v1: bool) -> Result<Document, Failure> {
    let address = Address::parse("address", "https://vault.example.com", false)?;
    read::understand(reply, &locator(name, is_v1)?.0, &address)
}

fn locator(name: &Name, is_v1: bool) -> Result<(Locator, Field), Failure> {
    let kv = if is_v1 { Kv::V1 } else { Kv::V2 };
    Locator::of(name, &Defaults { kv, mount: "secret".to_owned(), namespace: None })
}
