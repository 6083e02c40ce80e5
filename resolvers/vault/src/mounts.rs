//! Which version of the key-value engine is mounted where; asked only after a read at version 2 failed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use http::{HeaderValue, StatusCode};
use secretref_protocol::net::Ask;
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::locator::{Kv, Mount};
use crate::server::{Server, envelope};

/// What is known of the mounts so far, by the mount and its namespace.
#[derive(Default)]
pub(crate) struct Mounts(RefCell<HashMap<String, Rc<OnceCell<Option<Kv>>>>>);

impl Mounts {
    /// The version of the engine that is mounted there; `None` where it is no key-value engine, or the token may know
    /// nothing of it.
    pub(crate) async fn kv(&self, server: &Server, token: Option<&HeaderValue>, mount: &Mount) -> Option<Kv> {
        let known = Rc::clone(self.0.borrow_mut().entry(mount.to_string()).or_default());
        *known.get_or_init(|| ask(server, token, mount)).await
    }
}

/// Open to every token that may do anything in the mount.
/// <https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts>
#[derive(Deserialize)]
struct Mounted {
    path: String,
    #[serde(rename = "type")]
    engine: String,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    version: Option<String>,
}

async fn ask(server: &Server, token: Option<&HeaderValue>, mount: &Mount) -> Option<Kv> {
    let reply =
        server.ask_in(mount.namespace.as_deref(), Ask::get(mount.request_path()), token).await.ok()?;
    let data = envelope(&reply).filter(|_| reply.status == StatusCode::OK)?.data?;
    let mounted: Mounted = serde_json::from_str(data.get()).ok()?;
    // What is asked about may be a path within the mount of something else, which is no place for secrets.
    let is_it = mounted.path == format!("{}/", mount.path) && mounted.engine == "kv";
    match mounted.options.and_then(|options| options.version).as_deref() {
        _ if !is_it => None,
        Some("2") => Some(Kv::V2),
        _ => Some(Kv::V1),
    }
}
