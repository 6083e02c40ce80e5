//! A server with every fault: it is late, cuts responses off, sends too much, or does not speak HTTP. It knows no store: a
//! handler returns the right response, and a script changes how it is sent.
//!
//! - [`Setup`]: its protocol, its certificate, and how it greets a connection;
//! - [`Asked`], [`Answer`]: a request, and the right response to it;
//! - [`Act`]: what the server does instead: how much of which response it sends, how fast, and what it does then.

mod act;
mod door;
mod h1;
mod h2;
mod subject;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use tokio::sync::oneshot;

pub use act::{Act, Answer, Asked, Length, Then, Until};
pub use door::{Greeting, Line, Setup, Streams, tls};
pub use subject::{Other, Subject, value};

use crate::port;

/// A word in every text that a resolver must not repeat outside `values`.
pub const CANARY: &str = "canary";

/// Returns the right response.
pub type Handler = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// Returns the script for the right response.
pub type Script = Arc<dyn Fn(Act, &Asked) -> Act + Send + Sync>;

/// The script of a server of the kit's own that takes this long for each request, and never answers one that `hangs`.
/// `/kit/counts` is answered at once.
#[must_use]
pub fn slow(delay: Duration, hangs: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Script {
    Arc::new(move |act: Act, asked: &Asked| match asked.path.as_str() {
        "/kit/counts" => act,
        _ if hangs(asked) => act.until(Until::Nothing).then(Then::Hang),
        _ => act.pause(delay),
    })
}

/// A running server. It ends with the last clone of this.
#[derive(Clone)]
pub struct Server(Arc<Running>);

struct Running {
    /// Its port; `None` if it listens on a Unix socket.
    address: Option<SocketAddr>,
    state: Arc<State>,
    _end: oneshot::Sender<()>,
}

/// Where a server listens.
#[derive(Debug)]
pub enum Listener {
    /// On a port.
    Tcp(TcpListener),
    /// On a Unix socket.
    Unix(UnixListener),
}

/// What all connections of a server share.
struct State {
    setup: Setup,
    handler: Handler,
    script: Script,
    connections: AtomicUsize,
    /// The number of requests for each path and body.
    asked: Mutex<HashMap<String, usize>>,
}

impl Server {
    /// Starts a server on a free port of this machine.
    #[must_use]
    pub fn start(setup: Setup, handler: Handler, script: Script) -> Self {
        Self::start_on(Listener::Tcp(port::listen()), setup, handler, script)
    }

    /// Starts a server.
    #[must_use]
    pub fn start_on(listener: Listener, setup: Setup, handler: Handler, script: Script) -> Self {
        let address = match &listener {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) => None,
        };
        let (connections, asked) = (AtomicUsize::new(0), Mutex::default());
        let state = Arc::new(State { setup, handler, script, connections, asked });
        let (end, ended) = oneshot::channel();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                tokio::select! {
                    accepted = accept(listener, shared) => accepted.expect("a listener"),
                    _ = ended => {}
                }
            });
        });
        Self(Arc::new(Running { address, state, _end: end }))
    }

    /// Starts a server that passes every connection on to `target`.
    #[must_use]
    pub fn pass_on(listener: Listener, target: SocketAddr) -> Self {
        let setup = Setup { greeting: Arc::new(move |_| Greeting::PassOn(target)), ..Setup::default() };
        Self::start_on(listener, setup, Arc::new(|_| Answer::new(404, "")), Arc::new(|act, _| act))
    }

    /// Lets it run to the end of the process, even if it is dropped.
    #[must_use]
    pub fn for_good(self) -> Self {
        std::mem::forget(self.clone());
        self
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address.expect("a server with a port")
    }

    /// `http://127.0.0.1:PORT`, or https.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.0.state.setup.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.state.connections.load(Ordering::Relaxed)
    }

    /// The number of requests that contain `words`.
    #[must_use]
    pub fn asked(&self, words: &str) -> usize {
        let asked = self.0.state.asked.lock().expect("the requests");
        asked.iter().filter(|(what, _)| what.contains(words)).map(|(_, times)| times).sum()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({:?})", self.0.address)
    }
}

async fn accept(listener: Listener, state: Arc<State>) -> io::Result<()> {
    match listener {
        Listener::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(door::serve(stream, state.count(), Arc::clone(&state)));
            }
        }
        Listener::Unix(listener) => {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::UnixListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(door::serve(stream, state.count(), Arc::clone(&state)));
            }
        }
    }
}

impl State {
    /// The number of a new connection.
    fn count(&self) -> usize {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a request, and returns the script for it.
    fn act(&self, mut asked: Asked) -> Act {
        let mut times = self.asked.lock().expect("the requests");
        let time = times.entry(asked.what()).or_default();
        *time += 1;
        asked.time = *time;
        drop(times);
        (self.script)(Act::of((self.handler)(&asked)), &asked)
    }
}
