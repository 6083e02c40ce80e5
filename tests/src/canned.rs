//! A server that gives every connection the same bytes, right or wrong, and counts the connections.

use std::sync::Arc;

use crate::fault::{Act, Answer, Greeting, Server, Setup};

/// A running server of canned bytes. Its thread ends with the process.
#[derive(Debug, Clone)]
pub struct Canned {
    /// `http://127.0.0.1:PORT`.
    pub http: String,
    server: Server,
}

impl Canned {
    /// Answers the first request of each connection with `reply`, and closes it. With an empty reply it stays silent.
    #[must_use]
    pub fn start(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        let greeting = if reply.is_empty() { Greeting::Silence } else { Greeting::Bytes(reply) };
        let setup = Setup { greeting: Arc::new(move |_| greeting.clone()), ..Setup::default() };
        let server = Server::start(setup, Arc::new(|_| Answer::new(404, "")), Arc::new(|act: Act, _| act));
        Self { http: server.url(), server: server.for_good() }
    }

    /// A whole answer with this status line, these header lines and this body.
    #[must_use]
    pub fn http(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::start(format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.connections()
    }
}
