//! The lanes to one origin: a few HTTP/2 connections that many requests share, or up to 32 of HTTP/1.1.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
use super::{Route, Versions};
use crate::failure::Failure;
use crate::fetch_sink::caught;

/// How many requests share a connection before another is worth its handshake: servers allow 200 to 250 streams.
const SHARE: usize = 200;

/// The most connections of HTTP/1.1, each of which carries one request at a time.
const LANES: usize = 32;

/// What a request carries.
pub(super) type Body = Full<Bytes>;

/// The connections to one origin.
pub(super) struct Lanes(Arc<Line>);

struct Line {
    route: Route,
    tls: Option<Tls>,
    state: Mutex<State>,
    /// A connection was opened, given back or lost.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// How many requests are to be expected in all.
    expected: usize,
    /// How many wait for a lane.
    waiting: usize,
    /// What the first connection turned out to speak.
    spoken: Option<Spoken>,
    shared: Vec<Shared>,
    idle: Vec<http1::SendRequest<Body>>,
    /// HTTP/1.1 connections in all, idle or in use.
    open: usize,
    opening: usize,
    /// The most connections that the server took, once it refused one beside others.
    limit: Option<usize>,
    /// How many attempts to connect have failed, and how the last one did.
    failures: usize,
    failure: Option<Failure>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoken {
    H1,
    H2,
}

/// A connection of HTTP/2. The count of `load` is the number of requests on it, plus one.
#[derive(Clone)]
struct Shared {
    sender: http2::SendRequest<Body>,
    load: Arc<()>,
}

/// The right to send one request. It ends when this is dropped.
pub(super) struct Lane {
    line: Arc<Line>,
    place: Option<Place>,
}

enum Place {
    Shared(Shared),
    Own(http1::SendRequest<Body>),
}

impl Lanes {
    /// No connection yet. Reads the trusted certificates if the address is https.
    pub(super) fn new(route: Route) -> Result<Self, Failure> {
        let proxy = route.proxy.as_ref();
        let over_tls = route.address.is_secure() || proxy.is_some_and(|proxy| proxy.address.is_secure());
        let tls = over_tls.then(|| Tls::of(&route)).transpose()?;
        Ok(Self(Arc::new(Line { route, tls, state: Mutex::default(), changed: Notify::new() })))
    }

    pub(super) fn route(&self) -> &Route {
        &self.0.route
    }

    /// What the server had against the client, if it ended a connection with that.
    pub(super) fn refusal(&self) -> Option<Failure> {
        self.0.tls.as_ref()?.refusal(&self.0.route)
    }

    pub(super) fn expect(&self, requests: usize) {
        self.0.state().expected += requests;
    }

    /// Waits for a free lane; where there are too few, has one opened.
    ///
    /// The first connection goes ahead and the others wait for what it turns out to speak: over HTTP/2 they never
    /// connect, over HTTP/1.1 each gets its own. Where it fails, those who waited for it share its failure. A server
    /// that takes some connections and refuses more is asked over those it took.
    pub(super) async fn lane(&self) -> Result<Lane, Failure> {
        let waiting = Waiting::new(&self.0);
        let seen = self.0.state().failures;
        loop {
            let mut change = pin!(self.0.changed.notified());
            change.as_mut().enable();
            if let Some(refusal) = self.refusal() {
                return Err(refusal);
            }
            {
                let mut state = self.0.state();
                if let Some(place) = state.free() {
                    drop(state);
                    drop(waiting);
                    return Ok(Lane { line: Arc::clone(&self.0), place: Some(place) });
                }
                if let Some(failure) =
                    state.failure.as_ref().filter(|_| state.failures > seen && state.is_dark())
                {
                    return Err(failure.clone());
                }
                if state.may_open() {
                    state.opening += 1;
                    // On its own, so that the request takes whatever lane is free first.
                    let line = Arc::clone(&self.0);
                    tokio::spawn(async move { open(&line, line.connect()).await });
                }
            }
            change.await;
        }
    }
}

impl Lane {
    /// Whether the lane is a stream of HTTP/2.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.place, Some(Place::Shared(_)))
    }

