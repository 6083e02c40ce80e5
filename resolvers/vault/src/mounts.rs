//! Which version of the key-value engine is mounted where; asked only after a read at version 2 failed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::locator::{Kv, Locator};
use crate::server::{Server, envelope};

/// What is known of the mounts so far, by the mount and its namespace.
#[derive(Default)]
pub(crate) struct Mounts(RefCell<HashMap<String, Rc<OnceCell<Option<Kv>>>>>);

impl Mounts {
    /// The version of the engine that a locator leads to; `None` where it is no key-value engine, or the token may
    /// know nothing of it.
    pub(crate) async fn kv(
        &self,
        server: &Server,
        token: Option<&HeaderValue>,
        locator: &Locator,
    ) -> Option<Kv> {
        let known = Rc::clone(self.0.borrow_mut().entry(locator.mount_in_namespace()).or_default());
        *known.get_or_init(|| ask(server, token, locator)).await
    }
}

/// Open to every token that may do anything in the mount.
/// <https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts>
#[derive(Deserialize)]
struct Mount {
    path: String,
    #[serde(rename = "type")]
    engine: String,
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    version: Option<String>,
}

async fn ask(server: &Server, token: Option<&HeaderValue>, locator: &Locator) -> Option<Kv> {
    let path = locator.mount_request_path();
    let reply = server.get_in(locator.namespace.as_deref(), path, token).await.ok()?;
    let data = envelope(&reply).filter(|_| reply.status == StatusCode::OK)?.data?;
    let mount: Mount = serde_json::from_str(data.get()).ok()?;
    // What is asked about may be a path within the mount of something else, which is no place for secrets.
    let is_it = mount.path == format!("{}/", locator.mount) && mount.engine == "kv";
    match mount.options.and_then(|options| options.version).as_deref() {
        _ if !is_it => None,
        Some("2") => Some(Kv::V2),
        _ => Some(Kv::V1),
    }
}
