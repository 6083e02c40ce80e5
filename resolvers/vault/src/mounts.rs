//! Which version of the key-value engine is mounted where; asked only where the answer to a read leaves it open.

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

/// What is known of the mounts so far, by the mount and its namespace.
#[derive(Default)]
pub(crate) struct Mounts(RefCell<HashMap<String, Rc<OnceCell<Engine>>>>);

/// What is mounted somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A key-value engine of this version.
    Kv(Kv),
    /// Something else, which is no place for secrets.
    Other,
    /// The token may know nothing of it.
    Hidden,
}

impl Mounts {
    /// What is mounted there. Asked again where the server did not answer.
    pub(crate) async fn engine(
        &self,
        server: &Server,
        token: Option<&HeaderValue>,
        mount: &Mount,
    ) -> Result<Engine, Failure> {
        let known = Rc::clone(self.0.borrow_mut().entry(mount.to_string()).or_default());
        known.get_or_try_init(|| ask(server, token, mount)).await.copied()
    }

    /// Whether the server was asked, and named no key-value engine.
    pub(crate) fn is_unknown(&self, mount: &Mount) -> bool {
        let is_kv = |engine: &Engine| matches!(engine, Engine::Kv(_));
        self.0.borrow().get(&mount.to_string()).and_then(|known| known.get().map(is_kv)) == Some(false)
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

/// Asks the server. Fails where it does not answer; what it refuses to say is an answer.
pub(crate) async fn ask(
    server: &Server,
    token: Option<&HeaderValue>,
    mount: &Mount,
) -> Result<Engine, Failure> {
    let reply = server.ask_in(mount.namespace.as_deref(), Request::get(mount.request_path()), token).await?;
    match reply.status {
        StatusCode::OK => {}
        status
            if status.is_client_error()
                && speaks_vault(&reply)
                && status != StatusCode::TOO_MANY_REQUESTS =>
        {
            return Ok(Engine::Hidden);
        }
        _ => return Err(server.state(&reply).await),
    }
    let data = envelope(&reply).and_then(|envelope| envelope.data);
    let mounted: Option<Mounted> = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let mounted = mounted.ok_or_else(|| stranger(server.route()))?;
    // What is asked about may be a path within the mount of something else. What was mounted before there were versions is
    // `generic`.
    let is_it = mounted.path == format!("{}/", mount.path) && matches!(&*mounted.engine, "kv" | "generic");
    Ok(match mounted.options.and_then(|options| options.version).as_deref() {
        _ if !is_it => Engine::Other,
        Some("2") => Engine::Kv(Kv::V2),
        _ => Engine::Kv(Kv::V1),
    })
}
