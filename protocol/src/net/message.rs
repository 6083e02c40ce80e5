//! What is sent and what comes back: a request to one origin, and the response to it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// The most bytes of a response body, unless the request says otherwise. A secret that is longer would not pass the
/// gateway's own limit.
const BODY_LIMIT: usize = 2 << 20;

/// A request to a path of an origin. It has no `Debug`: headers and body may hold a secret.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    pub(super) replay: Replay,
    pub(super) follows_redirects: bool,
    pub(super) limit: usize,
}

/// Whether a request may be sent twice, where its connection ended and it is not known what the server did with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It only reads, or doing it twice is the same as doing it once. A read by `POST` is a read.
    Safe,
    /// It may change something or use up a credential.
    Never,
}

impl Request {
    /// A request without headers and body. `path` is path and query, percent-encoded, from the root of the origin.
    ///
    /// Methods that only read (RFC 9110 §9.2.1) may be sent twice, and `GET` follows redirects within the origin.
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
        }
    }

    /// A `GET` without headers.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// With these headers too, after those that are there. `host` is the transport's own. A name that is given twice is
    /// sent twice.
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With another rule for sending it twice than its method has.
    #[must_use]
    pub fn replay(self, replay: Replay) -> Self {
        Self { replay, ..self }
    }

    /// With redirects given back as responses: what an SDK wants to see.
    #[must_use]
    pub fn without_redirects(self) -> Self {
        Self { follows_redirects: false, ..self }
    }

    /// With another limit on the bytes of the response body than 2 MiB.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// The same request for a path below `base`, which has no `/` at its end.
    #[must_use]
    pub fn below(mut self, base: &str) -> Self {
        self.path.insert_str(0, base);
        self
    }
}

/// The response of a server. It has no `Debug`: the body may be a secret.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// The pause that the server asks for in `Retry-After`, if it does so in seconds (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}
