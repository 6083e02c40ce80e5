//! Entry points for the targets of `tests/fuzz`, which feed answers of a vault and of Entra to this crate.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{AsyncRawResponse, HttpClient};
use azure_core::time::OffsetDateTime;
use futures_util::FutureExt as _;
use secretref_protocol::net::Response;
use secretref_protocol::{Allow, Document, Failure, Field, Name, Run, Secret, Store};

use crate::auth::{Identity, token_in};
use crate::client::{answered, over};
use crate::cloud::Cloud;
use crate::locator::{Defaults, Locator};
use crate::read::{OutsideWindow, ask};
use crate::session::Caller;
use crate::vault::Vault;

/// The store with its table of settings.
pub const STORE: Store = crate::settings::STORE;

/// Returns vault and name of the secret that `name` leads to, and its field.
///
/// # Errors
/// `INVALID_ID` or `NOT_ALLOWED` if it leads to none.
pub fn locate(name: &Name) -> Result<(String, Field), Failure> {
    let (locator, field) = locator(name)?;
    Ok((locator.to_string(), field))
}

/// Interprets `response` as the answer to a read of `name`.
///
/// # Errors
/// What the vault says instead of a secret, as a read of `name` would fail with it.
pub fn understand(response: Response, name: &Name) -> Result<Document, Failure> {
    let (locator, _) = locator(name)?;
    let token = Secret::new("a.b.c".to_owned());
    let canned = Canned(Mutex::new(Some(response)));
    let vault = over(&locator.vault, Arc::new(canned), &token)?;
    let (identity, run) = (Identity::unknown(&token), Run::new(Instant::now()));
    let caller = Caller { identity: &identity, is_cached: false, run: &run };
    let answer = ask(&vault, &locator, &caller).now_or_never();
    let answer = answer.unwrap_or_else(|| Err(Failure::internal("a read that waits")))?;
    answer.document(OutsideWindow::Error, OffsetDateTime::UNIX_EPOCH, &locator.vault)
}

/// Whether an answer of Entra has a token.
#[must_use]
pub fn has_token(body: &[u8]) -> bool {
    token_in(body, Duration::ZERO).is_some()
}

fn locator(name: &Name) -> Result<(Locator, Field), Failure> {
    let cloud = Cloud::public();
    let vault = Vault::parse("my-vault", cloud).map_err(|wrong| wrong.of_id())?;
    let allow = Allow::new(["**", "other/**"].map(str::to_owned).into());
    Locator::from_name(name, &Defaults { vault: Some(vault), cloud, allow })
}

/// Gives one response.
struct Canned(Mutex<Option<Response>>);

#[async_trait]
impl HttpClient for Canned {
    async fn execute_request(&self, _: &azure_core::http::Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.0.lock().ok().and_then(|mut response| response.take());
        response.map(answered).ok_or_else(|| Error::with_message(ErrorKind::Other, "asked twice"))
    }
}

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}
