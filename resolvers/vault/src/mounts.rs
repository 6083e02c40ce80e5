//! The KV version of each mount, asked only if the answer to a read does not tell it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use http::{HeaderValue, StatusCode};
use secretref_protocol::Failure;
use secretref_protocol::net::Request;
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::locator::{Kv, Mount};
use crate::server::{Server, envelope, speaks_vault, stranger};

/// The engines known so far, by mount and namespace.
#[derive(Default)]
pub(crate) struct Mounts(RefCell<HashMap<String, Rc<OnceCell<Engine>>>>);

/// The engine at a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A KV engine of this version.
    Kv(Kv),
    /// Another engine, which has no KV secrets.
    Other,
    /// Not visible to this token.
    Hidden,
}

impl Mounts {
    /// Returns the engine at a mount. Asks again if the server did not answer the last time.
    pub(crate) async fn engine(
        &self,
        server: &Server,
        token: Option<&HeaderValue>,
        mount: &Mount,
    ) -> Result<Engine, Failure> {
        let known = Rc::clone(self.0.borrow_mut().entry(mount.to_string()).or_default());
        known.get_or_try_init(|| look_up(server, token, mount)).await.copied()
    }

    /// Whether the server was asked, and named no KV engine.
    pub(crate) fn is_unknown(&self, mount: &Mount) -> bool {
        let is_kv = |engine: &Engine| matches!(engine, Engine::Kv(_));
        self.0.borrow().get(&mount.to_string()).and_then(|known| known.get().map(is_kv)) == Some(false)
    }
}

/// A mount's description, which every token with any right in the mount may read.
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

/// Asks the server. Fails if it does not answer; a refusal counts as an answer.
pub(crate) async fn look_up(
    server: &Server,
    token: Option<&HeaderValue>,
    mount: &Mount,
) -> Result<Engine, Failure> {
    let response =
        server.send_in(mount.namespace.as_deref(), Request::get(mount.request_path()), token).await?;
    match response.status {
        StatusCode::OK => {}
        status
            if status.is_client_error()
                && speaks_vault(&response)
                && status != StatusCode::TOO_MANY_REQUESTS =>
        {
            return Ok(Engine::Hidden);
        }
        _ => return Err(server.state(&response).await),
    }
    let data = envelope(&response).and_then(|envelope| envelope.data);
    let mounted: Option<Mounted> = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let mounted = mounted.ok_or_else(|| stranger(server.route()))?;
    // The path asked about may lie within another mount. A KV engine from before there were versions is called `generic`.
    let is_it = mounted.path == format!("{}/", mount.path) && matches!(&*mounted.engine, "kv" | "generic");
    Ok(match mounted.options.and_then(|options| options.version).as_deref() {
        _ if !is_it => Engine::Other,
        Some("2") => Engine::Kv(Kv::V2),
        _ => Engine::Kv(Kv::V1),
    })
}
