//! An Entra and the vaults of Azure on one port, over TLS, written from what the real services answer.
//!
//! It has a certificate for their real hosts, and a proxy that leads every host to it: so resolvers and Microsoft's own
//! clients are tested with the very URLs that they use in production.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::entra::{App, Entra};
use super::vaults::{Vaults, Version};
use crate::certificate::Authority;
use crate::fault::{self, Answer, Asked, Greeting, Handler, Listener, Server, Setup};
use crate::forward::Forward;

/// The names on its certificate.
const NAMES: [&str; 9] = [
    "localhost",
    "127.0.0.1",
    "login.microsoftonline.com",
    "login.chinacloudapi.cn",
    "login.microsoftonline.us",
    "*.vault.azure.net",
    "*.vault.azure.cn",
    "*.vault.usgovcloudapi.net",
    "vault.example.com",
];

/// What the stand-in does with each request before it answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// How long it thinks.
    pub delay: Duration,
    /// Whether it offers HTTP/1.1 alone.
    pub no_h2: bool,
}

/// A running stand-in. Its threads end with the process.
#[derive(Debug)]
pub struct StandIn {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// `http://127.0.0.1:PORT` of the proxy.
    pub proxy: String,
    /// `http://127.0.0.1:PORT` of what gives tokens to a machine: metadata service, App Service, agent of Arc.
    pub metadata: String,
    /// The certificate of its authority.
    pub ca: PathBuf,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    entra: Entra,
    vaults: Vaults,
    connections: AtomicUsize,
    tokens: AtomicUsize,
    requests: AtomicUsize,
}

impl StandIn {
    /// Starts one, with certificates in `folder`.
    pub fn start(folder: &Path, manner: Manner) -> Self {
        let authority = Authority::new("secretref test authority of Azure");
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, &authority.pem).expect("a file");
        let (chain, key) = authority.host(&NAMES).der();
        let alpn = if manner.no_h2 { &["http/1.1"][..] } else { &["h2", "http/1.1"] };
        let state = Arc::new(State {
            entra: Entra::new(),
            vaults: Vaults::default(),
            connections: AtomicUsize::new(0),
            tokens: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        let counted = Arc::clone(&state);
        let greeting = move |_| {
            counted.connections.fetch_add(1, Ordering::Relaxed);
            Greeting::Serve
        };
        let setup = Setup {
            tls: Some(fault::tls(chain, key, alpn)),
            greeting: Arc::new(greeting),
            ..Setup::default()
        };
        let shared = Arc::clone(&state);
        let script = fault::slow(manner.delay, |asked| asked.path.contains("hang"));
        let server = Server::start(setup, Arc::new(move |asked| shared.answer(asked)), script);
        let server = server.for_good();
        let metadata = Server::start(Setup::default(), machine(&state), Arc::new(|act, _| act)).for_good();
        let proxy = Forward::start(&server.address().to_string(), None, None);
        Self {
            url: server.url(),
            proxy: format!("http://{}", proxy.address),
            metadata: metadata.url(),
            ca,
            state,
        }
    }

    /// Makes an application known.
    pub fn app(&self, client: &str, app: App) {
        self.state.entra.app(client, app);
    }

    /// Gives tokens to a machine at this address, too.
    pub fn machine_at(&self, address: &str) -> Server {
        let listener = Listener::Tcp(TcpListener::bind(address).expect(address));
        Server::start_on(listener, Setup::default(), machine(&self.state), Arc::new(|act, _| act)).for_good()
    }

    /// Gives tokens to a machine at another address, and thinks so long about each.
    pub fn slow_machine(&self, delay: Duration) -> Server {
        let script = fault::slow(delay, |_| false);
        Server::start(Setup::default(), machine(&self.state), script).for_good()
    }

    /// The issuer of tokens.
    pub fn entra(&self) -> &Entra {
        &self.state.entra
    }

    /// Adds a version of a secret to the vault at `host`.
    pub fn put(&self, host: &str, name: &str, version: Version) {
        self.state.vaults.put(host, name, version);
    }

    /// Deletes a secret.
    pub fn delete(&self, host: &str, name: &str) {
        self.state.vaults.delete(host, name);
    }

    /// How many connections, sign-ins and other requests there were since this was last asked.
    pub fn counts(&self) -> (usize, usize, usize) {
        let State { connections, tokens, requests, .. } = &*self.state;
        let take = |count: &AtomicUsize| count.swap(0, Ordering::Relaxed);
        (take(connections), take(tokens), take(requests))
    }
}

/// What answers the requests of a machine for a token.
fn machine(state: &Arc<State>) -> Handler {
    let state = Arc::clone(state);
    Arc::new(move |asked: &Asked| state.entra.answer_machine(asked))
}

impl State {
    fn answer(&self, asked: &Asked) -> Answer {
        let host = asked.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        if asked.path == "/kit/counts" {
            let connections = self.connections.swap(0, Ordering::Relaxed);
            return Answer::new(200, format!("{} 0", connections - 1));
        }
        if asked.path.ends_with("/oauth2/v2.0/token") {
            self.tokens.fetch_add(1, Ordering::Relaxed);
            return self.entra.answer(asked, host);
        }
        if asked.path.ends_with("/.well-known/openid-configuration") {
            return self.entra.answer(asked, host);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.vaults.answer(asked, host, &self.entra)
    }
}
