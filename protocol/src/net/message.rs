//! A request to one origin, and its response.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// The most bytes of a response body, unless the request has its own limit. The gateway would refuse a longer secret.
const BODY_LIMIT: usize = 2 << 20;

/// A request to a path of an origin. It is not `Debug`, because headers and body may contain a secret.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    pub(super) replay: Replay,
    pub(super) follows_redirects: bool,
    pub(super) limit: usize,
    pub(super) waits: bool,
}

/// Whether a request may be sent again when its connection broke and the server may have acted on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It may: it only reads, or has the same effect once or twice. A read by `POST` is a read.
    Safe,
    /// It may not: it may change something or use up a credential.
    Never,
}

impl Request {
    /// Creates a request without headers and body. `path` is path and query, percent-encoded, from the root of the origin.
    ///
    /// Requests with a safe method (RFC 9110 §9.2.1) may be sent again. `GET` follows redirects within the origin.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            replay: if method.is_safe() { Replay::Safe } else { Replay::Never },
            follows_redirects: method == Method::GET,
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            limit: BODY_LIMIT,
            waits: false,
        }
    }

    /// Creates a `GET` request without headers.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Returns the path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Adds headers after those that are there. A name that is given twice is sent twice. `host` is ignored: the transport
    /// sends its own.
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Sets whether it may be sent again, in place of the rule for its method.
    #[must_use]
    pub fn replay(self, replay: Replay) -> Self {
        Self { replay, ..self }
    }

    /// Returns redirects as responses instead of following them, as SDKs expect.
    #[must_use]
    pub fn without_redirects(self) -> Self {
        Self { follows_redirects: false, ..self }
    }

    /// Waits for the response until the deadline of the run, also at a metadata service. It can be slow on a busy machine.
    #[must_use]
    pub fn without_time_limit(self) -> Self {
        Self { waits: true, ..self }
    }

    /// Sets the most bytes of the response body; the default is 2 MiB.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Puts `base` in front of the path. It must not end with `/`.
    #[must_use]
    pub fn below(mut self, base: &str) -> Self {
        self.path.insert_str(0, base);
        self
    }
}

/// The response of a server. It is not `Debug`, because the body may be a secret.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the pause that `Retry-After` asks for, if it is in seconds (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}
