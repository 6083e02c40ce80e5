//! AWS of the kit's own: Secrets Manager and STS in memory, as AWS's API reference describes them. It passes the same
//! cases as the emulators, needs nothing installed, and can do what they cannot: be slow, answer in pages, throttle, and
//! have another time.
//!
//! Every request is authenticated: who signed it, for which region and service, when, and whether the signature is
//! right. The name of a secret can ask for a failure: see [`secrets`]. `/kit/counts` is for a benchmark in another
//! process: connections and requests since it was last asked, without its own connection.

mod authentication;
pub mod secrets;
mod sts;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use self::secrets::Secret;
use super::signature::{Key, http_date};
use crate::certificate::Certificates;
use crate::fault::{self, Answer, Asked, Greeting, Handler, Listener, Server, Setup};
use crate::port;

/// What the server does other than AWS at its best.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// The delay before each response.
    pub delay: Duration,
    /// Whether it does not offer HTTP/2.
    pub no_h2: bool,
    /// How many values of a batch are on one page; all if this is 0.
    pub page: usize,
    /// How many seconds its clock is ahead.
    pub ahead: i64,
}

/// A running server. Its threads end with the process.
#[derive(Debug, Clone)]
pub struct FakeAws {
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    /// `https://127.0.0.1:PORT`.
    pub https: String,
    /// The certificate of its authority.
    pub ca: PathBuf,
    state: Arc<State>,
}

/// Who may do what.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The number of the account.
    pub account: String,
    /// `user/gateway` or `assumed-role/reader/session`.
    pub name: String,
    /// Denied is an action of this name, and a secret whose name contains it.
    pub denied: Vec<String>,
    /// When its credentials end, in seconds since 1970.
    pub expires: Option<u64>,
}

impl Principal {
    /// A user of an account who may do everything.
    #[must_use]
    pub fn user(account: &str) -> Self {
        Self { account: account.to_owned(), name: "user/gateway".to_owned(), denied: vec![], expires: None }
    }

