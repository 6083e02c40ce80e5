//! A Vault of the kit's own: KV versions 1 and 2 in memory. It passes the same cases as the real server, needs nothing
//! installed, and can be slow, which the real one cannot: with a delay for each request, or without an answer to a path
//! that contains `hang`. It also answers below the base path `/base`. `/kit/counts` returns [`FakeVault::counts`] to
//! another process, without the connection of that request.

use std::collections::HashMap;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, StatusCode};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};

use crate::certificate::Certificates;
use crate::fault::{self, Answer, Asked, Greeting, Handler, Listener, Server, Setup};
use crate::form::percent_decoded;
use crate::port;

/// How the server behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// The delay before each response.
    pub delay: Duration,
    /// Whether it offers HTTP/2 over TLS.
    pub no_h2: bool,
    /// Whether TLS clients need a certificate of its own authority.
    pub mutual: bool,
    /// Whether TLS 1.2 is the newest version that it supports.
    pub tls_1_2: bool,
}

/// A running server. Its threads end with the process.
#[derive(Debug, Clone)]
pub struct FakeVault {
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    /// `https://127.0.0.1:PORT`.
    pub https: String,
    /// A socket on which it speaks HTTP.
    pub socket: PathBuf,
    /// The certificate of its authority.
    pub ca: PathBuf,
    /// The certificates that its authority has signed.
    pub certificates: Certificates,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `mount/path` → the versions, the first being 1.
    secrets: Mutex<HashMap<String, Vec<Version>>>,
    /// The mounts, and whether each is KV version 1.
    mounts: Mutex<Vec<(String, bool)>>,
    tokens: Mutex<HashMap<String, Token>>,
    logins: Mutex<HashMap<String, Login>>,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

#[derive(Debug, Clone)]
struct Version {
    json: String,
    deleted: bool,
    destroyed: bool,
}

/// The rights of a token.
#[derive(Debug, Clone)]
pub struct Token {
    /// A secret whose path contains this is refused.
    pub denied: &'static str,
    /// Whether it may look itself up.
    pub may_look: bool,
}

/// A login path: which request bodies it accepts, and the token that it returns.
struct Login {
    is_right: Box<dyn Fn(&Value) -> bool + Send>,
    token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

impl FakeVault {
    /// Starts a server on two ports, with certificates in `folder`.
    #[must_use]
    pub fn start(folder: &Path, manner: Manner) -> Self {
        let certificates = Certificates::make(folder);
        let state = Arc::new(State::default());
        let start = |listener, tls| {
            let counted = Arc::clone(&state);
            let greeting = move |_| {
                counted.connections.fetch_add(1, Ordering::Relaxed);
                Greeting::Serve
            };
            let setup = Setup { tls, greeting: Arc::new(greeting), ..Setup::default() };
            Server::start_on(
                listener,
                setup,
                state.handler(),
                fault::slow(manner.delay, |asked| asked.path.contains("hang")),
            )
            .for_good()
        };
        let tcp = || Listener::Tcp(port::listen());
        let socket = folder.join("fake.sock");
        let unix = Listener::Unix(UnixListener::bind(&socket).expect("a socket"));
        let servers = [start(tcp(), None), start(tcp(), Some(tls(&certificates, manner))), start(unix, None)];
        let (http, https) = (servers[0].url(), servers[1].url());
        Self { http, https, socket, ca: certificates.ca.clone(), certificates, state }
    }

    /// Mounts KV version 2.
    pub fn mount(&self, mount: &str) {
        self.state.mounts.lock().expect("mounts").push((mount.to_owned(), false));
    }

    /// Mounts KV version 1.
    pub fn mount_v1(&self, mount: &str) {
        self.state.mounts.lock().expect("mounts").push((mount.to_owned(), true));
    }

    /// Adds a version of a secret, as the JSON text that it is; with KV version 1 the last one counts.
    pub fn put(&self, mount: &str, path: &str, json: &str) {
        let version = Version { json: json.to_owned(), deleted: false, destroyed: false };
        self.state
            .secrets
            .lock()
            .expect("secrets")
            .entry(format!("{mount}/{path}"))
            .or_default()
            .push(version);
    }

    /// Deletes, or destroys, a version.
    pub fn remove(&self, mount: &str, path: &str, version: usize, destroy: bool) {
        let mut secrets = self.state.secrets.lock().expect("secrets");
        let version = &mut secrets.get_mut(&format!("{mount}/{path}")).expect("a secret")[version - 1];
        version.deleted = true;
        version.destroyed = destroy;
    }