    pub(super) async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        match self.place.as_mut().expect("a lane has its place until it is released") {
            Place::Shared(shared) => shared.sender.send_request(request).await,
            Place::Own(sender) => sender.send_request(request).await,
        }
    }

    /// Gives the lane back, after an answer was read to its end.
    pub(super) async fn release(mut self) {
        if let Some(Place::Own(sender)) = &mut self.place
            && sender.ready().await.is_ok()
            && let Some(Place::Own(sender)) = self.place.take()
        {
            self.line.state().idle.push(sender);
        }
    }

    /// Sees to it that no other request is put on the same connection.
    pub(super) fn retire(&self) {
        if let Some(Place::Shared(shared)) = &self.place {
            self.line.state().shared.retain(|other| !Arc::ptr_eq(&other.load, &shared.load));
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(Place::Own(_)) = self.place.take() {
            self.line.state().open -= 1;
        }
        self.line.changed.notify_one();
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to offer in the handshake. A lone request gains nothing from HTTP/2, and its set-up costs a tenth of the time.
    fn offer(&self) -> Versions {
        match self.route.http {
            Versions::Auto if self.state().expected <= 1 => Versions::H1,
            http => http,
        }
    }

    async fn connect(&self) -> Result<Place, Failure> {
        let stream = connect(&self.route, self.tls.as_ref(), self.offer()).await?;
        let opened = if stream.is_h2 { speak_h2(stream.io).await } else { speak_h1(stream.io).await };
        opened.map_err(|_| {
            let route = &self.route;
            Failure::unavailable(
                format!("{route} does not speak HTTP"),
                route.address.check(format!("check the port of `{}`", route.address.key())),
            )
        })
    }
}

async fn speak_h2(io: Box<dyn Io>) -> hyper::Result<Place> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
    tokio::spawn(connection);
    Ok(Place::Shared(Shared { sender, load: Arc::new(()) }))
}

async fn speak_h1(io: Box<dyn Io>) -> hyper::Result<Place> {
    let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    tokio::spawn(connection);
    Ok(Place::Own(sender))
}

/// Opens one connection, which has been counted, and puts it where all can take it. A bug on the way is a failure: without
/// one, the next would be opened at once.
async fn open(line: &Line, connect: impl Future<Output = Result<Place, Failure>>) {
    let opening = Opening(line);
    let opened = caught(connect, "a panic while it connected").await;
    line.state().put(opened);
    drop(opening);
}

impl State {
    fn put(&mut self, opened: Result<Place, Failure>) {
        match opened {
            Ok(Place::Shared(shared)) => {
                self.spoken = Some(Spoken::H2);
                self.shared.push(shared);
            }
            Ok(Place::Own(sender)) => {
                self.spoken = Some(Spoken::H1);
                self.open += 1;
                self.idle.push(sender);
            }
            Err(failure) => {
                let others = self.open + self.shared.len();
                if others > 0 {
                    self.limit = Some(others);
                }
                self.failures += 1;
                self.failure = Some(failure);
            }
        }
    }

    fn free(&mut self) -> Option<Place> {
        while let Some(sender) = self.idle.pop() {
            if !sender.is_closed() {
                return Some(Place::Own(sender));
            }
            self.open -= 1;
        }
        self.shared.retain(|shared| !shared.sender.is_closed());
        let least = self.shared.iter().min_by_key(|shared| Arc::strong_count(&shared.load))?;
        // A connection with its share waits for the others that are being opened, as long as there are any.
        let full = Arc::strong_count(&least.load) > SHARE && self.opening > 0;
        (!full).then(|| Place::Shared(least.clone()))
    }

    /// Whether one more connection would serve: never more than there are requests waiting for one.
    fn may_open(&self) -> bool {
        let most = match self.spoken {
            Some(Spoken::H1) => LANES,
            Some(Spoken::H2) | None => self.expected.div_ceil(SHARE).max(1),
        };
        let connections = self.open + self.shared.len() + self.opening;
        connections < self.limit.map_or(most, |limit| limit.min(most)) && self.opening < self.waiting
    }

    /// Whether there is no connection, and none on its way.
    fn is_dark(&self) -> bool {
        self.opening == 0 && self.open == 0 && self.shared.is_empty()
    }
}

/// Counts an attempt to connect down, and tells everybody that it is over, however it ended.
struct Opening<'l>(&'l Line);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.state().opening -= 1;
        self.0.changed.notify_waiters();
    }
}

/// Counts a request that waits for a lane.
struct Waiting<'l>(&'l Line);

impl<'l> Waiting<'l> {
    fn new(line: &'l Line) -> Self {
        line.state().waiting += 1;
        Self(line)
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
        let lanes = Lanes::new(Route::to(address, &Run::new(Instant::now()))).unwrap();
        lanes.0.state().opening += 1;
        open(&lanes.0, async { panic!("a bug") }).await;
        let state = lanes.0.state();
        assert!(state.is_dark());
        assert_eq!((state.failures, state.failure.as_ref().map(Failure::kind)), (1, Some(Kind::Internal)));
    }
}
