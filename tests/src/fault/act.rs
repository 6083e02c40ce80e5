//! What a server can do about a request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Path and query, as they were sent.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The number of its connection, from 1.
    pub connection: usize,
    /// Its number on that connection, from 1.
    pub turn: usize,
    /// How often the same request has come so far, from 1.
    pub time: usize,
}

impl Asked {
    /// The request: the path with its query, and the body, which has the name of a secret in some stores.
    #[must_use]
    pub fn what(&self) -> String {
        format!("{} {}", self.path, String::from_utf8_lossy(&self.body))
    }
}

/// The complete response of a store.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// An answer with this status and body.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A script for one response: what is sent of it, and what the server does then. Without changes, the whole response is sent.
#[derive(Debug, Clone)]
pub struct Act {
    pub(super) answer: Answer,
    pub(super) pause: Duration,
    pub(super) informational: Vec<u16>,
    pub(super) length: Length,
    pub(super) until: Until,
    pub(super) pace: Option<Duration>,
    pub(super) then: Then,
}

/// The length of the body, as the head states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// A `Content-Length` that is this many bytes too large.
    Promised(usize),
    /// Chunked; over HTTP/2 no length is stated.
    Chunked,
    /// No length: the body ends with the connection, over HTTP/2 with the stream.
    Unsaid,
}

/// How much of the response is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// Not a byte.
    Nothing,
    /// Part of the head, cut off within a line. Over HTTP/2 nothing, because a head is one frame there.
    HalfHead,
    /// An endless head. Only over HTTP/1.1.
    EndlessHead,
    /// The head.
    Head,
    /// The head, and half of the body.
    HalfBody,
    /// Everything but the end mark: the last chunk, or the flag on the last frame.
    NoEnd,
    /// Everything.
    Whole,
    /// The body, repeated without end.
    EndlessBody,
    /// These bytes instead of a response. Only over HTTP/1.1.
    Bytes(Vec<u8>),
}

/// What the server does after it has sent that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Waits for the next request.
    Keep,
    /// Waits until the client gives up.
    Hang,
    /// Closes the connection cleanly; over HTTP/2, the stream.
    Close,
    /// Resets the connection (RST); over HTTP/2, the stream, for this reason.
    Reset(h2::Reason),
    /// Resets the connection, with every stream on it.
    ResetConnection,
    /// Ends the connection (FIN) without a TLS `close_notify`.
    Cut,
    /// Accepts no more requests on this connection and ends it (GOAWAY). Without a reason, pending requests are answered first.
    GoAway(Option<h2::Reason>),
}

impl Act {
    /// Sends the response of the store.
    #[must_use]
    pub fn of(answer: Answer) -> Self {
        Self {
            answer,
            pause: Duration::ZERO,
            informational: Vec::new(),
            length: Length::Promised(0),
            until: Until::Whole,
            pace: None,
            then: Then::Keep,
        }
    }

    /// Sends this response instead.
    #[must_use]
    pub fn answer(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(self, name: &str, value: impl Into<String>) -> Self {
        Self { answer: self.answer.header(name, value), ..self }
    }

    /// Waits first.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Sends this many informational responses (1xx) first.
    #[must_use]
    pub fn informational(self, status: u16, count: usize) -> Self {
        Self { informational: vec![status; count], ..self }
    }

    /// States the length of the body in this way.
    #[must_use]
    pub fn length(self, length: Length) -> Self {
        Self { length, ..self }
    }

    /// Sends only this much of the response.
    #[must_use]
    pub fn until(self, until: Until) -> Self {
        Self { until, ..self }
    }

    /// Sends one byte at a time, with this pause between two.
    #[must_use]
    pub fn pace(self, pace: Duration) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Does this afterwards.
    #[must_use]
    pub fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    /// How much of the body is sent; `None` for all of it, again and again.
    pub(super) fn body(&self) -> Option<&[u8]> {
        let body = self.answer.body.as_slice();
        match self.until {
            Until::Whole | Until::NoEnd => Some(body),
            Until::HalfBody => Some(&body[..body.len() / 2]),
            Until::EndlessBody => None,
            _ => Some(&[]),
        }
    }

    /// The value of `Content-Length`, if there is one.
    pub(super) fn promised(&self) -> Option<usize> {
        match self.length {
            Length::Promised(more) => Some(self.answer.body.len() + more),
            Length::Chunked | Length::Unsaid => None,
        }
    }
}