    /// Makes a token known.
    pub fn token(&self, id: &str, token: Token) {
        self.state.tokens.lock().expect("tokens").insert(id.to_owned(), token);
    }

    /// Accepts logins at `path`, such as `auth/ldap/login/name`, whose body `is_right` accepts.
    pub fn login(&self, path: &str, token: &str, is_right: impl Fn(&Value) -> bool + Send + 'static) {
        let login = Login { is_right: Box::new(is_right), token: token.to_owned() };
        self.state.logins.lock().expect("logins").insert(path.to_owned(), login);
        self.token(token, Token { denied: "\0", may_look: true });
    }

    /// How many connections were accepted, and how many requests answered, since this was last asked.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.state.counts()
    }
}

fn tls(certificates: &Certificates, manner: Manner) -> Arc<ServerConfig> {
    let (chain, key) = certificates.der();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = if manner.tls_1_2 { &[&rustls::version::TLS12][..] } else { rustls::DEFAULT_VERSIONS };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .expect("versions");
    let builder = if manner.mutual {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.authority());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(chain, key).expect("a certificate");
    let h1 = b"http/1.1".to_vec();
    config.alpn_protocols = if manner.no_h2 { vec![h1] } else { vec![b"h2".to_vec(), h1] };
    Arc::new(config)
}

fn denied() -> String {
    json!({"errors": ["permission denied"]}).to_string()
}

impl State {
    fn handler(self: &Arc<Self>) -> Handler {
        let state = Arc::clone(self);
        Arc::new(move |asked| state.answer(asked))
    }

    fn answer(&self, asked: &Asked) -> Answer {
        if asked.path == "/kit/counts" {
            let (connections, requests) = self.counts();
            return Answer::new(200, format!("{} {requests}", connections - 1));
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let token = asked.headers.get("x-vault-token").and_then(|value| value.to_str().ok());
        let token = token.and_then(|id| self.tokens.lock().expect("tokens").get(id).cloned());
        let (path, query) = asked
            .path
            .split_once('?')
            .map_or((asked.path.as_str(), None), |(path, query)| (path, Some(query)));
        let path = percent_decoded(path);
        let (status, text) = match (self.sign_in(&asked.method, &path, &asked.body), token) {
            (Some(answer), _) => answer,
            (None, None) => (StatusCode::FORBIDDEN, denied()),
            (None, Some(token)) => self.judge(&asked.method, &path, query, &token),
        };
        Answer::new(status.as_u16(), text)
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.swap(0, Ordering::Relaxed), self.requests.swap(0, Ordering::Relaxed))
    }

    /// The answer to a sign-in, if it is one.
    fn sign_in(&self, method: &Method, path: &str, body: &[u8]) -> Option<(StatusCode, String)> {
        let logins = self.logins.lock().expect("logins");
        let login = logins.get(path.strip_prefix("/v1/")?).filter(|_| method == Method::POST)?;
        let is_right = serde_json::from_slice(body).is_ok_and(|body| (login.is_right)(&body));
        let auth = json!({"client_token": login.token, "accessor": "a", "policies": ["limited"], "lease_duration": 3600,
            "renewable": true, "num_uses": 0, "mfa_requirement": null});
        Some(if is_right {
            (StatusCode::OK, json!({"request_id": "fake", "data": null, "auth": auth}).to_string())
        } else {
            (StatusCode::BAD_REQUEST, json!({"errors": ["invalid credentials"]}).to_string())
        })
    }

    fn judge(&self, method: &Method, path: &str, query: Option<&str>, token: &Token) -> (StatusCode, String) {
        let path = path.strip_prefix("/base").unwrap_or(path).strip_prefix("/v1/").unwrap_or_default();
        match path {
            _ if method != Method::GET => (StatusCode::METHOD_NOT_ALLOWED, json!({"errors": []}).to_string()),
            "auth/token/lookup-self" if token.may_look => (StatusCode::OK, look_up()),
            "auth/token/lookup-self" => (StatusCode::FORBIDDEN, denied()),
            "sys/internal/ui/mounts" => (StatusCode::OK, json!({"data": {"secret": {}}}).to_string()),
            _ => match path.strip_prefix("sys/internal/ui/mounts/") {
                Some(mount) => self.describe(mount),
                None => self.read(path, query, token),
            },
        }
    }

