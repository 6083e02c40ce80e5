//! The state of a pool: which connections are open, which are free, and whether to open another.

use std::sync::Arc;

use hyper::client::conn::{http1, http2};

use super::Body;
use crate::failure::Failure;

/// The number of requests that share one HTTP/2 connection before another is opened. Servers allow 200 to 250 streams.
const STREAMS_PER_CONNECTION: usize = 200;

/// The most HTTP/1.1 connections, each of which carries one request at a time.
const H1_CONNECTIONS_LIMIT: usize = 32;

/// The connections of a pool, and the requests that wait for one.
#[derive(Default)]
pub(super) struct State {
    /// The number of requests that were announced.
    pub(super) expected: usize,
    /// The number of requests that wait for a permit.
    pub(super) waiting: usize,
    /// The version of the first connection, once it is open.
    version: Option<HttpVersion>,
    pub(super) shared: Vec<Shared>,
    pub(super) idle: Vec<http1::SendRequest<Body>>,
    /// The number of HTTP/1.1 connections, idle or in use.
    pub(super) open: usize,
    /// The number of connections that are being opened.
    pub(super) opening: usize,
    /// The number of connections that the server accepted before it refused another.
    limit: Option<usize>,
    /// The number of attempts to connect that failed, and the last failure.
    pub(super) failures: usize,
    pub(super) failure: Option<Failure>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HttpVersion {
    H1,
    H2,
}

/// An HTTP/2 connection. The reference count of `load` is the number of requests on it, plus one.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: http2::SendRequest<Body>,
    pub(super) load: Arc<()>,
}

/// Room for one request: a stream of HTTP/2, or a whole connection of HTTP/1.1.
pub(super) enum Slot {
    Shared(Shared),
    Own(http1::SendRequest<Body>),
}

impl State {
    /// Records the end of an attempt to connect.
    pub(super) fn put(&mut self, opened: Result<Slot, Failure>) {
        match opened {
            Ok(Slot::Shared(shared)) => {
                self.version = Some(HttpVersion::H2);
                self.shared.push(shared);
            }
            Ok(Slot::Own(sender)) => {
                self.version = Some(HttpVersion::H1);
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

    /// Takes a free slot, if there is one.
    pub(super) fn take(&mut self) -> Option<Slot> {
        while let Some(sender) = self.idle.pop() {
            if !sender.is_closed() {
                return Some(Slot::Own(sender));
            }
            self.open -= 1;
        }
        self.shared.retain(|shared| !shared.sender.is_closed());
        let least = self.shared.iter().min_by_key(|shared| Arc::strong_count(&shared.load))?;
        // While others are being opened or can be, a full one takes no more requests.
        let full = Arc::strong_count(&least.load) > STREAMS_PER_CONNECTION;
        (!full || self.opening == 0 && !self.has_room()).then(|| Slot::Shared(least.clone()))
    }

    /// Whether to open another connection: never more than there are requests waiting for one.
    pub(super) fn may_open(&self) -> bool {
        self.has_room() && self.opening < self.waiting
    }

    /// Whether one connection more would help.
    fn has_room(&self) -> bool {
        let most = match self.version {
            Some(HttpVersion::H1) => H1_CONNECTIONS_LIMIT,
            Some(HttpVersion::H2) | None => self.expected.div_ceil(STREAMS_PER_CONNECTION).max(1),
        };
        let connections = self.open + self.shared.len() + self.opening;
        connections < self.limit.map_or(most, |limit| limit.min(most))
    }

    /// Whether no connection is open or being opened.
    pub(super) fn has_no_connections(&self) -> bool {
        self.opening == 0 && self.open == 0 && self.shared.is_empty()
    }
}
