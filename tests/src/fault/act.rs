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
    /// On which connection it came, from 1.
    pub connection: usize,
    /// Which request of its connection it is, from 1.
    pub turn: usize,
    /// How often the same was asked for by now, from 1.
    pub time: usize,
}

impl Asked {
    /// The request: the path with its query, and the body, which has the name of a secret in some stores.
    #[must_use]
    pub fn what(&self) -> String {
        format!("{} {}", self.path, String::from_utf8_lossy(&self.body))
    }
}

/// A whole answer, as a store means it.
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

/// What becomes of an answer on its way. One that is not changed arrives.
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

/// What the head says of the length of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// `Content-Length`, this many bytes more than there are.
    Promised(usize),
    /// It comes in chunks. Over HTTP/2 nothing is said.
    Chunked,
    /// Nothing: it ends with the connection. Over HTTP/2, with the stream.
    Unsaid,
}

/// How much is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// Not a byte.
    Nothing,
    /// The first lines of the head, cut off within one. Over HTTP/2 not a byte: a head is one frame there.
    HalfHead,
    /// A head to which lines are added for ever. Only over HTTP/1.1.
    EndlessHead,
    /// The head.
    Head,
    /// Head, and half of the body.
    HalfBody,
    /// Everything but the mark of the end: the last chunk, or the flag on the last frame.
    NoEnd,
    /// Everything.
    Whole,
    /// The body again and again for ever.
    EndlessBody,
    /// Other bytes than those of an answer. Only over HTTP/1.1.
    Bytes(Vec<u8>),
}

/// What the server does after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Waits for the next request.
    Keep,
    /// Nothing, until the client gives up.
    Hang,
    /// Closes the connection in order. Over HTTP/2, the stream.
    Close,
    /// Resets the connection (RST). Over HTTP/2, the stream, for this reason.
    Reset(h2::Reason),
    /// Resets the connection, with every stream on it.
    ResetConnection,
    /// Ends the connection (FIN) without the farewell that TLS has.
    Cut,
    /// Takes no more requests on this connection, and ends it (GOAWAY): after what is under way if there is no reason.
    GoAway(Option<h2::Reason>),
}

impl Act {
    /// Gives the answer.
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

    /// Gives another answer.
    #[must_use]
    pub fn answer(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn header(self, name: &str, value: impl Into<String>) -> Self {
        Self { answer: self.answer.header(name, value), ..self }
    }

    /// Thinks first.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Gives so many informational answers first.
    #[must_use]
    pub fn informational(self, status: u16, count: usize) -> Self {
        Self { informational: vec![status; count], ..self }
    }

    /// Says this of the length.
    #[must_use]
    pub fn length(self, length: Length) -> Self {
        Self { length, ..self }
    }

    /// Sends this much.
    #[must_use]
    pub fn until(self, until: Until) -> Self {
        Self { until, ..self }
    }

    /// Sends a byte each so often.
    #[must_use]
    pub fn pace(self, pace: Duration) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Does this when it has sent what it sends.
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

    /// What `Content-Length` says, if it is there.
    pub(super) fn promised(&self) -> Option<usize> {
        match self.length {
            Length::Promised(more) => Some(self.answer.body.len() + more),
            Length::Chunked | Length::Unsaid => None,
        }
    }
}