    fn describe(&self, mount: &str) -> (StatusCode, String) {
        let mounts = self.mounts.lock().expect("mounts");
        let Some((_, is_v1)) = mounts.iter().find(|(known, _)| known == mount) else {
            return (StatusCode::FORBIDDEN, denied());
        };
        let version = if *is_v1 { "1" } else { "2" };
        let data = json!({"path": format!("{mount}/"), "type": "kv", "options": {"version": version}});
        (StatusCode::OK, answer(0, &data.to_string(), "null"))
    }

    fn read(&self, path: &str, query: Option<&str>, token: &Token) -> (StatusCode, String) {
        let mounts = self.mounts.lock().expect("mounts");
        let below = |mount: &str| path.strip_prefix(mount)?.strip_prefix('/');
        let found = mounts.iter().find_map(|(mount, is_v1)| Some((mount, *is_v1, below(mount)?)));
        let Some((mount, is_v1, name)) = found else {
            let text = format!("no handler for route \"{path}\". route entry not found.");
            return (StatusCode::NOT_FOUND, json!({"errors": [text]}).to_string());
        };
        if name.contains(token.denied) {
            return (StatusCode::FORBIDDEN, denied());
        }
        let secrets = self.secrets.lock().expect("secrets");
        let versions = |name: &str| secrets.get(&format!("{mount}/{name}")).map_or(&[][..], Vec::as_slice);
        if is_v1 {
            return match versions(name).last() {
                None => (StatusCode::NOT_FOUND, json!({"errors": []}).to_string()),
                Some(secret) => (StatusCode::OK, answer(lease(&secret.json), &secret.json, "null")),
            };
        }
        let Some(name) = name.strip_prefix("data/") else {
            let warning = r#"["Invalid path for a versioned K/V secrets engine."]"#;
            return (StatusCode::NOT_FOUND, answer(0, "null", warning));
        };
        let versions = versions(name);
        let asked = query.and_then(|query| query.strip_prefix("version=")).and_then(|text| text.parse().ok());
        let number = asked.unwrap_or(versions.len());
        match number.checked_sub(1).and_then(|at| versions.get(at)) {
            None => (StatusCode::NOT_FOUND, json!({"errors": []}).to_string()),
            Some(version) => version.document(number),
        }
    }
}

impl Version {
    fn document(&self, number: usize) -> (StatusCode, String) {
        let deleted = if self.deleted && !self.destroyed { "2026-01-01T00:00:00Z" } else { "" };
        let metadata = json!({
            "created_time": "2025-12-31T00:00:00Z", "custom_metadata": null, "deletion_time": deleted,
            "destroyed": self.destroyed, "version": number,
        });
        let (status, data) =
            if self.deleted { (StatusCode::NOT_FOUND, "null") } else { (StatusCode::OK, self.json.as_str()) };
        (status, answer(0, &format!("{{\"data\":{data},\"metadata\":{metadata}}}"), "null"))
    }
}

/// The object around every answer.
fn answer(lease: i64, data: &str, warnings: &str) -> String {
    format!(
        "{{\"request_id\":\"fake\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":{lease},\"data\":{data},\
         \"wrap_info\":null,\"warnings\":{warnings},\"auth\":null}}"
    )
}

/// The seconds that a secret of KV version 1 may be used: those in its field `ttl` or `lease`, else 32 days.
fn lease(json: &str) -> i64 {
    let fields: Value = serde_json::from_str(json).expect("JSON");
    match fields.get("ttl").or_else(|| fields.get("lease")) {
        Some(Value::Number(seconds)) => seconds.as_i64().unwrap_or(2_764_800),
        Some(Value::Null) => 0,
        _ => 2_764_800,
    }
}

fn look_up() -> String {
    let data: Value = json!({
        "accessor": "0vzEBu0EAsFuhSkp4GLXSzJ2", "creation_time": 1_795_235_960, "creation_ttl": 3600,
        "display_name": "token", "entity_id": "", "expire_time": null, "explicit_max_ttl": 0, "id": "the token",
        "issue_time": "2026-11-21T04:39:20Z", "meta": null, "num_uses": 0, "orphan": true,
        "path": "auth/token/create", "policies": ["default", "limited"], "renewable": false, "ttl": 3600,
        "type": "service",
    });
    answer(0, &data.to_string(), "null")
}
