//! The connections to one origin: a few of HTTP/2 that many requests share, or up to 32 of HTTP/1.1.

mod state;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Notify;

use super::connect::connect;
use super::stream::Io;
use super::tls::Tls;
use super::{Role, Route, Versions};
use crate::failure::Failure;
use crate::fetch_sink::caught;
use state::{Shared, Slot, State};

/// The body of a request.
pub(super) type Body = Full<Bytes>;

/// The connections to one origin. A request needs a [`Permit`] from it.
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    route: Route,
    tls: OnceLock<Tls>,
    state: Mutex<State>,
    /// Tells waiting requests that a connection was opened, given back or lost.
    changed: Notify,
}

/// The right to send one request. Dropping it gives up the right; [`Permit::release`] keeps the connection for others.
pub(super) struct Permit {
    pool: Arc<Inner>,
    slot: Option<Slot>,
}

impl Pool {
    /// Creates a pool without connections. Reads the trusted certificates if the store needs TLS. A sign-in reads them when it
    /// connects: with a cached session it never does.
    pub(super) fn new(route: Route) -> Result<Self, Failure> {
        let inner = Inner { route, tls: OnceLock::new(), state: Mutex::default(), changed: Notify::new() };
        if inner.route.role == Role::Store {
            inner.tls()?;
        }
        Ok(Self(Arc::new(inner)))
    }

    pub(super) fn route(&self) -> &Route {
        &self.0.route
    }

    /// Returns why the server rejects this client, if it ended a connection with such an alert.
    pub(super) fn refusal(&self) -> Option<Failure> {
        self.0.tls.get()?.refusal(&self.0.route)
    }

    pub(super) fn expect(&self, requests: usize) {
        self.0.state().expected += requests;
    }

    /// Waits for a permit, and opens a connection if there are too few.
    ///
    /// Requests wait for the first connection, which shows the version: with HTTP/2 they share it, with HTTP/1.1 each
    /// gets its own. If the first connection fails, all requests that waited for it fail with it. If the server accepts
    /// some connections and refuses more, requests use the accepted ones.
    pub(super) async fn permit(&self) -> Result<Permit, Failure> {
        let waiting = Waiting::new(&self.0);
        let seen = self.0.state().failures;
        loop {
            let mut change = pin!(self.0.changed.notified());
            change.as_mut().enable();
            if let Some(refusal) = self.refusal() {
                return Err(refusal);
            }
            if let Some(slot) = self.slot(seen)? {
                drop(waiting);
                return Ok(Permit { pool: Arc::clone(&self.0), slot: Some(slot) });
            }
            change.await;
        }
    }

    /// Takes a free slot. If there is none, starts a connection when one more would help.
    ///
    /// Fails if no connection is left and an attempt has failed after the first `seen`.
    fn slot(&self, seen: usize) -> Result<Option<Slot>, Failure> {
        let mut state = self.0.state();
        if let Some(slot) = state.take() {
            return Ok(Some(slot));
        }
        if let Some(failure) = &state.failure
            && state.failures > seen
            && state.has_no_connections()
        {
            return Err(failure.clone());
        }
        if state.may_open() {
            self.open(&mut state);
        }
        Ok(None)
    }

    /// Starts the first connection before there is a request for it. Returns whether it did: not if there is one.
    pub(super) fn open_ahead(&self) -> bool {
        let mut state = self.0.state();
        let is_first = state.has_no_connections();
        if is_first {
            self.open(&mut state);
        }
        is_first
    }

    /// Starts a connection, in a task of its own, so that a request can take any slot that becomes free first.
    fn open(&self, state: &mut State) {
        state.opening += 1;
        let pool = Arc::clone(&self.0);
        // In a box, or its state would be copied over several pages of the stack.
        tokio::spawn(Box::pin(async move { open(&pool, pool.connect()).await }));
    }
}