    /// The same, who may not do or read this.
    #[must_use]
    pub fn without(mut self, denied: &[&str]) -> Self {
        self.denied = denied.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    fn arn(&self) -> String {
        let service = if self.name.starts_with("user/") { "iam" } else { "sts" };
        format!("arn:aws:{service}::{}:{}", self.account, self.name)
    }

    fn may(&self, words: &[&str]) -> bool {
        !self.denied.iter().any(|denied| {
            words.iter().any(|word| word == denied || (denied.ends_with('/') && word.contains(denied)))
        })
    }
}

#[derive(Debug)]
pub(super) struct State {
    secrets: Mutex<Vec<Secret>>,
    keys: Mutex<HashMap<String, (Key, Principal)>>,
    /// What a role may not do, by its ARN, and who may assume it: an external id, a web identity token.
    roles: Mutex<HashMap<String, Role>>,
    /// The requests, such as `GetSecretValue us-east-1 AKIA…`.
    calls: Mutex<Vec<String>>,
    manner: Manner,
    hosts: Mutex<Vec<String>>,
    numbers: AtomicUsize,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// A role that can be assumed.
#[derive(Debug, Clone, Default)]
pub struct Role {
    /// What it may not do, as in [`Principal::denied`].
    pub denied: Vec<String>,
    /// The external id that the request must have.
    pub external_id: Option<String>,
    /// The web identity token that is accepted.
    pub web_identity: Option<String>,
    /// How many seconds its credentials are valid, if not for as long as was asked.
    pub seconds: Option<u64>,
}

/// A refusal, as AWS writes it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }
}

impl FakeAws {
    /// Starts a server on two ports, with certificates in `folder`.
    #[must_use]
    pub fn start(folder: &Path, manner: Manner) -> Self {
        let certificates = Certificates::make(folder);
        let state = Arc::new(State {
            secrets: Mutex::default(),
            keys: Mutex::default(),
            roles: Mutex::default(),
            calls: Mutex::default(),
            manner,
            hosts: Mutex::default(),
            numbers: AtomicUsize::new(1),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        let start = |tls| {
            let counted = Arc::clone(&state);
            let greeting = move |_| {
                counted.connections.fetch_add(1, Ordering::Relaxed);
                Greeting::Serve
            };
            let setup = Setup { tls, greeting: Arc::new(greeting), ..Setup::default() };
            let listener = Listener::Tcp(port::listen());
            let server =
                Server::start_on(listener, setup, handler(&state), fault::slow(manner.delay, is_hanging))
                    .for_good();
            state.hosts.lock().expect("hosts").push(server.address().to_string());
            server
        };
        let (chain, key) = certificates.der();
        let alpn = if manner.no_h2 { &["http/1.1"][..] } else { &["h2", "http/1.1"] };
        let (http, https) = (start(None).url(), start(Some(fault::tls(chain, key, alpn))).url());
        Self { http, https, ca: certificates.ca, state }
    }

    /// Makes a key of a principal known.
    pub fn key(&self, key: Key, principal: Principal) {
        self.state.keys.lock().expect("keys").insert(key.id.clone(), (key, principal));
    }

    /// A new key of a principal.
    pub fn new_key(&self, principal: Principal) -> Key {
        let key = self.state.new_key("AKIA", None);
        self.key(key.clone(), principal);
        key
    }

    /// Makes a role that can be assumed.
    pub fn role(&self, arn: &str, role: Role) {
        self.state.roles.lock().expect("roles").insert(arn.to_owned(), role);
    }

    /// Adds a version to a secret of an account and a region, which is created if it is not there; its ARN.
    pub fn put(&self, account: &str, region: &str, name: &str, text: &str) -> String {
        let id = self.state.version_id();
        let mut secrets = self.state.secrets.lock().expect("secrets");
        let at = secrets.iter().position(|secret| secret.is(account, region, name)).unwrap_or_else(|| {
            secrets.push(self.state.new_secret(account, region, name));
            secrets.len() - 1
        });
        secrets[at].add(&id, Some(text), None);
        secrets[at].arn.clone()
    }

    /// The current text of a secret.
    #[must_use]
    pub fn text(&self, account: &str, region: &str, name: &str) -> Option<String> {
        let secrets = self.state.secrets.lock().expect("secrets");
        secrets.iter().find(|secret| secret.is(account, region, name))?.current()
    }

    /// Lets other accounts read the secret with this ARN.
    pub fn share(&self, arn: &str) {
        let mut secrets = self.state.secrets.lock().expect("secrets");
        secrets.iter_mut().filter(|secret| secret.arn == arn).for_each(|secret| secret.is_shared = true);
    }

    /// The requests since this was last asked: action, region and key id of each.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.calls.lock().expect("calls"))
    }

    /// How many connections were accepted and how many requests answered since this was last asked.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.state.counts()
    }
}

/// Whether a request is one for a secret that is never read.
fn is_hanging(asked: &Asked) -> bool {
    asked.what().contains("\"hang/")
}

fn handler(state: &Arc<State>) -> Handler {
    let state = Arc::clone(state);
    Arc::new(move |asked| state.answer(asked))
}

impl State {
    fn answer(&self, asked: &Asked) -> Answer {
        if asked.path == "/kit/counts" {
            let (connections, requests) = self.counts();
            return Answer::new(200, format!("{} {requests}", connections - 1));
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let is_form = asked.headers.get("content-type").is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
        });
        let answer = if is_form { self.sts(asked) } else { self.secrets_manager(asked) };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let answer = answer.header("date", http_date(self.now()));
        answer.header("x-amzn-requestid", format!("00000000-0000-4000-8000-{number:012}"))
    }

    fn secrets_manager(&self, asked: &Asked) -> Answer {
        let answered = self.authenticate(asked, "secretsmanager").and_then(|caller| {
            let target = asked.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
            let action = target.and_then(|target| target.strip_prefix("secretsmanager."));
            let action = action.ok_or_else(|| Refusal::new("UnknownOperationException", ""))?;
            self.count(action, &caller.region, &caller.key_id);
            let body = serde_json::from_slice(&asked.body);
            let body: Value = body.map_err(|_| Refusal::new("SerializationException", "not JSON"))?;
            self.act(&caller, action, &body, asked.time)
        });
        match answered {
            Ok(value) => json_answer(200, &value),
            Err(Refusal { status, code, message }) => {
                json_answer(status, &json!({"__type": code, "Message": message}))
            }
        }
    }

    fn count(&self, action: &str, region: &str, key_id: &str) {
        self.calls.lock().expect("calls").push(format!("{action} {region} {key_id}"));
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.swap(0, Ordering::Relaxed), self.requests.swap(0, Ordering::Relaxed))
    }

    /// The time that it is here, in seconds since 1970.
    fn now(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        now.saturating_add_signed(self.manner.ahead)
    }

    fn new_key(&self, prefix: &str, token: Option<String>) -> Key {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Key {
            id: format!("{prefix}KIT{number:013}"),
            secret: format!("secret/key+of/the/kit/number/{number:011}"),
            token,
        }
    }

    fn version_id(&self) -> String {
        format!("00000000-0000-4000-9000-{:012}", self.numbers.fetch_add(1, Ordering::Relaxed))
    }

    fn new_secret(&self, account: &str, region: &str, name: &str) -> Secret {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Secret::new(account, region, name, &format!("K{number:05}"))
    }
}

fn json_answer(status: u16, value: &Value) -> Answer {
    Answer::new(status, value.to_string()).header("content-type", "application/x-amz-json-1.1")
}
