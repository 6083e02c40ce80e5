//! Entry points for the targets of `tests/fuzz`, which call pure functions of this crate with arbitrary bytes.

use secretref_protocol::net::{Address, Response};
use secretref_protocol::{Document, Failure, Field, Name, Store};

use crate::locator::{Defaults, Kv, Locator};
use crate::{read, server};

/// The store with its table of settings.
pub const STORE: Store = crate::settings::STORE;

/// Returns the request path and the field of `name`.
///
/// # Errors
/// `INVALID_ID` if no path can be made of the name.
pub fn locate(name: &Name, is_v1: bool) -> Result<(String, Field), Failure> {
    let (locator, field) = locator(name, kv(is_v1))?;
    Ok((locator.request_path(kv(is_v1)), field))
}

/// Interprets `response` as the answer to a read of `name`.
///
/// # Errors
/// What the server says instead of a secret, as a read of `name` would fail with it.
pub fn understand(response: &Response, name: &Name, is_v1: bool) -> Result<Document, Failure> {
    let address = Address::parse("address", "https://vault.example.com", false)?;
    let (locator, _) = locator(name, kv(is_v1))?;
    let understood = read::understand(response, &locator, kv(is_v1), &address);
    understood.unwrap_or_else(|| Err(server::state(response, None, &address)))
}

fn kv(is_v1: bool) -> Kv {
    if is_v1 { Kv::V1 } else { Kv::V2 }
}

fn locator(name: &Name, kv: Kv) -> Result<(Locator, Field), Failure> {
    Locator::from_name(name, &Defaults { kv: Some(kv), mount: "secret".to_owned(), namespace: None })
}