impl Permit {
    /// Whether other requests can use the same connection at the same time: it is HTTP/2.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.slot, Some(Slot::Shared(_)))
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self.slot.as_mut().expect("a permit has its slot until it is released") {
            Slot::Shared(shared) => shared.sender.send_request(request).await,
            Slot::Own(sender) => sender.send_request(request).await,
        }
    }

    /// Gives the connection back after a response was read to its end.
    pub(super) async fn release(mut self) {
        if let Some(Slot::Own(sender)) = &mut self.slot
            && sender.ready().await.is_ok()
            && let Some(Slot::Own(sender)) = self.slot.take()
        {
            self.pool.state().idle.push(sender);
        }
    }

    /// Takes the connection out of the pool, so that no other request uses it.
    pub(super) fn retire(&self) {
        if let Some(Slot::Shared(shared)) = &self.slot {
            self.pool.state().shared.retain(|other| !Arc::ptr_eq(&other.load, &shared.load));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(Slot::Own(_)) = self.slot.take() {
            self.pool.state().open -= 1;
        }
        self.pool.changed.notify_one();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the versions to offer in the handshake. A single request gains nothing from HTTP/2, whose set-up takes a
    /// tenth of the time.
    fn offer(&self) -> Versions {
        match self.route.http {
            Versions::Auto if self.state().expected <= 1 => Versions::H1,
            http => http,
        }
    }

    /// Prepares the handshakes, once. `None` if neither the server nor a proxy needs TLS.
    fn tls(&self) -> Result<Option<&Tls>, Failure> {
        let proxy = self.route.proxy.as_ref();
        if !self.route.address.is_secure() && !proxy.is_some_and(|proxy| proxy.address.is_secure()) {
            return Ok(None);
        }
        if let Some(known) = self.tls.get() {
            return Ok(Some(known));
        }
        let made = Tls::new(&self.route)?;
        Ok(Some(self.tls.get_or_init(|| made)))
    }

    async fn connect(&self) -> Result<Slot, Failure> {
        let stream = connect(&self.route, self.tls()?, self.offer()).await?;
        let opened = if stream.is_h2 { open_h2(stream.io).await } else { open_h1(stream.io).await };
        opened.map_err(|_| {
            let route = &self.route;
            Failure::unavailable(
                format!("{route} does not speak HTTP"),
                route.address.check(format!("check the port of `{}`", route.address.key())),
            )
        })
    }
}

async fn open_h2(io: Box<dyn Io>) -> hyper::Result<Slot> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
    tokio::spawn(connection);
    Ok(Slot::Shared(Shared { sender, load: Arc::new(()) }))
}

async fn open_h1(io: Box<dyn Io>) -> hyper::Result<Slot> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection);
    Ok(Slot::Own(sender))
}

/// Opens one connection, which is already counted as opening, and adds it to the pool. A panic becomes a failure: without
/// one, the pool would open the next connection at once.
async fn open(pool: &Inner, connect: impl Future<Output = Result<Slot, Failure>>) {
    let opening = Opening(pool);
    let opened = caught(connect, "a panic while it connected").await;
    pool.state().put(opened);
    drop(opening);
}

/// A connection that is being opened. Its drop ends the count, and wakes all that wait.
struct Opening<'p>(&'p Inner);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.state().opening -= 1;
        self.0.changed.notify_waiters();
    }
}

/// A request that waits for a permit. Its drop ends the count.
struct Waiting<'p>(&'p Inner);

impl<'p> Waiting<'p> {
    fn new(pool: &'p Inner) -> Self {
        pool.state().waiting += 1;
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::failure::Kind;
    use crate::net::Address;
    use crate::run::Run;

    #[tokio::test]
    async fn a_bug_while_it_connects_is_a_failure_and_no_reason_to_connect_again() {
        let address = Address::parse("address", "http://127.0.0.1:1", false).unwrap();
        let pool = Pool::new(Route::to(address, &Run::new(Instant::now()))).unwrap();
        pool.0.state().opening += 1;
        open(&pool.0, async { panic!("a bug") }).await;
        let state = pool.0.state();
        assert!(state.has_no_connections());
        assert_eq!((state.failures, state.failure.as_ref().map(Failure::kind)), (1, Some(Kind::Internal)));
    }
}
